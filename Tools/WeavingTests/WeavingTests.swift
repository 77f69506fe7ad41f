import Foundation
import Testing
import Weaving

@Suite struct WeavingTests {
  @Test func storyAndCodeTakeTurns() {
    let file = SourceFile(
      path: "Sources/A/B.swift",
      text: "// # Title\n//\n// Prose.\n\nlet a = 1\n\nlet b = 2\n// ## More\n/// c\nlet c = 3\n")
    #expect(file.parts.map(\.isStory) == [true, false, true, false])
    #expect(file.parts.map(\.lines) == [1...3, 5...7, 8...8, 9...10])
    #expect(file.title == "Title")
  }

  @Test func whatWasSeenIsPrintedAndNotTyped() throws {
    let chapters = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../chapters").standardized
    let names = try FileManager.default.contentsOfDirectory(atPath: chapters.path).sorted()
    #expect(names.count > 10)
    for name in names {
      let text = try String(contentsOf: chapters.appending(path: "\(name)/main.swift"), encoding: .utf8)
      let file = SourceFile(path: "chapters/\(name)/main.swift", text: text)
      let typed = file.typedNumbers.map { "line \($0.line): \($0.text)" }
      #expect(typed.isEmpty, "\(name): \(typed)")
    }
  }

  @Test func aTypedNumberIsFound() {
    let text = """
      // # Title 1
      let a = 1
      // ## What we saw
      //
      // Chapter 12 found 1.25 nats with `N = 4`, and 30 more than in stage 2.
      //
      // Exercises. 1: Try 7.

      finding("It is 9.")
      """
    #expect(SourceFile(path: "a", text: text).typedNumbers.map(\.text) == ["1.25", "30"])
  }
}
