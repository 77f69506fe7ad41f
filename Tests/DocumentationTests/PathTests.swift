// # A path that a comment names exists
//
// "Read before: `Products.swift`" is useful only while the file is there. So the comments of all sources and the
// pages of this repository are read, and what looks like a path must lead somewhere:
//
//     a word that ends in .swift                    in comments, and on pages if it has a slash
//     `Sources/…`, `Tests/…`, `chapters/…`, …       in comments and on pages
//     the target of a link, [text](path)            on pages
//
// A path begins at the root, in Sources, in the file's own folder or in its module. A name without a
// slash may also stand anywhere in the file's module, or in the tests of that module. Patterns such
// as chapters/NN-name are passed over.
//
// Read before: `Tests/TestSupport/Repository.swift`.

import Foundation
import TestSupport
import Testing

@Suite("paths in comments") struct PathTests {
  /// All files and folders that belong to the repository, from the root on; what builds and runs leave is elsewhere.
  static func existing() throws -> Set<String> {
    let manager = FileManager.default
    var all = Set(try manager.contentsOfDirectory(atPath: Repository.root.path))
    for folder in ["Sources", "Tests", "chapters", "Benchmarks", "Tools", "data", "docs"] {
      let inside = try manager.subpathsOfDirectory(atPath: Repository.root.appending(path: folder).path)
      all.formUnion(inside.map { "\(folder)/\($0)" })
    }
    return all
  }

  /// What looks like a path in a Swift file or on a page, with the number of its line.
  static func paths(in text: String, isSwift: Bool) -> [(line: Int, path: String)] {
    var found: [(line: Int, path: String)] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let start = isSwift ? line.firstRange(of: "//")?.lowerBound ?? line.endIndex : line.startIndex
      let words = line[start...]
      var paths = words.matches(of: /[\w.+\/-]+\.swift\b/).map { String($0.0) }
      if !isSwift {
        paths = paths.filter { $0.contains("/") } + words.matches(of: /\]\(([^):#\s]+)\)/).map { String($0.1) }
      }
      paths += words.matches(of: /`((?:Sources|Tests|chapters|Benchmarks|Tools)\/[^`\s]*)`/).map { String($0.1) }
      found += paths.filter { !$0.contains("NAME") && !$0.contains("NN-") }.map { (index + 1, $0) }
    }
    return found
  }

  /// Whether a path that stands in a file leads somewhere.
  static func leads(_ path: String, from file: String, among existing: Set<String>) -> Bool {
    let parts = file.split(separator: "/")
    let (folder, module) = (parts.dropLast().joined(separator: "/"), parts.prefix(2).joined(separator: "/"))
    if ["", "Sources", folder, module].contains(where: { existing.contains(joined($0, path)) }) { return true }
    if path.contains("/") || parts.count < 3 { return false }
    let rooms = [module + "/"] + (parts[0] == "Sources" ? ["Tests/\(parts[1])Tests/"] : [])
    return existing.contains { other in other.hasSuffix("/" + path) && rooms.contains { other.hasPrefix($0) } }
  }

  /// A path below a folder, without a slash at its end, "." and "..".
  private static func joined(_ folder: String, _ path: String) -> String {
    var parts: [Substring] = []
    for part in "\(folder)/\(path)".split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return parts.joined(separator: "/")
  }

  @Test func everyPathLeadsSomewhere() throws {
    let existing = try Self.existing()
    // This file names paths that lead nowhere.
    let others = existing.filter { !$0.hasSuffix("/PathTests.swift") }.sorted()
    var count = 0
    for file in others where file.hasSuffix(".swift") || file.hasSuffix(".md") {
      for (line, path) in Self.paths(in: try Repository.text(of: file), isSwift: file.hasSuffix(".swift")) {
        count += 1
        // Outside the expectation, which would print all files that there are.
        let isThere = Self.leads(path, from: file, among: existing)
        #expect(isThere, "\(file), line \(line): there is no \(path)")
      }
    }
    #expect(count > 500, "only \(count) paths were found")
  }
}

// ## The test can fail

extension PathTests {
  @Test func pathsAreFoundAndFollowed() throws {
    let found = Self.paths(
      in: """
        // Read before: `Core/Shape.swift`, Tensor.swift. Read next: `Gone.swift`.
        let name = "Text.swift"  // See `Sources/Gone`, `../Models/Trace.swift` and chapters/NAME/main.swift.
        """, isSwift: true)
    #expect(found.map(\.line) == [1, 1, 1, 2, 2])
    let existing = try Self.existing()
    let leading = found.filter { Self.leads($0.path, from: "Sources/Tensors/Loops/Softmax.swift", among: existing) }
    #expect(leading.map(\.path) == ["Core/Shape.swift", "Tensor.swift", "../Models/Trace.swift"])

    let page = Self.paths(in: "`Trace.swift`, [data](data/README.md), `Models/Gone.swift`", isSwift: false)
    #expect(page.map(\.path) == ["Models/Gone.swift", "data/README.md"])
    #expect(page.map { Self.leads($0.path, from: "README.md", among: existing) } == [false, true])
  }
}
