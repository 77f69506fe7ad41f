// # Which name means which declaration
//
// A name such as `softmax` is declared on three floors, and only the compiler knows which one a line means. It writes
// that down while it builds, and here it is read again: so that a name in a chapter leads to its declaration.
//
// Read next: `ColouredCode.swift`.

import CIndexStore
import Foundation

/// The declarations of the project, and who uses them.
public struct Declarations {
  /// Where something is declared.
  public struct Place: Hashable, Sendable {
    /// The path from the project's folder.
    public var path: String
    /// The line, from 1.
    public var line: Int
  }

  /// A place in a file.
  struct Spot: Hashable {
    var path: String
    var line: Int
    var column: Int
  }

  private var declared: [String: Place] = [:]
  private var used: [Spot: String] = [:]
  private var named: [String: Set<Place>] = [:]
  /// What prose may mean by a word alone: types, and functions.
  private var isKnownAlone: Set<Place> = []
  /// Functions by their names without labels.
  private var functions: [String: Set<Place>] = [:]
  /// Functions and types, which are worth a link on their own page too.
  private var large: Set<String> = []

  /// None: pages without links.
  public init() {}

  /// Reads what the compiler has written down.
  ///
  /// - Parameters:
  ///   - store: the folder that `swift build --enable-index-store` has made
  ///   - library: libIndexStore of the toolchain
  ///   - root: the project's folder
  ///
  /// Throws if they cannot be read.
  public init(in store: URL, by library: URL, root: URL) throws {
    final class Walk {
      var declarations = Declarations()
      let root: String
      init(root: String) { self.root = root }
    }
    let folder = root.resolvingSymlinksInPath().path
    let walk = Walk(root: folder)
    let message = cindexstore_each(
      library.path, store.path, folder,
      { context, file, line, column, usr, name, declares in
        let walk = Unmanaged<Walk>.fromOpaque(context!).takeUnretainedValue()
        let path = String(String(cString: file!).dropFirst(walk.root.utf8.count + 1))
        guard !path.hasPrefix(".build") else { return }
        walk.declarations.add(
          Spot(path: path, line: Int(line), column: Int(column)), usr: String(cString: usr!),
          name: String(cString: name!), declares: declares)
      }, Unmanaged.passUnretained(walk).toOpaque())
    if let message {
      defer { free(message) }
      throw WeavingError("the index in \(store.path) cannot be read: \(String(cString: message))")
    }
    self = walk.declarations
  }

  mutating func add(_ spot: Spot, usr: String, name: String, declares: Bool) {
    used[spot] = usr
    guard declares else { return }
    let place = Place(path: spot.path, line: spot.line)
    declared[usr] = place
    named[name, default: []].insert(place)
    if name.contains("(") || name.first?.isUppercase == true { large.insert(usr) }
    // The mangled name of a type ends with its kind; an enumeration's case has an F.
    let isType = name.first?.isUppercase == true && ["V", "C", "O", "P", "a"].contains(usr.last)
    if name.contains("(") || isType { isKnownAlone.insert(place) }
    if let base = name.split(separator: "(").first.map(String.init), base != name {
      named[base, default: []].insert(place)
      functions[base, default: []].insert(place)
    }
  }

  /// Where the name at a place in a source is declared, unless it is declared there, or elsewhere than in the project, or
  /// is a variable of the same file.
  func declaration(ofNameAt spot: Spot) -> Place? {
    guard let usr = used[spot], let place = declared[usr], place.path != spot.path || large.contains(usr) else {
      return nil
    }
    return place == Place(path: spot.path, line: spot.line) ? nil : place
  }

  /// Where a name in prose is declared, if it means one file of the library: "softmax", "Naive.matmul", "x.sliced(_:)".
  func declaration(ofWord word: String) -> Place? {
    let last = word.split(separator: ".").last.map(String.init) ?? word
    let bare = last.hasSuffix("()") ? String(last.dropLast(2)) : last
    guard !["json", "safetensors", "md", "gguf", "py", "txt"].contains(last) else { return nil }
    let isAlone = !word.contains(".")
    var places = (named[bare] ?? []).filter {
      $0.path.hasPrefix("Sources/") && (!isAlone || isKnownAlone.contains($0))
    }
    let owner = word.split(separator: ".").dropLast().last.map(String.init)
    if let owner, let homes = named[owner], places.count > 1 {
      let inside = places.filter { place in homes.contains { $0.path == place.path } }
      if !inside.isEmpty { places = inside }
    }
    return Set(places.map(\.path)).count == 1 ? places.min { $0.line < $1.line } : nil
  }

  /// The slow twins of the kernels that a file declares, or the kernels whose slow twins it declares: functions of the
  /// same name in Sources/Tensors, one of them in Naive.
  func twins(ofKernelsIn path: String) -> [(name: String, place: Place)] {
    let (kernels, naive) = ("Sources/Tensors/", "Sources/Tensors/Naive/")
    guard path.hasPrefix(kernels) else { return [] }
    return functions.sorted { $0.key < $1.key }.compactMap { name, places in
      guard places.contains(where: { $0.path == path }) else { return nil }
      let twin = places.filter { $0.path.hasPrefix(kernels) && $0.path.hasPrefix(naive) != path.hasPrefix(naive) }
      return twin.min { ($0.path, $0.line) < ($1.path, $1.line) }.map { (name, $0) }
    }
  }

  /// The names that each file declares, without the labels of functions.
  var namesByPath: [String: [String]] {
    var names: [String: [String]] = [:]
    for (name, places) in named where !name.contains("(") {
      for path in Set(places.map(\.path)) { names[path, default: []].append(name) }
    }
    return names.mapValues { $0.sorted() }
  }

  /// The number of names that are known.
  public var count: Int { used.count }
}

/// Why the book cannot be woven, in a sentence.
public struct WeavingError: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
