// # Whole models
//
// The block's equation; what a trace shows, and where it ends (before the final norm: the trap of
// stage 2); what a token may depend on. Its derivatives are in the table of models.

import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite("whole models", .tallied) struct ModelTests {
  /// A norm of either kind, computed slowly.
  private func naiveNorm(_ layer: any Layer, _ x: Tensor) throws -> Tensor {
    if let norm = layer as? RMSNorm { return Naive.rmsNorm(x, weight: norm.weight.value, epsilon: norm.epsilon) }
    let norm = try #require(layer as? LayerNorm)
    return Naive.layerNorm(x, weight: norm.weight.value, bias: norm.bias.value, epsilon: 1e-5)
  }

  @Test(arguments: Kind.allCases) func aBlockAddsBothBranches(kind: Kind) throws {
    var random = SeededGenerator(seed: 6)
    for (layer, block) in kind.model().blocks.enumerated() {
      let x = Tensor.normal([2, 7, 10], using: &random)
      let expected: Tensor
      if let block = block as? SequentialBlock {
        let h = x + block.mixer(try naiveNorm(block.norm, x))
        expected = h + block.feedForward(try naiveNorm(block.secondNorm, h))
      } else {
        let block = try #require(block as? ParallelBlock)
        let u = try naiveNorm(block.norm, x)
        expected = x + block.mixer(u) + block.feedForward(u)
      }
      expectClose(block(Variable(constant: x)).value, expected, within: Tolerance.model, "\(kind), block \(layer)")
    }
  }

  @Test(arguments: Kind.allCases) func theLogitsAreEmbeddingBlocksNormAndHead(kind: Kind) throws {
    var random = SeededGenerator(seed: 7)
    let (model, tokens) = (kind.model(), randomTokens(using: &random))
    var u = Variable(constant: Naive.gathered(model.embedding.weight.value, tokens))
    for block in model.blocks { u = block(u) }
    let last = try naiveNorm(model.finalNorm, u.value)
    let rows = Naive.matmul(last.asRows, model.head.weight.value.transposed())
    let bias = model.head.bias?.value ?? .zeros([11])
    let logits = Naive.elementwise(rows, bias) { $0 + $1 }.reshaped(to: [2, 7, 11])
    expectClose(model(tokens).value, logits, within: Tolerance.model, "\(kind)")
    #expect((model.head.weight === model.embedding.weight) == model.configuration.hasTiedHead, "\(kind)")
  }

  @Test(arguments: Kind.allCases) func aTraceIsTheForwardPass(kind: Kind) {
    var random = SeededGenerator(seed: 8)
    let (model, tokens) = (kind.model(), randomTokens(using: &random))
    let traces = model.trace(tokens)
    #expect(traces.count == 3)
    expectIdentical(traces[0].input.value, model.embedding(tokens), "the first state")
    for (layer, (trace, block)) in zip(traces, model.blocks).enumerated() {
      let name = "\(kind), block \(layer)"
      if layer > 0 { expectIdentical(trace.input.value, traces[layer - 1].output.value, "\(name), input") }
      expectIdentical(trace.mixerInput.value, block.mixerInput(trace.input).value, "\(name), LN")
      expectIdentical(trace.mixerOutput.value, block.mixer(trace.mixerInput).value, "\(name), mixer")
      expectIdentical(trace.matrix!.value, block.mixer.matrix(trace.mixerInput).value, "\(name), matrix")
      expectIdentical(trace.output.value, block(trace.input).value, "\(name), output")
    }
    // A frozen model computes the same numbers.
    for (mine, theirs) in zip(model.frozen.trace(tokens), traces) {
      expectIdentical(mine.matrix!, theirs.matrix!.value, "matrix, frozen")
      expectIdentical(mine.output, theirs.output.value, "output, frozen")
    }
    expectIdentical(model.frozen(tokens), model(tokens).value, "logits, frozen")
    // Without matrices, all else is the same.
    for (mine, theirs) in zip(model.trace(tokens, keepingMatrices: false), traces) {
      #expect(mine.matrix == nil)
      expectIdentical(mine.mixerOutput.value, theirs.mixerOutput.value, "mixer, no matrix kept")
      expectIdentical(mine.output.value, theirs.output.value, "output, no matrix kept")
    }
  }

  // A library may return its last state after the final norm; stage 2 needs the state before that norm.
  @Test("trap: the last state is that before the final norm", arguments: Kind.allCases)
  func theLastStateOfATraceIsBeforeTheFinalNorm(kind: Kind) {
    var random = SeededGenerator(seed: 9)
    let (model, tokens) = (kind.model(), randomTokens(using: &random))
    let last = model.trace(tokens).last!.output
    expectIdentical(model.logits(fromLastState: last).value, model(tokens).value, "\(kind)")
    let normed = model.finalNorm(last)
    #expect(largestMagnitude(last.value - normed.value) > 0.1)
    #expect(largestMagnitude(model.head(last).value - model(tokens).value) > 0.1)
    expectIdentical(model.head(normed).value, model(tokens).value, "\(kind), head of the normed state")
  }

  @Test(arguments: Kind.allCases, [0, 1, 5, 10]) func aTokenChangesNothingBeforeIt(kind: Kind, t: Int) {
    var random = SeededGenerator(seed: 10)
    let (B, T) = (2, 11)
    let (model, tokens) = (kind.model(), randomTokens(B: B, T: T, using: &random))
    var ids = tokens.ids
    for row in 0..<B { ids[row * T + t] = (ids[row * T + t] + 5) % 11 }
    let (before, after) = (model(tokens).value, model(Tokens(ids, B: B, T: T)).value)
    expectIdentical(after.sliced(0..<t, along: 1), before.sliced(0..<t, along: 1), "\(kind), token \(t)")
    // And something in every place from there on.
    for later in t..<T {
      let change = (after - before).sliced(later..<(later + 1), along: 1)
      #expect(largestMagnitude(change) > 1e-7, "place \(later)")
    }
  }

  @Test(arguments: Kind.allCases) func rowsOfABatchDoNotSeeEachOther(kind: Kind) {
    var random = SeededGenerator(seed: 11)
    let (model, tokens) = (kind.model(), randomTokens(B: 3, T: 11, using: &random))
    let (together, traces) = (model(tokens).value, model.trace(tokens))
    for row in 0..<3 {
      let alone = Tokens(Array(tokens.row(row)))
      expectClose(
        together.sliced(row..<(row + 1)), model(alone).value, within: Tolerance.model, "\(kind), logits, row \(row)")
      for (layer, trace) in model.trace(alone).enumerated() {
        expectClose(
          traces[layer].output.value.sliced(row..<(row + 1)), trace.output.value, within: Tolerance.model,
          "\(kind), u[\(layer + 1)], row \(row)")
      }
    }
  }
}
