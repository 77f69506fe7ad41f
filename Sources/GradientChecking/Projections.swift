// # Derivatives along random directions
//
// Where there are too many numbers to nudge one by one, we nudge all of them at once, along a random direction v. The
// measurement is then a single number, ⟨w, J v⟩, which the pullback predicts:
//
//     ⟨w, J v⟩  =  ⟨Jᵀ w, v⟩          J the Jacobian, w the cotangent
//
// A pullback that is wrong in only one entry is wrong here too, unless v is orthogonal to the
// mistake, which has probability 0; but a small mistake in one of many entries is diluted by the
// others. So this check is for whole models and for Float; primitives are checked entry by entry.
//
// Read before: `GradientCheck.swift`.

import Gradients
import Tensors

/// Compares ⟨Jᵀw, v⟩ with the measured ⟨w, Jv⟩ for random cotangents w and random directions v of length 1.
///
/// - Parameters:
///   - inputs: where the derivatives are taken; all are nudged together
///   - projections: how many pairs of w and v are tried
///   - function: from the inputs as leaves to an output of any shape
public func checkProjection(
  at inputs: [Tensor], projections: Int = 2, settings: DifferenceSettings = .standard,
  using random: inout some RandomNumberGenerator, of function: ([Variable]) -> Variable
) -> GradientReport {
  let leaves = inputs.map { Variable(leaf: $0) }
  let output = function(leaves)
  var report = GradientReport()
  for number in 0..<projections {
    let cotangent = Tensor.normal(output.shape, using: &random)
    let derived = cotangents(of: output, seed: cotangent, withRespectTo: leaves)
    let fits = zip(derived, inputs).enumerated().map { index, pair in
      report.sameShape(pair.0, pair.1, "input \(index): its cotangent")
    }
    guard fits.allSatisfy({ $0 }) else { break }
    let direction = randomDirection(inputs.map(\.shape), using: &random)
    let measured = centralDifference(step: settings.step) { nudge in
      let moved = zip(inputs, direction).map { Variable(constant: $0 + nudge * $1) }
      return dot(cotangent, function(moved).value)
    }
    report.compare(
      derived: inner(derived, direction), measured: measured, tolerance: settings.tolerance,
      "projection \(number) of \(inputs.count) inputs")
  }
  return report
}

/// The same for a loss that reads parameters: they are nudged in place, and restored afterwards.
///
/// - Parameters:
///   - parameters: what is nudged, all at once, in a random direction of length 1
///   - directions: how many directions are tried
///   - loss: a variable with one element that depends on the parameters
public func checkDirectionalGradient(
  of parameters: [Parameter], directions: Int = 2, settings: DifferenceSettings = .standard,
  using random: inout some RandomNumberGenerator, loss: () -> Variable
) -> GradientReport {
  let derived = gradients(of: loss(), withRespectTo: parameters)
  let original = parameters.map(\.value)
  defer { for (parameter, value) in zip(parameters, original) { parameter.value = value } }
  var report = GradientReport()
  for number in 0..<directions {
    let direction = randomDirection(parameters.map(\.value.shape), using: &random)
    let measured = centralDifference(step: settings.step) { nudge in
      for (index, parameter) in parameters.enumerated() {
        parameter.value = original[index] + nudge * direction[index]
      }
      return loss().value.scalar
    }
    report.compare(
      derived: inner(derived, direction), measured: measured, tolerance: settings.tolerance, "direction \(number)")
  }
  return report
}

/// Random tensors that together have length 1.
private func randomDirection(_ shapes: [Shape], using random: inout some RandomNumberGenerator) -> [Tensor] {
  let direction = shapes.map { Tensor.normal($0, using: &random) }
  let length = inner(direction, direction).squareRoot()
  return length == 0 ? direction : direction.map { (1 / length) * $0 }
}

/// Σ ⟨xᵢ, yᵢ⟩
private func inner(_ x: [Tensor], _ y: [Tensor]) -> Scalar { zip(x, y).reduce(0) { $0 + dot($1.0, $1.1) } }
