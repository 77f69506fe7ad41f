// # The matrix of a state space model
//
// Against the products of decays multiplied out entry by entry, and against the definition: column
// s of the matrix is what the recurrence answers to an impulse at time s.

import Tensors
import TestSupport
import Testing

@Suite("the SSD matrix", .tallied) struct StateSpaceMatrixTests {
  /// Each factor of a product of decays adds a little rounding; entries below 1e−30 are compared as if they were that
  /// large.
  private static let floor: Scalar = 1e-30

  @Test(arguments: Fading.allCases, [0, 1, 2, 5, 7, 17])
  func eachEntryIsAProductOfDecays(_ fading: Fading, T: Int) {
    let model = StateSpaceArguments(T: T, fading)
    let expected = Naive.ssdMatrix(logDecay: model.logDecay, b: model.b, c: model.c, d: model.d)
    #expect(isFinite(model.matrix))
    expectClose(model.matrix, expected, model.name)
    for t in 0..<T {
      let hidden = model.matrix.sliced(t..<(t + 1), along: 2).sliced((t + 1)..<T, along: 3)
      expectZero(hidden, "row \(t), " + model.name)
    }
  }

  @Test(
    arguments: [
      (1, 1, 1, 1), (1, 7, 1, 3), (3, 5, 2, 1), (2, 5, 3, 0), (0, 5, 3, 2), (2, 5, 0, 3), (2, 0, 3, 5),
      (2, 67, 17, 16),
    ])
  func otherSizes(_ B: Int, _ T: Int, _ H: Int, _ N: Int) {
    let model = StateSpaceArguments(B: B, T: T, H: H, N: N, P: 1)
    let expected = Naive.ssdMatrix(logDecay: model.logDecay, b: model.b, c: model.c, d: model.d)
    expectClose(model.matrix, expected, model.name)
  }

  // Entries far from the diagonal are tiny, and must still be right in their own digits.
  @Test(arguments: [Fading.ordinary, .strong, .hardly])
  func smallEntriesAreRightToo(_ fading: Fading) {
    var random = SeededGenerator(for: "small \(fading)")
    let logDecay = fading.logDecay([1, 23, 1], using: &random)
    let ones = Tensor.ones([1, 23, 1, 1])
    let matrix = ssdMatrix(logDecay: logDecay, b: ones, c: ones, d: Tensor.zeros([1]))
    let expected = Naive.ssdMatrix(logDecay: logDecay, b: ones, c: ones, d: Tensor.zeros([1]))
    // The argument of exp is a rounded sum of up to some hundreds, whose error becomes the relative error here.
    let tolerance = fading == .strong ? 100 * Tolerance.value : Tolerance.value
    expectClose(matrix, expected, within: tolerance, floor: Self.floor, "\(fading)")
  }

  // What overflows above the diagonal stays hidden: 0 times infinity would be NaN.
  @Test func aboveTheDiagonalThereIsNothingToOverflow() {
    let (small, large): (Scalar, Scalar) = (1, Scalar.greatestFiniteMagnitude.squareRoot() * 2)
    let (b, c) = (Tensor([small, large], shape: [1, 2, 1, 1]), Tensor([large, small], shape: [1, 2, 1, 1]))
    let matrix = ssdMatrix(logDecay: .zeros([1, 2, 1]), b: b, c: c, d: .zeros([1]))
    expectIdentical(matrix, Naive.ssdMatrix(logDecay: .zeros([1, 2, 1]), b: b, c: c, d: .zeros([1])))
    #expect(matrix[0, 0, 0, 1] == 0)
  }

  @Test(arguments: Fading.allCases, [1, 2, 7])
  func aColumnAnswersAnImpulse(_ fading: Fading, T: Int) {
    let model = StateSpaceArguments(T: T, fading)
    let (B, H) = (2, 3)
    for s in 0..<T {
      let impulse = Naive.tabulate([B, T, H, 1]) { $0[1] == s ? 1 : 0 }
      let answer = Naive.ssdSequence(impulse, logDecay: model.logDecay, b: model.b, c: model.c, d: model.d)
      let column = model.matrix.sliced(s..<(s + 1), along: 3)
      expectClose(column, answer.output.permuted([0, 2, 1, 3]), "column \(s), " + model.name)
    }
  }

  @Test(arguments: Fading.allCases)
  func theMatrixTimesTheInputIsTheSequence(_ fading: Fading) {
    let model = StateSpaceArguments(T: 17, fading)
    expectClose(headMix(model.matrix, model.x), model.stepByStep().output, within: 5 * Tolerance.value, model.name)
    expectClose(model.sequence(Q: 5).output, headMix(model.matrix, model.x), within: 5 * Tolerance.value, model.name)
  }

  // Chapter 02: only N numbers for each head cross a cut in time.
  @Test(arguments: Fading.allCases, [1, 2, 5])
  func noBlockBelowTheDiagonalHasARankAboveN(_ fading: Fading, N: Int) {
    let model = StateSpaceArguments(T: 17, N: N, fading)
    for t0 in 1..<17 {
      let values = singularValues(model.matrix.sliced(t0..<17, along: 2).sliced(0..<t0, along: 3))
      let k = values.shape[-1]
      let (first, beyond) = (values.sliced(0..<1, along: 2), values.sliced(min(N, k)..<k, along: 2))
      let largest = largestMagnitude(first)
      if k > N { #expect(largestMagnitude(beyond) <= 20 * Tolerance.value * largest, "t0 \(t0), \(model.name)") }
      if fading == .hardly && t0 == 8 {
        let last = values.sliced((N - 1)..<N, along: 2) / first
        #expect(last.elements.min()! > 1e-3, "\(model.name): the rank is below N")
      }
    }
  }

  @Test func withoutFadingItIsTheLowerTriangleOfCBᵀ() {
    let model = StateSpaceArguments(T: 7, .nothing)
    let scores = Naive.headScores(model.c, model.b)
    let expected = Naive.tabulate(scores.shape) { i in
      i[3] > i[2] ? 0 : scores.at(i) + (i[2] == i[3] ? model.d[i[1]] : 0)
    }
    expectClose(model.matrix, expected, "α = 1")
  }

  @Test func withoutMemoryItIsDiagonal() {
    let model = StateSpaceArguments(T: 7, .everything)
    let outside = Naive.tabulate(model.matrix.shape) { $0[2] == $0[3] ? 0 : 1 }
    expectZero(model.matrix * outside, "α = 0")
  }
}
