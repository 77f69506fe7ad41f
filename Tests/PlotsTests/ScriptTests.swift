// # The script holds the figure
//
// A script must contain the data, be the same for the same figure, and stand on its own. Read before: Support.swift.

import Foundation
import Plots
import Testing

@Suite struct ScriptTests {
  private func script(of figure: Figure, named name: String = "figure") throws -> String {
    let folder = try Folder()
    let written = try figure.write(to: folder.url, named: name, as: .none)
    #expect(folder.names == ["\(name).gp"])
    #expect(written.script.lastPathComponent == "\(name).gp")
    #expect(written.picture == nil && written.ascii == nil)
    return try folder.text("\(name).gp")
  }

  @Test func dataOfALineChart() throws {
    let series = Series(
      "a", x: [0, 1, 2.5], y: [0.1, 1.0 / 3, 1e-9], band: ([0, 0.25, 0], [1, 0.5, 2]))
    let text = try script(of: Figure("F", panels: [lines([series])]))
    #expect(text.contains("$panel1_series1 << e\n0 0.1\n1 0.3333333\n2.5 1e-09\ne\n"))
    #expect(text.contains("$panel1_series1_band << e\n0 0 1\n1 0.25 0.5\n2.5 0 2\ne\n"))
    #expect(text.contains("# “a”, 3 points: step, loss / nats\n"))
  }

  @Test func dataOfAHeatMap() throws {
    let text = try script(of: Figure("F", panels: [map([[1, -2, 3], [4, .nan, 6]])]))
    #expect(text.contains("$panel1 << e\n1 -2 3\n4 inf 6\ne\n"))
    #expect(text.contains("set yrange [1.5:-0.5]"), "row 0 is on top")
  }

  // gnuplot draws no image of a single row or column: it gets a second one, outside the plot.
  @Test(arguments: [
    ([[1, 2]], "1 2\n1 2\n"), ([[1], [2]], "1 1\n2 2\n"), ([[3]], "3 3\n3 3\n"),
    ([[.nan, 2]], "inf 2\ninf 2\n"),
  ])
  func singleRowsAndColumnsStandTwice(values: [[Double]], data: String) throws {
    let text = try script(of: Figure("F", panels: [map(values)]))
    #expect(text.contains("$panel1 << e\n\(data)e\n"))
    #expect(text.contains("set xrange [-0.5:\(Double(values[0].count) - 0.5)]"))
    #expect(text.contains("set yrange [\(Double(values.count) - 0.5):-0.5]"))
  }

  @Test func dataOfADotPlot() throws {
    let rows = [
      DotPlot.Row(name: "one", value: 1, error: 0.25, group: "g"), DotPlot.Row(name: "two", value: 2, error: nil),
      DotPlot.Row(name: "three", value: 3, error: -0.5, group: "g"),
    ]
    let text = try script(of: Figure("F", panels: [dots(rows)]))
    #expect(text.contains("$panel1_group1 << e\n1 1 0.75 1.25\n3 3 2.5 3.5\ne\n"))
    #expect(text.contains("$panel1_group2 << e\n2 2 2 2\ne\n"))
    #expect(text.contains("set ytics ('one' 1, 'two' 2, 'three' 3)"))
  }

  @Test func ticksStandWhereAnAxisAsksForThem() throws {
    func ticks(_ axis: Axis, _ x: [Double]) throws -> String {
      let text = try script(of: Figure("F", panels: [lines([Series("a", x: x, y: x)], x: axis)]))
      return try #require(text.split(separator: "\n").first { $0.hasPrefix("set xtics") }).description
    }
    #expect(try ticks(Axis("layer", ticks: [2, 0, 1]), [0, 1, 2]).hasPrefix("set xtics (0, 1, 2) nomirror"))
    #expect(
      try ticks(Axis("N", logarithmic: true, ticks: [2, 4, 8, 64]), [2, 8]).hasPrefix("set xtics (2, 4, 8) nomirror"))
    // More than there is room for: some are written, and the others have small ticks.
    let many = (0...60).map(Double.init)
    let crowded = try ticks(Axis("layer", ticks: many), many)
    let written = crowded.split(separator: "'' ")[0].split(separator: ",").count
    #expect(crowded.hasPrefix("set xtics (0, ") && crowded.contains("'' 1 1") && written < 20, "\(crowded)")
    #expect(try ticks(Axis("none of them", ticks: [9]), [0, 1, 2]) == ticks(Axis("none of them"), [0, 1, 2]))
  }

  @Test func valuesThatCannotBeDrawnLeaveAGap() throws {
    let series = Series("a", x: [1, 2, 3, .infinity, 5], y: [1, .nan, 3, 4, -.infinity])
    let folder = try Folder()
    let written = try Figure("F", panels: [lines([series])]).write(to: folder.url, named: "f", as: .none)
    #expect(try folder.text("f.gp").contains("<< e\n1 1\n\n3 3\ne\n"))
    #expect(written.note == "Loss: points left out, not finite: 'a' 3 of 5")
  }

  @Test func logarithmicAxesDropWhatIsNotPositive() throws {
    let series = Series(
      "a", x: [0, 1, 2, 3], y: [1, 0, -1, 10], band: ([1, 0, -2, -5], [2, 1, -1, 20]))
    let axis = Axis("v", logarithmic: true)
    let rows = [
      DotPlot.Row(name: "zero", value: 0, error: nil), DotPlot.Row(name: "wide", value: 1, error: 2),
      DotPlot.Row(name: "nan", value: .nan, error: nil),
    ]
    let folder = try Folder()
    let figure = Figure(
      "F",
      panels: [
        lines([series], x: axis, y: axis, references: [Reference("zero", y: 0)]),
        dots(rows, value: axis, references: [Reference("below", y: -1)]),
      ])
    let written = try figure.write(to: folder.url, named: "f", as: .none)
    let text = try folder.text("f.gp")
    #expect(text.contains("$panel1_series1 << e\n3 10\ne\n"))
    #expect(text.contains("set logscale x") && text.contains("set logscale y"))
    // A limit of the band that is not positive becomes the end of the axis.
    let band = try #require(text.components(separatedBy: "series1_band << e\n").dropFirst().first)
    let first = band.split(separator: "\n")[0].split(separator: " ").compactMap { Double($0) }
    #expect(first.count == 3 && first[0] == 1 && first[1] > 0 && first[1] <= 1 && first[2] == 1)
    let note = try #require(written.note)
    for part in ["'a' 3 of 4", "reference 'zero' at 0", "no dot for 'zero', 'nan'", "reference 'below' at -1"] {
      #expect(note.contains(part))
    }
  }

  @Test func infiniteCellsAreNotedAndMissingOnesAreNot() throws {
    let folder = try Folder()
    let noted = try Figure("F", panels: [map([[1, .infinity], [.nan, -.infinity]])])
      .write(to: folder.url, named: "f", as: .none)
    #expect(noted.note == "Map: 2 of 4 cells are infinite and drawn grey")
    #expect(try folder.text("f.gp").contains("$panel1 << e\n1 inf\ninf inf\ne\n"))
    let silent = try Figure("F", panels: [map([[1, .nan]])]).write(to: folder.url, named: "f", as: .none)
    #expect(silent.note == nil)
  }

  @Test func colourRanges() throws {
    func colours(_ scale: ColourScale, _ range: ClosedRange<Double>?) throws -> String {
      let text = try script(of: Figure("F", panels: [map([[-1, 2], [0, 4]], scale: scale, range: range)]))
      return text.split(separator: "\n").filter { $0.contains("cbrange") }.joined()
    }
    #expect(try colours(.sequential, nil) == "set cbrange [-1:4]")
    #expect(try colours(.sequential, 0...1) == "set cbrange [0:1]")
    #expect(try colours(.diverging, nil) == "set cbrange [-4:4]")
    #expect(try colours(.diverging, -3...1) == "set cbrange [-3:3]")
    #expect(try colours(.logarithmic(floor: 0.01), nil) == "set cbrange [0.01:4]")
  }

  // Each category has one colour from k − ½ to k + ½, and its name stands at k.
  @Test func categoriesAreStepsWithNames() throws {
    let text = try script(
      of: Figure("F", panels: [map([[0, 1, .nan], [2, 0, 1]], scale: .categories(["low", "middle", "high"]))]))
    #expect(
      text.contains(
        "set palette defined (0 '#440154', 1 '#440154', 1 '#26828E', 2 '#26828E', 2 '#FDE725', 3 '#FDE725')"))
    #expect(text.contains("set cbrange [-0.5:2.5]") && text.contains("set cbtics ('low' 0, 'middle' 1, 'high' 2)"))
  }

  @Test func axesOfHeatMapsCountCellsOrUseTheirRange() throws {
    let values = [[Double]](repeating: [1, 2, 3], count: 5)
    let text = try script(
      of: Figure("F", panels: [map(values, x: Axis("head", range: 1...3), y: Axis("time", range: 0...2))]))
    #expect(text.contains("set xrange [0.5:3.5]"))
    #expect(text.contains("set yrange [2.25:-0.25]"))
    #expect(text.contains("matrix using (1+1*$1):(0+0.5*$2):3"))
  }

  @Test func labelsNameTheCells() throws {
    let source = Axis("source", unit: "token", labels: ["In", "the", "end"])
    let head = Axis("head", labels: ["first", "last"])
    let text = try script(of: Figure("F", panels: [map([[1, 2, 3], [4, 5, 6]], x: source, y: head)]))
    #expect(text.contains("set xtics ('In' 0, 'the' 1, 'end' 2) nomirror scale 0 rotate by 90 right\n"))
    #expect(text.contains("set ytics ('first' 0, 'last' 1) nomirror scale 0\n"))
    #expect(text.contains("set xrange [-0.5:2.5]") && text.contains("set yrange [1.5:-0.5]"))
    #expect(text.contains("\nif (!ascii) set label 'source / token' at screen "))
    #expect(text.contains("\nif (!ascii) set label 'head' at screen "))
    #expect(!text.contains("\nset xlabel") && !text.contains("\nset ylabel"))

    let ranged = Axis("source", range: 10...14, labels: ["In", "the", "end"])
    let shifted = try script(of: Figure("F", panels: [map([[1, 2, 3]], x: ranged)]))
    #expect(shifted.contains("set xtics ('In' 10, 'the' 12, 'end' 14)") && shifted.contains("set xrange [9:15]"))
    #expect(shifted.contains("set ytics 1 nomirror out") && shifted.contains("\nset ylabel 'row'"))
  }

  /// What gnuplot would read a meaning into, and what could not be seen.
  static let labels: [(label: String, string: String)] = [
    ("the", "'the'"), (" the", "'␣the'"), ("the  ", "'the␣␣'"), ("of the", "'of the'"), (" ", "'␣'"),
    ("  ", "'␣␣'"), ("\u{A0}", "'␣'"), ("", "'“”'"), ("\n", "'↵'"), ("\r\n", "'↵↵'"), (".\n\n", "'.↵↵'"),
    ("\t", "'⇥'"), ("\u{7}", "'�'"), ("it's", "'it''s'"), ("'s", #"''."'".'s'"#), ("'", #"''."'".''"#),
    ("a''b", #"'a'."'".''."'".'b'"#), ("'\u{301}", "''.\"'\".'\u{301}'"), ("\"", #"'"'"#), (#"\"#, #"'\'"#),
    (#"\n"#, #"'\n'"#), ("%", "'%%'"), ("5 %d", "'5 %%d'"), ("%\u{301}", "'%%\u{301}'"), ("$x", "'$x'"),
    ("{a}_b^c @d", "'{a}_b^c @d'"), ("`touch PWNED`", "'`touch PWNED`'"), ("漢字", "'漢字'"),
  ]

  @Test(arguments: labels)
  func labelsAreShownLiterally(label: String, string: String) throws {
    let axis = Axis("v", labels: [label, label])
    let text = try script(of: Figure("F", panels: [map([[1, 2], [3, 4]], x: axis, y: axis)]))
    for name in ["x", "y"] { #expect(text.contains("set \(name)tics (\(string) 0, \(string) 1) nomirror")) }
  }

  @Test func neighboursWithEqualLabelsWriteThemOnce() throws {
    func ticks(_ second: [String], columns: Int) throws -> [String] {
      let axes = [["a", "b"], second].map { Axis("v", labels: $0) }
      let text = try script(
        of: Figure("F", panels: axes.map { map([[1, 2], [3, 4]], x: $0, y: $0) }, columns: columns))
      return text.split(separator: "\n").filter { $0.contains("set xtics") || $0.contains("set ytics") }
        .map { String($0.prefix(11)) }
    }
    #expect(try ticks(["a", "b"], columns: 2) == ["set xtics (", "set ytics (", "set xtics (", "unset ytics"])
    #expect(try ticks(["a", "b"], columns: 1) == ["unset xtics", "set ytics (", "set xtics (", "set ytics ("])
    #expect(try ticks(["a", "c"], columns: 2) == ["set xtics (", "set ytics (", "set xtics (", "set ytics ("])
  }

  /// Room for the longest label on both sides, and 14 pixels for each of up to 40 cells.
  @Test(arguments: [(3, 1), (24, 1), (24, 3), (40, 1), (40, 4)])
  func labelsHaveRoom(count: Int, panels: Int) throws {
    func measures(_ label: String) throws -> (size: [Double], plot: [Double]) {
      let axis = Axis("v", labels: [String](repeating: label, count: count))
      let values = [[Double]](repeating: [Double](repeating: 1, count: count), count: count)
      let text = try script(
        of: Figure("", panels: (0..<panels).map { _ in map(values, title: "", x: axis, y: axis) }))
      #expect(!text.contains("xfont"), "the letters are as large as elsewhere")
      #expect(text.contains("with image pixels"), "no viewer blurs the cells")
      let size = try #require(text.split(separator: "\n").first { $0.contains("terminal svg size") })
        .split(separator: " ").first { $0.contains(",") }?.split(separator: ",").compactMap { Double($0) }
      let margins = try #require(text.split(separator: "\n").first { $0.contains("set margins") })
        .split(separator: ",").compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
      let (width, height) = (try #require(size)[0], try #require(size)[1])
      return (
        [width, height], [margins[0] * width, (margins[1] - margins[0]) * width, margins[2] * height]
      )
    }
    let (short, long) = (try measures("a"), try measures("Nebuchadnezzar"))
    #expect(short.plot[1] / Double(count) > 13.99 && long.plot[1] / Double(count) > 13.99)
    // Thirteen letters more, of at least half the size.
    let room = 13.0 * 6
    #expect(long.plot[0] - short.plot[0] > room && long.plot[2] - short.plot[2] > room)
    #expect(long.size[0] - short.size[0] > room && long.size[1] - short.size[1] > room)
  }

  @Test(arguments: [(64, nil, 32), (128, nil, 43), (24, 800, 12)])
  func labelsWithoutRoomAreNoted(count: Int, width: Int?, written: Int) throws {
    let folder = try Folder()
    let axis = Axis("source", labels: (0..<count).map(String.init))
    let values = [[Double]](repeating: [Double](repeating: 1, count: count), count: count)
    let figure = Figure("", panels: (0..<3).map { map(values, title: "M\($0)", x: axis) }, width: width)
    let noted = try figure.write(to: folder.url, named: "f", as: .none).note
    let note = "there is no room for all labels: \(written) of \(count) of 'source' are written"
    #expect(noted == "M0: \(note)\nM1: \(note)\nM2: \(note)")
  }

  @Test func seriesDifferInColourMarkerAndDash() throws {
    let many = (0..<9).map { Series("s\($0)", x: [1, 2], y: [Double($0), 1]) }
    let text = try script(of: Figure("F", panels: [lines(many)]))
    let looks = text.split(separator: "\n").filter { $0.contains(" using 1:2 with lines") }
      .map { $0.split(separator: " ").drop { $0 != "linetype" }.prefix(4).joined(separator: " ") }
    #expect(looks.count == 9 && Set(looks).count == 9)
    // Points have no dashes: fourteen of them differ in colour and marker alone.
    let types = text.split(separator: "\n").filter { $0.hasPrefix("set linetype ") && $0.contains("linecolor") }
      .map { $0.split(separator: " ").dropFirst(3).joined(separator: " ") }
    #expect(types.count == 14 && Set(types).count == 14)
  }

  @Test func theLegendAvoidsTheData() throws {
    func key(_ y: [Double], _ wish: LegendPlace) throws -> String {
      let series = Series("name", x: y.indices.map(Double.init), y: y)
      let text = try script(of: Figure("F", panels: [lines([series], legend: wish)]))
      return text.split(separator: "\n").filter { $0.contains("set key") || $0.contains("unset key") }
        .first.map { $0.split(separator: " ").prefix(4).joined(separator: " ") } ?? ""
    }
    let falling = (0...20).map { exp(-Double($0) / 4) }
    #expect(try key(falling, .topRight) == "set key top right")
    #expect(try key(falling, .bottomLeft) == "set key bottom left")
    #expect(try key(falling.reversed(), .topRight) == "set key top left")
    #expect(try key(falling, .bottomRight) == "set key bottom left")
    #expect(try key((0...400).map { sin(Double($0)) }, .topRight) == "set key at screen")
    #expect(try key(falling, .outside) == "set key at screen")
    #expect(try key(falling, .none) == "unset key")
  }

  @Test(arguments: ["figure", "it's", "two words", "ü_1", "-e", "a%d"])
  func equalFiguresGiveEqualBytes(name: String) throws {
    let folders = [try Folder(), try Folder()]
    let scripts = try folders.map { folder in
      _ = try everything.write(to: folder.url, named: name, as: .none)
      return try folder.bytes(name + ".gp")
    }
    #expect(scripts[0] == scripts[1])
    #expect(String(decoding: scripts[0], as: UTF8.self).contains("/tmp") == false)
  }

  @Test func theFigureGrowsWithItsPanels() throws {
    func size(_ count: Int, columns: Int? = nil, width: Int? = nil, height: Int? = nil) throws -> [Int] {
      let panels = (0..<count).map { _ in map([[1, 2], [3, 4]]) }
      let text = try script(
        of: Figure("F", panels: panels, columns: columns, width: width, height: height))
      let line = try #require(text.split(separator: "\n").first { $0.contains("terminal svg size") })
      return line.split(separator: " ").first { $0.contains(",") }.map {
        $0.split(separator: ",").compactMap { Int($0) }
      }
        ?? []
    }
    let (one, three, twelve, column) = (try size(1), try size(3), try size(12), try size(3, columns: 1))
    #expect(one[0] < three[0] && three[1] < twelve[1] && twelve[0] < 1300 && column[1] > column[0])
    #expect(try size(3, width: 800)[0] == 800)
    #expect(try size(3, height: 500)[1] == 500)
    #expect(try size(3, width: 900, height: 600) == [900, 600])
  }
}
