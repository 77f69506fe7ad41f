// # A chapter from its command line to its report
//
// Read before: `Sources/Notebook/Chapter.swift`.

import ArgumentParser
import Foundation
import Notebook
import Plots
import TestSupport
import Testing

private struct Extra: ParsableArguments {
  @Option(help: "Seeds.") var seeds = 1
  @Flag(help: "Sweep.") var sweep = false
}

private let text = ChapterText(name: "00-test", question: "Does it work?", duration: "1 second")

@Suite struct CommandLineTests {
  private func message(_ arguments: String...) -> (text: String, status: Int32) {
    text.during {
      do {
        _ = try ChapterCommand<Extra>.parse(arguments)
        return ("", 0)
      } catch {
        return (ChapterCommand<Extra>.fullMessage(for: error), ChapterCommand<Extra>.exitCode(for: error).rawValue)
      }
    }
  }

  @Test func everyOptionIsRead() throws {
    let line = try ChapterCommand<Extra>.parse([
      "--quick", "--seed", "7", "--out=there", "--plots", "ascii", "--seeds", "3", "--sweep",
    ])
    #expect(line.common.quick && line.common.seed == 7 && line.common.out == "there" && line.common.plots == .ascii)
    #expect(line.extra.seeds == 3 && line.extra.sweep)
  }

  @Test func whatIsLeftOutHasADefault() throws {
    let common = try ChapterCommand<NoOptions>.parse([]).common
    #expect(!common.quick && common.seed == 0 && common.out == "out" && common.plots == .svg && common.corpus == nil)
  }

  @Test func helpStatesQuestionTimeAndOptions() {
    let help = message("--help")
    #expect(help.status == 0)
    for part in ["Does it work?", "Run time: 1 second.", "USAGE: 00-test", "--quick", "--corpus <file>", "--sweep"] {
      #expect(help.text.contains(part))
    }
  }

  @Test(arguments: [
    (["--nonsense"], "Unknown option '--nonsense'"), (["stray"], "stray"), (["--seed", "-1"], "--seed"),
    (["--seed", "x"], "'x' is invalid"), (["--plots", "gif"], "svg, png, ascii"), (["--out"], "Missing value"),
    (["--corpus", "/no/such/file"], "/no/such/file: no such file"), (["--corpus", "/"], "no such file"),
  ])
  func whatIsWrongIsNamed(arguments: [String], part: String) {
    let error = text.during {
      #expect(throws: (any Error).self) { try ChapterCommand<Extra>.parse(arguments) }
    }
    guard let error else { return }
    #expect(ChapterCommand<Extra>.exitCode(for: error).rawValue == 64)
    let message = ChapterCommand<Extra>.fullMessage(for: error)
    #expect(message.replacing("'svg', 'png', 'ascii'", with: "svg, png, ascii").contains(part), "\(message)")
  }

  // What a shell reads back, so that the command of a report can be pasted.
  @Test func wordsAreQuotedForTheShell() throws {
    let words = [
      "two words", "it's", #"say "x""#, "a$HOME`id`", "#b?c;d", "漢字 🙂", "~x", "line\nend", #"back\slash"#, "*", "",
      "é",
    ]
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", "printf '%s\\0' " + words.map(shellQuoted).joined(separator: " ")]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let read = output.fileHandleForReading.readDataToEndOfFile().split(separator: 0, omittingEmptySubsequences: false)
    process.waitUntilExit()
    #expect(read.dropLast().map { Array($0) } == words.map { Array($0.utf8) })
    #expect(["--quick", "a/b.txt", "1e-3", "漢"].map(shellQuoted) == ["--quick", "a/b.txt", "1e-3", "漢"])
  }

  @Test(arguments: [
    (["--prompt", "--"], ["--prompt=--"]), (["--a", "--", "--"], ["--a=--", "--"]), (["--"], ["--"]),
    (["--a=1", "--"], ["--a=1", "--"]),
    (["--a", "-", "b"], ["--a", "-", "b"]),
  ]) func twoDashesAreAValue(words: [String], read: [String]) {
    #expect(withDashesAsValues(words) == read)
  }

  @Test func theCommandOfTheReport() {
    let arguments = ["--quick", "--out", "a b", "--plots=png", "--corpus", "my text.txt", "--seed", "3"]
    #expect(reproducingCommand("00-test", arguments) == "00-test --quick --corpus 'my text.txt' --seed 3")
  }
}

@Suite @MainActor struct ChapterTests {
  private func place(_ line: Int) -> SourcePlace { SourcePlace("main.swift", line) }

  @Test func aRunLeavesItsReport() throws {
    try withTemporaryFolder { folder in
      var printed: [String] = []
      let page = Page { printed.append($0) }
      let chapter = try Chapter<NoOptions>(
        text, arguments: ["--quick", "--out", folder.appending(path: "new/out").path], page: page)
      #expect(chapter.directory.path == folder.appending(path: "new/out/00-test").path && chapter.isQuick)
      chapter.section("1. Begin")
      chapter.say("Some\nprose.")
      page.add(.value(label: "loss", text: "1.250 nats"), at: place(3))
      page.add(.verdict(Verdict("a = b", 1e-16, within: 1e-12)), at: place(4))
      page.add(.finding("It is 1.250.", isVolatile: false), at: SourcePlace("Module/Other.swift", 9))
      page.add(.finding("It took 3 s.", isVolatile: true), at: place(4))
      page.add(.volatile("3 seconds"), at: place(4))
      page.add(.sample(title: "The teacher", text: "In the\n\nbeginning"), at: place(4))
      page.add(.table(Table(["a"], rows: [["1"]])), at: place(5))
      page.add(
        .figure(
          title: "Loss", files: FigureFiles(directory: "out/00-test", script: "loss.gp", picture: "loss.svg")),
        at: place(6))
      let metrics = chapter.metrics("metrics", columns: ["step", "loss", "arm"])
      metrics.add(1, 0.1, "a,\"b\"")
      metrics.add(2, Float.nan, "c")
      #expect(try chapter.close(at: place(7)) == 0)

      let report = try String(contentsOf: chapter.directory.appending(path: "report.md"), encoding: .utf8)
      #expect(
        report == """
          # 00-test

          Does it work?

          ## 1. Begin

          Some
          prose.

          - loss: 1.250 nats
          - ✓ a = b: ~1.0e-16 ≤ 1e-12 (line 4)

          It is 1.250.

          The teacher:

          ```text
          In the

          beginning
          ```

          | a |
          |---:|
          | 1 |

          ![Loss](loss.svg)

          *Loss*, drawn by [loss.gp](loss.gp)

          Made by `00-test --quick`: 1 check passed, 0 failed. The numbers behind it: [metrics.csv](metrics.csv).

          """)
      let csv = try String(contentsOf: metrics.url, encoding: .utf8)
      #expect(csv == "step,loss,arm\n1,0.1,\"a,\"\"b\"\"\"\n2,nan,c\n")
      #expect(printed.last == "1 check passed, 0 failed")
      #expect(printed.contains("~ 3 seconds") && printed.contains("~| beginning") && printed.contains("~| "))
      #expect(printed.contains("~ figure \"Loss\": out/00-test/loss.svg"))
      let left = try FileManager.default.contentsOfDirectory(atPath: chapter.directory.path)
      #expect(left.sorted() == ["metrics.csv", "report.md", "run.json"])
      let record = try JSONDecoder().decode(
        RunRecord.self, from: Data(contentsOf: chapter.directory.appending(path: "run.json")))
      #expect(record.chapter == "00-test" && record.isQuick && record.machine.cores > 0)
      #expect(record.lines.map(\.entry) == page.entries.map(\.entry))
      #expect(record.lines[5].place.text == "Other.swift, line 9")
    }
  }

  @Test func aFailedCheckIsTheExitStatus() throws {
    try withTemporaryFolder { folder in
      let page = Page { _ in }
      let chapter = try Chapter<NoOptions>(text, arguments: ["--out", folder.path], page: page)
      page.add(.verdict(Verdict("a = b", Double.nan, within: 1.0)), at: place(12))
      #expect(try chapter.close(at: place(13)) == 1)
      let report = try String(contentsOf: chapter.directory.appending(path: "report.md"), encoding: .utf8)
      #expect(report.contains("- ✗ a = b: ~NaN ≤ 1.0, does not hold (line 12)\n"))
      #expect(report.contains("0 checks passed, 1 failed"))
    }
  }

  @Test(arguments: [true, false]) func answersRunWhenTheyAreAskedFor(areAsked: Bool) throws {
    try withTemporaryFolder { folder in
      let page = Page { _ in }
      let chapter = try Chapter<NoOptions>(
        text, arguments: ["--out", folder.path] + (areAsked ? ["--answers"] : []), page: page)
      chapter.answers({ chapter.say("Because.") }, { chapter.say("It does not.") })
      let said: [Entry] = [.heading("Answer 1"), .prose("Because."), .heading("Answer 2"), .prose("It does not.")]
      #expect(page.entries.map(\.entry).suffix(4) == (areAsked ? said[...] : page.entries.map(\.entry).suffix(4)))
      #expect(page.entries.count == (areAsked ? 5 : 1))
    }
  }

  @Test(arguments: [true, false]) func aClaimAboutTimesDecidesNothingInAQuickRun(isQuick: Bool) throws {
    try withTemporaryFolder { folder in
      let page = Page { _ in }
      let chapter = try Chapter<NoOptions>(
        text, arguments: ["--out", folder.path] + (isQuick ? ["--quick"] : []), page: page)
      chapter.timed("faster, times", false, 0.5)
      #expect(page.failed == (isQuick ? 0 : 1))
      if isQuick { #expect(page.entries.last?.entry == .volatile("faster, times: ~0.500 (checked in full runs)")) }
    }
  }

  @Test func whatAPageExploresIsInTheRecordAlone() throws {
    try withTemporaryFolder { folder in
      var printed: [String] = []
      let page = Page { printed.append($0) }
      let chapter = try Chapter<NoOptions>(text, arguments: ["--out", folder.path], page: page)
      page.add(.value(label: "a", text: "1"), at: place(1))
      let before = printed
      let sizes = [Exploration.Parameter("N", [2, 3], start: 3), Exploration.Parameter("Q", [5, 7, 11], start: 5)]
      let product = Exploration.Result("product", unit: "", over: sizes) { Double($0[0] * $0[1]) }
      #expect(product.values == [10, 14, 22, 15, 21, 33] && sizes[0].start == 1)
      let matrix = Exploration.NamedMatrix("M", rows: [[0.12345, .nan], [1, -.infinity]])
      #expect(matrix.rows == [[0.123, 0], [1, 0]])
      let shown: [Exploration] = [
        .sizes(title: "s", parameters: sizes, results: [product]),
        .matrices(title: "m", tokens: ["a", "b"], [matrix]),
        .training(title: "t", tokens: ["a", "b"], target: [matrix], before: [matrix], after: [matrix]),
      ]
      for exploration in shown { chapter.explore(exploration) }
      #expect(printed == before)
      page.add(.value(label: "b", text: "2"), at: place(2))
      #expect(printed.count == before.count + 1, "values around it still form a block")
      #expect(try chapter.close(at: place(3)) == 0)
      let report = try String(contentsOf: chapter.directory.appending(path: "report.md"), encoding: .utf8)
      #expect(report.contains("- a: 1\n- b: 2\n"))
      let record = try JSONDecoder().decode(
        RunRecord.self, from: Data(contentsOf: chapter.directory.appending(path: "run.json")))
      #expect(record.lines.compactMap { if case .exploration(let e) = $0.entry { e } else { nil } } == shown)
    }
  }

  @Test func aFolderThatCanNotBeWrittenIsNamed() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "file")
      try Data().write(to: file)
      let error = #expect(throws: CommandError.self) {
        try Chapter<NoOptions>(text, arguments: ["--out", file.path], page: Page { _ in })
      }
      #expect(
        "\(error!)".contains("\(file.path)/00-test: \(file.path) is not a folder;")
          && "\(error!)".contains("--out DIR"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["file"])
    }
  }

  @Test func valuesAndChecksFormABlockAndProseStandsAlone() {
    var printed: [String] = []
    let page = Page { printed.append($0) }
    page.add(.prose("a"), at: place(1))
    page.add(.value(label: "b", text: "1"), at: place(1))
    page.add(.volatile("c"), at: place(1))
    page.add(.prose("d"), at: place(1))
    #expect(printed == ["a", "", "b: ".padding(toLength: 36, withPad: " ", startingAt: 0) + "1", "~ c", "", "d"])
  }
}
