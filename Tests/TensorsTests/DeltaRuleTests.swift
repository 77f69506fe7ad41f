// # The kernels of the delta rule
//
// Chunks, steps and matrix against the slow twin, for every length up to 17 and every chunk, decays of every kind,
// with and without a state at the beginning, cut in two at every place, empty sizes, and sizes that run on all cores.
//
// Read before: `StateSpaceCase.swift`.

import Tensors
import TestSupport
import Testing

/// The arguments of a delta rule: those of a state space model, with keys of length 1 and β between 0 and 1.
private struct DeltaArguments {
  let x, logDecay, b, c, beta, initialState: Tensor
  let name: String

  init(B: Int = 2, T: Int, H: Int = 3, N: Int = 5, P: Int = 7, _ fading: Fading = .ordinary) {
    let model = StateSpaceArguments(B: B, T: T, H: H, N: N, P: P, fading)
    (x, logDecay, c, initialState, name) = (model.x, model.logDecay, model.c, model.initialState, model.name)
    b = Naive.tabulate(model.b.shape) { i in
      let squares = (0..<N).reduce(0) { $0 + model.b[i[0], i[1], i[2], $1] * model.b[i[0], i[1], i[2], $1] }
      return model.b[i[0], i[1], i[2], i[3]] / squares.squareRoot()
    }
    var random = SeededGenerator(for: name + ", β")
    beta = .uniform([B, T, H], in: 0..<1, using: &random)
  }

  /// The output and the last state by the chunked algorithm, for some of the steps.
  func sequence(Q: Int, from initialState: Tensor? = nil, times: Range<Int>? = nil) -> SSDSequenceValue {
    let times = times ?? 0..<x.shape[1]
    return deltaSequence(
      x.sliced(times, along: 1), logDecay: logDecay.sliced(times, along: 1), b: b.sliced(times, along: 1),
      c: c.sliced(times, along: 1), beta: beta.sliced(times, along: 1), Q: Q, initialState: initialState)
  }

  /// The output and the last state by the kernel that goes step by step.
  func recurrence(from initialState: Tensor? = nil) -> (output: Tensor, finalState: Tensor) {
    var state = initialState ?? .zeros([x.shape[0], x.shape[2], b.shape[3], x.shape[3]])
    let output = deltaRecurrence(x, logDecay: logDecay, b: b, c: c, beta: beta, state: &state)
    return (output, state)
  }

  func stepByStep(from initialState: Tensor? = nil) -> (output: Tensor, finalState: Tensor) {
    Naive.deltaSequence(x, logDecay: logDecay, b: b, c: c, beta: beta, initialState: initialState)
  }
}

@Suite("the delta rule", .tallied) struct DeltaRuleTests {
  private static func compare(_ model: DeltaArguments, chunks: [Int]) {
    for state in [nil, model.initialState] {
      let expected = model.stepByStep(from: state)
      let name = "\(model.name)\(state == nil ? "" : ", with a state")"
      let steps = model.recurrence(from: state)
      expectClose(steps.output, expected.output, within: 5 * Tolerance.value, "steps, " + name)
      expectClose(steps.finalState, expected.finalState, within: 5 * Tolerance.value, "steps, last state, " + name)
      for Q in chunks {
        let value = model.sequence(Q: Q, from: state)
        expectClose(value.output, expected.output, within: 5 * Tolerance.value, "Q \(Q), " + name)
        expectClose(value.finalState, expected.finalState, within: 5 * Tolerance.value, "Q \(Q), last state, " + name)
        #expect(isFinite(value.output) && isFinite(value.finalState) && isFinite(value.enteringStates))
      }
    }
  }

  @Test(arguments: 0...17) func everyLengthAndEveryChunk(T: Int) {
    Self.compare(DeltaArguments(T: T), chunks: Array(1...(T + 1)))
  }

  @Test(arguments: Fading.allCases) func decaysOfEveryKind(_ fading: Fading) {
    for T in [1, 2, 7, 17] { Self.compare(DeltaArguments(T: T, fading), chunks: [1, 2, 3, 5, 9]) }
  }

  @Test(
    arguments: [
      (1, 1, 1, 1, 1), (1, 7, 1, 3, 2), (3, 5, 2, 1, 1), (0, 5, 3, 2, 2), (2, 5, 3, 0, 2), (2, 5, 3, 2, 0),
      (2, 5, 0, 3, 2),
    ])
  func otherSizes(_ B: Int, _ T: Int, _ H: Int, _ N: Int, _ P: Int) {
    Self.compare(DeltaArguments(B: B, T: T, H: H, N: N, P: P), chunks: [1, 2, 5, 7])
  }

  @Test func manyHeadsOnAllCores() {
    Self.compare(DeltaArguments(B: 2, T: 130, H: 7, N: 16, P: 31), chunks: [32, 48, 130])
  }

  @Test(arguments: [1, 3, 5, 8, 32]) func aSequenceInTwoPartsIsTheWhole(Q: Int) {
    for fading in Fading.allCases {
      let model = DeltaArguments(T: 17, fading)
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

  // What is not below the diagonal of E, or above it in S, is not read: S and I + E are the same triangle of ones.
  @Test func aTriangleDividedByItselfIsTheIdentity() {
    let ones = Naive.tabulate([1, 4, 4]) { $0[2] <= $0[1] ? 1 : 7 }
    let expected = Naive.tabulate([1, 4, 4]) { $0[2] == $0[1] ? 1 : 0 }
    #expect(unitLowerQuotient(ones, ones) == expected)
    #expect(unitLowerQuotient(Tensor.zeros([2, 0, 0]), .zeros([2, 0, 0])).shape == [2, 0, 0])
  }
}
