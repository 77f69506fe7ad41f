// # A kind of plot from outside the library
//
// A histogram that only this file knows goes the whole way: its check, its place beside other panels, its script, its
// picture, its drawing in characters. Read before: Support.swift. Read after: CONTRIBUTING.md, "A figure".

import Foundation
import Plots
import Testing

/// How often values fall between edges, as steps.
private struct StepHistogram: Panel {
  let title: String
  let value: Axis
  let edges: [Double]
  let counts: [Double]
  var name = "steps"
  var drawsItself = false

  func check(at place: Place) throws {
    try value.check(at: place)
    try place.inside("the bins").require(
      edges.count == counts.count + 1, "there are \(edges.count) edges of \(counts.count) bins",
      remedy: "give one edge more than bins")
  }

  func plan(width: Double, height: Double) -> PanelPlan {
    let count = Axis("count")
    let x = AxisScale(value, fitting: edges, room: .none, ticks: Int(width / 55))
    let y = AxisScale(count, fitting: counts + [0], room: .nextTick, ticks: Int(height / 45))
    let tops = counts.indices.map { bin in
      Legend.Segment(
        x0: x.fraction(of: edges[bin]), y0: y.fraction(of: counts[bin]), x1: x.fraction(of: edges[bin + 1]),
        y1: y.fraction(of: counts[bin]))
    }
    return PanelPlan(
      x: PlannedAxis(value, x), y: PlannedAxis(count, y),
      legend: Legend([name], wish: .topRight, width: width, height: height, obstacles: tops))
  }

  func draw(into script: inout PanelScript) {
    script.line("set border 3")
    script.legend()
    let steps = zip(edges, counts + [counts.last ?? 0]).map { [$0, $1] }
    guard let block = script.data("bins", "\(value.caption), count", [steps]) else { return }
    if counts.allSatisfy({ $0 == 0 }) { script.note("all bins are empty") }
    script.plot(["\(block) using 1:2 with steps linetype \(Palette.lineType(1)) \(script.named(name))"])
  }

  var ascii: String? {
    guard drawsItself else { return nil }
    let bars = zip(edges, counts).map { "\($0) " + String(repeating: "#", count: Int($1)) }
    return ([title] + bars).joined(separator: "\n")
  }
}

@Suite struct NewKindTests {
  private let histogram = StepHistogram(
    title: "Lengths", value: Axis("length", unit: "tokens"), edges: [0, 1, 2, 3, 4], counts: [1, 3, 5, 10])

  private func written(
    _ panels: [any Panel], as format: PlotFormat = .none, with gnuplot: Gnuplot = absent
  ) throws -> (text: String, figure: WrittenFigure) {
    let folder = try Folder()
    let figure = try Figure("F", panels: panels).write(to: folder.url, named: "f", as: format, with: gnuplot)
    return (try folder.text("f.gp"), figure)
  }

  @Test func itsCheckIsAskedAndNamesThePlace() throws {
    let folder = try Folder()
    let wrong = StepHistogram(title: "W", value: Axis("v"), edges: [0, 1], counts: [1, 2])
    let error = try #require(throws: PlotError.self) {
      try Figure("F", panels: [lines([simple]), wrong]).write(to: folder.url, named: "f", as: .none)
    }
    #expect(error.place == "figure 'F', panel 2 'W', the bins")
    #expect(error.problem == "there are 2 edges of 2 bins")
    #expect(folder.names == [])
  }

  @Test func itsScriptHasTitleAxesDataAndPlot() throws {
    let text = try written([histogram]).text
    for part in [
      "# --- Panel 1 of 1: “Lengths” ---\n", "set title 'Lengths'", "set xlabel 'length / tokens'",
      "set xrange [0:4]", "set yrange [0:10]", "# length / tokens, count\n",
      "$panel1_bins << e\n0 1\n1 3\n2 5\n3 10\n4 10\ne\n",
      "plot \\\n  $panel1_bins using 1:2 with steps linetype 2 title 'steps'\n",
    ] { #expect(text.contains(part), "\(part)") }
    #expect(text.contains("set key top left"), "the highest bin is on the right")
  }

  @Test func itsNotesBeginWithItsTitle() throws {
    let empty = StepHistogram(title: "Lengths", value: Axis("v"), edges: [0, 1], counts: [0])
    #expect(try written([empty]).figure.note == "Lengths: all bins are empty")
  }

  /// It is as large as a chart unless it says otherwise, and does not repeat what its neighbour has written.
  @Test func itStandsBesideOtherKinds() throws {
    func size(_ panels: [any Panel]) throws -> Substring? {
      try written(panels).text.split(separator: "\n").first { $0.contains("terminal svg size") }
    }
    let chart = lines([Series("steps", x: [0, 4], y: [0, 10])], x: histogram.value, y: Axis("count"))
    #expect(try size([chart, histogram]) == size([chart, chart]))
    let text = try written([chart, histogram]).text
    #expect(text.components(separatedBy: "\nset ylabel 'count'").count == 2)
    #expect(text.components(separatedBy: "\nif (ascii) set ylabel 'count'").count == 2)
  }

  @Test func itsOwnDrawingNeedsNoGnuplot() throws {
    var own = histogram
    own.drawsItself = true
    let alone = try written([own], as: .ascii)
    #expect(alone.figure.ascii == "F\n\nLengths\n0.0 #\n1.0 ###\n2.0 #####\n3.0 ##########\n")
    #expect(alone.figure.note == nil)
    #expect(alone.text.contains("\nif (!ascii) plot $panel1_bins using 1:2 with steps"))

    let mixed = try written([own, histogram], as: .ascii)
    #expect(mixed.figure.ascii == alone.figure.ascii)
    #expect(mixed.figure.note?.contains("only panels that need no gnuplot are drawn") == true)
  }

  @Test(.enabled(if: hasGnuplot, "gnuplot is not installed"), arguments: [PlotFormat.svg, .png])
  func gnuplotDrawsIt(format: PlotFormat) throws {
    let folder = try Folder()
    let figure = Figure("F", panels: [histogram, map([[1, 2]]), lines([simple])])
    let result = try figure.write(to: folder.url, named: "f", as: format)
    #expect(result.note == nil && result.picture != nil)
    if format == .svg { #expect(try folder.text("f.svg").contains("Lengths")) }
  }

  @Test(.enabled(if: hasGnuplot, "gnuplot is not installed"))
  func gnuplotDrawsItInCharacters() throws {
    var own = histogram
    own.drawsItself = true
    let drawing = try #require(written([lines([simple]), own, histogram], as: .ascii, with: Gnuplot()).figure.ascii)
    let order = ["step", "3.0 ##########", "length / tokens"].map { drawing.range(of: $0)?.lowerBound }
    #expect(order.allSatisfy { $0 != nil } && order.compactMap(\.self) == order.compactMap(\.self).sorted())
  }

  /// A comment that ended in a backslash would swallow the data below it.
  @Test(.enabled(if: hasGnuplot, "gnuplot is not installed"))
  func commentsAreNotContinued() throws {
    let backslash = StepHistogram(title: #"T\"#, value: Axis(#"length \"#), edges: [0, 1], counts: [2], name: #"n\"#)
    let chart = lines([simple], y: Axis(#"loss \"#))
    let result = try written([backslash, chart], as: .svg, with: Gnuplot())
    #expect(result.figure.picture != nil && result.figure.note == nil, "\(result.figure.note ?? "")")
  }
}
