// # One list of library modules
//
// The list `library` in Package.swift says what other packages can depend on, and `make api` reads
// it. Each of its modules has a page with an overview, and the Swift Package Index is asked to build
// the same ones.

import Foundation
import TestSupport
import Testing

@Suite("the reference") struct ReferenceTests {
  /// The names between quotation marks in the list `library` of Package.swift.
  static func library() throws -> [String] {
    let manifest = try Repository.text(of: "Package.swift")
    let list = try #require(manifest.firstMatch(of: /\nlet library = \[([^\]]*)\]/))
    return list.1.matches(of: /"(\w+)"/).map { String($0.1) }
  }

  @Test func everyLibraryModuleHasAPage() throws {
    let library = try Self.library()
    #expect(!library.isEmpty)
    for name in library {
      let page = try Repository.text(of: "Sources/\(name)/\(name).docc/\(name).md")
      #expect(page.hasPrefix("# ``\(name)``\n"), "the page of \(name) begins with the name of its module")
    }
  }

  @Test func thePackageIndexBuildsTheSameModules() throws {
    let settings = try Repository.text(of: ".spi.yml")
    let listed = settings.matches(of: /\n +- (\w+)(?=\n|$)/).map { String($0.1) }
    #expect(listed.sorted() == (try Self.library()).sorted())
  }
}
