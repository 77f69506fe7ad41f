// # The sweep through the tape
//
// What the table of operations cannot show, because it concerns how operations are connected: values that are used
// several times, intermediate results, constants and frozen parameters, leaves that are reached and leaves that are
// not, and chains so long that anything recursive would overflow the stack.

import GradientChecking
import Gradients
import Tensors
import TestSupport
import Testing

@Suite("the sweep", .tallied) struct SweepTests {
  let x = Tensor.random([2, 3], for: "x")
  let g = Tensor.random([2, 3], for: "g")

  /// The cotangent of x for a function of x.
  private func pull(_ function: (Variable) -> Variable) -> Tensor {
    let leaf = Variable(leaf: x)
    return cotangents(of: function(leaf), seed: g, withRespectTo: [leaf])[0]
  }

  @Test func aVariableThatIsUsedTwiceCollectsFromBothUses() {
    expectClose(pull { $0 * $0 }, 2 * x * g, "x ⊙ x")
    expectIdentical(pull { $0 + $0 }, 2 * g, "x + x")
    expectZero(pull { $0 - $0 }, "x − x")
    expectClose(pull { $0 / $0 }, Tensor.zeros([2, 3]), "x / x")
    expectClose(pull { $0 * $0 * $0 }, 3 * x * x * g, "x ⊙ x ⊙ x")
    expectIdentical(pull { x in x }, g, "x")
    expectClose(
      pull { x in
        let y = exp(x); return y + (y * y + x)
      }, (exp(x) + 2 * exp(x + x) + .ones([2, 3])) * g)
  }

  /// Contributions from products, parts and whole tensors add up in any order, and change no other cotangent.
  @Test func contributionsOfEveryKindAddUp() {
    let (w, v) = (Tensor.random([5, 3], for: "w"), Tensor.random([7, 3], for: "v"))
    let uses: [(name: String, use: (Variable) -> Variable)] = [
      ("a product", { linear($0, weight: Variable(constant: w)) }),
      ("another", { linear($0, weight: Variable(constant: v)) }),
      ("a column", { $0.sliced(1..<2, along: 1) }), ("a row", { $0.sliced(0..<1) }), ("all of it", { 0.5 * $0 }),
      ("itself", { $0 + $0 }),
    ]
    let alone = uses.map { use in
      pullOnes { use.use($0) }
    }
    for first in uses.indices {
      for second in uses.indices {
        for third in uses.indices {
          let names = [first, second, third].map { uses[$0].name }.joined(separator: ", ")
          let together = pullOnes { x in
            [first, second, third].map { sum(uses[$0].use(x)) }.reduce(Variable(constant: Tensor(0))) { $0 + $1 }
          }
          expectClose(together, alone[first] + alone[second] + alone[third], names)
        }
      }
    }
  }

  /// The gradient of the sum of a function's output at x.
  private func pullOnes(_ function: (Variable) -> Variable) -> Tensor {
    let leaf = Variable(leaf: x)
    return gradients(of: sum(function(leaf)), withRespectTo: [leaf])[0]
  }

  @Test func aDiamondIsSweptOnce() {
    // 2⁶⁰ paths lead from the end to the beginning; each node is visited once.
    expectClose(
      pull { x in
        var y = x
        for _ in 0..<60 { y = 0.5 * (y + y) }
        return y
      }, g, "sixty diamonds")
    // Paths of different lengths meet: the short one must wait for the long one.
    expectClose(
      pull { x in
        var y = x
        for step in 0..<50 { y = step % 7 == 0 ? y + x : 1.01 * y }
        return y + x
      },
      {
        var factor: Scalar = 1
        for step in 0..<50 { factor = step % 7 == 0 ? factor + 1 : 1.01 * factor }
        return (factor + 1) * g
      }(), "short and long paths")
  }

  @Test func aHundredThousandOperationsOverflowNoStack() {
    let leaf = Variable(leaf: Tensor([1, 2]))
    var long = leaf
    for _ in 0..<100_000 { long = long + leaf }
    let seed = Tensor([1, 10])
    expectIdentical(cotangents(of: long, seed: seed, withRespectTo: [leaf])[0], 100_001 * seed, "a chain of sums")
    #expect(TapeSummary(of: long).counts == [.add: 100_000, .leaf: 1])
    // Released from its end, from its middle, and with a second chain that shares its beginning.
    var branch = -long
    for _ in 0..<100_000 { branch = -branch }
    long = branch
    branch = leaf
    expectIdentical(cotangents(of: long, seed: seed, withRespectTo: [leaf])[0], -100_001 * seed, "a longer one")
    long = leaf
    var pair = (leaf, leaf)
    for _ in 0..<100_000 { pair = (pair.1 + leaf, pair.0 * Variable(constant: Tensor(1))) }
    pair = (leaf, leaf)
  }

  @Test func intermediateResultsHaveCotangentsToo() {
    let leaf = Variable(leaf: x)
    let middle = exp(leaf)
    let output = middle * middle + leaf
    let found = cotangents(of: output, seed: g, withRespectTo: [middle, output, leaf, middle])
    expectClose(found[0], 2 * exp(x) * g, "the middle")
    expectIdentical(found[1], g, "the output itself")
    expectClose(found[2], (2 * exp(x) * exp(x) + Tensor.ones([2, 3])) * g, "the leaf")
    expectIdentical(found[3], found[0], "asked twice")
    // A second sweep over the same tape gives the same.
    let again = cotangents(of: output, seed: g, withRespectTo: [leaf])
    expectIdentical(again[0], found[2], "swept again")
  }

  @Test func whatTheLossDoesNotDependOnGetsZeros() {
    let (a, b) = (Variable(leaf: x), Variable(leaf: Tensor.random([7], for: "b")))
    let constant = Variable(constant: x)
    let detached = exp(a).detached
    let loss = sum(a * constant * detached)
    let found = gradients(of: loss, withRespectTo: [a, b, constant, detached])
    expectClose(found[0], x * exp(x), "a detached factor is a constant")
    for (index, shape) in [(1, [7]), (2, [2, 3]), (3, [2, 3])] as [(Int, Shape)] {
      #expect(found[index].shape == shape)
      expectZero(found[index], "variable \(index)")
    }
    #expect(detached.isConstant && constant.isConstant && !a.isConstant && !loss.isConstant)
    expectZero(gradients(of: sum(constant), withRespectTo: [a])[0], "a constant loss")
    #expect(a.primitive == .leaf && loss.primitive == .sum && constant.primitive == nil)
  }

  @Test func frozenParametersAreConstants() {
    let (w, v) = (Parameter("w", x), Parameter("v", Tensor.random([2, 3], for: "v")))
    let loss = { sum(w.variable * w.variable * v.variable) }
    var found = gradients(of: loss(), withRespectTo: [w, v])
    expectClose(found[0], 2 * x * v.value, "w")
    expectClose(found[1], x * x, "v")
    #expect(TapeSummary(of: loss()).reaches(w) && TapeSummary(of: loss()).reaches(v))
    #expect(TapeSummary(of: loss()).leafCount == 2)
    v.isFrozen = true
    found = gradients(of: loss(), withRespectTo: [w, v])
    expectClose(found[0], 2 * x * v.value, "w beside a frozen v")
    expectZero(found[1], "frozen v")
    #expect(TapeSummary(of: loss()).reaches(w) && !TapeSummary(of: loss()).reaches(v))
    w.isFrozen = true
    #expect(loss().isConstant && TapeSummary(of: loss()).leafCount == 0)
    (w.isFrozen, v.isFrozen) = (false, false)
    // A tape that was made before a value changed keeps what it was made of.
    let old = loss()
    w.update { $0 += Tensor.ones([2, 3]) }
    expectClose(gradients(of: old, withRespectTo: [v])[0], x * x, "the old tape")
    expectClose(gradients(of: loss(), withRespectTo: [v])[0], w.value * w.value, "the new one")
  }

  @Test func theTapeHoldsWhatWasDone() {
    let (a, b) = (Variable(leaf: x), Variable(leaf: Tensor.random([3, 5], for: "b")))
    let product = matmul(a, b)
    let output = mean(softmax(product) + 2 * sum(product, along: 0))
    let counts = TapeSummary(of: output).counts
    #expect(counts == [.leaf: 2, .matmul: 1, .softmax: 1, .sumAlong: 1, .scale: 2, .add: 1, .sum: 1])
    // Looking at a tape does not disturb the sweep.
    let found = gradients(of: output, withRespectTo: [a, b])
    _ = TapeSummary(of: output)
    let again = gradients(of: output, withRespectTo: [a, b])
    for index in 0..<2 { expectIdentical(again[index], found[index], "after a look") }
    #expect(TapeSummary(of: Variable(constant: x)).counts.isEmpty && TapeSummary(of: a).counts == [.leaf: 1])
  }

  @Test func aWholeNetworkAlongRandomDirections() {
    var random = SeededGenerator(for: "network")
    let table = Parameter("table", .normal([7, 5], using: &random))
    let (w, b) = (Parameter("w", .normal([3, 5], using: &random)), Parameter("b", .normal([3], using: &random)))
    let (scale, shift) = (Parameter("scale", .ones([5])), Parameter("shift", .zeros([5])))
    let head = Parameter("head", .normal([7, 3], using: &random))
    let (tokens, targets) = (randomTokens(2, 5, below: 7, for: "t"), randomTokens(2, 5, below: 7, for: "u"))
    let all = [table, w, b, scale, shift, head]
    let loss = {
      let x = embedding(tokens, table: table.variable)
      let normed = layerNorm(x, weight: scale.variable, bias: shift.variable, epsilon: 1e-2)
      let hidden = gelu(linear(normed, weight: w.variable, bias: b.variable))
      return mean(crossEntropy(linear(hidden, weight: head.variable), targets: targets))
    }
    let values = all.map(\.value)
    let report = checkDirectionalGradient(
      of: all, directions: 11, settings: Tolerance.differences, using: &random, loss: loss)
    expectPass(report, "a network")
    for (parameter, value) in zip(all, values) { expectIdentical(parameter.value, value, parameter.name) }
  }
}
