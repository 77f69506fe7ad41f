// # Slopes from two points and from four
//
// A stencil is a rule that combines values of f at a few points into a slope. Here are two, with
// their errors:
//
//     two      (f(x + h) − f(x − h)) / 2h                                       error h²/6 · f‴
//     four     (f(x − 2h) − 8 f(x − h) + 8 f(x + h) − f(x + 2h)) / 12h          error h⁴/30 · f⁽⁵⁾
//
// Below they measure the slope of the sine, in 32 and in 64 bits.
//
// Read before: the beginning of section 4 of main.swift.

import Foundation
import Notebook

/// How many points a slope is measured from.
enum Stencil: Int, CaseIterable {
  case two = 2
  case four = 4

  /// The slope of f at x, from points h apart.
  func slope<F: BinaryFloatingPoint>(_ f: (F) -> F, at x: F, step h: F) -> F {
    switch self {
    case .two: (f(x + h) - f(x - h)) / (2 * h)
    case .four: (f(x - 2 * h) - 8 * f(x - h) + 8 * f(x + h) - f(x + 2 * h)) / (12 * h)
    }
  }
}

/// For each step the root mean square, over 64 places, of a stencil's error in the slope of the sine, computed in F.
func slopeErrors<F: BinaryFloatingPoint>(_ stencil: Stencil, _ sine: (F) -> F, steps: [Double]) -> [Double] {
  steps.map { h in
    let squares = (0..<64).map { k -> Double in
      let x = F(2 * Double.pi * (Double(k) + 0.5) / 64)
      let error = Double(stencil.slope(sine, at: x, step: F(h))) - cos(Double(x))
      return error * error
    }
    return (squares.reduce(0, +) / 64).squareRoot()
  }
}

/// The errors of a stencil in a precision, step by step.
struct Curve {
  let stencil: Stencil, precision: String, roundoff: Double, steps: [Double], errors: [Double]
  /// The errors for a sine that is computed in F.
  init<F: BinaryFloatingPoint>(_ stencil: Stencil, of sine: (F) -> F, steps: [Double]) {
    (self.stencil, self.steps) = (stencil, steps)
    (precision, roundoff) = ("\(F.self)", Double(F.ulpOfOne))
    errors = slopeErrors(stencil, sine, steps: steps)
  }
  /// The step with the least error.
  var best: (step: Double, error: Double) { zip(steps, errors).min { $0.1 < $1.1 }! }
  /// The power law of the errors whose steps are in a range.
  func exponent(in range: ClosedRange<Double>) -> PowerLaw {
    let points = zip(steps, errors).filter { range.contains($0.0) }
    return PowerLaw(x: points.map(\.0), y: points.map(\.1))
  }
}

/// The root mean square of a stencil's error without roundoff: the term with the lowest power of h.
func missed(_ stencil: Stencil, _ h: Double) -> Double {
  0.5.squareRoot() * (stencil == .two ? h * h / 6 : h * h * h * h / 30)
}
