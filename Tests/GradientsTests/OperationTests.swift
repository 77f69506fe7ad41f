// # Every operation keeps every promise
//
// For each row of the table: its value is that of the twin; a cotangent of 0 gives exact zeros; the
// pullback is linear, gives the same bits each time, and leaves its inputs alone; an input that is
// a constant gets nothing and changes nothing for the others; an input that is used several times
// collects from each use.
//
// Read before: `OperationCase.swift`. Read next: `DerivativeTests.swift`.

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
  func noCotangentGivesNothing(_ operation: Operation) {
    for row in operation.rows {
      let inputs = row.inputs
      let results = row.pull({ .zeros($0) }, at: inputs).cotangents
      for (result, input) in zip(results, inputs) {
        #expect(result.shape == input.shape, "\(row.name)")
        expectZero(result, "cotangent 0: \(row.name)")
      }
    }
  }

  @Test(arguments: Operation.all)
  func thePullbackIsLinear(_ operation: Operation) {
    for row in operation.rows {
      let inputs = row.inputs
      var random = row.generator("linear")
      let shape = row.pull({ .zeros($0) }, at: inputs).value.shape
      let (u, v) = (Tensor.normal(shape, using: &random), Tensor.normal(shape, using: &random))
      let ofU = row.pull({ _ in u }, at: inputs).cotangents
      let ofV = row.pull({ _ in v }, at: inputs).cotangents
      let ofBoth = row.pull({ _ in 2.5 * u - 0.75 * v }, at: inputs).cotangents
      for (index, both) in ofBoth.enumerated() {
        let expected = 2.5 * ofU[index] - 0.75 * ofV[index]
        expectClose(both, expected, within: 5 * Tolerance.value, floor: size(of: expected), "linearity: \(row.name)")
      }
    }
  }

  @Test(arguments: Operation.all)
  func itGivesTheSameBitsAndLeavesItsInputsAlone(_ operation: Operation) {
    for row in operation.rows {
      let inputs = row.inputs
      let numbers = inputs.map(\.elements)
      let cotangent = { (shape: Shape) in Tensor.random(shape, for: row.name + ", again") }
      let first = row.pull(cotangent, at: inputs)
      let second = row.pull(cotangent, at: inputs)
      expectIdentical(second.value, first.value, "again: \(row.name)")
      for (index, result) in second.cotangents.enumerated() {
        expectIdentical(result, first.cotangents[index], "again: input \(index) of \(row.name)")
        let original = Tensor(numbers[index], shape: inputs[index].shape)
        expectIdentical(inputs[index], original, "untouched: input \(index) of \(row.name)")
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
