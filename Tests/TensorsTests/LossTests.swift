// # Cross-entropy and distance
//
// Against the twins, then at the extremes: a model that is certain and right pays exactly 0, one that is certain and
// wrong exactly the difference of its logits, and one that knows nothing log V.

import Foundation
import Tensors
import TestSupport
import Testing

@Suite("losses", .tallied) struct LossTests {
  private static func tokens(_ B: Int, _ T: Int, below V: Int, for name: String) -> Tokens {
    var random = SeededGenerator(for: name)
    return Tokens((0..<(B * T)).map { _ in Int.random(in: 0..<V, using: &random) }, B: B, T: T)
  }

  @Test(arguments: [(2, 3, 5), (1, 1, 1), (3, 1, 7), (1, 7, 2), (2, 0, 5), (7, 61, 251)], [Domain.any, .wide])
  func crossEntropiesAgreeWithTheirTwins(_ sizes: (B: Int, T: Int, V: Int), _ domain: Domain) {
    let (B, T, V) = sizes
    let name = "\(domain) \(sizes)"
    let logits = Tensor.random([B, T, V], domain, for: name)
    let targets = Self.tokens(B, T, below: V, for: "targets " + name)
    let hard = crossEntropy(logits, targets: targets)
    expectClose(hard.losses, Naive.crossEntropy(logits, targets: targets), "tokens " + name)
    let p = Tensor.random([B, T, V], .distribution, for: "p " + name)
    let soft = crossEntropy(logits, distributions: p)
    expectClose(soft.losses, Naive.crossEntropy(logits, distributions: p), "distributions " + name)
    for value in [hard, soft] {
      expectClose(value.probabilities, Naive.softmax(logits), floor: 1e-6, "probabilities " + name)
    }
    // A token is the distribution that is certain of it.
    let certain = Naive.tabulate([B, T, V]) { targets.ids[$0[0] * T + $0[1]] == $0[2] ? 1 : 0 }
    expectClose(crossEntropy(logits, distributions: certain).losses, hard.losses, "one-hot " + name)
    // No distribution is cheaper than the model's own.
    let own = crossEntropy(logits, distributions: soft.probabilities).losses
    let entropy = sum(soft.probabilities * log(soft.probabilities), along: -1)
    expectClose(own, -entropy, within: 10 * Tolerance.value, "entropy " + name)
  }

  @Test(arguments: [[7], [5, 7], [2, 3, 5, 7]] as [Shape])
  func distributionsOfAnyRank(_ shape: Shape) {
    let logits = Tensor.random(shape, for: "logits \(shape)")
    let p = Tensor.random(shape, .distribution, for: "p \(shape)")
    let rows = [1, shape.count / 7, 7] as Shape
    let expected = Naive.crossEntropy(logits.reshaped(to: rows), distributions: p.reshaped(to: rows))
    let losses = crossEntropy(logits, distributions: p).losses
    expectClose(losses, expected.reshaped(to: shape.removing(-1)), "\(shape)")
  }

  @Test func theEndsAreExact() {
    let logits = Tensor([1000, -1000, 0, 0, 0, 0] as [Scalar], shape: [1, 2, 3])
    let right = crossEntropy(logits, targets: Tokens([0, 2])).losses
    expectClose(right, Tensor(rows: [[0, Scalar(log(3.0))]]), "right, and no idea")
    #expect(right[0, 0] == 0)
    let wrong = crossEntropy(logits, targets: Tokens([1, 0])).losses
    #expect(wrong[0, 0] == 2000)
    let impossible = Tensor([0, -.infinity, 0] as [Scalar], shape: [1, 1, 3])
    #expect(crossEntropy(impossible, targets: Tokens([1])).losses[0, 0] == .infinity)
    expectClose(crossEntropy(impossible, targets: Tokens([0])).losses, Tensor(rows: [[Scalar(log(2.0))]]), "masked")
  }

  @Test(
    arguments: [[7], [5, 7], [3, 5, 7], [2, 3, 5, 7], [3, 1, 1], [0, 7], [3, 0], [301, 23, 31]] as [Shape])
  func distancesAgreeWithTheirTwin(_ shape: Shape) {
    let x = Tensor.wholeNumbers(shape, for: "x \(shape)")
    let y = Tensor.wholeNumbers(shape, for: "y \(shape)")
    for axes in 0...min(3, shape.rank) where !(axes > 0 && shape.prefix(shape.rank - axes).count == 0) {
      let name = "\(shape) over \(axes)"
      let d = distance(x, y, over: axes)
      expectIdentical(d, Naive.distance(x, y, over: axes), name)
      expectIdentical(distance(y, x, over: axes), d, name + " reversed")
      expectZero(distance(x, x, over: axes), name + " of x to itself")
      expectZero(
        distancePullback(Tensor.random(d.shape, for: name), value: .zeros(d.shape), x, x), name + " pullback")
    }
  }
}
