// # Every public declaration is described
//
// The sources are read, module by module, and each public declaration without a documentation
// comment is named with its file and line. Modules that are still to be described are listed below;
// the list may only become shorter.
//
// Read before: `Tests/TestSupport/PublicDeclarations.swift`.

import TestSupport
import Testing

@Suite("documentation comments") struct PublicDeclarationTests {
  /// Modules that still have public declarations without a comment.
  static let unfinished: Set<String> = ["Tensors"]

  static func folders() throws -> [String] {
    try Repository.modules().map { "Sources/\($0)" } + ["Tests/TestSupport"]
  }

  /// "Sources/Tensors/Core/Shape.swift, line 12: public var rank: Int", for each that is not described.
  static func undocumented(in folder: String) throws -> [String] {
    try Repository.swiftFiles(in: folder).flatMap { file in
      publicDeclarations(in: try Repository.text(of: file)).filter { !$0.isDocumented }.map { "\(file), \($0)" }
    }
  }

  @Test(arguments: try! folders()) func everyDeclarationIsDescribed(folder: String) throws {
    let missing = try Self.undocumented(in: folder)
    if Self.unfinished.contains(String(folder.split(separator: "/").last!)) {
      print("  \(folder): \(missing.count) public declarations are not described")
    } else {
      #expect(missing.isEmpty, "no documentation comment: \(missing.joined(separator: "; "))")
    }
  }

  @Test func theListOfUnfinishedModulesIsAsShortAsItCanBe() throws {
    for module in Self.unfinished.sorted() {
      let isThere = try Repository.modules().contains(module)
      #expect(
        try isThere && !Self.undocumented(in: "Sources/\(module)").isEmpty,
        "\(module) has no public declaration without a comment any more: take it off the list")
    }
  }
}

// ## The test can fail

extension PublicDeclarationTests {
  @Test func declarationsWithoutACommentAreFound() {
    let source = """
      public import Foundation

      /// A length.
      @frozen
      public struct Length {
        public let metres: Double
        // Not a documentation comment.
        @inlinable public init(_ metres: Double) {
          open = metres
        }
        let hidden = 0
      }

      public extension Length {
        /// Twice as long.
        @discardableResult
        public mutating func double() -> Length { self }
      }

      /// A unit.
      public enum Unit {
        case metre
        /// 0.3048 m.
        case foot
        private enum Kind { case long }
        var name: String {
          switch self {
          case .metre: "m"
          case .foot: "ft"
          }
        }
      }

      protocol Hidden {
        var size: Int { get }
      }

      /// Something with a size.
      @MainActor public protocol Sized {
        var size: Int { get }
        /// Grows.
        mutating func grow()
      }
      """
    let found = publicDeclarations(in: source)
    #expect(found.count == 10)
    #expect(
      found.filter { !$0.isDocumented }.map(\.description) == [
        "line 6: public let metres: Double",
        "line 8: @inlinable public init(_ metres: Double) {",
        "line 22: case metre",
        "line 40: var size: Int { get }",
      ])
  }
}
