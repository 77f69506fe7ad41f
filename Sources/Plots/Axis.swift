// # Axes, references and the legend's place
//
// The small types that the charts share. An axis names its quantity and unit, so that a reader of the picture alone
// knows what is drawn. Read before: PlotError.swift. Read after: Panel.swift.

/// What one direction of a chart means.
public struct Axis: Sendable, Equatable {
  /// The quantity: "loss".
  public let label: String

  /// Its unit, drawn as "loss / nats"; nil for a pure number.
  public let unit: String?

  /// Whether equal distances are equal ratios. Values ≤ 0 then have no place: they are left out and noted.
  public let logarithmic: Bool

  /// The range to show, in the axis' unit; nil fits the data.
  ///
  /// On a heat map: the coordinates of the centres of the first and the last cell; nil counts cells from 0.
  public let range: ClosedRange<Double>?

  /// What the cells of a heat map are called, one label for each: the tokens of a sentence. nil numbers them.
  ///
  /// A map of up to 40 cells grows until all its labels are readable. With more cells, or in a figure of a given size,
  /// only every second or third label may be written, which a note says. Spaces at the ends of a label are shown as ␣,
  /// line ends as ↵, an empty one as “”. No other kind of plot has cells to name.
  public let labels: [String]?

  /// Where ticks stand, in the axis' unit: the layers, or the sizes that were tried; nil chooses round numbers.
  ///
  /// Where there is no room to write all, every second or third is written and the others get a small tick.
  public let ticks: [Double]?

  /// An axis; whether its range, its labels and its ticks can be shown is checked when a figure is written.
  public init(
    _ label: String, unit: String? = nil, logarithmic: Bool = false, range: ClosedRange<Double>? = nil,
    labels: [String]? = nil, ticks: [Double]? = nil
  ) {
    self.label = label
    self.unit = unit
    self.logarithmic = logarithmic
    self.range = range
    self.labels = labels
    self.ticks = ticks
  }

  /// "label / unit", as it is drawn.
  public var caption: String {
    guard let unit, !unit.isEmpty else { return label }
    return "\(label) / \(unit)"
  }

  /// Whether the axis has a place for `value`: finite, and positive if the axis is logarithmic.
  ///
  /// Beyond ±1e250, and below 1e-250 on a logarithmic axis, there is no place either.
  public func shows(_ value: Double) -> Bool { hasPlace(value, log: logarithmic) }

  /// Throws a `PlotError` when the asked range or a tick cannot be shown, or the labels are not one for each cell.
  ///
  /// - Parameter cells: how many cells lie along the axis; nil when the kind of plot has none.
  public func check(at place: Place, cells: Int? = nil) throws {
    let place = place.inside("axis '\(label)'")
    if let labels {
      try place.require(
        cells != nil, "there are \(labels.count) labels and no cells to name",
        remedy: "leave them out: only heat maps have cells")
      try place.require(
        labels.count == cells, "there are \(labels.count) labels for \(cells ?? 0) cells",
        remedy: "give one label for each cell, or nil to number them")
    }
    for tick in ticks ?? [] {
      try place.require(
        shows(tick), "there is no place for a tick at \(tick)",
        remedy: "give finite ticks, on a logarithmic axis above 0")
    }
    guard let range else { return }
    try place.require(
      isDrawable(range.lowerBound) && isDrawable(range.upperBound),
      "the range \(range) is not finite", remedy: "give finite bounds or nil to fit the data")
    try place.require(
      range.lowerBound < range.upperBound, "the range \(range) is empty",
      remedy: "give a lower bound below the upper one, or nil to fit the data")
    try place.require(
      hasPlace(range.lowerBound, log: logarithmic), "the range \(range) of a logarithmic axis contains 0 or less",
      remedy: "begin above 0 or make the axis linear")
  }
}

/// A level to compare with: a line across the chart, named in the legend.
///
/// Horizontal in a line chart; vertical in a dot plot, where values run to the right.
public struct Reference: Sendable, Equatable {
  /// The name in the legend.
  public let name: String

  /// The level, in the unit of the axis of values.
  public let y: Double

  /// A line at the level `y`.
  public init(_ name: String, y: Double) {
    self.name = name
    self.y = y
  }

  /// Throws a `PlotError` when the level is not finite.
  public func check(at place: Place) throws {
    try place.inside("reference '\(name)'").require(
      isDrawable(y), "its level is \(y)", remedy: "give a finite level or leave it out")
  }
}

/// The preferred place of the legend.
///
/// When the data pass through the preferred corner, the legend moves to the next free corner, and outside when none
/// is free.
public enum LegendPlace: Sendable, CaseIterable {
  /// A corner inside the plot.
  case topRight, topLeft, bottomRight, bottomLeft
  /// To the right of the plot.
  case outside
  /// No legend.
  case none
}

/// Whether a number can be drawn: finite, and so far from overflow that sums and differences are finite too.
func isDrawable(_ value: Double) -> Bool { value.magnitude <= 1e250 }

/// Whether an axis has a place for `value`: a logarithmic one only for what is positive and not almost zero.
func hasPlace(_ value: Double, log: Bool) -> Bool { isDrawable(value) && (!log || value >= 1e-250) }
