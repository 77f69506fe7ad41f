// # Every public declaration is described
//
// The sources are read, module by module, and each public declaration without a documentation
// comment is named with its file and line.
//
// Read before: `Tests/TestSupport/PublicDeclarations.swift`.

import TestSupport
import Testing

@Suite("documentation comments") struct PublicDeclarationTests {
  /// The modules, and what the tests share.
  static let folders = ((try? Repository.modules()) ?? []).map { "Sources/\($0)" } + ["Tests/TestSupport"]

  /// "Sources/Tensors/Core/Shape.swift, line 12: public var rank: Int", for each that is not described.
  static func undocumented(in folder: String) throws -> [String] {
    try Repository.swiftFiles(in: folder).flatMap { file in
      publicDeclarations(in: try Repository.text(of: file)).filter { !$0.isDocumented }.map { "\(file), \($0)" }
    }
  }

  @Test(arguments: folders) func everyDeclarationIsDescribed(folder: String) throws {
    let missing = try Self.undocumented(in: folder)
    #expect(missing.isEmpty, "no documentation comment: \(missing.joined(separator: "; "))")
  }

  @Test func theModulesAreFound() throws { #expect(try Self.folders.count == Repository.modules().count + 1) }
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
