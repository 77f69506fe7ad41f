// # Rotary positions, convolution, rows by number
//
// Each against its twin, then by what it is for: a rotation turns back exactly as far and keeps
// lengths, scores depend on the distance of two positions alone, a convolution of an impulse is its
// taps, a row that was taken twice collects twice.

import Tensors
import TestSupport
import Testing

/// A rotary embedding: head size, rotated features, first position, base.
struct RotaryCase: Sendable, CustomTestStringConvertible {
  let P, width, offset: Int
  var base = 10_000.0
  var testDescription: String { "P \(P), width \(width), offset \(offset), base \(base)" }

  static let all = [
    RotaryCase(P: 6, width: 6, offset: 0), RotaryCase(P: 7, width: 4, offset: 0),
    RotaryCase(P: 5, width: 0, offset: 0),
    RotaryCase(P: 2, width: 2, offset: 11), RotaryCase(P: 7, width: 6, offset: 1000, base: 100),
    RotaryCase(P: 1, width: 0, offset: 3),
  ]
}

@Suite("positions", .tallied) struct PositionTests {
  @Test(arguments: RotaryCase.all, [(2, 5, 3), (1, 1, 1), (2, 0, 3), (3, 257, 29)])
  func rotaryAgreesWithItsTwinAndTurnsBack(_ row: RotaryCase, _ sizes: (B: Int, T: Int, H: Int)) {
    let name = "\(row), \(sizes)"
    let x = Tensor.random([sizes.B, sizes.T, sizes.H, row.P], for: name)
    let table = RotaryTable(T: sizes.T, width: row.width, base: row.base, offset: row.offset)
    let y = rotary(x, table)
    expectClose(y, Naive.rotary(x, width: row.width, base: row.base, offset: row.offset), name)
    expectClose(rotary(y, table, backward: true), x, name + " and back")
    expectClose(sum(y * y, along: -1), sum(x * x, along: -1), "lengths, " + name)
    if row.width == 0 { expectIdentical(y, x, name) }
    // The table of a later beginning is a part of the longer table.
    let longer = RotaryTable(T: sizes.T + 2, width: row.width, base: row.base, offset: row.offset - 2)
    let before = Tensor.random([sizes.B, 2, sizes.H, row.P], for: "before " + name)
    let whole = rotary(Tensor.concatenated([before, x], along: 1), longer)
    expectIdentical(whole.sliced(2..<(sizes.T + 2), along: 1), y, "as a part, " + name)
  }

  @Test func scoresDependOnTheDistanceAlone() {
    let (q, k) = (Tensor.random([1, 1, 3, 10], for: "q"), Tensor.random([1, 1, 3, 10], for: "k"))
    let at = { (x: Tensor, position: Int) in rotary(x, RotaryTable(T: 1, width: 8, offset: position)) }
    for distance in [0, 1, 5] {
      let near = headScores(at(q, distance), at(k, 0))
      let far = headScores(at(q, 117 + distance), at(k, 117))
      expectClose(far, near, within: 10 * Tolerance.value, "distance \(distance)")
    }
  }

  @Test(arguments: [(5, 3), (2, 3), (1, 3), (7, 1), (1, 1), (3, 7), (0, 3), (301, 5)], [(2, 5), (1, 1), (3, 97)])
  func convolutionAgreesWithItsTwin(_ times: (T: Int, K: Int), _ sizes: (B: Int, C: Int)) {
    let name = "convolution \(times), \(sizes)"
    let x = Tensor.random([sizes.B, times.T, sizes.C], for: name)
    let weight = Tensor.random([sizes.C, 1, times.K], for: "weight of " + name)
    let bias = Tensor.random([sizes.C], for: "bias of " + name)
    let y = causalConvolution(x, weight: weight, bias: bias)
    expectClose(y, Naive.causalConvolution(x, weight: weight, bias: bias), name)
    // ⟨ȳ, conv x⟩ = ⟨conv* ȳ, x⟩ for a linear map, and likewise for the taps.
    let g = Tensor.random(y.shape, for: "cotangent of " + name)
    let pullback = causalConvolutionPullback(g, x: x, weight: weight)
    let product = dot(g, causalConvolution(x, weight: weight, bias: Tensor.zeros([sizes.C])))
    let size = Scalar(max(1, x.count)).squareRoot() * 10
    expectClose(Tensor(dot(pullback.x, x)), Tensor(product), floor: size, "adjoint in x, " + name)
    expectClose(Tensor(dot(pullback.weight, weight)), Tensor(product), floor: size, "adjoint in the taps, " + name)
    expectClose(pullback.bias, sum(sum(g, along: 0), along: 0), floor: size, "adjoint in the bias, " + name)
  }

  @Test func theConvolutionOfAnImpulseIsItsTaps() {
    let weight = Tensor([10, 20, 30, 1, 2, 3] as [Scalar], shape: [2, 1, 3])
    let impulse = Tensor([0, 0, 1, 1, 0, 0, 0, 0, 0, 0] as [Scalar], shape: [1, 5, 2])
    let y = causalConvolution(impulse, weight: weight, bias: Tensor([0, 100]))
    let expected: [Scalar] = [0, 100, 30, 103, 20, 102, 10, 101, 0, 100]
    expectIdentical(y, Tensor(expected, shape: [1, 5, 2]), "impulse at time 1")
  }

  @Test(arguments: [(2, 3, 5, 7), (1, 1, 1, 1), (3, 5, 2, 3), (2, 0, 5, 7), (0, 3, 5, 7), (2, 3, 5, 0)])
  func rowsByNumber(_ B: Int, _ T: Int, _ V: Int, _ D: Int) {
    let name = "B \(B), T \(T), V \(V), D \(D)"
    var random = SeededGenerator(for: name)
    let tokens = Tokens((0..<(B * T)).map { _ in Int.random(in: 0..<V, using: &random) }, B: B, T: T)
    let table = Tensor.wholeNumbers([V, D], for: "table, " + name)
    expectIdentical(gatherRows(table, tokens), Naive.gathered(table, tokens), name)
    let g = Tensor.wholeNumbers([B, T, D], for: "cotangent, " + name)
    let oneHot = Naive.tabulate([V, B * T]) { tokens.ids[$0[1]] == $0[0] ? 1 : 0 }
    let expected = Naive.matmul(oneHot, g.reshaped(to: [B * T, D] as Shape))
    expectIdentical(gatherRowsPullback(g, tokens, V: V), expected, "pullback, " + name)
  }

  @Test func aRowThatWasTakenTwiceCollectsTwice() {
    let g = Tensor(rows: [[1, 2], [10, 20], [100, 200]]).reshaped(to: [1, 3, 2] as Shape)
    let expected = Tensor(rows: [[0, 0], [101, 202], [0, 0], [10, 20]])
    expectIdentical(gatherRowsPullback(g, Tokens([1, 3, 1]), V: 4), expected, "1, 3, 1")
  }
}
