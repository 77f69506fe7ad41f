// # The kernel that goes step by step is the recurrence
//
// Against its slow twin, for every length up to 17, decays of every kind, empty sizes and sizes that
// run on all cores, with and without a state at the beginning; against the matrix and the chunked
// algorithm; and cut in two at every place, which must not change a bit.

import Tensors
import TestSupport
import Testing

@Suite("the SSD recurrence", .tallied) struct StateSpaceRecurrenceTests {
  private static func compare(_ model: StateSpaceArguments) {
    for state in [nil, model.initialState] {
      let (value, expected) = (model.recurrence(from: state), model.stepByStep(from: state))
      let name = "\(model.name)\(state == nil ? "" : ", with a state")"
      expectClose(value.output, expected.output, within: 5 * Tolerance.value, name)
      expectClose(value.finalState, expected.finalState, within: 5 * Tolerance.value, "last state, " + name)
    }
  }

  @Test(arguments: 0...17)
  func everyLength(T: Int) { Self.compare(StateSpaceArguments(T: T)) }

  @Test(arguments: Fading.allCases)
  func decaysOfEveryKind(_ fading: Fading) {
    for T in [1, 2, 7, 17] { Self.compare(StateSpaceArguments(T: T, fading)) }
  }

  @Test(
    arguments: [
      (1, 1, 1, 1, 1), (1, 7, 1, 3, 2), (3, 5, 2, 1, 1), (0, 5, 3, 2, 2), (2, 5, 3, 0, 2), (2, 5, 3, 2, 0),
      (2, 5, 0, 3, 2), (2, 130, 7, 16, 31),
    ])
  func otherSizes(_ B: Int, _ T: Int, _ H: Int, _ N: Int, _ P: Int) {
    Self.compare(StateSpaceArguments(B: B, T: T, H: H, N: N, P: P))
  }

  @Test(arguments: [1, 2, 5, 17])
  func theOtherFormsAgree(T: Int) {
    let model = StateSpaceArguments(T: T)
    let value = model.recurrence().output
    expectClose(headMix(model.matrix, model.x), value, within: 5 * Tolerance.value, "matrix, T \(T)")
    for Q in 1...(T + 1) {
      expectClose(model.sequence(Q: Q).output, value, within: 5 * Tolerance.value, "Q \(Q), T \(T)")
    }
  }

  @Test func twoPartsAreTheWholeToTheLastBit() {
    let model = StateSpaceArguments(T: 17)
    let before = model.initialState.elements
    let whole = model.recurrence(from: model.initialState)
    for cut in 0...17 {
      let first = model.recurrence(from: model.initialState, times: 0..<cut)
      let second = model.recurrence(from: first.finalState, times: cut..<17)
      expectIdentical(
        Tensor.concatenated([first.output, second.output], along: 1), whole.output, "cut at \(cut)")
      expectIdentical(second.finalState, whole.finalState, "last state, cut at \(cut)")
    }
    #expect(model.initialState.elements == before)
  }
}
