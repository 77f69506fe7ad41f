// # A block from outside
//
// The branches one after the other, each with a norm of its own:
//
//     h  =  x + mixer(LN₁ x)          y  =  h + MLP(LN₂ h)
//
// One type and one registration are enough for gradients, a trace, the stages, writing, weight transfer and a folder
// on disk, none of which knows of this block.

import Checkpoints
import Distillation
import Foundation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing
import Training

/// A block whose feed-forward reads what its mixer has left.
struct SequentialBlock: Block {
  let first, second: LayerNorm
  let mixer: any MatrixMixer
  let feedForward: MLP

  func mixerInput<A: Activation>(_ x: A) -> A { first(x) }

  func output<A: Activation>(_ x: A, mixerInput u: A, mixed: () -> A) -> A {
    let h = x + mixed()
    return h + feedForward(second(h))
  }

  var parts: [BlockPart] {
    [
      BlockPart(.norm, first.parameters), BlockPart(.mixer, mixer.parameters), BlockPart(.norm, second.parameters),
      BlockPart(.feedForward, feedForward.parameters),
    ]
  }
}

/// Its sizes, and how a block is made from them.
struct SequentialBlockSizes: BlockSizes {
  static let kind = "sequential block"
  var feedForward: Int

  func make(
    _ name: String, D: Int, mixer: any MatrixMixer, using random: inout some RandomNumberGenerator
  ) -> any Block {
    SequentialBlock(
      first: LayerNorm("\(name).norm1", D: D), second: LayerNorm("\(name).norm2", D: D), mixer: mixer,
      feedForward: MLP("\(name).mlp", D: D, hidden: feedForward, using: &random))
  }
}

@Suite("a block of one's own", .tallied) struct BlockOfOnesOwnTests {
  /// A teacher of such blocks. The layout of Phi has no word for them.
  static let teacher = ModelConfiguration(
    V: 11, D: 10, T: 7, block: SequentialBlockSizes(feedForward: 13), mixers: [attention, attention],
    layout: .phiMamba)
  static let mamba = DiscreteMamba2Sizes(D: 10, H: 2, N: 3, Q: 4)

  static let rows = [
    LayerCase(SequentialBlock.self, "with a state space mixer") { random in
      let block = SequentialBlockSizes(feedForward: 8).make(
        "b", D: 6, mixer: DiscreteMamba2Sizes(D: 6, H: 2, N: 4, K: 3, Q: 2).make("b.mixer", using: &random),
        using: &random)
      randomise(block.parameters, deviation: 0.3, using: &random)
      return Subject(block.parameters, at: [.random([2, 5, 6], .wide, using: &random)]) { block($0[0]) }
    }
  ]

  @Test(arguments: rows, LayerPromise.allCases)
  func itKeepsEveryPromiseOfALayer(row: LayerCase, promise: LayerPromise) throws { try row.expect(promise) }

  @Test func passTraceAndWritingAreOneFormula() throws {
    let student = model(Self.teacher.student(Self.mamba, keeping: [1]), seed: 3)
    let x: Tensor = student.embedding(batch.inputs)
    let block = try #require(student.blocks[0] as? SequentialBlock)
    let h = x + block.mixer(block.first(x))
    let y = h + block.feedForward(block.second(h))
    expectIdentical(block(x), y, "pass")
    let trace = student.frozen.trace(batch.inputs)[0]
    expectIdentical(trace.mixerInput, block.first(x), "what the mixer reads")
    expectIdentical(trace.output, y, "trace")
    let text = [3, 1, 4, 1, 5, 9, 2]
    var state = student.frozen.emptyState()
    for token in text { student.frozen.read(Tokens([token]), &state) }
    let whole = student.frozen(Tokens(text)).sliced(6..<7, along: 1).reshaped(to: [1, 11])
    expectClose(state.logits!, whole, within: Tolerance.isDouble ? 1e-10 : 1e-4, "writing")
  }

  @Test func aTransferPairsBothNorms() {
    let (teacher, student) = (model(Self.teacher, seed: 1), model(Self.teacher.student(Self.mamba), seed: 2))
    let table = transferTable(from: teacher.frozen, to: student)
    for row in table {
      #expect((row.student == nil) == row.teacher.name.contains("self_attn"), "\(row.teacher.name)")
      if let own = row.student { #expect(own.name == row.teacher.name) }
    }
    transferWeights(from: teacher.frozen, to: student)
    for (mine, theirs) in zip(student.blocks, teacher.blocks) {
      for (own, its) in zip(mine.parameters(of: .norm), theirs.parameters(of: .norm)) {
        expectIdentical(own.value, its.value, own.name)
      }
    }
  }

  @Test(arguments: [HiddenStateAlignment.Target.mixerOutput, .blockOutput])
  func itGoesThroughStageTwo(target: HiddenStateAlignment.Target) throws {
    let (teacher, student) = (model(Self.teacher, seed: 1).frozen, model(Self.teacher.student(Self.mamba), seed: 2))
    transferWeights(from: teacher, to: student)
    let stage = HiddenStateAlignment(from: teacher, to: student, comparing: target)
    let settings = TrainingSettings(steps: 40, learningRate: 0.01, tokensPerUpdate: 14, seed: 3)
    let losses = try train(stage, as: "stage 2", settings) { _ in batch }.losses
    #expect(losses[39] < 0.9 * losses[0], "\(losses[0]) to \(losses[39])")
  }

  @Test func itComesBackFromAFolder() throws {
    try withTemporaryFolder { folder in
      let student = model(Self.teacher.student(Self.mamba), seed: 4)
      try student.write(to: folder)
      let parts = ModelParts.standard.adding(block: SequentialBlockSizes.self)
      let read = try LanguageModel(contentsOf: folder, parts: parts)
      #expect(read.configuration == student.configuration)
      expectIdentical(read.frozen(batch.inputs), student.frozen(batch.inputs), "logits")
      let error = try #require(throws: CheckpointError.self) { try LanguageModel(contentsOf: folder) }
      #expect(error.description.contains("sequential block") && error.description.contains("BlockType"), "\(error)")
    }
  }
}

// ## A head that is the embedding

@Suite("a tied head", .tallied) struct TiedHeadTests {
  static let configuration = ModelConfiguration(
    V: 7, D: 6, T: 5, block: ParallelBlockSizes(feedForward: 8),
    mixers: [CausalAttentionSizes(D: 6, H: 2, rotaryFraction: 0.7)],
    hasTiedHead: true, layout: .phi)

  static let rows = [
    LayerCase(LanguageModel.self, "tied head") { random in
      let model = LanguageModel(configuration, using: &random)
      randomise(model.parameters, deviation: 0.3, using: &random)
      randomise(model.embedding.parameters, deviation: 2, using: &random)
      let (tokens, targets) = (Tokens([3, 6, 0, 1, 5], B: 1, T: 5), Tokens([6, 0, 1, 5, 2], B: 1, T: 5))
      return Subject(model.parameters) { _ in 4 * crossEntropy(model(tokens), targets: targets) }
    }
  ]

  @Test(arguments: rows, LayerPromise.allCases)
  func itsGradientCollectsFromBothUses(row: LayerCase, promise: LayerPromise) throws { try row.expect(promise) }

  @Test(arguments: [ModelLayout.phi, .phiMamba]) func itIsListedAndWrittenOnce(layout: ModelLayout) throws {
    var configuration = Self.configuration
    configuration.layout = layout
    try withTemporaryFolder { folder in
      let tied = model(configuration, seed: 8)
      #expect(
        tied.parameters.map(\.name).filter { $0.hasPrefix("lm_head") } == ["lm_head.bias"]
          && tied.head.weight === tied.embedding.weight)
      try tied.write(to: folder)
      let read = try LanguageModel(contentsOf: folder)
      #expect(read.configuration == configuration)
      let tokens = Tokens([1, 2, 3])
      expectIdentical(read.frozen(tokens), tied.frozen(tokens), "logits")
    }
  }
}
