// # When gnuplot is absent, fails, hangs or lies
//
// Stand-ins for gnuplot show that nothing it does can stop a chapter or leave a process or half a picture behind.
// Read before: Support.swift.

import Foundation
import Plots
import Testing

@Suite struct GnuplotTests {
  private let figure = Figure("F", panels: [lines([simple])])

  @Test(arguments: [PlotFormat.svg, .png, .ascii])
  func absentGnuplotLeavesTheScriptAndANote(format: PlotFormat) throws {
    let folder = try Folder()
    let written = try figure.write(to: folder.url, named: "f", as: format, with: absent)
    #expect(folder.names == ["f.gp"])
    #expect(written.picture == nil && written.ascii == nil)
    #expect(
      written.note
        == "gnuplot is not installed: only the script was written; sudo apt-get install gnuplot-nox")
  }

  @Test func heatMapsInCharactersNeedNoGnuplot() throws {
    let folder = try Folder()
    let maps = Figure("F", panels: [map([[0, 1], [2, 3]])])
    let written = try maps.write(to: folder.url, named: "f", as: .ascii, with: absent)
    #expect(written.note == nil)
    #expect(
      written.ascii == """
        F

        Map

          +----+
          |  --|
          |**@@|
          +----+
          right: column, 2 cells; down: row, 2 cells
          weight: 0 [ .:-=+*#%@] 3

        """)

    let mixed = Figure("F", panels: [map([[0, 1], [2, 3]]), lines([simple])])
    let half = try mixed.write(to: folder.url, named: "f", as: .ascii, with: absent)
    #expect(half.ascii == written.ascii)
    #expect(half.note?.contains("only panels that need no gnuplot are drawn") == true)
  }

  @Test func labelsStandBesideAndBelowInCharacters() throws {
    let folder = try Folder()
    let sentence = Axis("source", labels: ["In", " the", "漢字", "righteousness’s", "a b"])
    let heads = Axis("head", labels: ["Mahershalalhashbaz", ""])
    let named = Figure("", panels: [map([[0, 1, 2, 3, 4], [4, 3, 2, 1, .nan]], title: "T", x: sentence, y: heads)])
    let written = try named.write(to: folder.url, named: "f", as: .ascii, with: absent)
    #expect(written.note == nil)
    #expect(
      written.ascii == """
        T

                         +----------+
          Mahershalalha… |  ::++##@@|
                      “” |@@##++:://|
                         +----------+
                          I ␣ 漢r a
                          n t 字i
                            h   g b
                            e   h
                                t
                                e
                                o
                                u
                                s
                                n
                                e
                                …
          right: source, 5 cells; down: head, 2 cells
          weight: 0 [ .:-=+*#%@] 4
          //: no value

        """)
  }

  /// A terminal has 100 columns, which a name and 40 cells fit into.
  @Test(arguments: [(40, 40), (41, 21), (100, 34)])
  func manyLabelsInCharacters(count: Int, shown: Int) throws {
    let folder = try Folder()
    let tokens = Axis("token", labels: (1...count).map { "the \($0)th word of many" })
    let values = [[Double]](repeating: [Double](repeating: 1, count: count), count: count)
    let drawing = try Figure("", panels: [map(values, x: tokens, y: tokens)])
      .write(to: folder.url, named: "f", as: .ascii, with: absent).ascii
    let lines = try #require(drawing).split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 100 && !$0.hasSuffix(" ") })
    #expect(lines.count { $0.contains("… |") } == shown)
    #expect(lines.contains { $0.contains("the names are those of the first of") } == (count > 40))
  }

  @Test func largeHeatMapsAreAveragedInCharacters() throws {
    let folder = try Folder()
    let values = (0..<128).map { i in (0..<128).map { j in j > i ? Double.nan : Double(j) - 64 } }
    let written = try Figure("F", panels: [map(values, scale: .diverging)])
      .write(to: folder.url, named: "f", as: .ascii, with: absent)
    let rows = try #require(written.ascii).split(separator: "\n").filter { $0.hasPrefix("  |") }
    #expect(rows.count == 32 && rows.allSatisfy { $0.count == 68 })
    #expect(rows.first?.hasPrefix("  |NN//") == true && rows.last?.hasSuffix("@@|") == true)
    #expect(written.ascii?.contains("mean of 4 × 4 cells") == true && written.ascii?.contains("no value") == true)
  }

  @Test func categoriesHaveDigitsInCharacters() throws {
    let folder = try Folder()
    func drawing(_ values: [[Double]]) throws -> String {
      let figure = Figure("F", panels: [map(values, scale: .categories(["low", "middle", "high"]))])
      return try #require(try figure.write(to: folder.url, named: "f", as: .ascii, with: absent).ascii)
    }
    let small = try drawing([[0, 1], [.nan, 2]])
    #expect(small.contains("  |1122|\n  |//33|\n") && small.contains("1 low, 2 middle, 3 high\n"))
    // A mean of the outer two categories would be the one between them.
    let large = try drawing((0..<64).map { i in (0..<64).map { j in (i + j) % 2 == 0 ? 0 : 2 } })
    #expect(large.contains("|" + String(repeating: "1", count: 64) + "|") && !large.contains("|2"))
    #expect(large.contains("the first of 2 × 2 cells"))
  }

  @Test(arguments: [PlotFormat.svg, .ascii])
  func failingGnuplotIsQuoted(format: PlotFormat) throws {
    let folder = try Folder()
    let gnuplot = try folder.impostor("echo '<svg' > picture; echo 'line 7: undefined terminal' >&2; exit 3")
    let written = try figure.write(to: folder.url, named: "f", as: format, with: gnuplot)
    #expect(written.picture == nil && written.ascii == nil)
    #expect(written.note == "gnuplot failed with status 3: line 7: undefined terminal")
    #expect(folder.names == ["bin", "f.gp", "picture"])
  }

  @Test func halfAPictureIsNotKept() throws {
    let folder = try Folder()
    // The impostor writes into the file that it was told to write, and then fails.
    let commands = #"file=$(echo "$3" | sed "s/.*file='\(.*\)'/\1/"); echo '<svg' > "$file"; kill -9 $$"#
    let written = try figure.write(to: folder.url, named: "f", as: .svg, with: folder.impostor(commands))
    #expect(written.note == "gnuplot was ended by signal 9")
    #expect(folder.names == ["bin", "f.gp"])
  }

  @Test func anOldPictureStaysAndIsMentioned() throws {
    let folder = try Folder()
    try "old".write(to: folder.url.appendingPathComponent("f.svg"), atomically: true, encoding: .utf8)
    let written = try figure.write(to: folder.url, named: "f", as: .svg, with: folder.impostor("exit 1"))
    #expect(written.picture == nil)
    #expect(written.note == "gnuplot failed with status 1 (f.svg is from an earlier run)")
    #expect(try folder.text("f.svg") == "old")
  }

  // On a full disk gnuplot writes what it can and ends with 0.
  @Test(arguments: [
    (PlotFormat.svg, "<?xml version='1.0'?><svg><path d='M0"), (.svg, ""), (.svg, "</svg>"), (.png, #"\211PNG\r\n"#),
    (.png, ""),
  ]) func successWithHalfAPictureIsNoted(format: PlotFormat, contents: String) throws {
    let folder = try Folder()
    let commands =
      #"file=$(echo "$3" | sed "s/.*file='\(.*\)'/\1/"); printf '"# + contents.replacing("'", with: #"'\''"#)
    let written = try figure.write(
      to: folder.url, named: "f", as: format, with: folder.impostor(commands + #"' > "$file""#))
    #expect(written.picture == nil)
    #expect(written.note == "gnuplot ended without an error, but the picture is not whole; is the disk full?")
    #expect(folder.names == ["bin", "f.gp"])
  }

  @Test func theReadersTerminalDoesNotMatter() throws {
    let folder = try Folder()
    let gnuplot = try folder.impostor(#"echo "$GNUTERM$LC_ALL$LANGUAGE" > seen; exit 1"#)
    for name in ["GNUTERM", "LC_ALL", "LANGUAGE"] { setenv(name, "x11", 1) }
    defer { for name in ["GNUTERM", "LC_ALL", "LANGUAGE"] { unsetenv(name) } }
    _ = try figure.write(to: folder.url, named: "f", as: .svg, with: gnuplot)
    #expect(try folder.text("seen") == "\n")
  }

  @Test func successWithoutAPictureIsNoted() throws {
    let folder = try Folder()
    let written = try figure.write(to: folder.url, named: "f", as: .svg, with: folder.impostor("exit 0"))
    #expect(written.note == "gnuplot ended without an error and without a picture")
  }

  @Test func hangingGnuplotIsStopped() throws {
    let folder = try Folder()
    let gnuplot = try folder.impostor("echo $$ > pid; trap '' TERM; while :; do sleep 0.1; done", timeLimit: 0.3)
    let written = try figure.write(to: folder.url, named: "f", as: .svg, with: gnuplot)
    #expect(written.note?.contains("took longer than 0.3 seconds") == true)
    let pid = try #require(Int32(folder.text("pid").trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect(kill(pid, 0) == -1, "the process is gone and has been waited for")
  }

  @Test func muchOutputDoesNotBlock() throws {
    let folder = try Folder()
    let gnuplot = try folder.impostor("yes warning | head -n 100000 >&2; exit 1")
    let written = try figure.write(to: folder.url, named: "f", as: .svg, with: gnuplot)
    #expect(written.note?.hasPrefix("gnuplot failed with status 1: warning") == true)
    #expect((written.note?.count ?? 0) < 2000)
  }

  @Test func aProgramThatCannotRunIsNoted() throws {
    let folder = try Folder()
    let gnuplot = try folder.impostor("")
    let program = try #require(gnuplot.executable)
    try Data([0x7F, 0x45, 0x4C, 0x46, 0]).write(to: program)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
    let written = try figure.write(to: folder.url, named: "f", as: .svg, with: gnuplot)
    #expect(written.picture == nil && written.note?.contains("gnuplot") == true)
  }

  @Test func theSearchPathIsSearchedInOrder() throws {
    let folders = [try Folder(), try Folder()]
    let bins = try folders.map { try #require($0.impostor("").executable).deletingLastPathComponent().path }
    withExtendedLifetime(folders) {
      let path = "/nonexistent::" + bins.joined(separator: ":")
      #expect(Gnuplot(searchPath: path).executable?.path == bins[0] + "/gnuplot")
    }
    #expect(Gnuplot(searchPath: "").executable == nil)
  }
}
