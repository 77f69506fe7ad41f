// # Line charts: how one quantity follows another
//
// Loss against steps, time against length. The legend avoids the curves, so the plan must know everything that is
// drawn. In the script the bands come first, so that no band covers a curve; then come the curves and the references,
// in the order of the legend. Every series has a datablock, and a gap in a curve is an empty line in it.
// Read before: Panel.swift, Series.swift.

/// Curves over a common pair of axes.
public struct LineChart: Panel {
  /// What stands above the plot; empty for nothing.
  public let title: String
  /// The horizontal axis.
  public let x: Axis
  /// The vertical axis.
  public let y: Axis
  /// The curves, in the order of their colours and of the legend.
  public let series: [Series]

  /// Horizontal lines, named in the legend: the entropy floor, the uniform guess.
  public let references: [Reference]
  /// The preferred place of the legend.
  public let legend: LegendPlace

  /// A chart; nothing is checked before it is written.
  public init(
    _ title: String, x: Axis, y: Axis, series: [Series], references: [Reference] = [],
    legend: LegendPlace = .topRight
  ) {
    self.title = title
    self.x = x
    self.y = y
    self.series = series
    self.references = references
    self.legend = legend
  }

  /// Throws unless there are series, each with as many y as x.
  public func check(at place: Place) throws {
    try x.check(at: place)
    try y.check(at: place)
    try place.require(!series.isEmpty, "there is no series", remedy: "give at least one Series")
    for series in series {
      try series.check(at: place.inside("series '\(series.name)'"))
    }
    for reference in references { try reference.check(at: place) }
  }
}

// # Axes and legend

extension LineChart {
  /// Axes fitted to the curves, their bands and the references; a legend that covers none of them.
  public func plan(width: Double, height: Double) -> PanelPlan {
    let references = references.filter { y.shows($0.y) }
    let marked = series.contains { $0.style == .points || $0.style == .linePoints }
    let xScale = AxisScale(
      x,
      fitting: series.lazy.flatMap { series in
        series.x.indices.lazy.filter { series.isDrawn(at: $0, on: y) }.map { series.x[$0] }
      }, room: marked ? .share(0.03) : .none, ticks: Int(width / 55))
    let yScale = AxisScale(
      y, fitting: series.flatMap { $0.heights(from: xScale.lower, to: xScale.upper) } + references.map(\.y),
      room: .nextTick, ticks: Int(height / 45))
    let legend = Legend(
      series.map(\.name) + references.map(\.name), wish: legend, width: width, height: height,
      obstacles: obstacles(xScale, yScale))
    return PanelPlan(x: PlannedAxis(x, xScale), y: PlannedAxis(y, yScale), legend: legend)
  }

  /// All that is drawn, as segments; coordinates are fractions of the plot's width and height.
  private func obstacles(_ xScale: AxisScale, _ yScale: AxisScale) -> [Legend.Segment] {
    func segment(_ x0: Double, _ y0: Double, _ x1: Double, _ y1: Double) -> Legend.Segment {
      Legend.Segment(
        x0: xScale.fraction(of: x0), y0: yScale.fraction(of: y0),
        x1: xScale.fraction(of: x1), y1: yScale.fraction(of: y1))
    }
    var segments = references.filter { y.shows($0.y) }.map { segment(xScale.lower, $0.y, xScale.upper, $0.y) }
    for series in series {
      for run in series.curve(x, y) {
        segments += zip(run, run.dropFirst() + [run[run.count - 1]]).map { segment($0[0], $0[1], $1[0], $1[1]) }
      }
      for run in series.bandRuns(x, y, floor: yScale.lower) {
        segments += run.map { segment($0[0], $0[1], $0[0], $0[2]) }
      }
    }
    return segments
  }
}

// # Drawing

extension LineChart {
  /// Bands, curves, references; notes how many points have no place.
  public func draw(into script: inout PanelScript) {
    script.line("set border 3 linecolor rgb '#404040'")
    script.line("if (!ascii) set grid linecolor rgb '#DDDDDD' linewidth 1 dashtype 1")
    script.legend()

    var bands: [String] = []
    var curves: [String] = []
    var drawn: [Int] = []
    for (index, series) in series.enumerated() {
      let type = "linetype \(Palette.lineType(index))"
      let (name, shownName) = ("series\(index + 1)", commented(series.name))
      let curve = series.curve(x, y)
      let count = curve.reduce(0) { $0 + $1.count }
      drawn.append(count)
      if let block = script.data(name, "\(shownName), \(count) points: \(x.caption), \(y.caption)", curve) {
        curves.append("\(block) using 1:2 \(series.look(index, count: count)) \(script.named(series.name))")
      } else {
        curves.append("NaN with lines \(type) \(script.named(series.name))")
      }
      let band = series.bandRuns(x, y, floor: script.plan.y.scale.lower)
      if let block = script.data("\(name)_band", "Band of \(shownName): \(x.caption), lower, upper", band) {
        bands.append(
          "for [shown=1:!ascii] \(block) using 1:2:3 with filledcurves \(type) "
            + "fillstyle transparent solid 0.2 noborder notitle")
      }
    }
    noteMissing(drawn: drawn, in: &script)

    var levels: [String] = []
    for reference in references where script.shows(reference, on: y) {
      levels.append("\(script.number(reference.y)) \(script.look(of: reference, levels.count))")
    }
    script.plot(bands + curves + levels)
  }

  /// One note for the whole chart about the points that have no place.
  private func noteMissing(drawn: [Int], in script: inout PanelScript) {
    let missing = zip(series, drawn).compactMap { series, drawn in
      drawn == series.x.count ? nil : "'\(series.name)' \(series.x.count - drawn) of \(series.x.count)"
    }
    guard !missing.isEmpty else { return }
    let logarithmic = x.logarithmic || y.logarithmic
    script.note(
      "points left out, not finite\(logarithmic ? " or not positive on a logarithmic axis" : ""): "
        + missing.joined(separator: ", "))
  }
}
