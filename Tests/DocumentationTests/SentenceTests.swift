// # A program that stops says why
//
// Swift's own `precondition` drops its sentence in an optimised build. `Tensors` has one that prints its sentence in
// every build; it shadows the standard one in files that import `Tensors`, and in no others. So a file that stops the
// program, in a module that builds on `Tensors`, must import it.
//
// Read before: `Sources/Tensors/Core/Preconditions.swift`.

import TestSupport
import Testing

@Suite("sentences at a stop") struct SentenceTests {
  /// Whether a source calls `precondition` or `preconditionFailure`.
  static func stops(_ source: String) -> Bool {
    code(source).contains { $0.contains(/(^|[^\w.])precondition(Failure)?\(/) }
  }

  /// Whether a source imports Tensors.
  static func importsTensors(_ source: String) -> Bool {
    code(source).contains { $0.wholeMatch(of: /(\w+ )?import Tensors/) != nil }
  }

  private static func code(_ source: String) -> some Sequence<Substring> {
    source.split(separator: "\n").lazy.filter { !$0.drop(while: \.isWhitespace).hasPrefix("//") }
  }

  @Test func whoStopsTheProgramImportsWhatSpeaks() throws {
    var count = 0
    for module in try Repository.modules() where module != "Tensors" {
      let sources = try Repository.swiftFiles(in: "Sources/\(module)").map { ($0, try Repository.text(of: $0)) }
      // Modules that only draw or print do not know tensors.
      guard sources.contains(where: { Self.importsTensors($1) }) else { continue }
      for (file, source) in sources where Self.stops(source) {
        count += 1
        let imports = Self.importsTensors(source)
        #expect(imports, "\(file) stops the program, and without import Tensors says nothing in an optimised build")
      }
    }
    #expect(count > 30, "only \(count) files were found")
  }

  @Test func theTestCanFail() {
    #expect(Self.stops("import Layers\nfunc f() { precondition(x > 0, \"x\") }"))
    #expect(Self.stops("  default: preconditionFailure(\"none\")"))
    #expect(!Self.stops("// precondition(x)\n  /// preconditionFailure()\nSwift.precondition(x)\nmyprecondition(x)"))
    #expect(Self.importsTensors("import Layers\nimport Tensors\n") && Self.importsTensors("package import Tensors"))
    #expect(!Self.importsTensors("// import Tensors\nimport TensorsOfOthers"))
  }
}
