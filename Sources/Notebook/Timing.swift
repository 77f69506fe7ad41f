// # How long it takes, and how that grows
//
// A time is measured on a machine that does other things as well. Disturbances only ever make it
// longer; so we repeat, and take the median to compare two ways and the minimum to measure one.
// Ways that are compared take turns, so that a slow phase affects all of them. On a busy machine
// wall-clock time measures mostly the other programs; processor time excludes the pauses of this
// process.
//
// Growth is read from a straight line: a time of c·Tᵖ is log c + p·log T on two logarithmic axes.
// The line is fitted by least squares, and the scatter about it gives the error of its slope:
//
//     p  =  Σ (xᵢ − x̄)(yᵢ − ȳ) / Σ (xᵢ − x̄)²
//     s.e.(p)  =  √( Σ rᵢ² / (n − 2) / Σ (xᵢ − x̄)² )          rᵢ the distance of point i from the line
//
// Chapters: 01-attention, 03-duality, 14-generation.

import Foundation

/// The times of several ways to do one thing, measured in turns.
public struct Timing: Sendable {
  /// Seconds: an array for each way, with one entry for each repetition.
  public var seconds: [[Double]]

  /// The median of each way, in seconds: for comparing ways.
  public var medians: [Double] { seconds.map(median) }

  /// The minimum of each way, in seconds: for measuring one.
  public var minima: [Double] { seconds.map { $0.min() ?? .nan } }
}

/// Which time is measured.
public enum TimingClock: Sendable {
  /// The time that has passed, pauses included.
  case wall
  /// The time that all cores together have spent on this process: two cores for a second are two seconds.
  case processor

  /// Seconds since some fixed moment.
  fileprivate var now: Double {
    var time = timespec()
    clock_gettime(self == .wall ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

/// Runs each of several ways once to warm up, then all of them in turns, and measures each.
///
/// - Parameters:
///   - repetitions: the smallest number of turns, 1 or more
///   - atLeast: the smallest time for the whole in seconds; turns are added until it has passed
///   - clock: which time is measured
public func time(
  repetitions: Int = 5, atLeast: Double = 0, on clock: TimingClock = .wall, _ ways: (() -> Void)...
) -> Timing {
  time(repetitions: repetitions, atLeast: atLeast, on: clock, ways)
}

/// The same for an array of ways.
public func time(
  repetitions: Int = 5, atLeast: Double = 0, on clock: TimingClock = .wall, _ ways: [() -> Void]
) -> Timing {
  ways.forEach { $0() }
  var timing = Timing(seconds: ways.map { _ in [] })
  let start = ContinuousClock.now
  var turn = 0
  while turn < max(1, repetitions) || start.duration(to: .now) < .seconds(atLeast) {
    for (index, way) in ways.enumerated() {
      let begin = clock.now
      way()
      timing.seconds[index].append(clock.now - begin)
    }
    turn += 1
  }
  return timing
}

/// The middle of the sorted values, or the mean of the two in the middle; NaN if there are none.
public func median(_ values: [Double]) -> Double {
  if values.isEmpty { return .nan }
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// y = factor · x^exponent, fitted to points.
public struct PowerLaw: Sendable {
  /// The value at x = 1.
  public var factor: Double
  /// The slope on two logarithmic axes.
  public var exponent: Double
  /// The standard error of the exponent; NaN for fewer than three points.
  public var exponentError: Double

  /// Fits a straight line to the logarithms of at least two points; stops the program if a coordinate is not
  /// positive.
  public init(x: [Double], y: [Double]) {
    precondition(x.count == y.count && x.count >= 2, "a power law needs at least two points")
    precondition((x + y).allSatisfy { $0 > 0 }, "a power law needs positive numbers")
    let (u, v) = (x.map { Foundation.log($0) }, y.map { Foundation.log($0) })
    let n = Double(u.count)
    let (centreU, centreV) = (u.reduce(0, +) / n, v.reduce(0, +) / n)
    let spread = u.reduce(0) { $0 + ($1 - centreU) * ($1 - centreU) }
    let slope = zip(u, v).reduce(0) { $0 + ($1.0 - centreU) * ($1.1 - centreV) } / spread
    let residuals = zip(u, v).map { $1 - centreV - slope * ($0 - centreU) }
    exponent = slope
    factor = Foundation.exp(centreV - slope * centreU)
    exponentError =
      n > 2 ? (residuals.reduce(0) { $0 + $1 * $1 } / (n - 2) / spread).squareRoot() : .nan
  }

  /// The value of the law at x > 0.
  public func callAsFunction(_ x: Double) -> Double { factor * pow(x, exponent) }

  /// The exponent with its standard error: "2.03 ± 0.02".
  public var text: String { "\(number(exponent, decimals: 2)) ± \(number(exponentError, decimals: 2))" }
}
