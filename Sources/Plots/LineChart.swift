// # Line charts: how one quantity follows another
//
// Loss against steps, time against length. A series may carry a band (a standard error, a range over seeds), which is
// filled in the series' colour. Read before: Axis.swift. Read after: Script+LineChart.swift, which draws it.

/// Curves over a common pair of axes.
public struct LineChart: Sendable {
  public let title: String
  public let x: Axis
  public let y: Axis
  public let series: [Series]

  /// Horizontal lines, named in the legend: the entropy floor, the uniform guess.
  public let references: [Reference]
  public let legend: LegendPlace

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
}

/// One curve: points in the order in which they are joined.
///
/// A point whose x or y is not finite (or not positive on a logarithmic axis) is left out and the curve has a gap
/// there.
public struct Series: Sendable {
  /// How the points are shown. Colours go by the series' position in the chart.
  public enum Style: Sendable, CaseIterable {
    /// A solid line; from the fifth series on dash-dotted, from the ninth dotted.
    case line
    /// A dashed line: for what is compared with, or a held-out twin of a solid curve.
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
  public let style: Style

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

// What follows is for the library. A chart is checked first; then it may be asked what of it can be drawn.

extension LineChart {
  func check(at place: Place) throws {
    try x.check(at: place)
    try y.check(at: place)
    try place.require(!series.isEmpty, "there is no series", remedy: "give at least one Series")
    for series in series {
      try series.check(at: place.inside("series '\(series.name)'"))
    }
    for reference in references {
      try place.inside("reference '\(reference.name)'").require(
        isDrawable(reference.y), "its level is \(reference.y)", remedy: "give a finite level or leave it out")
    }
  }

  /// Whether a reference has a place on the y axis.
  func shows(_ reference: Reference) -> Bool { hasPlace(reference.y, log: y.logarithmic) }
}

extension Series {
  func check(at place: Place) throws {
    try place.require(!x.isEmpty || !y.isEmpty, "it has no points", remedy: "leave the series out or give it points")
    try place.require(
      x.count == y.count, "x has \(x.count) values and y has \(y.count)", remedy: "give as many y as x")
    guard let band else { return }
    try place.require(
      band.lower.count == x.count && band.upper.count == x.count,
      "the band has \(band.lower.count) lower and \(band.upper.count) upper limits for \(x.count) points",
      remedy: "give one lower and one upper limit a point")
  }

  /// The curve as runs of [x, y] without gaps: what goes into the script.
  func curve(xLog: Bool, yLog: Bool) -> [[[Double]]] {
    runs(x.indices.lazy.map { [x[$0], y[$0]] }) { hasPlace($0[0], log: xLog) && hasPlace($0[1], log: yLog) }
  }

  /// The band as runs of [x, lower, upper]. On a logarithmic axis a lower limit ≤ 0 becomes `floor`, the axis' end.
  func bandRuns(xLog: Bool, yLog: Bool, floor: Double) -> [[[Double]]] {
    guard let band else { return [] }
    let rows = x.indices.lazy.map { index -> [Double] in
      let lower = band.lower[index]
      return [x[index], yLog && lower < 1e-250 ? floor : lower, band.upper[index]]
    }
    return runs(rows) { hasPlace($0[0], log: xLog) && isDrawable($0[1]) && hasPlace($0[2], log: yLog) }
  }
}

/// The rows that satisfy `holds`, cut where one does not.
func runs(_ rows: some Sequence<[Double]>, where holds: ([Double]) -> Bool) -> [[[Double]]] {
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
