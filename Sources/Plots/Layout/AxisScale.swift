// # From data to an axis: range and ticks
//
// gnuplot can choose ranges and ticks by itself. We choose them here, because only then do we know how wide the
// labels are and can give panels side by side the same frame. Steps are 1, 2 or 5 times a power of ten.
// Read before: Axis.swift. Read after: Layout.swift.

import Foundation

/// The range of an axis and its ticks. Where values run downwards, `lower` is the larger end.
public struct AxisScale: Sendable {
  /// Where ticks stand, and what is written beside them.
  public enum Ticks: Sendable {
    /// At the multiples of a step.
    case every(Double)
    /// At the powers of a factor, with gnuplot's small ticks between.
    case powers(Double)
    /// At these values; the second ones get small ticks without a label.
    case at([Double], small: [Double])
    /// At these places, with these names.
    case named([(String, Double)])
  }

  /// What stands at the left or lower end, in the axis' unit.
  public let lower: Double

  /// What stands at the right or upper end.
  public let upper: Double

  /// Whether equal distances are equal ratios; both ends are positive then.
  public let logarithmic: Bool

  /// Where the ticks are, and how they are labelled.
  public private(set) var ticks: Ticks

  /// How far `value` lies along the axis: 0 at the lower end, 1 at the upper.
  public func fraction(of value: Double) -> Double {
    logarithmic ? (log(value) - log(lower)) / (log(upper) - log(lower)) : (value - lower) / (upper - lower)
  }

  /// The same scale the other way round.
  public var reversed: AxisScale { AxisScale(lower: upper, upper: lower, logarithmic: logarithmic, ticks: ticks) }

  /// The labels at the ticks, as gnuplot's %g prints them.
  var labels: [String] {
    switch ticks {
    case .every(let step):
      return Self.multiples(of: step, from: min(lower, upper), to: max(lower, upper)).map(Self.label)
    case .powers(let factor):
      let first = (log10(lower) / log10(factor) - 1e-9).rounded(.up)
      let last = (log10(upper) / log10(factor) + 1e-9).rounded(.down)
      return stride(from: first, through: last, by: 1).map { Self.label(pow(factor, $0)) }
    case .at(let values, _): return values.map(Self.label)
    case .named(let names): return names.map(\.0)
    }
  }

  static func label(_ value: Double) -> String { String(format: "%g", value == 0 ? 0 : value) }

  // MARK: - Fitting

  /// How a range that is fitted to the data goes beyond them.
  public enum Room: Sendable {
    /// Not at all, unless zero is near: for the x of a curve.
    case none
    /// A share of the span on either side: for dots, which need room for themselves.
    case share(Double)
    /// Up to the next tick: for the y of a curve.
    case nextTick
  }

  /// Fits an axis to `values`, unless it brings its own range. `count` is the largest number of ticks.
  ///
  /// Values that the axis does not show (`Axis.shows`) are passed over; without any other the range is 0...1, or 1...10.
  public init(_ axis: Axis, fitting values: some Sequence<Double>, room: Room, ticks count: Int) {
    let log = axis.logarithmic
    var (low, high) = (Double.infinity, -Double.infinity)
    for value in values where hasPlace(value, log: log) {
      low = min(low, value)
      high = max(high, value)
    }
    if let range = axis.range {
      (low, high) = (range.lowerBound, range.upperBound)
    } else if low > high {
      (low, high) = log ? (1, 10) : (0, 1)
    } else {
      (low, high) = Self.widened(low, high, log: log)
      (low, high) = Self.roomier(low, high, log: log, room: room, count: count)
    }
    self.init(lower: low, upper: high, logarithmic: log, count: count)
    let own = (axis.ticks ?? []).filter { (low...high).contains($0) }.sorted()
    guard !own.isEmpty else { return }
    let every = (own.count + max(count, 1) - 1) / max(count, 1)
    let isWritten = own.indices.map { $0.isMultiple(of: every) }
    ticks = .at(
      zip(own, isWritten).filter(\.1).map(\.0), small: zip(own, isWritten).filter { !$0.1 }.map(\.0))
  }

  /// A scale over a given range with at most about `count` ticks; an integral scale has none between whole numbers.
  public init(lower: Double, upper: Double, logarithmic: Bool = false, integral: Bool = false, count: Int) {
    let step = Self.step(over: upper - lower, atMost: count, integral: integral)
    self.init(lower: lower, upper: upper, logarithmic: logarithmic, ticks: .every(step))
    guard logarithmic else { return }
    let decades = log10(upper) - log10(lower)
    if decades < 0.8 {
      ticks = .at(Self.multiples(of: step, from: lower, to: upper).filter { $0 > 0 }, small: [])
      return
    }
    ticks = .powers(pow(10, max(1, (decades / Double(max(count, 1))).rounded(.up))))
    guard decades < 3 else { return }
    for digits in [[1, 2, 5], [1, 3]] {
      let values = Self.logarithmic(digits, from: lower, to: upper)
      if values.count <= max(count, 4) {
        let all = Self.logarithmic(Array(1...9), from: lower, to: upper)
        ticks = .at(values, small: all.filter { !values.contains($0) })
        return
      }
    }
  }

  /// A scale over a given range with the given ticks.
  public init(lower: Double, upper: Double, logarithmic: Bool = false, ticks: Ticks) {
    (self.lower, self.upper, self.logarithmic, self.ticks) = (lower, upper, logarithmic, ticks)
  }

  /// A range that is wide enough to be drawn: data in the script have seven digits.
  private static func widened(_ low: Double, _ high: Double, log: Bool) -> (Double, Double) {
    let size = max(low.magnitude, high.magnitude)
    if high - low > 1e-5 * size { return (low, high) }
    if log { return (low / 1.25, high * 1.25) }
    let half = size > 1e-290 ? size * 0.05 : 1
    return (low - half, high + half)
  }

  private static func roomier(_ low: Double, _ high: Double, log: Bool, room: Room, count: Int) -> (Double, Double) {
    switch room {
    case .none:
      return (!log && low > 0 && low < 0.05 * high ? 0 : low, high)
    case .share(let share):
      if log {
        let factor = pow(10, share * (log10(high) - log10(low)))
        return (low / factor, high * factor)
      }
      return (low - share * (high - low), high + share * (high - low))
    case .nextTick:
      if log { return roomier(low, high, log: true, room: .share(0.05), count: count) }
      let step = step(over: high - low, atMost: count)
      return ((low / step + 1e-9).rounded(.down) * step, (high / step - 1e-9).rounded(.up) * step)
    }
  }

  // MARK: - Steps

  /// The smallest of 1, 2, 5 times a power of ten that cuts `span` into at most `count` parts.
  static func step(over span: Double, atMost count: Int, integral: Bool = false) -> Double {
    let rough = max(span / Double(max(count, 1)), integral ? 1 : 1e-300)
    let power = pow(10, log10(rough).rounded(.down))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * (1 - 1e-9) } ?? 10 * power
    return step
  }

  /// The numbers with one significant digit, out of `digits`, in a range of a few decades.
  private static func logarithmic(_ digits: [Int], from lower: Double, to upper: Double) -> [Double] {
    let inside = (lower * (1 - 1e-9))...(upper * (1 + 1e-9))
    let first = log10(lower).rounded(.down)
    var values: [Double] = []
    for power in 0...3 {
      for digit in digits { values.append(Double(digit) * pow(10, first + Double(power))) }
    }
    return values.filter { inside.contains($0) }
  }

  /// The multiples of `step` in a range; none when there would be absurdly many.
  static func multiples(of step: Double, from lower: Double, to upper: Double) -> [Double] {
    let first = (lower / step - 1e-9).rounded(.up)
    let last = (upper / step + 1e-9).rounded(.down)
    guard last >= first, last - first < 1000 else { return [] }
    return stride(from: first, through: last, by: 1).map { $0 * step }
  }
}
