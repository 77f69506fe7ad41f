// # Where a derivative is hard
//
// Kinks, saturation, masks and decays at their limits. Differences cannot be taken at a kink or at infinity, so each
// expectation is derived by hand and stated as numbers.

import Gradients
import Tensors
import TestSupport
import Testing

@Suite("edges", .tallied) struct EdgeTests {
  /// The cotangents of some inputs for a random cotangent of a function's output.
  private func pull(_ name: String, _ inputs: [Tensor], _ function: ([Variable]) -> Variable) -> (Tensor, [Tensor]) {
    let leaves = inputs.map { Variable(leaf: $0) }
    let output = function(leaves)
    let g = Tensor.random(output.shape, for: name)
    return (g, cotangents(of: output, seed: g, withRespectTo: leaves))
  }

  @Test func aPerfectStudentIsLeftInPeace() {
    let x = Tensor.random([2, 3, 5], for: "same")
    for axes in 0...3 {
      let (_, found) = pull("distance \(axes)", [x, x]) { distance($0[0], $0[1], over: axes) }
      expectZero(found[0], "x over \(axes)")
      expectZero(found[1], "y over \(axes)")
    }
    // One matrix of two agrees: the other still has its gradient.
    var y = x
    y[1, 0, 0] += 3
    let (g, found) = pull("half", [x, y]) { distance($0[0], $0[1], over: 2) }
    var expected = Tensor.zeros([2, 3, 5])
    expected[1, 0, 0] = -g[1]
    expectClose(found[0], expected, "x")
    expectClose(found[1], -expected, "y")
    let shared = Variable(leaf: x)
    expectZero(gradients(of: sum(distance(shared, shared, over: 1)), withRespectTo: [shared])[0], "one variable")
  }

  @Test func saturatedFunctionsAreFlat() {
    let x = Tensor([-5000, -1000, 1000, 5000])
    let slopes: [(String, [Scalar], (Variable) -> Variable)] = [
      ("tanh", [0, 0, 0, 0], { tanh($0) }), ("sigmoid", [0, 0, 0, 0], { sigmoid($0) }),
      ("softplus", [0, 0, 1, 1], { softplus($0) }), ("silu", [0, 0, 1, 1], { silu($0) }),
      ("gelu", [0, 0, 1, 1], { gelu($0) }),
    ]
    for (name, slope, function) in slopes {
      let (g, found) = pull(name, [x]) { function($0[0]) }
      expectIdentical(found[0] + Tensor.zeros([4]), g * Tensor(slope) + Tensor.zeros([4]), name)
    }
    let (_, softmaxed) = pull("softmax", [Tensor(rows: [[0, 1000, -1000], [-1000, 0, 5000]])]) { softmax($0[0]) }
    expectZero(softmaxed[0], "softmax")
    let targets = Tokens([1, 0], B: 1, T: 2)
    let logits = Tensor([0, 1000, 0, 0, 1000, 0] as [Scalar], shape: [1, 2, 3])
    let (g, losses) = pull("cross-entropy", [logits]) { crossEntropy($0[0], targets: targets) }
    let wrong = Tensor([0, 0, 0, -g[0, 1], g[0, 1], 0], shape: [1, 2, 3])
    expectIdentical(losses[0] + Tensor([0, 0, 0]), wrong + Tensor([0, 0, 0]), "right, and wrong")
  }

  @Test func aMaskLetsNothingThrough() {
    // 5 rows see 3 columns: the first two rows see nothing at all.
    let x = Tensor.random([5, 3], for: "masked")
    let (_, found) = pull("mask", [x]) { softmax($0[0], causal: true) }
    let hidden = Naive.tabulate([5, 3]) { $0[1] > $0[0] - 2 ? 1 : 0 }
    expectZero(found[0] * hidden, "what is hidden")
    expectZero(found[0].sliced(0..<3), "rows that see nothing, and one that sees a single place")
    #expect(largestMagnitude(found[0].sliced(3..<5)) > 1e-3)
    // The same cut made with −∞.
    let infinite = Naive.tabulate([5, 3]) { $0[1] > max($0[0] - 2, 0) ? -.infinity : 0 }
    let (g, cut) = pull("−∞", [x]) { softmax($0[0] + Variable(constant: infinite)) }
    let value = Naive.softmax(x + infinite)
    let inner = sum(g * value, along: 1).reshaped(to: [5, 1] as Shape)
    expectClose(cut[0], value * (g - inner), "−∞ as a mask")
  }

  @Test func aSingleNumberHasNoDeviation() {
    let x = Tensor.random([3, 1], for: "single")
    let (g, found) = pull("norm", [x, Tensor([2]), Tensor([3])]) {
      layerNorm($0[0], weight: $0[1], bias: $0[2], epsilon: 1e-5)
    }
    expectZero(found[0], "x")
    expectZero(found[1], "weight")
    expectClose(found[2], sum(g, along: 0), "bias")
  }

  @Test func withoutMemoryEachStepStandsAlone() {
    // α = 0 throughout: y[t] = (c[t] · b[t] + d) x[t].
    let (B, T, H, N, P) = (2, 5, 3, 2, 7)
    let inputs = [
      Tensor.random([B, T, H, P], for: "x"), Tensor(repeating: -.infinity, shape: [B, T, H]),
      Tensor.random([B, T, H, N], for: "b"), Tensor.random([B, T, H, N], for: "c"), Tensor.random([H], for: "d"),
    ]
    for Q in [1, 2, 3, 7] {
      let (g, found) = pull("forgetting \(Q)", inputs) {
        ssdSequence($0[0], logDecay: $0[1], b: $0[2], c: $0[3], d: $0[4], Q: Q)
      }
      let direct = { (x: [Variable]) in
        let gain = sum(x[2] * x[1], along: 3) + x[3]
        return x[0] * gain.reshaped(to: [B, T, H, 1])
      }
      let leaves = [inputs[0], inputs[2], inputs[3], inputs[4]].map { Variable(leaf: $0) }
      let expected = cotangents(of: direct(leaves), seed: g, withRespectTo: leaves)
      for (ours, theirs) in [(0, 0), (2, 1), (3, 2), (4, 3)] {
        expectClose(found[ours], expected[theirs], "input \(ours), Q \(Q)")
      }
      expectZero(found[1], "log α, Q \(Q)")
    }
  }

  @Test func underflowingDecaysGiveNumbers() {
    let (T, N) = (40, 3)
    for level in [-20, -400, -1e30, -.infinity] as [Scalar] {
      let logDecay = Tensor(repeating: level, shape: [1, T, 1])
      let (b, c) = (Tensor.random([1, T, 1, N], for: "b"), Tensor.random([1, T, 1, N], for: "c"))
      let (x, d) = (Tensor.random([1, T, 1, 2], for: "x"), Tensor.random([1], for: "d"))
      let (_, ofMatrix) = pull("matrix", [logDecay, b, c, d]) {
        ssdMatrix(logDecay: $0[0], b: $0[1], c: $0[2], d: $0[3])
      }
      let (_, ofSequence) = pull("sequence", [x, logDecay, b, c, d]) {
        ssdSequence($0[0], logDecay: $0[1], b: $0[2], c: $0[3], d: $0[4], Q: 16)
      }
      for (index, found) in (ofMatrix + ofSequence).enumerated() {
        #expect(isFinite(found), "input \(index) at log α = \(level)")
        Tally.count(found.count, "log α = \(level)")
      }
      #expect(largestMagnitude(ofMatrix[1]) > 0.1 && largestMagnitude(ofSequence[2]) > 0.1)
    }
  }

  @Test func aDistanceThatUnderflowsHasNoGradient() {
    // The square of the difference underflows to 0, the difference itself does not.
    let small = Scalar.leastNormalMagnitude
    let (_, found) = pull("tiny", [Tensor([0, 0]), Tensor([small, 0])]) { distance($0[0], $0[1], over: 1) }
    expectZero(found[0], "x")
    expectZero(found[1], "y")
  }

  @Test func manyRowsAreSummedInPieces() {
    // Sums of small whole numbers are exact in any order. One piece, two, the most that there can be; and more pieces
    // than numbers in a row.
    let entry = { (row: Int, column: Int) -> Scalar in Scalar((row * 7 + column) % 11 - 5) }
    for (rows, width) in [(20_011, 5), (26_227, 5), (80_021, 5), (150_011, 2)] {
      let cotangent = Naive.tabulate([rows, width]) { entry($0[0], $0[1]) }
      let leaf = Variable(leaf: Tensor.random([width], for: "bias"))
      let found = cotangents(of: leaf.broadcast(to: [rows, width]), seed: cotangent, withRespectTo: [leaf])[0]
      var expected = [Scalar](repeating: 0, count: width)
      for row in 0..<rows { for column in 0..<width { expected[column] += entry(row, column) } }
      expectIdentical(found + Tensor([0]), Tensor(expected) + Tensor([0]), "\(rows) rows of \(width)")
    }
  }

  // An operation on M that also sees what the mask hides would otherwise learn from it.
  @Test(arguments: [1, 5, 70]) func theCotangentOfACausalMatrixIsCausal(_ T: Int) {
    let (matrix, rows) = (Tensor.random([2, 3, T, T], for: "M"), Tensor.random([2, T, 3, 4], for: "v"))
    let m = Naive.tabulate(matrix.shape) { $0[3] <= $0[2] ? matrix.at($0) : 0 }
    let (g, found) = pull("mix", [m, rows]) { causalMix($0[0], $0[1]) }
    let whole = Naive.headScores(g, rows)
    expectClose(found[0], Naive.tabulate(matrix.shape) { $0[3] <= $0[2] ? whole.at($0) : 0 }, "T \(T)")
    for t in 0..<T {
      expectZero(found[0].sliced(t..<(t + 1), along: 2).sliced((t + 1)..<T, along: 3), "row \(t), T \(T)")
    }
  }

  @Test func aPullbackOfAnotherShapeIsNamed() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let x = Variable(leaf: Tensor.ones([2, 3]))
      let wrong = Variable(custom: x.value, from: (x, { $0.reshaped(to: [3, 2] as Shape) }))
      _ = cotangents(of: wrong, seed: Tensor.ones([2, 3]), withRespectTo: [x])
    }
    let message = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
    for word in ["custom", "[2, 3]", "[3, 2]"] { #expect(message.contains(word), "\(word) in \(message)") }
  }

  @Test func whatIsHiddenInACotangentIsNotRead() {
    let (T, causal) = (5, { (x: [Int]) in x[x.count - 1] <= x[x.count - 2] })
    func compare(_ name: String, _ inputs: [Tensor], _ function: ([Variable]) -> Variable) {
      let leaves = inputs.map { Variable(leaf: $0) }
      let output = function(leaves)
      let g = Tensor.random(output.shape, for: name)
      let with = { (hidden: Scalar) in
        let seed = Naive.tabulate(output.shape) { causal($0) ? g.at($0) : hidden }
        return cotangents(of: output, seed: seed, withRespectTo: leaves)
      }
      for (index, (found, expected)) in zip(with(.nan), with(0)).enumerated() {
        expectIdentical(found, expected, "\(name), input \(index)")
      }
    }
    compare("causal softmax", [Tensor.random([2, T, T], for: "x")]) { softmax($0[0], causal: true) }
    let rows = Tensor.random([2, T, 3, 2], for: "b")
    compare("attentionMatrix", [rows, .random([2, T, 3, 2], for: "k")]) { attentionMatrix($0[0], $0[1]) }
    compare("ssdMatrix", [Tensor.random([2, T, 3], .logDecay, for: "log α"), rows, rows, .random([3], for: "d")]) {
      ssdMatrix(logDecay: $0[0], b: $0[1], c: $0[2], d: $0[3])
    }
  }
}
