// # Values, not references
//
// A copy of a tensor shares its numbers until one of the two is changed; no test must be able to
// tell. And the same computation gives the same bits each time, on however many cores: training
// that is resumed relies on that.

import Tensors
import TestSupport
import Testing

@Suite("storage", .tallied) struct StorageTests {
  static let changes: [(name: String, change: @Sendable (inout Tensor) -> Void)] = [
    ("an element", { $0[1, 2] = 99 }),
    ("in place", { $0.withMutableElements { $0[3] = 99 } }),
    ("+=", { $0 += Tensor.ones([5, 7]) }),
    ("+= itself", { $0 += $0 }),
    ("a part", { $0.assign(Tensor.zeros([1, 7]), at: 2, along: 0) }),
  ]

  @Test(arguments: 0..<changes.count)
  func aCopyKeepsItsNumbers(_ number: Int) {
    let (name, change) = Self.changes[number]
    let original = Tensor.random([5, 7], for: "copy")
    let numbers = original.elements
    var copy = original
    let view = original.reshaped(to: [7, 5] as Shape)
    let rows = copy.asRows
    change(&copy)
    #expect(copy.elements != numbers, "\(name) changes nothing")
    #expect(original.elements == numbers && view.elements == numbers && rows.elements == numbers, "\(name)")
    // The other way round: the original changes, its copies do not.
    var second = original
    let keeper = second
    change(&second)
    #expect(keeper.elements == numbers && second.elements == copy.elements, "\(name)")
    // And in a collection.
    var row = [original, original]
    change(&row[0])
    #expect(row[1].elements == numbers && row[0].elements == copy.elements, "\(name)")
  }

  @Test func rearrangementsThatMoveNothingAreValuesToo() {
    let original = Tensor.random([5, 7], for: "views")
    let numbers = original.elements
    for same in [
      original.transposed(0, 0), original.broadcast(to: [5, 7]), sum(original, to: [5, 7]), original.sliced(0..<5),
      Tensor.concatenated([original]), original.permuted([0, 1]),
    ] {
      var copy = same
      copy[0, 0] = 99
      #expect(original.elements == numbers && same.elements == numbers)
    }
  }

  @Test func freedBlocksAreUsedAgain() async {
    // In a process of its own, since other tests take memory too.
    await #expect(processExitsWith: .success) {
      let before = MemoryStatistics.current
      do {
        let x = Tensor.ones([1000])
        let during = MemoryStatistics.current
        precondition(during.bytesInUse >= before.bytesInUse + 1000 * MemoryLayout<Scalar>.stride, "x takes memory")
        _ = x.elements
      }
      let after = MemoryStatistics.current
      precondition(after.bytesInUse == before.bytesInUse && after.bytesHeldForReuse > 0, "x is given back")
      for _ in 0..<1000 { _ = Tensor.ones([1000]).elements }
      precondition(MemoryStatistics.current.bytesHeldForReuse == after.bytesHeldForReuse, "one block is enough")
      MemoryStatistics.releaseFreeBlocks()
      precondition(MemoryStatistics.current.bytesHeldForReuse == 0, "all is given to the system")
      precondition(Tensor.ones([1000]).elements.count == 1000, "and can be had again")
    }
  }

  @Test func thePeakIsWhatIsOwnedAtOnce() async {
    await #expect(processExitsWith: .success) {
      let number = MemoryLayout<Scalar>.stride
      let kept = Tensor.ones([4096])
      let one = MemoryStatistics.peak { Tensor.ones([1024]) }
      precondition(one.bytes == 1024 * number, "what was owned before does not count, but \(one.bytes) B do")
      let two = MemoryStatistics.peak { Tensor.ones([1024]) + Tensor.ones([1024]) }
      precondition(two.bytes == 3 * 1024 * number, "two terms and their sum, not \(two.bytes) B")
      let inTurn = MemoryStatistics.peak { for _ in 0..<5 { _ = Tensor.ones([1024]).elements } }
      precondition(inTurn.bytes == 1024 * number, "one after the other, not \(inTurn.bytes) B")
      precondition(MemoryStatistics.peak { kept.count }.bytes == 0, "nothing taken")
    }
  }

  /// Computations that are long enough to be cut into pieces.
  static let computations: [(name: String, compute: @Sendable (Tensor, Tensor) -> [Tensor])] = [
    ("exp", { x, _ in [exp(x)] }),
    ("x ⊙ y", { x, y in [x * y, x + y.sliced(0..<1)] }),
    ("sums", { x, _ in [sum(x), sumOfRows(x), sum(x, along: 0), sum(x, along: 1)] }),
    ("matmul", { x, y in [matmul(x, y, transposingB: true), matmul(x, y, transposingA: true)] }),
    ("softmax", { x, y in [softmax(x), softmaxPullback(y, value: softmax(x))] }),
    (
      "layerNorm",
      { x, y in
        let (w, b) = (y.sliced(0..<1).reshaped(to: [-1]), y.sliced(1..<2).reshaped(to: [-1]))
        let value = layerNorm(x, weight: w, bias: b, epsilon: 1e-5)
        let all = layerNormPullback(y, value: value, weight: w)
        return [value.output, all.x, all.weight, all.bias]
      }
    ),
    (
      "convolution",
      { x, y in
        let (input, g) = (x.reshaped(to: [4, 150, 420] as Shape), y.reshaped(to: [4, 150, 420] as Shape))
        let weight = x.reshaped(to: [-1]).sliced(0..<(420 * 4)).reshaped(to: [420, 1, 4] as Shape)
        let all = causalConvolutionPullback(g, x: input, weight: weight)
        return [causalConvolution(input, weight: weight, bias: all.bias), all.x, all.weight, all.bias]
      }
    ),
    (
      "state space",
      { x, y in
        let model = StateSpaceArguments(B: 2, T: 128, H: 8, N: 16, P: 32)
        let value = model.sequence(Q: 32)
        let g = Tensor.random(model.x.shape, for: "g")
        let all = ssdSequencePullback(
          g, value: value, model.x, logDecay: model.logDecay, b: model.b, c: model.c, d: model.d, Q: 32)
        let matrix = ssdMatrixPullback(model.matrix, logDecay: model.logDecay, b: model.b, c: model.c, d: model.d)
        return [
          value.output, value.finalState, all.x, all.logDecay, all.b, all.c, all.d, model.matrix, matrix.logDecay,
          matrix.b, matrix.c, matrix.d,
        ]
      }
    ),
    (
      "cross-entropy",
      { x, y in
        let value = crossEntropy(x, distributions: softmax(y))
        return [value.losses, value.probabilities]
      }
    ),
    (
      "blocked attention",
      { x, y in
        let (q, k) = (x.reshaped(to: [2, 300, 6, 70] as Shape), y.reshaped(to: [2, 300, 6, 70] as Shape))
        return [blockedAttention(q, k, q, scale: 0.1, Q: 32)]
      }
    ),
    (
      "causal attention",
      { x, y in
        let (q, k) = (x.reshaped(to: [2, 300, 6, 70] as Shape), y.reshaped(to: [2, 300, 6, 70] as Shape))
        let one = causalAttention(q, k, q, scale: 0.1, keepsMatrix: true)
        let all = causalAttentionPullback(k, matrix: one.matrix!, q: q, k: k, v: q, scale: 0.1)
        let mix = causalMixPullback(k, m: one.matrix!, v: q)
        let scores = attentionMatrixPullback(mix.m, value: one.matrix!, q: q, k: k, scale: 0.1)
        return [one.output, all.q, all.k, all.v, mix.m, mix.v, scores.q, scores.k, causalAttention(q, k, q).output]
      }
    ),
    ("distance", { x, y in [distance(x, y, over: 1), distance(x, y, over: 2)] }),
  ]

  @Test(arguments: 0..<computations.count)
  func theSameComputationGivesTheSameBits(_ number: Int) {
    let (name, compute) = Self.computations[number]
    let (x, y) = (Tensor.random([600, 420], for: "x"), Tensor.random([600, 420], for: "y"))
    let first = compute(x, y)
    func expectTheSame(_ results: [Tensor], _ when: String) {
      for (index, (again, result)) in zip(results, first).enumerated() {
        expectIdentical(again, result, "\(name), result \(index), \(when)")
      }
    }
    for _ in 0..<3 { expectTheSame(compute(x, y), "again") }
    expectTheSame(onOneCore { compute(x, y) }, "on one core")
  }
}
