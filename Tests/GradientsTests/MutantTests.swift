// # Wrong pullbacks are caught
//
// A check that has never failed proves little. Each mutant below has the value of the right
// function and the pullback of another, by a detour:
//
//     mutant(x)  =  g(x) + (f(x) − g(x))        the bracket as a constant: value f, gradient of g
//
// They are the mistakes that people make: a factor, a sign, a transpose, a forgotten sum, a mask or a scale left out,
// an index off by one. `withKnownIssue` fails if the check finds nothing.

import GradientChecking
import Gradients
import Tensors
import TestSupport
import Testing

/// A function, and another whose pullback is put in its place.
struct Mutant: Sendable, CustomTestStringConvertible {
  let name: String
  let arguments: [OperationCase.Argument]
  let function: @Sendable ([Variable]) -> Variable
  let impostor: @Sendable ([Variable]) -> Variable
  var testDescription: String { name }

  init(
    _ name: String, _ arguments: [OperationCase.Argument], _ function: @escaping @Sendable ([Variable]) -> Variable,
    pulledBackAs impostor: @escaping @Sendable ([Variable]) -> Variable
  ) {
    (self.name, self.arguments, self.function, self.impostor) = (name, arguments, function, impostor)
  }

  /// The value of the function with the gradient of the impostor.
  func callAsFunction(_ x: [Variable]) -> Variable {
    let g = impostor(x)
    return g + (function(x).detached - g.detached)
  }

  private static let decays = [
    argument([2, 7, 3], .logDecay), any(2, 7, 3, 5), any(2, 7, 3, 5), any(3),
  ]
  private static let matrix = { @Sendable (x: [Variable]) in ssdMatrix(logDecay: x[0], b: x[1], c: x[2], d: x[3]) }

  /// x one step later along time, which is axis 1.
  private static func delayed(_ x: Variable) -> Variable {
    let T = x.shape[1]
    return Variable.concatenated([x.sliced(0..<1, along: 1), x.sliced(0..<(T - 1), along: 1)], along: 1)
  }

  static let all = [
    Mutant("a factor", [any(2, 3)], { exp($0[0]) }, pulledBackAs: { Tolerance.visibleFactor * exp($0[0]) }),
    Mutant("one entry", [any(7)], { exp($0[0]) }) {
      let one = Naive.tabulate([7]) { $0[0] == 5 ? 3 * Tolerance.visibleEntry : 0 }
      return exp($0[0]) + Variable(constant: one) * $0[0]
    },
    Mutant("zeros", [any(2, 3)], { softmax($0[0]) }, pulledBackAs: { 0 * $0[0] }),
    Mutant("no tape at all", [any(2, 3)], { softmax($0[0]) }, pulledBackAs: { $0[0].detached }),
    Mutant("a sign", [any(2, 3), any(2, 3)], { $0[0] - $0[1] }, pulledBackAs: { $0[0] + $0[1] }),
    Mutant("the wrong factor of a product", [any(2, 3), any(2, 3)], { $0[0] * $0[1] }) {
      0.5 * ($0[0] * $0[0]) + $0[1]
    },
    Mutant("a forgotten sum over a stretched axis", [any(1, 3), any(2, 3)], { $0[0] + $0[1] }) {
      Variable.concatenated([$0[0], 0 * $0[0]]) + $0[1]
    },
    Mutant("a mean for a sum over a stretched axis", [any(3)], { $0[0].broadcast(to: [2, 3]) }) {
      0.5 * $0[0].broadcast(to: [2, 3])
    },
    Mutant("a transposed factor", [any(2, 3), any(3, 3)], { matmul($0[0], $0[1]) }) {
      matmul($0[0], $0[1].detached.transposed()) + matmul($0[0].detached, $0[1])
    },
    Mutant("a slice off by one", [any(7)], { $0[0].sliced(2..<5) }, pulledBackAs: { $0[0].sliced(1..<4) }),
    Mutant("the inverse order of axes", [any(3, 3, 3)], { $0[0].permuted([1, 2, 0]) }) { $0[0].permuted([2, 0, 1]) },
    Mutant("softmax without its mean", [any(3, 5)], { softmax($0[0]) }) { softmax($0[0]).detached * $0[0] },
    Mutant("softmax without its mask", [any(5, 5)], { softmax($0[0], causal: true) }) { softmax($0[0]) },
    Mutant("softmax without its scale", [any(3, 5)], { softmax($0[0], scale: 0.25) }) {
      4 * softmax($0[0], scale: 0.25)
    },
    Mutant("layer norm with a constant deviation", [any(3, 5), any(5), any(5)], Self.norm) { x in
      let mean = 0.2 * sum(x[0], along: 1).reshaped(to: [3, 1])
      let deviation = layerNorm(x[0].value, weight: .ones([5]), bias: .zeros([5]), epsilon: 0.1).inverseDeviation
      return (x[0] - mean) * Variable(constant: deviation.reshaped(to: [3, 1] as Shape)) * x[1] + x[2]
    },
    Mutant("layer norm without its mean", [any(3, 5), any(5), any(5)], Self.norm) { x in
      let value = layerNorm(x[0].value, weight: .ones([5]), bias: .zeros([5]), epsilon: 0.1)
      let r = Variable(constant: value.inverseDeviation.reshaped(to: [3, 1] as Shape))
      let away = x[0] * r - Variable(constant: x[0].value * r.value - value.normalised)
      return away * x[1] + x[2]
    },
    Mutant("a rotation a step further", [any(2, 3, 1, 6)], { rotary($0[0], RotaryTable(T: 3, width: 6)) }) {
      rotary($0[0], RotaryTable(T: 3, width: 6, offset: 1))
    },
    Mutant("taps off by one", [any(2, 5, 3), any(3, 1, 2), any(3)], Self.convolution) {
      causalConvolution(delayed($0[0]), weight: $0[1], bias: $0[2])
    },
    Mutant("a repeated row that collects once", [any(3, 5)], { embedding(Tokens([1, 1, 2]), table: $0[0]) }) {
      embedding(Tokens([1, 0, 2]), table: $0[0])
    },
    Mutant("cross-entropy of the wrong token", [any(1, 2, 5)], { crossEntropy($0[0], targets: Tokens([1, 3])) }) {
      crossEntropy($0[0], targets: Tokens([1, 4]))
    },
    Mutant(
      "a distance without its root", [argument([2, 5], .positive), argument([2, 5], .logDecay)], Self.distances
    ) {
      0.5 * sum(($0[0] - $0[1]) * ($0[0] - $0[1]), along: 1)
    },
    Mutant(
      "both sides of a distance alike", [argument([2, 5], .positive), argument([2, 5], .logDecay)], Self.distances
    ) {
      distance($0[0], -$0[1], over: 1)
    },
    Mutant("a segment sum off by one", decays, matrix) { x in
      ssdMatrix(logDecay: delayed(x[0]), b: x[1], c: x[2], d: x[3])
    },
    Mutant("B and C exchanged", decays, matrix) { ssdMatrix(logDecay: $0[0], b: $0[2], c: $0[1], d: $0[3]) },
    Mutant("a decay that gets no gradient", decays, matrix) {
      ssdMatrix(logDecay: $0[0].detached, b: $0[1], c: $0[2], d: $0[3])
    },
    Mutant(
      "a state that does not cross from chunk to chunk",
      [any(2, 6, 3, 2)] + [
        argument([2, 6, 3], .logDecay),
        any(2, 6, 3, 5), any(2, 6, 3, 5), any(3),
      ], Self.sequence
    ) { x in
      let halves = [0..<3, 3..<6].map { range in
        Self.sequence(x.dropLast().map { $0.sliced(range, along: 1) } + [x[4]])
      }
      return Variable.concatenated(halves, along: 1)
    },
    Mutant("a triangle on the wrong side", [any(5, 5), any(5, 5)], Self.quotient) {
      matmul(unitLowerQuotient(Variable(constant: .identity(5)), 0.3 * $0[1]), Self.lower($0[0]))
    },
    Mutant("a delta rule that only adds", deltas, Self.delta) { x in
      let written = sigmoid(x[4]).reshaped(to: [2, 6, 3, 1]) * (0.3 * x[2])
      return ssdSequence(x[0], logDecay: x[1], b: written, c: x[3], d: Variable(constant: .zeros([3])), Q: 3)
    },
    Mutant("keys that get a gradient only from what they write", deltas, Self.delta) { x in
      let (keys, beta) = (0.3 * x[2], sigmoid(x[4]))
      let written = beta.reshaped(to: [2, 6, 3, 1]) * keys
      let none = Variable(constant: .zeros([3]))
      let read = ssdMatrix(logDecay: x[1], b: written, c: keys, d: none).detached
      return headMix(unitLowerQuotient(ssdMatrix(logDecay: x[1], b: written, c: x[3], d: none), read), x[0])
    },
    Mutant("a delta rule whose state does not cross from chunk to chunk", deltas, Self.delta) { x in
      Variable.concatenated(
        [0..<3, 3..<6].map { range in Self.delta(x.map { $0.sliced(range, along: 1) }) }, along: 1)
    },
  ]

  private static let deltas = [
    any(2, 6, 3, 2), argument([2, 6, 3], .logDecay), any(2, 6, 3, 5), any(2, 6, 3, 5), any(2, 6, 3),
  ]
  /// Short keys and a β between 0 and 1, so that the state is not stretched.
  private static let delta = { @Sendable (x: [Variable]) in
    deltaSequence(x[0], logDecay: x[1], b: 0.3 * x[2], c: x[3], beta: sigmoid(x[4]), Q: 3)
  }
  private static let quotient = { @Sendable (x: [Variable]) in unitLowerQuotient(x[0], 0.3 * x[1]) }
  /// What is on and below the diagonal.
  private static func lower(_ x: Variable) -> Variable {
    x * Variable(constant: Naive.tabulate([5, 5]) { $0[1] <= $0[0] ? 1 : 0 })
  }

  private static let norm = { @Sendable (x: [Variable]) in layerNorm(x[0], weight: x[1], bias: x[2], epsilon: 0.1) }
  private static let convolution = { @Sendable (x: [Variable]) in causalConvolution(x[0], weight: x[1], bias: x[2]) }
  private static let distances = { @Sendable (x: [Variable]) in distance(x[0], x[1], over: 1) }
  private static let sequence = { @Sendable (x: [Variable]) in
    ssdSequence(x[0], logDecay: x[1], b: x[2], c: x[3], d: x[4], Q: 3)
  }
}

@Suite("mutants", .tallied) struct MutantTests {
  @Test(arguments: Mutant.all)
  func aWrongPullbackIsCaught(_ mutant: Mutant) {
    var random = SeededGenerator(for: mutant.name)
    let inputs = mutant.arguments.map { Tensor.random($0.shape, $0.domain, using: &random) }
    let leaves = inputs.map { Variable(leaf: $0) }
    expectClose(mutant(leaves).value, mutant.function(leaves).value, "the value of " + mutant.name)
    // The right pullback passes at the same inputs at which the wrong one does not.
    expectPass(
      checkGradient(at: inputs, settings: Tolerance.differences, using: &random, of: mutant.function), mutant.name)
    withKnownIssue {
      let report = checkGradient(at: inputs, settings: Tolerance.differences, using: &random) { mutant($0) }
      if let failure = report.failures.first { Issue.record("\(mutant.name): \(failure)") }
    }
  }
}
