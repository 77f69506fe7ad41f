// # What every pullback guarantees
//
// Some mistakes show without measuring any differences. Whatever the function, its pullback
//
//     gives each input a cotangent of the input's shape,
//     gives exact zeros for a cotangent of zero,
//     is linear:  Jᵀ(αu + βv)  =  α Jᵀu + β Jᵀv,
//     gives the same bits when it is called again, or made again, and leaves the inputs unchanged.
//
// A buffer reused too early, a pullback that adds into its own input, a cotangent squared by mistake: these fail
// here, even at points where differences say nothing, such as kinks.
//
// Read before: `GradientCheck.swift`.

import Gradients
import Tensors

/// Checks what every pullback guarantees, whatever the function: shapes, zeros, linearity, repeatability.
///
/// - Parameters:
///   - inputs: where the pullback is taken; kinks are allowed
///   - tolerance: of linearity, relative to the largest number of an input's cotangent, and to 1
///   - function: from the inputs as leaves to an output of any shape
public func checkInvariants(
  at inputs: [Tensor], tolerance: Scalar = 64 * Scalar.ulpOfOne, using random: inout some RandomNumberGenerator,
  of function: ([Variable]) -> Variable
) -> GradientReport {
  var report = GradientReport()
  let untouched = inputs.map { Tensor($0.elements, shape: $0.shape) }
  func pull(_ seed: (Shape) -> Tensor) -> (value: Tensor, cotangents: [Tensor]) {
    let leaves = inputs.map { Variable(leaf: $0) }
    let output = function(leaves)
    return (output.value, cotangents(of: output, seed: seed(output.shape), withRespectTo: leaves))
  }
  let ofZero = pull { Tensor.zeros($0) }
  for (number, input) in inputs.enumerated() {
    let name = "input \(number): the cotangent of zeros"
    // −0 counts as zero.
    if report.sameShape(ofZero.cotangents[number], input, name) {
      report.compareBits(ofZero.cotangents[number] + Tensor(0), Tensor.zeros(input.shape), name)
    }
  }
  let shape = ofZero.value.shape
  let (u, v) = (Tensor.normal(shape, using: &random), Tensor.normal(shape, using: &random))
  let (ofU, ofV, ofBoth) = (pull { _ in u }, pull { _ in v }, pull { _ in 2.5 * u - 0.75 * v })
  for number in inputs.indices where ofU.cotangents[number].shape == ofV.cotangents[number].shape {
    let expected = 2.5 * ofU.cotangents[number] - 0.75 * ofV.cotangents[number]
    let size = expected.elements.reduce(1) { max($0, abs($1)) }
    report.compare(
      ofBoth.cotangents[number], expected, tolerance: tolerance, relativeTo: size,
      "input \(number): the cotangent of a sum")
  }
  // The same pullbacks a second time, then new ones.
  let leaves = inputs.map { Variable(leaf: $0) }
  let output = function(leaves)
  for turn in ["once", "twice"] {
    for (number, result) in cotangents(of: output, seed: u, withRespectTo: leaves).enumerated() {
      report.compareBits(result, ofU.cotangents[number], "input \(number): its cotangent, pulled \(turn)")
    }
  }
  let again = pull { _ in u }
  report.compareBits(again.value, ofU.value, "the value, computed again")
  for (number, input) in inputs.enumerated() {
    report.compareBits(again.cotangents[number], ofU.cotangents[number], "input \(number): its cotangent, again")
    report.compareBits(input, untouched[number], "input \(number) after all this")
  }
  return report
}
