// # Attention as a whole
//
// Three forms of one thing: plain loops, three kernels one after the other, and blocks without the
// matrix. Every block length must give the same output, from 1 to more than there are keys, and so
// must every order in which the largest score can arrive.

import Tensors
import TestSupport
import Testing

/// Sizes, mask and block length of one attention.
struct AttentionCase: Sendable, CustomTestStringConvertible {
  let B, T, S, H, P, Q: Int
  let causal: Bool
  var testDescription: String { "B \(B), T \(T), S \(S), H \(H), P \(P), Q \(Q)\(causal ? ", causal" : "")" }

  static let all: [AttentionCase] =
    [
      (1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 1, 7), (2, 1, 7, 3, 5, 2), (2, 7, 7, 3, 5, 1), (2, 7, 7, 3, 5, 3),
      (2, 7, 7, 3, 5, 7), (2, 7, 7, 3, 5, 11), (3, 5, 11, 2, 7, 4), (1, 11, 5, 2, 3, 4), (1, 11, 5, 2, 3, 2),
      (2, 13, 13, 1, 2, 5), (0, 5, 5, 2, 3, 2), (2, 0, 5, 2, 3, 2), (2, 5, 0, 2, 3, 2), (2, 5, 5, 2, 0, 2),
      (1, 131, 131, 3, 17, 32), (2, 64, 64, 2, 16, 16), (1, 257, 257, 1, 5, 128),
    ].flatMap { sizes in
      [true, false].map { causal in
        let (B, T, S, H, P, Q) = sizes
        return AttentionCase(B: B, T: T, S: S, H: H, P: P, Q: Q, causal: causal)
      }
    }
}

@Suite("attention", .tallied) struct AttentionTests {
  private static func byKernels(_ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Scalar, causal: Bool) -> Tensor {
    headMix(softmax(headScores(q, k), scale: scale, causal: causal), v)
  }

  @Test(arguments: AttentionCase.all, [0.3, -1.7] as [Scalar])
  func threeFormsAgree(_ row: AttentionCase, scale: Scalar) {
    let name = "\(row.testDescription), scale \(scale)"
    let q = Tensor.random([row.B, row.T, row.H, row.P], for: "q" + name)
    let k = Tensor.random([row.B, row.S, row.H, row.P], for: "k" + name)
    let v = Tensor.random([row.B, row.S, row.H, row.P], for: "v" + name)
    let loops = Naive.attention(q, k, v, scale: scale, causal: row.causal)
    let kernels = Self.byKernels(q, k, v, scale: scale, causal: row.causal)
    let blocked = blockedAttention(q, k, v, scale: scale, causal: row.causal, Q: row.Q, keys: row.Q)
    let tolerance = 10 * Tolerance.value  // Scores of magnitude 10 are rounded before exp.
    expectClose(kernels, loops, within: tolerance, "kernels and loops: \(name)")
    expectClose(blocked, loops, within: tolerance, "blocks and loops: \(name)")
    let twins = Naive.headMix(
      Naive.softmax(Naive.headScores(q, k), scale: scale, causal: row.causal), v)
    if row.T * row.S < 200 { expectClose(loops, twins, within: tolerance, "loops and twins: \(name)") }
  }

  // The sums of 1024 terms are cut into parts, in places that depend on how far rows are apart in memory; 1008 rows are
  // 1024 numbers apart in scratch memory.
  @Test(arguments: [1008, 1024]) func onePassIsTheSameForLongTexts(_ T: Int) {
    func random(_ what: String) -> Tensor { .random([1, T, 2, 64], for: "\(what) of \(T)") }
    let (q, k, v, g) = (random("q"), random("k"), random("v"), random("g"))
    let matrix = attentionMatrix(q, k, scale: 0.3)
    expectIdentical(causalAttention(q, k, v, scale: 0.3).output, causalMix(matrix, v), "output, T \(T)")
    let one = causalAttention(q, k, v, scale: 0.3, keepsMatrix: true)
    expectIdentical(one.output, causalMix(matrix, v), "output beside the matrix, T \(T)")
    expectSamePullback(g, matrix, q, k, v, "T \(T)")
  }

  /// Compares the pullback of attention in one pass with those of the two kernels one after the other.
  private func expectSamePullback(
    _ g: Tensor, _ matrix: Tensor, _ q: Tensor, _ k: Tensor, _ v: Tensor, _ name: String
  ) {
    let together = causalAttentionPullback(g, matrix: matrix, q: q, k: k, v: v, scale: 0.3)
    let toMix = causalMixPullback(g, m: matrix, v: v)
    let apart = attentionMatrixPullback(toMix.m, value: matrix, q: q, k: k, scale: 0.3)
    expectIdentical(together.q, apart.q, "q in one pass, \(name)")
    expectIdentical(together.k, apart.k, "k in one pass, \(name)")
    expectIdentical(together.v, toMix.v, "v in one pass, \(name)")
  }

  @Test(arguments: [1, 2, 63, 64, 65, 129], [1, 24, 64])
  func whatTheMaskHidesIsNotMissed(_ T: Int, P: Int) {
    let name = "T \(T), P \(P)"
    func random(_ sizes: [Int], _ what: String) -> Tensor { .random(Shape(sizes), for: what + name) }
    let (rows, square) = ([1, T, 2, P], [1, 2, T, T])
    let (q, k, v, g) = (random(rows, "q"), random(rows, "k"), random(rows, "v"), random(rows, "g"))
    // Sums of up to 320 terms are added up in one piece, here and there: equal to the last bit, except that BLAS adds
    // up the products of very few rows in an order of its own.
    func compare(_ x: Tensor, _ y: Tensor, _ what: String) {
      if T < 16 { expectClose(x, y, "\(what), \(name)") } else { expectIdentical(x, y, "\(what), \(name)") }
    }
    let matrix = attentionMatrix(q, k, scale: 0.3)
    compare(matrix, softmax(headScores(q, k), scale: 0.3, causal: true), "matrix")
    compare(causalMix(matrix, v), headMix(matrix, v), "mix")
    let ofMatrix = random(square, "m")
    let lower = softmaxPullback(ofMatrix, value: matrix, scale: 0.3, causal: true)
    let toScores = attentionMatrixPullback(ofMatrix, value: matrix, q: q, k: k, scale: 0.3)
    compare(toScores.q, headMix(lower, k), "q")
    compare(toScores.k, headMix(lower, q, transposing: true), "k")
    let toMix = causalMixPullback(g, m: matrix, v: v)
    compare(toMix.v, headMix(matrix, g, transposing: true), "v")
    let whole = headScores(g, v)
    compare(toMix.m, Naive.tabulate(Shape(square)) { $0[3] <= $0[2] ? whole.at($0) : 0 }, "m")
    // In one pass, the same to the last bit.
    let one = causalAttention(q, k, v, scale: 0.3, keepsMatrix: true)
    expectIdentical(one.output, causalMix(matrix, v), "output, \(name)")
    expectIdentical(one.matrix!, matrix, "matrix, \(name)")
    let other = causalAttention(q, k, v, scale: 0.3)
    expectIdentical(other.output, one.output, "output without the matrix, \(name)")
    #expect(other.matrix == nil)
    expectSamePullback(g, matrix, q, k, v, name)
  }

  // So many blocks of queries that several share a copy of keys and values, and heads of queries that share theirs.
  @Test func manyBlocksOfSharedHeads() {
    let (q, k, v) = (
      Tensor.random([2, 700, 8, 5], for: "q"), Tensor.random([2, 700, 4, 5], for: "k"),
      Tensor.random([2, 700, 4, 5], for: "v")
    )
    func forEachHead(_ x: Tensor) -> Tensor {
      Naive.tabulate([2, 700, 8, 5]) { x[$0[0], $0[1], $0[2] / 2, $0[3]] }
    }
    let naive = Naive.attention(q, forEachHead(k), forEachHead(v), scale: 0.7)
    for Q in [16, 64] {
      expectClose(blockedAttention(q, k, v, scale: 0.7, Q: Q, keys: 50), naive, within: 10 * Tolerance.value)
    }
  }

  @Test func longRowsOfTheMatrix() {
    let (q, k, v) = (
      Tensor.random([1, 700, 2, 24], for: "q"), Tensor.random([1, 700, 2, 24], for: "k"),
      Tensor.random([1, 700, 2, 24], for: "v")
    )
    let matrix = attentionMatrix(q, k)
    expectIdentical(matrix, softmax(headScores(q, k), causal: true), "the matrix")
    expectClose(causalMix(matrix, v), headMix(matrix, v), within: Tolerance.value, "the mix")
    let toMix = causalMixPullback(q, m: matrix, v: v)
    expectClose(toMix.v, headMix(matrix, q, transposing: true), within: 10 * Tolerance.value, "the values")
  }

  @Test func sizesDrawnAtRandom() {
    var random = SeededGenerator(for: "sizes of attention")
    for _ in 0..<40 {
      let (T, S) = (Int.random(in: 1...40, using: &random), Int.random(in: 1...40, using: &random))
      let (P, Q) = (Int.random(in: 1...9, using: &random), Int.random(in: 1...45, using: &random))
      let causal = Bool.random(using: &random)
      let name = "T \(T), S \(S), P \(P), Q \(Q), causal \(causal)"
      let q = Tensor.random([1, T, 2, P], using: &random)
      let (k, v) = (Tensor.random([1, S, 2, P], using: &random), Tensor.random([1, S, 2, P], using: &random))
      let blocked = blockedAttention(q, k, v, causal: causal, Q: Q, keys: Int.random(in: 1...45, using: &random))
      expectClose(blocked, Naive.attention(q, k, v, causal: causal), within: 10 * Tolerance.value, name)
    }
  }

  // Scores that rise bring a new maximum with each block; scores that fall never do.
  @Test(arguments: [1, 3, 4, 29, 64], [40, -40, 1000, -1000] as [Scalar])
  func theMaximumMayArriveAtAnyTime(_ Q: Int, slope: Scalar) {
    let (T, P) = (29, 1)
    let k = Naive.tabulate([1, T, 1, P]) { slope * Scalar($0[1]) }
    let (q, v) = (Tensor.ones([1, T, 1, P]), Tensor.random([1, T, 1, P], for: "v"))
    let largest = Naive.tabulate([1, T, 1, P]) { v[0, slope > 0 ? $0[1] : 0, 0, 0] }
    expectClose(blockedAttention(q, k, v, Q: Q, keys: Q), largest, "slope \(slope), Q \(Q)")
  }

  @Test func aScoreOfMinusInfinityWeighsNothing() {
    let k = Tensor([-.infinity, -.infinity, -.infinity, 1, -.infinity], shape: [1, 5, 1, 1])
    let (q, v) = (Tensor.ones([1, 5, 1, 1]), Tensor([2, 3, 5, 7, 11], shape: [1, 5, 1, 1]))
    for Q in 1...5 {
      let output = blockedAttention(q, k, v, causal: false, Q: Q, keys: Q)
      expectIdentical(output, Tensor(repeating: 7, shape: [1, 5, 1, 1]), "Q \(Q)")
      expectIdentical(
        blockedAttention(q, k, v, Q: Q, keys: Q).sliced(3..<5, along: 1), output.sliced(3..<5, along: 1))
    }
  }

  @Test(arguments: [1, 3, 8, 64])
  func whatTheMaskHidesIsNotSeen(_ Q: Int) {
    let (T, cut) = (13, 7)
    let (q, k, v) = (
      Tensor.random([1, T, 2, 3], for: "q"), Tensor.random([1, T, 2, 3], for: "k"),
      Tensor.random([1, T, 2, 3], for: "v")
    )
    let later = Naive.tabulate(k.shape) { $0[1] >= cut ? 1000 : 0 }
    func past(_ x: Tensor) -> Tensor { x.sliced(0..<cut, along: 1) }
    let output = blockedAttention(q, k, v, Q: Q, keys: Q)
    expectIdentical(past(blockedAttention(q, k + later, v + later, Q: Q, keys: Q)), past(output), "the past, Q \(Q)")
    let unseen = Naive.tabulate(k.shape) { $0[1] >= cut ? .nan : 0 }
    expectIdentical(
      past(blockedAttention(q, k + unseen, v, Q: Q, keys: Q)), past(output), "keys that are NaN, Q \(Q)")
    expectClose(past(Naive.attention(q, k + later, v, causal: true)), past(output), "by loops")
  }

  @Test func noMatrixIsKept() async {
    await #expect(processExitsWith: .success) {
      let number = MemoryLayout<Scalar>.stride
      func needed(_ T: Int) -> (blocks: Int, kernels: Int) {
        let x = Tensor.random([1, T, 1, 8], for: "x")
        return (
          MemoryStatistics.peak { blockedAttention(x, x, x, Q: 64) }.bytes - x.count * number,
          MemoryStatistics.peak { headMix(softmax(headScores(x, x), causal: true), x) }.bytes
        )
      }
      let (short, long) = (needed(1024), needed(2048))
      precondition(short.kernels == 2 * 1024 * 1024 * number, "the kernels need \(short.kernels) B")
      precondition(long.kernels == 2 * 2048 * 2048 * number, "the kernels need \(long.kernels) B")
      precondition(short.blocks == long.blocks, "the blocks need \(short.blocks) and \(long.blocks) B")
      let most = 4 * (64 * (512 + 16) + 8 * 512) * number
      precondition((1...(most * 5 / 4)).contains(long.blocks), "the blocks need \(long.blocks) B")
    }
  }
}
