// # The chunked algorithm is the recurrence
//
// For every length up to 17 and every chunk up to one step longer than that, with and without a
// state at the beginning: output, last state, and the states that enter each chunk. Then a sequence
// cut in two at every place, decays of every kind, and sizes that run on all cores.

import Tensors
import TestSupport
import Testing

@Suite("the SSD sequence", .tallied) struct StateSpaceSequenceTests {
  private static func compare(
    _ model: StateSpaceArguments, Q: Int, from initialState: Tensor?, _ expected: (output: Tensor, finalState: Tensor)
  ) {
    let value = model.sequence(Q: Q, from: initialState)
    let name = "Q \(Q)\(initialState == nil ? "" : ", with a state"), \(model.name)"
    expectClose(value.output, expected.output, within: 5 * Tolerance.value, name)
    expectClose(value.finalState, expected.finalState, within: 5 * Tolerance.value, "last state, " + name)
    #expect(isFinite(value.output) && isFinite(value.finalState) && isFinite(value.enteringStates))
  }

  @Test(arguments: 1...17)
  func everyLengthAndEveryChunk(T: Int) {
    let model = StateSpaceArguments(T: T)
    for state in [nil, model.initialState] {
      let expected = model.stepByStep(from: state)
      let steps = model.sequence(Q: 1, from: state)
      for Q in 1...(T + 1) {
        Self.compare(model, Q: Q, from: state, expected)
        // The states that enter the chunks are those of single steps, Q apart.
        let entering = model.sequence(Q: Q, from: state).enteringStates
        #expect(entering.shape == [2, 3, (T + Q - 1) / Q, 5, 7] || Q > T && entering.shape == [2, 3, 1, 5, 7])
        for chunk in 0..<entering.shape[2] {
          let own = entering.sliced(chunk..<(chunk + 1), along: 2)
          let step = steps.enteringStates.sliced((chunk * Q)..<(chunk * Q + 1), along: 2)
          expectClose(own, step, within: 5 * Tolerance.value, "state entering chunk \(chunk), Q \(Q), T \(T)")
        }
      }
      #expect(model.sequence(Q: 1_000_000, from: state).output == model.sequence(Q: T, from: state).output)
    }
  }

  @Test(arguments: [1, 3, 5, 8, 32])
  func aSequenceInTwoPartsIsTheWhole(Q: Int) {
    for fading in Fading.allCases {
      let model = StateSpaceArguments(T: 17, fading)
      let whole = model.sequence(Q: Q, from: model.initialState)
      for cut in 0...17 {
        let first = model.sequence(Q: Q, from: model.initialState, times: 0..<cut)
        let second = model.sequence(Q: Q, from: first.finalState, times: cut..<17)
        let joined = Tensor.concatenated([first.output, second.output], along: 1)
        let name = "cut at \(cut), Q \(Q), \(fading)"
        expectClose(joined, whole.output, within: 5 * Tolerance.value, name)
        expectClose(second.finalState, whole.finalState, within: 5 * Tolerance.value, "last state, " + name)
      }
    }
  }

  @Test(arguments: Fading.allCases, [1, 2, 3, 5, 9])
  func decaysOfEveryKind(_ fading: Fading, Q: Int) {
    for T in [1, 2, 7, 17] {
      let model = StateSpaceArguments(T: T, fading)
      for state in [nil, model.initialState] {
        Self.compare(model, Q: Q, from: state, model.stepByStep(from: state))
      }
    }
  }

  @Test func nothingPassesADecayOfZero() {
    // The first step forgets, so that the state at the beginning cannot be seen, not even in the last bit.
    for fading in [Fading.everything, .sometimes] {
      let model = StateSpaceArguments(T: 7, fading)
      for Q in [1, 2, 3, 7] {
        let (with, without) = (model.sequence(Q: Q, from: model.initialState), model.sequence(Q: Q))
        expectIdentical(with.output, without.output, "\(fading), Q \(Q)")
        expectIdentical(with.finalState, without.finalState, "last state, \(fading), Q \(Q)")
      }
    }
  }

  @Test(
    arguments: [
      (1, 1, 1, 1, 1), (1, 7, 1, 3, 2), (3, 5, 2, 1, 1), (2, 0, 3, 5, 7), (0, 5, 3, 2, 2), (2, 5, 3, 0, 2),
      (2, 5, 3, 2, 0), (2, 5, 0, 3, 2),
    ])
  func otherSizes(_ B: Int, _ T: Int, _ H: Int, _ N: Int, _ P: Int) {
    let model = StateSpaceArguments(B: B, T: T, H: H, N: N, P: P)
    for Q in [1, 2, 5, 7] {
      for state in [nil, model.initialState] {
        Self.compare(model, Q: Q, from: state, model.stepByStep(from: state))
      }
    }
  }

  @Test func noTimeLeavesTheStateAsItIs() {
    let model = StateSpaceArguments(T: 0)
    let value = model.sequence(Q: 3, from: model.initialState)
    #expect(value.output.shape == [2, 0, 3, 7] && value.enteringStates.shape == [2, 3, 0, 5, 7])
    expectIdentical(value.finalState, model.initialState, "T 0")
  }

  @Test func statesThatNobodyKeepsChangeNothing() {
    let model = StateSpaceArguments(T: 19)
    for state in [nil, model.initialState] {
      let (kept, dropped) = (model.sequence(Q: 5, from: state), model.sequence(Q: 5, from: state, keepsStates: false))
      expectIdentical(dropped.output, kept.output, "output")
      expectIdentical(dropped.finalState, kept.finalState, "final state")
      #expect(kept.enteringStates.shape[2] == 4 && dropped.enteringStates.shape[2] == 0)
    }
  }

  @Test func manyHeadsOnAllCores() {
    let model = StateSpaceArguments(B: 2, T: 130, H: 7, N: 16, P: 31)
    let expected = model.stepByStep(from: model.initialState)
    for Q in [32, 48, 130] { Self.compare(model, Q: Q, from: model.initialState, expected) }
  }
}
