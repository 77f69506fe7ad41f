// # Every operation keeps every promise
//
// For each row of the table: its value is that of the twin; its pullback has the properties of every pullback
// (`GradientChecking/Invariants.swift`); an input that is a constant gets nothing and changes nothing for the others;
// an input that is used several times collects from each use.
//
// Read before: `OperationCase.swift`. Read next: `DerivativeTests.swift`.

import GradientChecking
import Gradients
import Tensors
import TestSupport
import Testing

@Suite("operations", .talliedByGroup) struct OperationTests {
  @Test(arguments: Operation.all)
  func theValueIsThatOfTheTwin(_ operation: Operation) {
    for row in operation.rows {
      guard let twin = row.twin else { continue }
      let inputs = row.inputs
      let value = row.function(inputs.map { Variable(leaf: $0) }).value
      expectClose(value, twin(inputs), within: 5 * Tolerance.value, "value: \(row.name)")
    }
  }

  @Test(arguments: Operation.all)
  func thePullbackKeepsWhatEveryPullbackKeeps(_ operation: Operation) {
    for row in operation.rows {
      var random = row.generator("invariants")
      let inputs = row.inputs
      let report = checkInvariants(at: inputs, tolerance: 5 * Tolerance.value, using: &random, of: row.function)
      if inputs.contains(where: { $0.count > 0 }) {
        expectPass(report, "invariants: \(row.name)")
      } else {
        #expect(report.failures.isEmpty, "\(row.name)")
      }
    }
  }

  @Test(arguments: Operation.all)
  func aConstantGetsNothingAndChangesNothing(_ operation: Operation) {
    for row in operation.rows {
      let inputs = row.inputs
      let cotangent = { (shape: Shape) in Tensor.random(shape, for: row.name + ", constants") }
      let free = row.pull(cotangent, at: inputs)
      for constant in inputs.indices {
        let fixed = row.pull(cotangent, at: inputs, constants: [constant])
        expectIdentical(fixed.value, free.value, "constants: \(row.name)")
        for (index, result) in fixed.cotangents.enumerated() {
          let expected = index == constant ? Tensor.zeros(inputs[index].shape) : free.cotangents[index]
          expectIdentical(result, expected, "constants: input \(index) of \(row.name), \(constant) fixed")
        }
      }
      // Constants alone leave no tape.
      let output = row.function(inputs.map { Variable(constant: $0) })
      #expect(output.isConstant && output.primitive == nil, "\(row.name)")
      #expect(TapeSummary(of: output).counts.isEmpty, "\(row.name)")
    }
  }

  @Test(arguments: Operation.all)
  func anInputThatIsUsedSeveralTimesCollectsFromEachUse(_ operation: Operation) {
    for row in operation.rows {
      let inputs = row.inputs
      let cotangent = { (shape: Shape) in Tensor.random(shape, for: row.name + ", uses") }
      let once = row.pull(cotangent, at: inputs)
      let variables = inputs.map { Variable(leaf: $0) }
      let output = row.function(variables) + (row.function(variables) + row.function(variables))
      let thrice = cotangents(of: output, seed: cotangent(output.shape), withRespectTo: variables)
      for (index, result) in thrice.enumerated() {
        let expected = 3 * once.cotangents[index]
        expectClose(result, expected, floor: size(of: expected), "three uses: input \(index) of \(row.name)")
      }
      // The same variable in the place of two inputs.
      for (i, j) in [(0, 1), (1, 2), (2, 3)] where j < inputs.count && inputs[i].shape == inputs[j].shape {
        var twins = inputs
        twins[i] = inputs[j]
        let apart = row.pull(cotangent, at: twins).cotangents
        var shared = twins.map { Variable(leaf: $0) }
        shared[i] = shared[j]
        let output = row.function(shared)
        let together = cotangents(of: output, seed: cotangent(output.shape), withRespectTo: [shared[j]])[0]
        let expected = apart[i] + apart[j]
        expectClose(
          together, expected, floor: size(of: expected), "one variable as inputs \(i) and \(j): \(row.name)")
      }
    }
  }

  /// The largest number of a tensor, at least 1: cotangents that cancel are compared with what cancelled.
  private func size(of x: Tensor) -> Scalar { max(1, largestMagnitude(x)) }
}
