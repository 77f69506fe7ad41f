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

  // MARK: - Colours

  @Test func everyColourOfTextStandsOutFromItsGround() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../assets/book.css").standardized
    let css = try String(contentsOf: file, encoding: .utf8)
    let blocks = css.matches(of: #/:root \{([^}]*)\}/#).map(\.1)
    #expect(blocks.count == 2)
    for block in blocks {
      let colours = Dictionary(
        block.matches(of: #/--([a-z]+): #([0-9a-f]{6});/#).map { (String($0.1), String($0.2)) },
        uniquingKeysWith: { $1 })
      for text in ["ink", "pale", "link", "keyword", "type", "number", "string", "passed", "failed"] {
        for ground in ["paper", "panel"] {
          let ratio = contrast(try #require(colours[text]), try #require(colours[ground]))
          #expect(ratio >= 4.5, "\(text) on \(ground): \(ratio)")
        }
      }
    }
    #expect(abs(contrast("000000", "ffffff") - 21) < 1e-9)
  }

  // MARK: - Kept runs

  @Test func aTallyIsKeptAsARun() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let kept = KeptRuns(in: folder)
    let printed = """
      other lines
        the table of operations in Double: 3712 instances, 127845 comparisons, worst 4.2e-11 at rmsNorm: [2, 3]
                 instances  comparisons    worst  at
          add          426        10462  5.5e-12  [2, 3] and [3]
          slice          7            9        0
        softmax in Double: 1 instances, 2 comparisons, all exact
      """
    try kept.keep(tally: printed, of: "make test-gradients", as: "gradients")
    let filled = try kept.filled(
      """
      <!-- kept: gradients / the table of operations / all -->
      <!-- end -->
      <!-- kept: gradients / softmax / findings -->
      <!-- end -->
      """)
    #expect(filled.contains("3,712 instances, 127,845 comparisons; the worst error is 4.2e-11."))
    #expect(filled.contains("| add | 426 | 10462 | 5.5e-12 |") && filled.contains("| slice | 7 | 9 | 0 |"))
    #expect(filled.contains("1 instances, 2 comparisons; the worst error is 0."))
    #expect(throws: WeavingError.self) { try kept.keep(tally: "nothing", of: "a", as: "b") }
  }

  static let record = """
    {"chapter":"11-x","command":"11-x --seeds 8","date":"2026-01-02","isQuick":false,"lines":[
    {"entry":{"title":{"_0":"11-x","question":"Q?"}},"place":{"file":"main.swift","line":1}},
    {"entry":{"heading":{"_0":"1. Claims"}},"place":{"file":"main.swift","line":2}},
    {"entry":{"table":{"_0":{"columns":["a","n"],"rows":[["x","1.5"]]}}},"place":{"file":"main.swift","line":3}},
    {"entry":{"volatile":{"_0":"12 s"}},"place":{"file":"main.swift","line":4}},
    {"entry":{"finding":{"_0":"It is 1.5.","isVolatile":false}},"place":{"file":"main.swift","line":5}}],
    "machine":{"cores":2,"processor":"P","system":"S"},"numbers":"Float","question":"Q?","seconds":60,"seed":0}
    """

  func withRecord(_ body: (KeptRuns) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let run = folder.appending(path: "run.json")
    try Data(WeavingTests.record.utf8).write(to: run)
    let kept = KeptRuns(in: folder)
    try kept.keep(run, as: "11-x")
    try kept.keep(run, as: "timed", withTimes: true)
    try Data(WeavingTests.record.replacing(#""isQuick":false"#, with: #""isQuick":true"#).utf8).write(to: run)
    #expect(throws: WeavingError.self) { try kept.keep(run, as: "quick") }
    try body(kept)
  }

  @Test func aDocumentIsFilledFromKeptRuns() throws {
    try withRecord { kept in
      let wanted = "<!-- kept: 11-x / 1. / table 1 + findings -->"
      let filled = try kept.filled("before\n\(wanted)\nold\n<!-- end -->\nafter")
      #expect(
        filled == "before\n\(wanted)\n\n| a | n |\n|---|---:|\n| x | 1.5 |\n\nIt is 1.5.\n\n<!-- end -->\nafter")
      #expect(try kept.filled(filled) == filled)
      let run = try kept.filled("<!-- kept: 11-x / run -->\n<!-- end -->")
      let times = try kept.filled("<!-- kept: timed / 1. / times 1 -->\n<!-- end -->")
      #expect(times.contains("\n```text\n12 s\n```\n"), "\(times)")
      #expect(run.contains("`11-x --seeds 8` on 2026-01-02, on 2 cores (P)"), "\(run)")
    }
  }

  @Test(arguments: [
    ("<!-- kept: 12-y / 1. / all -->\n<!-- end -->", "12-y.json"),
    ("<!-- kept: 11-x / 2. / all -->\n<!-- end -->", "begins with 2."),
    ("<!-- kept: 11-x / 1. / table 2 -->\n<!-- end -->", "no table 2"),
    ("<!-- kept: 11-x / 1. / times 1 -->\n<!-- end -->", "no times 1"),
    ("<!-- kept: 11-x / 1. / verdicts -->\n<!-- end -->", "no verdicts"),
    ("<!-- kept: 11-x / 1. / pictures -->\n<!-- end -->", "pictures is none of"),
    ("<!-- kept: 11-x / 1. / all -->", "no <!-- end -->"), ("<!-- end -->", "ends nothing"),
  ]) func whatIsNotKeptIsNamed(document: String, word: String) throws {
    try withRecord { kept in
      let error = #expect(throws: WeavingError.self) { try kept.filled(document) }
      #expect(error?.description.contains(word) == true, "\(String(describing: error))")
    }
  }

  // MARK: - Letters and readers

  @Test func lettersCarryTheirMeaning() {
    let notation = Notation(
      """
      ## Sizes
      | letter | meaning | x | y |
      |---|---|---|---|
      | N | state size | – | – |
      | L | layers | – | – |
      | S | sources | – | – |
      Elsewhere only in shapes and
      in code are they sizes: L, S.
      ## Tensors
      On the pages `chapters/02` and `chapters/04`.
      | code | prose | meaning | shape | where |
      |---|---|---|---|---|
      | `l` | L | decays | – | – |
      | `x` | x[t], X | input | – | – |
      | – | log α[t] | logarithm | – | – |
      ## In one place only
      | letter | meaning | where |
      |---|---|---|
      | x | argument | `chapters/04` |
      """)
    func explained(_ text: String, in path: String = "chapters/02") -> String { notation.explained(text, in: path) }
    #expect(
      explained("<p>L of N</p>") == #"<p><abbr title="decays">L</abbr> of <abbr title="state size">N</abbr></p>"#)
    #expect(explained("L of S", in: "chapters/05") == "L of S")
    #expect(explained("log x[t], x") == #"log <abbr title="input">x</abbr>[t], x"#)
    #expect(explained("x[t]") == #"<abbr title="input">x</abbr>[t]"#)
    #expect(explained("x", in: "chapters/04-g") == #"<abbr title="argument">x</abbr>"#)
    #expect(explained("[N, L]").contains(#"title="layers">L"#))
    #expect(explained("x\u{304}") == "<abbr title=\"the cotangent of x: input\">x\u{304}</abbr>")
    for same in ["<code>N</code>", "Next, SSN", "<a href=\"N\">N</a>", "N’s", "&lt;", "<h2>N</h2>", "α[t]", "A word"]
    {
      #expect(explained(same) == same)
    }
    #expect(notation.inCode("L") == "layers" && notation.inCode("x") == nil)
  }

  @Test(arguments: [
    ("<html lang=\"en\"><h1>a</h1><h3>b</h3>", "level 3 follows"), ("<html><h1>a</h1>", "language"),
    ("<html lang=\"en\"><h1>a</h1><img src=\"x\">", "no words"), ("<html lang=\"en\"><p>", "0 headings"),
    ("<html lang=\"en\"><h1>a</h1><label>b</label><input type=\"text\">", "no label"),
  ]) func whatIsInAReadersWayIsFound(html: String, word: String) {
    #expect(obstacles(in: html).contains { $0.contains(word) }, "\(obstacles(in: html))")
    #expect(obstacles(in: "<html lang=\"en\"><h1>a</h1><h2>b</h2><label>c <input></label>").isEmpty)
  }
}
