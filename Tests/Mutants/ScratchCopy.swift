// # The scratch copy
//
// The package once more, in `.build-mutants/package`, with its sources made switchable and without
// what the chosen tests do not need. Fresh memory is filled with NaN there, so that an element that
// a mutant forgets to write is not by chance what another test left behind.
//
// Files are written only where they changed: the second run builds little.
//
// Read before: `Schemata.swift`. Read next: `Runs.swift`.

import Foundation

/// The suites that are run first, and those that see what survived them.
let firstTests = ["GradientsTests"]
let furtherTests = ["TensorsTests", "LayersTests", "DistillationTests"]

/// What tests the pool of memory and nothing that is mutated: ten seconds for each survivor.
let skippedTests = "StorageTests"

struct ScratchCopy {
  let folder = ".build-mutants/package"
  let build = ".build-mutants/build"
  let flags: [String]
  private var written: Set<String> = []

  init(flags: [String]) { self.flags = flags }

  /// Copies Package.swift, Sources and Tests, with other contents for some files.
  mutating func write(replacing contents: [String: String]) throws {
    let manager = FileManager.default
    var contents = contents
    contents["Package.swift"] = try String(contentsOfFile: "Package.swift", encoding: .utf8) + pruning
    let storage = "Sources/Tensors/Core/Storage.swift"
    let take = "pointer = BlockPool.shared.take(sizeClass)"
    contents[storage] = try String(contentsOfFile: storage, encoding: .utf8)
      .replacing(take, with: take + "\n    pointer.update(repeating: .nan, count: BlockPool.capacity(of: sizeClass))")
    guard contents[storage]!.contains(".nan") else { throw CommandError(description: "\(storage): no “\(take)”") }

    for (path, text) in contents { try write(Data(text.utf8), to: path) }
    for root in ["Sources", "Tests"] {
      guard let files = manager.enumerator(atPath: root) else { throw CommandError(description: "no folder \(root)") }
      for case let name as String in files {
        let path = root + "/" + name
        if isFolder(path) || contents[path] != nil { continue }
        try write(Data(contentsOf: URL(fileURLWithPath: path)), to: path)
      }
    }
    // What is no longer there in the package goes here too.
    for root in ["Sources", "Tests"] {
      for case let name as String in manager.enumerator(atPath: folder + "/" + root)! {
        let path = root + "/" + name
        if isFolder(folder + "/" + path) || written.contains(path) { continue }
        try manager.removeItem(atPath: folder + "/" + path)
      }
    }
  }

  private func isFolder(_ path: String) -> Bool {
    var result: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &result) && result.boolValue
  }

  private mutating func write(_ data: Data, to path: String) throws {
    written.insert(path)
    let target = folder + "/" + path
    if FileManager.default.contents(atPath: target) == data { return }
    let parent = URL(fileURLWithPath: target).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    try data.write(to: URL(fileURLWithPath: target))
  }

  /// Builds the tests of the copy.
  func compile() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      ["swift", "build"] + flags + ["--package-path", folder, "--scratch-path", build, "--build-tests"]
    try process.run()
    process.waitUntilExit()
    if process.terminationStatus != 0 {
      throw CommandError(description: "the scratch copy does not compile; see above")
    }
  }

  /// The program that holds all tests.
  func testProgram() throws -> String {
    let products = build + "/release"
    let names = try FileManager.default.contentsOfDirectory(atPath: products)
    guard let name = names.first(where: { $0.hasSuffix("PackageTests.xctest") }) else {
      throw CommandError(description: "there is no test program in \(products)")
    }
    return products + "/" + name
  }

  /// Appended to the manifest: only what the tests need, so that nothing is fetched and no chapter is built.
  private var pruning: String {
    """

    var needed: Set<String> = []
    var waiting = \(firstTests + furtherTests)
    while let name = waiting.popLast() {
      guard needed.insert(name).inserted else { continue }
      for dependency in package.targets.first(where: { $0.name == name })?.dependencies ?? [] {
        switch dependency {
        case .byNameItem(let name, _), .targetItem(let name, _): waiting.append(name)
        default: break
        }
      }
    }
    package.targets.removeAll { !needed.contains($0.name) }
    package.products = []
    package.dependencies = []

    """
  }
}
