// # Softmax and layer normalisation
//
// Against the twins in relative terms, since a probability of 1e−9 has digits too; then what a mask
// promises: what is hidden is exactly 0 and is not even read.

import Tensors
import TestSupport
import Testing

/// A softmax: shape, options and the size of its scores.
struct SoftmaxCase: Sendable, CustomTestStringConvertible {
  let shape: Shape
  var scale: Scalar = 1
  var causal = false
  var deviation = 2.0
  var testDescription: String { "\(causal ? "causal " : "")\(shape), scale \(scale), deviation \(deviation)" }

  static let all: [SoftmaxCase] =
    ([[1], [7], [5, 7], [2, 3, 5, 7], [3, 1], [0, 3], [3, 0], [33, 101]] as [Shape]).flatMap { shape in
      [1, 0.25, -3].map { SoftmaxCase(shape: shape, scale: $0) }
    }
    + ([[1, 1], [5, 5], [2, 3, 5, 5], [1, 7], [3, 7], [2, 3, 2, 7], [7, 3], [5, 1], [2, 3, 0]] as [Shape]).flatMap {
      shape in [1, 0.25].map { SoftmaxCase(shape: shape, scale: $0, causal: true) }
    } + [
      SoftmaxCase(shape: [5, 7], deviation: 50), SoftmaxCase(shape: [5, 7], causal: true, deviation: 50),
      SoftmaxCase(shape: [2, 3, 127, 131], scale: 0.125, causal: true), SoftmaxCase(shape: [401, 211], scale: 0.5),
    ]
}

@Suite("softmax and layer norm", .tallied) struct SoftmaxTests {
  @Test(arguments: SoftmaxCase.all)
  func softmaxAgreesWithItsTwin(_ row: SoftmaxCase) {
    var random = SeededGenerator(for: row.testDescription)
    let x = Tensor.normal(row.shape, deviation: row.deviation, using: &random)
    let value = softmax(x, scale: row.scale, causal: row.causal)
    // The exponent's argument is rounded, and its error is the result's relative error.
    let tolerance = Tolerance.value * max(1, Scalar(row.deviation) / 10)
    let expected = Naive.softmax(x, scale: row.scale, causal: row.causal)
    expectClose(value, expected, within: tolerance, floor: .leastNormalMagnitude * 1e6, row.testDescription)
    guard row.shape[-1] > 0 else { return }
    let (S, T) = (row.shape[-1], row.causal ? row.shape[-2] : 1)
    let visible = (0..<(x.count / S)).map { row.causal ? max(0, S - T + $0 % T + 1) : S }
    let totals = Tensor(visible.map { $0 > 0 ? 1 : 0 }, shape: row.shape.removing(-1))
    expectClose(sum(value, along: -1), totals, "the sums of " + row.testDescription)
    for (index, count) in visible.enumerated() {
      let hidden = value.asRows.sliced(index..<(index + 1)).sliced(count..<S, along: -1)
      expectZero(hidden, "row \(index) of " + row.testDescription)
    }
  }

  @Test func whatTheMaskHidesIsNotRead() {
    for shape in [[5, 5], [3, 7], [7, 3]] as [Shape] {
      let (T, S) = (shape[0], shape[1])
      let (x, g) = (Tensor.random(shape, for: "x \(shape)"), Tensor.random(shape, for: "g \(shape)"))
      let hidden = Naive.tabulate(shape) { $0[1] > S - T + $0[0] ? .nan : 0 }
      let value = softmax(x, causal: true)
      expectIdentical(softmax(x + hidden, causal: true), value, "value \(shape)")
      let pullback = softmaxPullback(g, value: value, causal: true)
      expectIdentical(softmaxPullback(g + hidden, value: value, causal: true), pullback, "pullback \(shape)")
    }
  }

  @Test func saturatedRowsAreExact() {
    let x = Tensor(rows: [[0, 1000, -1000], [5000, 5000, -5000], [-.infinity, 2, -.infinity], [-1e30, 1e30, 0]])
    let expected = Tensor(rows: [[0, 1, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 1, 0]])
    expectIdentical(softmax(x), expected, "saturated")
    expectIdentical(softmax(Tensor.zeros([1, 8])), Tensor(repeating: 0.125, shape: [1, 8]), "uniform")
    expectIdentical(softmax(Tensor(repeating: 1e4, shape: [3, 1])), Tensor.ones([3, 1]), "a single place")
  }

  @Test(
    arguments: [[1], [7], [5, 7], [2, 3, 5], [3, 1], [0, 7], [257, 300]] as [Shape], [1e-5, 0.1] as [Scalar])
  func layerNormAgreesWithItsTwin(_ shape: Shape, epsilon: Scalar) {
    let name = "layer norm \(shape), ε \(epsilon)"
    let (x, D) = (Tensor.random(shape, for: name), shape[-1])
    let (weight, bias) = (Tensor.random([D], for: "w" + name), Tensor.random([D], for: "b" + name))
    let value = layerNorm(x, weight: weight, bias: bias, epsilon: epsilon)
    let expected = Naive.layerNorm(x, weight: weight, bias: bias, epsilon: epsilon)
    expectClose(value.output, expected, within: 10 * Tolerance.value, name)
    let plain = Naive.layerNorm(x, weight: .ones([D]), bias: .zeros([D]), epsilon: epsilon)
    expectClose(value.normalised, plain, within: 10 * Tolerance.value, "x̂ of " + name)
    #expect(value.inverseDeviation.shape == shape.removing(-1))
  }

  @Test func aConstantRowBecomesTheBias() {
    let bias = Tensor.random([8], for: "bias")
    for level in [0, 1, -3, 1e4] as [Scalar] {
      let x = Tensor(repeating: level, shape: [3, 8])
      let value = layerNorm(x, weight: Tensor.ones([8]), bias: bias, epsilon: 1e-5)
      expectIdentical(value.output, bias.broadcast(to: [3, 8]), "level \(level)")
    }
    let single = layerNorm(Tensor.random([5, 1], for: "one"), weight: Tensor([2]), bias: Tensor([3]), epsilon: 1e-5)
    expectIdentical(single.output, Tensor(repeating: 3, shape: [5, 1]), "D = 1")
  }
}
