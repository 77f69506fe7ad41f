// # The gradient check
//
// A function with tensors as inputs and a tensor as output becomes a function with a number as
// output by a random cotangent w: φ = ⟨w, f⟩. Every entry of every input is nudged, and the
// measured derivative of φ is compared with what the pullback carries back from w.
//
// The cotangent is random and never all ones. With ones, φ would be the plain sum of the outputs;
// the sum of a softmax is constant, and a pullback that returns zeros would pass.
//
// Read before: `CentralDifferences.swift`, `Gradients/Sweep.swift`.

import Gradients
import Tensors

/// What a gradient check found.
public struct GradientReport: Sendable {
  /// How many derivatives were compared.
  public var comparisons = 0
  /// The largest error, relative to max(1, |derived|, |measured|).
  public var worstError: Scalar = 0
  /// A sentence for each disagreement: which input, which entry, both numbers.
  public var failures: [String] = []

  public init() {}

  /// Whether every derivative agreed.
  public var passes: Bool { failures.isEmpty && comparisons > 0 }

  /// Compares a derived number with a measured one.
  public mutating func compare(
    derived: Scalar, measured: Scalar, tolerance: Scalar, _ place: @autoclosure () -> String
  ) {
    comparisons += 1
    let error = abs(derived - measured) / max(1, abs(derived), abs(measured))
    if !(error <= worstError) { worstError = error }
    if !(error <= tolerance) {
      failures.append("\(place()): derived \(derived), measured \(measured), relative error \(error)")
    }
  }
}

/// Compares every derivative of a function with central differences, for a random cotangent.
///
/// - Parameters:
///   - inputs: where the derivatives are taken
///   - settings: the nudge and the tolerance
///   - random: draws the cotangent
///   - function: from the inputs as leaves to an output of any shape; it must give the same value each time
/// - Returns: the comparisons, the worst error and the failures by input and entry
public func checkGradient(
  at inputs: [Tensor], settings: DifferenceSettings = .standard, using random: inout some RandomNumberGenerator,
  of function: ([Variable]) -> Variable
) -> GradientReport {
  let leaves = inputs.map { Variable(leaf: $0) }
  let output = function(leaves)
  let cotangent = Tensor.normal(output.shape, using: &random)
  let derived = cotangents(of: output, seed: cotangent, withRespectTo: leaves)
  var report = GradientReport()
  for (number, input) in inputs.enumerated() {
    guard derived[number].shape == input.shape else {
      report.failures.append(
        "input \(number): its cotangent has the shape \(derived[number].shape), not \(input.shape)")
      continue
    }
    let entries = derived[number].elements
    for entry in entries.indices {
      let measured = centralDifference(step: settings.step) { nudge in
        var nudged = inputs
        nudged[number].withMutableElements { $0[entry] += nudge }
        return dot(cotangent, function(nudged.map { Variable(constant: $0) }).value)
      }
      report.compare(
        derived: entries[entry], measured: measured, tolerance: settings.tolerance,
        "input \(number) of shape \(input.shape), entry \(entry)")
    }
  }
  return report
}

/// Compares the derivative along random directions with central differences: for functions of too many numbers to nudge each.
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
    var direction = parameters.map { Tensor.normal($0.value.shape, using: &random) }
    let length = direction.reduce(0) { $0 + dot($1, $1) }.squareRoot()
    direction = direction.map { (1 / length) * $0 }
    let slope = zip(derived, direction).reduce(0) { $0 + dot($1.0, $1.1) }
    let measured = centralDifference(step: settings.step) { nudge in
      for (index, parameter) in parameters.enumerated() {
        parameter.value = original[index] + nudge * direction[index]
      }
      return loss().value.scalar
    }
    report.compare(
      derived: slope, measured: measured, tolerance: settings.tolerance, "direction \(number)")
  }
  return report
}
