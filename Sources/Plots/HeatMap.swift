// # Heat maps: a matrix as a picture
//
// Attention matrices, their structured fits and the difference between them. To compare maps, give them the same
// `range` and show the colour bar once. Read before: Axis.swift. Read after: Palette.swift for the colours,
// Script+HeatMap.swift for the drawing, ASCIIHeatMap.swift for the drawing in characters.

import Foundation

/// A matrix drawn as coloured cells, row 0 on top.
///
/// NaN means that a cell has no value: it is grey, a colour that no scale contains. Infinite cells are grey as well,
/// and are counted in the note.
public struct HeatMap: Sendable {
  public let title: String

  /// The cells, row by row from the top; every row has the same length.
  public let values: [[Double]]

  /// What the columns are.
  public let x: Axis

  /// What the rows are; it runs downwards.
  public let y: Axis

  /// What the colour means, with its unit: "weight", "loss / nats".
  public let colourLabel: String
  public let scale: ColourScale

  /// The values at the two ends of the scale, in the unit of `values`; cells beyond take the colour of the end.
  ///
  /// nil fits the data. A diverging scale uses the larger magnitude for both sides, a logarithmic one begins at its
  /// floor.
  public let range: ClosedRange<Double>?
  public let showsColourBar: Bool

  public init(
    _ title: String, values: [[Double]], x: Axis, y: Axis, colourLabel: String, scale: ColourScale = .sequential,
    range: ClosedRange<Double>? = nil, showsColourBar: Bool = true
  ) {
    self.title = title
    self.values = values
    self.x = x
    self.y = y
    self.colourLabel = colourLabel
    self.scale = scale
    self.range = range
    self.showsColourBar = showsColourBar
  }
}

/// How values become colours.
public enum ColourScale: Sendable, Equatable {
  /// Dark blue to yellow, brighter for more.
  case sequential
  /// Blue, white, orange: symmetric about 0, which is white.
  case diverging
  /// The sequential colours by the logarithm. Smaller values, zero and negative ones too, take the colour of `floor`
  /// > 0.
  case logarithmic(floor: Double)
  /// Names instead of numbers: a cell of value k has the k-th name, counted from 0, and the bar lists them. The colours
  /// are steps of the sequential scale, which differ in lightness.
  case categories([String])
}

extension HeatMap {
  var rows: Int { values.count }
  var columns: Int { values[0].count }

  func check(at place: Place) throws {
    try place.require(
      !values.isEmpty && !values[0].isEmpty, "the matrix has no cells", remedy: "give at least one row and one column"
    )
    for (index, row) in values.enumerated() {
      try place.require(
        row.count == columns, "row \(index) has \(row.count) cells and row 0 has \(columns)",
        remedy: "give rows of equal length")
    }
    for axis in [x, y] {
      try axis.check(at: place)
      try place.inside("axis '\(axis.label)'").require(
        !axis.logarithmic, "the axis of a heat map is logarithmic", remedy: "make it linear: cells are equally wide")
    }
    if case .logarithmic(let floor) = scale {
      try place.require(
        hasPlace(floor, log: true), "the floor of the logarithmic colour scale is \(floor)",
        remedy: "give the smallest value > 0 that matters")
    }
    if case .categories(let names) = scale {
      try place.require(
        (2...8).contains(names.count), "there are \(names.count) categories", remedy: "give 2 to 8 names")
      let places = Set(names.indices.map(Double.init))
      try place.require(
        values.joined().allSatisfy { $0.isNaN || places.contains($0) },
        "a cell has a value that is no category", remedy: "give whole numbers from 0 to \(names.count - 1), or NaN")
    }
    guard let range else { return }
    try place.require(
      isDrawable(range.lowerBound) && isDrawable(range.upperBound) && range.lowerBound < range.upperBound,
      "the colour range \(range) is empty or not finite",
      remedy: "give finite bounds, the lower below the upper, or nil to fit the data")
  }

  /// The values at the ends of the colour scale: the asked range or the data's, never empty.
  var colourRange: ClosedRange<Double> {
    let cells = values.lazy.joined().filter(isDrawable)
    let low = range?.lowerBound ?? cells.min() ?? 0
    let high = range?.upperBound ?? cells.max() ?? 1
    switch scale {
    case .sequential:
      return high - low > 1e-6 * max(low.magnitude, high.magnitude) ? low...high : low...(low + max(1, low.magnitude))
    case .diverging:
      let limit = max(low.magnitude, high.magnitude)
      return limit > 0 ? -limit...limit : -1...1
    case .logarithmic(let floor):
      return floor...max(high, 10 * floor)
    case .categories(let names):
      return -0.5...(Double(names.count) - 0.5)
    }
  }

  /// Where a value lies between the ends of the colour scale, from 0 to 1; nil when it is not finite.
  func shade(of value: Double, in range: ClosedRange<Double>) -> Double? {
    guard isDrawable(value) else { return nil }
    var (value, low, high) = (value, range.lowerBound, range.upperBound)
    if case .logarithmic(let floor) = scale {
      (value, low, high) = (log(max(value, floor)), log(low), log(high))
    }
    return min(max((value - low) / (high - low), 0), 1)
  }

  /// The coordinates of the centres of the first and last of `count` cells.
  static func centres(_ axis: Axis, count: Int) -> (first: Double, step: Double) {
    guard let range = axis.range else { return (0, 1) }
    guard count > 1 else { return (range.lowerBound, range.upperBound - range.lowerBound) }
    return (range.lowerBound, (range.upperBound - range.lowerBound) / Double(count - 1))
  }
}
