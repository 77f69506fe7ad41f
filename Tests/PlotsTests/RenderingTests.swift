// # gnuplot understands the script
//
// These tests run gnuplot, when it is installed, and look at what comes out. Read before: ScriptTests.swift.

import Foundation
import Plots
import Testing

@Suite(.enabled(if: hasGnuplot, "gnuplot is not installed"))
struct RenderingTests {
  /// Width and height of a PNG, from its header.
  private func size(ofPNG data: Data) -> [Int] {
    guard data.starts(with: [0x89, 0x50, 0x4E, 0x47]), data.count > 24 else { return [] }
    return [16, 20].map { start in data[start..<start + 4].reduce(0) { $0 << 8 | Int($1) } }
  }

  @Test func svg() throws {
    let folder = try Folder()
    let written = try everything.write(to: folder.url, named: "all", as: .svg)
    #expect(folder.names == ["all.gp", "all.svg"])
    #expect(written.picture?.lastPathComponent == "all.svg")
    let svg = try folder.text("all.svg")
    #expect(svg.contains("<svg") && svg.contains("</svg>"))
    for text in ["Everything", "loss / nats", "curve", "floor", "teacher", "entropy", "weight"] {
      #expect(svg.contains(text))
    }
  }

  @Test func png() throws {
    let folder = try Folder()
    let figure = Figure("F", panels: [lines([simple])], width: 400, height: 300)
    let written = try figure.write(to: folder.url, named: "f", as: .png)
    #expect(written.note == nil && folder.names == ["f.gp", "f.png"])
    #expect(size(ofPNG: try folder.bytes("f.png")) == [800, 600])
  }

  @Test(arguments: [PlotFormat.svg, .png, .ascii])
  func equalFiguresGiveEqualPictures(format: PlotFormat) throws {
    let folders = [try Folder(), try Folder()]
    let written = try folders.map { try everything.write(to: $0.url, named: "f", as: format) }
    #expect(written[0].ascii == written[1].ascii)
    if format != .ascii {
      let name = "f.\(format.rawValue)"
      #expect(try folders[0].bytes(name) == folders[1].bytes(name))
    }
  }

  @Test func asciiHoldsChartsAndMaps() throws {
    let folder = try Folder()
    let written = try everything.write(to: folder.url, named: "all", as: .ascii)
    #expect(folder.names == ["all.gp"] && written.picture == nil)
    let drawing = try #require(written.ascii)
    let order = ["Everything", "curve", "loss / nats", "Map", "weight: -5 [", "teacher"].map {
      drawing.range(of: $0)?.lowerBound
    }
    #expect(order.allSatisfy { $0 != nil })
    #expect(drawing.split(separator: "\n").allSatisfy { $0.count <= 100 && !$0.hasSuffix(" ") })
    #expect(!drawing.contains("\u{0C}"))
  }

  @Test func textComesOutLiterally() throws {
    let folder = try Folder()
    let t = troublesome
    let figure = Figure(
      t + "1",
      panels: [
        lines(
          [Series(t + "2", x: [1, 2], y: [1, 2])], x: Axis(t + "3", unit: t + "4"), title: t + "5",
          references: [Reference(t + "6", y: 1.5)]),
        HeatMap(t + "7", values: [[1, 2]], x: Axis(t + "8"), y: Axis("y"), colourLabel: t + "9"),
        dots(
          [.init(name: t + "10", value: 1, error: nil, group: t + "11"), .init(name: "5 %d %", value: 1, error: 0)],
          title: "\u{7}two\nlines\t\u{2028}"),
      ])
    let written = try figure.write(to: folder.url, named: "it's \"all\" {1}", as: .svg)
    #expect(written.note == nil)
    #expect(folder.names.count == 2, "the command in backquotes must not run")
    let svg = try String(contentsOf: #require(written.picture), encoding: .utf8)
      .replacingOccurrences(of: "&lt;", with: "<").replacingOccurrences(of: "&gt;", with: ">")
      .replacingOccurrences(of: "&amp;", with: "&").replacingOccurrences(of: "&quot;", with: "\"")
      .replacingOccurrences(of: "\u{A0}", with: " ").replacingOccurrences(of: "％", with: "%")
    // Long titles are broken into lines, so we look for their ends.
    let whole = [2, 3, 4, 6, 8, 9, 10, 11].filter { !svg.contains(t + "\($0)") }
    #expect(whole == [])
    #expect(svg.contains(">5 %d %<"))
    #expect(svg.contains("\\1") && svg.contains("\\5") && svg.contains("\\7"))
    let ascii = try figure.write(to: folder.url, named: "f", as: .ascii)
    #expect(ascii.note == nil && ascii.ascii?.contains("{c @d }") == true)
  }

  /// gnuplot takes a doubled quote for an end when there is no other letter before it.
  @Test(arguments: ["'", "''", "'s", "'a'", "a''b", "a'", "'''", "'\u{301}"])
  func quotesComeOutLiterally(text: String) throws {
    let folder = try Folder()
    let figure = Figure(
      text + "1",
      panels: [
        lines([Series(text + "2", x: [1, 2], y: [1, 2])], x: Axis(text + "3"), title: text + "4"),
        map([[1, 2]], x: Axis("x", labels: [text + "5", text + "6"]), y: Axis(text + "7")),
        dots([.init(name: text + "8", value: 1, error: nil)]),
      ])
    let written = try figure.write(to: folder.url, named: text + "9", as: .svg)
    #expect(written.note == nil)
    let svg = try String(contentsOf: #require(written.picture), encoding: .utf8)
    #expect((1...8).filter { !svg.contains(text + "\($0)") } == [])
  }

  @Test func labelsComeOutLiterally() throws {
    let folder = try Folder()
    let labels = [troublesome, "{x_t}^2", #"a\"#, "`touch PWNED`", "$x", "100 %d %", "\"", "\n", " the", "“”"]
    let sentence = Axis("token", labels: labels)
    let values = [[Double]](repeating: [Double](repeating: 1, count: labels.count), count: labels.count)
    let written = try Figure("F", panels: [map(values, x: sentence, y: sentence)])
      .write(to: folder.url, named: "f", as: .svg)
    #expect(written.note == nil && folder.names == ["f.gp", "f.svg"], "the command in backquotes must not run")
    let svg = try folder.text("f.svg").replacingOccurrences(of: "&lt;", with: "<")
      .replacingOccurrences(of: "&gt;", with: ">").replacingOccurrences(of: "&amp;", with: "&")
      .replacingOccurrences(of: "\u{A0}", with: " ").replacingOccurrences(of: "％", with: "%")
    for label in labels.dropLast(3) + ["↵", "␣the", "“”"] {
      #expect(svg.components(separatedBy: label).count >= 3, "\(label), on both axes")
    }
  }

  /// Runs gnuplot as a reader does. Returns its status and what it said.
  private func ran(_ arguments: [String], in folder: Folder) throws -> (status: Int32, said: String) {
    let (process, messages) = (Process(), Pipe())
    process.executableURL = Gnuplot().executable
    process.arguments = arguments
    process.currentDirectoryURL = folder.url
    process.standardError = messages
    try process.run()
    let said = try messages.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: said, as: UTF8.self))
  }

  @Test func theScriptRunsAnywhere() throws {
    let (home, elsewhere) = (try Folder(), try Folder())
    _ = try everything.write(to: home.url, named: "all", as: .none)
    for (options, result) in [
      ([], "all.svg"), (["-e", "format='png'"], "all.png"), (["-e", "format='ascii'"], "all.ascii"),
    ] {
      let run = try ran(options + [home.url.appendingPathComponent("all.gp").path], in: elsewhere)
      #expect(run.status == 0)
      #expect(elsewhere.names.contains(result))
    }
    #expect(home.names == ["all.gp"])
  }

  /// Figures at the edge of what can be drawn: gnuplot must not stop, and neither may we.
  static let edges: [(String, any Panel)] = [
    ("one point", lines([Series("a", x: [1], y: [1])])),
    ("constant", lines([Series("a", x: [1, 2], y: [0.7, 0.7])])),
    ("zeros", lines([Series("a", x: [0, 0], y: [0, 0])])),
    ("nothing finite", lines([Series("a", x: [1, 2], y: [.nan, .infinity])])),
    ("nothing positive", lines([Series("a", x: [1, 2], y: [-1, 0])], y: Axis("y", logarithmic: true))),
    ("huge", lines([Series("a", x: [1, 2, 3], y: [1e249, -1e249, 1e300])])),
    (
      "huge ratio",
      lines(
        [Series("a", x: [1, 2, 3], y: [1e-249, 1e249, .leastNonzeroMagnitude])], y: Axis("y", logarithmic: true))
    ),
    ("almost equal", lines([Series("a", x: [1, 2], y: [1, 1 + 1e-12])])),
    ("large and narrow", lines([Series("a", x: [1e9, 1e9 + 1], y: [1, 2])])),
    ("no names", lines([Series("", x: [1, 2], y: [1, 2])], x: Axis(""), y: Axis(""), title: "")),
    ("band only", lines([Series("a", x: [1, 2], y: [.nan, .nan], band: ([1, 2], [2, 3]))])),
    ("one cell", map([[3]])),
    ("one row", map([[1, 2, 3, 4, 5, 6, 7]])),
    ("one column", map([[1], [2], [3]])),
    ("equal cells", map([[2, 2], [2, 2]], scale: .diverging)),
    ("zero cells", map([[0, 0]], scale: .diverging)),
    ("causal", map((0..<5).map { i in (0..<5).map { j in j > i ? .nan : 1 / Double(i + 1) } })),
    ("one label", map([[3]], x: Axis("x", labels: ["a"]), y: Axis("y", labels: [""]))),
    ("labels", map([[1, .nan], [2, 3]], x: Axis("", labels: ["'s", " "]), y: Axis("", labels: ["50 %", #"\"#]))),
    ("many labels", map([(0..<200).map(Double.init)], x: Axis("", labels: (0..<200).map { "token \($0)" }))),
    ("no cells with a value", map([[.nan, .nan], [.nan, .infinity]])),
    ("all below the floor", map([[0, -1], [1e-9, 0]], scale: .logarithmic(floor: 1e-3))),
    ("categories", map([[0, 1, .nan], [2, 0, 1]], scale: .categories(["one 100 %", "two", "three"]))),
    ("large map", map((0..<100).map { i in (0..<70).map { j in Double(i * j) } })),
    ("one row of dots", dots([.init(name: "a", value: 1, error: nil)])),
    ("no dots", dots([.init(name: "a", value: .nan, error: 1), .init(name: "", value: 1, error: .nan)])),
    ("dots without a value", dots([.init(name: "a", value: .nan, error: 1, group: "g")])),
  ]

  @Test(arguments: edges)
  func edge(name: String, panel: any Panel) throws {
    let folder = try Folder()
    for format in [PlotFormat.svg, .ascii] {
      let written = try Figure(name, panels: [panel]).write(to: folder.url, named: "f", as: format)
      #expect((format == .svg ? written.picture != nil : written.ascii != nil), "\(name): \(written.note ?? "")")
      #expect(written.note?.contains("gnuplot") != true)
    }
    #expect(folder.names == ["f.gp", "f.svg"])
  }

  static let maps = edges.compactMap { name, panel in (panel as? HeatMap).map { (name, $0) } }

  @Test(arguments: maps)
  func gnuplotHasNothingToSayAboutMaps(name: String, map: HeatMap) throws {
    let folder = try Folder()
    _ = try Figure(name, panels: [map]).write(to: folder.url, named: "f", as: .none)
    #expect(try ran(["f.gp"], in: folder) == (0, ""), "\(name)")
    #expect(folder.names == ["f.gp", "f.svg"])
  }
}
