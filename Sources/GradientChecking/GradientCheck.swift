// # The gradient check
//
// A random cotangent w turns a function whose output is a tensor into one whose output is a number:
// φ = ⟨w, f⟩. Every entry of every input is nudged, and the measured derivative of φ is compared with
// what the pullback returns for w.
//
// The cotangent is random, never all ones. With ones, φ would be the plain sum of the outputs; the
// sum of a softmax is constant, so a pullback that returns zeros would pass.
//
// Read before: `CentralDifferences.swift`, `Gradients/Sweep.swift`. Read next: `Projections.swift` for functions of
// too many numbers to nudge one by one, `Jacobian.swift` for functions of few.

import Gradients
import Tensors

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
    guard report.sameShape(derived[number], input, "input \(number): its cotangent") else { continue }
    for (entry, slope) in derived[number].elements.enumerated() {
      let measured = centralDifference(step: settings.step) { nudge in
        dot(cotangent, function(nudged(inputs, number, entry, by: nudge)).value)
      }
      report.compare(
        derived: slope, measured: measured, tolerance: settings.tolerance,
        "input \(number) of shape \(input.shape), entry \(entry)")
    }
  }
  return report
}

/// The inputs as constants, one entry of one of them nudged.
func nudged(_ inputs: [Tensor], _ number: Int, _ entry: Int, by nudge: Scalar) -> [Variable] {
  var nudged = inputs
  nudged[number].withMutableElements { $0[entry] += nudge }
  return nudged.map { Variable(constant: $0) }
}
