// # Central differences
//
// A derivative worked out by hand can be wrong; a measured one cannot be far off. We nudge an input by ±h and by ±2h
// and combine the four values so that the errors of first, second and third order in h cancel:
//
//     f′(x)  ≈  ( f(x − 2h) − 8 f(x − h) + 8 f(x + h) − f(x + 2h) ) / 12h            error h⁴ f⁽⁵⁾/30
//
// With h = 1e−3 in Double, and f and its derivatives near 1, the error of the formula is 3e−14, and the rounding of f
// contributes up to 2e−13.
//
// Read next: `GradientReport.swift`, `GradientCheck.swift`.

import Tensors

/// How a derivative is measured, and how well it must agree.
public struct DifferenceSettings: Sendable {
  /// The nudge h.
  public var step: Scalar
  /// The largest error that passes, relative to max(1, |derived|, |measured|).
  public var tolerance: Scalar

  /// The error of the formula grows with the fourth power of the step; the rounding of f is divided by the step.
  public init(step: Scalar, tolerance: Scalar) {
    self.step = step
    self.tolerance = tolerance
  }

  /// A step of 1e−3 and a tolerance of 1e−9 in Double; 3e−2 and 2e−2 in Float, whose rounding allows no better.
  public static let standard =
    MemoryLayout<Scalar>.size == 8
    ? DifferenceSettings(step: 1e-3, tolerance: 1e-9) : DifferenceSettings(step: 3e-2, tolerance: 2e-2)
}

/// The derivative of `f` at 0 by four-point central differences.
public func centralDifference(step h: Scalar, _ f: (Scalar) -> Scalar) -> Scalar {
  (f(-2 * h) - 8 * f(-h) + 8 * f(h) - f(2 * h)) / (12 * h)
}

/// The derivative at 0 of a function of one number whose value is a tensor, entry by entry.
public func centralDifference(step h: Scalar, _ f: (Scalar) -> Tensor) -> Tensor {
  (1 / (12 * h)) * (f(-2 * h) - 8 * f(-h) + 8 * f(h) - f(2 * h))
}
