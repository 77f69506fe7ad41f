// # Colour scales: how values become colours
//
// Either lightness alone orders the values (after viridis), or two arms are blue and orange: both survive a printer
// without colours and an eye that cannot tell red from green. A scale knows its colours, its two ends, and the
// characters that stand for its colours in a terminal. Read before: Axis.swift. Read after: HeatMap.swift.

import Foundation

/// How values become colours.
public enum ColourScale: Sendable, Equatable {
  /// Dark blue to yellow, brighter for larger values.
  case sequential
  /// Blue, white, orange: symmetric about 0, which is white.
  case diverging
  /// The sequential colours over the logarithm. Smaller values, zero and negative ones too, take the colour of
  /// `floor` > 0.
  case logarithmic(floor: Double)
  /// Names instead of numbers: a cell of value k has the k-th name, counted from 0, and the bar lists them. The colours
  /// are steps of the sequential scale, which differ in lightness.
  case categories([String])
}

// The rest is for HeatMap.

extension ColourScale {
  /// The smallest value of a logarithmic scale.
  var floor: Double? { if case .logarithmic(let floor) = self { floor } else { nil } }

  /// The names of categories.
  var names: [String]? { if case .categories(let names) = self { names } else { nil } }

  /// Throws when the scale is impossible or does not suit the values.
  func check(_ values: [[Double]], at place: Place) throws {
    if let floor {
      try place.require(
        hasPlace(floor, log: true), "the floor of the logarithmic colour scale is \(floor)",
        remedy: "give the smallest value > 0 that matters")
    }
    if let names {
      try place.require(
        (2...8).contains(names.count), "there are \(names.count) categories", remedy: "give 2 to 8 names")
      let places = Set(names.indices.map(Double.init))
      try place.require(
        values.joined().allSatisfy { $0.isNaN || places.contains($0) },
        "a cell has a value that is not a category",
        remedy: "give whole numbers from 0 to \(names.count - 1), or NaN")
    }
  }

  /// The values at the ends of the scale: those asked for or the data's, never equal.
  func ends(of values: [[Double]], asked: ClosedRange<Double>?) -> ClosedRange<Double> {
    let cells = values.lazy.joined().filter(isDrawable)
    let low = asked?.lowerBound ?? cells.min() ?? 0
    let high = asked?.upperBound ?? cells.max() ?? 1
    switch self {
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

  /// Where a value lies between the ends of the scale, from 0 to 1; nil when it is not finite.
  func shade(of value: Double, in ends: ClosedRange<Double>) -> Double? {
    guard isDrawable(value) else { return nil }
    var (value, low, high) = (value, ends.lowerBound, ends.upperBound)
    if let floor { (value, low, high) = (log(max(value, floor)), log(low), log(high)) }
    return min(max((value - low) / (high - low), 0), 1)
  }
}

// # Colours and characters

extension ColourScale {
  /// Dark blue to yellow in even steps of lightness, after viridis by Smith and van der Walt (released as CC0).
  private static let darkToBright = [
    "#440154", "#482878", "#3E4A89", "#31688E", "#26828E", "#1F9E89", "#35B779", "#6DCD59", "#B4DE2C", "#FDE725",
  ]

  /// Blue, white, orange; both arms darken equally.
  private static let blueToOrange = [
    "#0B3C6F", "#1F68A6", "#5C9BCB", "#A9CDE6", "#FFFFFF", "#FAD2A4", "#EE9A4D", "#CC6412", "#8A3B04",
  ]

  /// gnuplot's palette: colours at places from the lower to the upper end, between which it interpolates.
  var stops: [(place: Int, colour: String)] {
    switch self {
    case .sequential, .logarithmic: return Self.darkToBright.enumerated().map { ($0, $1) }
    case .diverging: return Self.blueToOrange.enumerated().map { ($0, $1) }
    case .categories(let names):
      // Steps: the colour of category k lasts from k to k + 1.
      let colours = Self.darkToBright
      return names.indices.flatMap { k in
        let colour = colours[k * (colours.count - 1) / max(1, names.count - 1)]
        return [(k, colour), (k + 1, colour)]
      }
    }
  }

  /// The characters from the lower to the upper end of the scale.
  var ramp: [Character] {
    switch self {
    case .sequential, .logarithmic: Array(" .:-=+*#%@")
    case .diverging: Array("NMoc~ .:+#@")
    case .categories(let names): Array("12345678".prefix(names.count))
    }
  }
}
