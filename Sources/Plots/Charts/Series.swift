// # A series: the points of one curve
//
// A series may carry a band (a standard error, a range over seeds), which is filled in the series' colour. Points
// that have no place on the axes cut the curve and the band into runs. Read before: Axis.swift. Read after:
// LineChart.swift.

/// One curve: points in the order in which they are joined.
///
/// A point whose x or y is not finite (or not positive on a logarithmic axis) is left out and the curve has a gap
/// there.
public struct Series: Sendable {
  /// How the points are shown. Colours go by the series' position in the chart.
  public enum Style: Sendable, CaseIterable {
    /// A solid line; from the fifth series on dash-dotted, from the ninth dotted.
    case line
    /// A dashed line: for what a curve is compared with, or a held-out twin of a solid curve.
    case dashed
    /// Markers, a shape for each series.
    case points
    /// A line with markers; of more than 50 points some 25 are marked.
    case linePoints
  }

  /// The name in the legend; empty for none.
  public let name: String

  /// Positions, in the unit of the chart's x axis.
  public let x: [Double]

  /// Values, in the unit of the chart's y axis.
  public let y: [Double]

  /// Lower and upper limit at each x, as values and not as distances from `y`.
  public let band: (lower: [Double], upper: [Double])?
  /// How the points are shown.
  public let style: Style

  /// A curve; `x`, `y` and the limits of the band have equally many values.
  public init(
    _ name: String, x: [Double], y: [Double], band: (lower: [Double], upper: [Double])? = nil, style: Style = .line
  ) {
    self.name = name
    self.x = x
    self.y = y
    self.band = band
    self.style = style
  }
}

// The rest is for LineChart, which first checks a series and then asks which parts of it can be drawn.

extension Series {
  func check(at place: Place) throws {
    try place.require(!x.isEmpty || !y.isEmpty, "it has no points", remedy: "leave the series out or give it points")
    try place.require(
      x.count == y.count, "x has \(x.count) values and y has \(y.count)", remedy: "give as many y as x")
    guard let band else { return }
    try place.require(
      band.lower.count == x.count && band.upper.count == x.count,
      "the band has \(band.lower.count) lower and \(band.upper.count) upper limits for \(x.count) points",
      remedy: "give one lower and one upper limit for each point")
  }

  /// Whether the curve or its band has a place on the y axis at `index`.
  func isDrawn(at index: Int, on axis: Axis) -> Bool {
    axis.shows(y[index]) || band.map { axis.shows($0.upper[index]) } == true
  }

  /// The values of the curve and its band between two positions.
  func heights(from lower: Double, to upper: Double) -> [Double] {
    let visible = x.indices.filter { x[$0] >= lower && x[$0] <= upper }
    let limits = band.map { band in visible.flatMap { [band.lower[$0], band.upper[$0]] } } ?? []
    return visible.map { y[$0] } + limits
  }

  /// The curve as runs of [x, y] without gaps: what goes into the script.
  func curve(_ xAxis: Axis, _ yAxis: Axis) -> [[[Double]]] {
    Self.runs(x.indices.lazy.map { [x[$0], y[$0]] }) { xAxis.shows($0[0]) && yAxis.shows($0[1]) }
  }

  /// The band as runs of [x, lower, upper]. On a logarithmic axis a lower limit ≤ 0 becomes `floor`, the axis' end.
  func bandRuns(_ xAxis: Axis, _ yAxis: Axis, floor: Double) -> [[[Double]]] {
    guard let band else { return [] }
    let rows = x.indices.lazy.map { index -> [Double] in
      let lower = band.lower[index]
      return [x[index], yAxis.logarithmic && lower < 1e-250 ? floor : lower, band.upper[index]]
    }
    return Self.runs(rows) { xAxis.shows($0[0]) && isDrawable($0[1]) && yAxis.shows($0[2]) }
  }

  /// The rows that satisfy `holds`, cut where one does not.
  private static func runs(_ rows: some Sequence<[Double]>, where holds: ([Double]) -> Bool) -> [[[Double]]] {
    var runs: [[[Double]]] = []
    var open = false
    for row in rows {
      if !holds(row) {
        open = false
      } else if open {
        runs[runs.count - 1].append(row)
      } else {
        runs.append([row])
        open = true
      }
    }
    return runs
  }

  /// How gnuplot draws the series at `index` of the chart, in which `count` points have a place.
  func look(_ index: Int, count: Int) -> String {
    let type = "linetype \(Palette.lineType(index))"
    // One point makes no line: show it as a marker.
    switch count == 1 && style != .points ? .linePoints : style {
    case .line: return "with lines \(type) dashtype \(Palette.solidDash(index))"
    case .dashed: return "with lines \(type) dashtype \(Palette.dash(index))"
    case .points: return "with points \(type) pointsize \(count > 200 ? "0.3" : "0.6")"
    case .linePoints:
      let interval = count > 50 ? " pointinterval \(count / 25)" : ""
      return "with linespoints \(type) dashtype \(Palette.solidDash(index)) pointsize 0.7\(interval)"
    }
  }
}
