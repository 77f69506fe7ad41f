// # The whole Jacobian
//
// A random cotangent mixes all outputs, so a disagreement does not show which output is wrong. For
// small shapes we can afford the whole matrix of derivatives, one row for each number of the output
// and one column for each of the input:
//
//     row i of J       =  the pullback of the i-th unit cotangent
//     column j of J    ≈  the difference of outputs when entry j is nudged
//
// The pullback gives rows and the differences give columns, so the two computations share nothing but
// the function.
//
// Read before: `GradientCheck.swift`.

import Gradients
import Tensors

/// The Jacobian with respect to each input by pullbacks: a matrix [numbers of the output, numbers of the input] each.
public func jacobian(at inputs: [Tensor], of function: ([Variable]) -> Variable) -> [Tensor] {
  let leaves = inputs.map { Variable(leaf: $0) }
  let output = function(leaves)
  let rows = (0..<output.value.count).map { place in
    var unit = Tensor.zeros(output.shape)
    unit.withMutableElements { $0[place] = 1 }
    return cotangents(of: output, seed: unit, withRespectTo: leaves)
  }
  return inputs.indices.map { number in
    Tensor(rows.flatMap { $0[number].elements }, shape: [output.value.count, inputs[number].count])
  }
}

/// The same matrices by central differences: four values of the function for each number of the inputs.
public func measuredJacobian(
  at inputs: [Tensor], step: Scalar = DifferenceSettings.standard.step, of function: ([Variable]) -> Variable
) -> [Tensor] {
  let outputs = function(inputs.map { Variable(constant: $0) }).value.count
  return inputs.enumerated().map { number, input in
    let columns = (0..<input.count).map { entry in
      centralDifference(step: step) { function(nudged(inputs, number, entry, by: $0)).value }.elements
    }
    return Tensor(
      (0..<outputs).flatMap { place in columns.map { $0[place] } }, shape: [outputs, input.count])
  }
}

/// Compares every entry of the Jacobian with central differences; a failure names output, input and entry.
public func checkJacobian(
  at inputs: [Tensor], settings: DifferenceSettings = .standard, of function: ([Variable]) -> Variable
) -> GradientReport {
  var report = GradientReport()
  let (derived, measured) = (
    jacobian(at: inputs, of: function), measuredJacobian(at: inputs, step: settings.step, of: function)
  )
  for (number, input) in inputs.enumerated() {
    let pairs = zip(derived[number].elements, measured[number].elements)
    for (place, pair) in pairs.enumerated() {
      report.compare(
        derived: pair.0, measured: pair.1, tolerance: settings.tolerance,
        "output \(place / input.count) by input \(number) of shape \(input.shape), entry \(place % input.count)")
    }
  }
  return report
}
