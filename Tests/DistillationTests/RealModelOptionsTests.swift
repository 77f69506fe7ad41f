// # What real models need from the stages
//
// Losses relative to what a layer should become, gradients that are clipped layer by layer, weights that teacher and
// student share in memory, and a head for some of the tokens; all of it with Llama's parts as well.

import Corpora
import Distillation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite("the stages' options for real models", .tallied) struct RealModelOptionsTests {
  /// A Llama teacher and a student of it, which keeps the attention of block 1 if it is a hybrid.
  static func llama(_ kind: Student, seed: UInt64 = 3) -> Pair {
    let attention = CausalAttentionSizes(D: 10, H: 2, G: 1, convention: .llama)
    let configuration = ModelConfiguration(
      V: 11, D: 10, T: 7, block: SequentialBlockSizes(feedForward: 13), mixers: Array(repeating: attention, count: 3),
      hasTiedHead: true, layout: .llama)
    return Pair(kind, configuration, seed: seed)
  }

  // ## Relative losses

  @Test(arguments: [Student.mamba, .hybrid]) func aRelativeLossIsInPartsOfTheTargetsNorm(kind: Student) {
    for pair in [Pair(kind), Self.llama(kind)] {
      let teacher = pair.teacher.frozen
      let traces = teacher.trace(tokens)
      func compare(_ absolute: some DistillationStage, _ relative: some DistillationStage, _ norm: (Int) -> Tensor) {
        let (plain, scaled) = (absolute.loss(tokens).parts, relative.loss(tokens).parts)
        #expect(plain.map(\.name) == scaled.map(\.name))
        for (layer, (a, b)) in zip(kind.replaced, zip(plain, scaled)) {
          let expected = a.value / Double(mean(norm(layer)).scalar)
          #expect(abs(b.value / expected - 1) < (Tolerance.isDouble ? 1e-12 : 1e-5), "layer \(layer)")
        }
      }
      compare(
        MatrixOrientation(from: teacher, to: pair.student),
        MatrixOrientation(from: teacher, to: pair.student, scale: .relative)
      ) { distance(traces[$0].matrix!, .zeros(traces[$0].matrix!.shape), over: 2) }
      compare(
        HiddenStateAlignment(from: teacher, to: pair.student),
        HiddenStateAlignment(from: teacher, to: pair.student, scale: .relative)
      ) { distance(traces[$0].mixerOutput, .zeros(traces[$0].mixerOutput.shape), over: 1) }
    }
  }

  // A layer with a larger target has no larger share of a relative loss.
  @Test func aLayerThatIsLargerWeighsNoMore() {
    let pair = Pair(.mamba)
    let output = (pair.teacher.blocks[1].mixer as! CausalAttention).output
    func share(_ scale: DistanceScale) -> Double {
      let parts = HiddenStateAlignment(from: pair.teacher.frozen, to: pair.student, scale: scale).loss(tokens).parts
      return parts[1].value / parts.reduce(0) { $0 + $1.value }
    }
    for parameter in output.parameters { parameter.value = Tensor(1000) * parameter.value }
    #expect(share(.absolute) > 0.9)
    #expect(share(.relative) < 0.5)
  }

  @Test func aTargetOfZerosIsNotDividedBy() {
    let pair = Pair(.mamba)
    for block in pair.teacher.blocks {
      for parameter in (block.mixer as! CausalAttention).output.parameters {
        parameter.value = .zeros(parameter.value.shape)
      }
    }
    let stage = HiddenStateAlignment(from: pair.teacher.frozen, to: pair.student, scale: .relative)
    #expect(stage.loss(tokens).total.value.scalar.isFinite)
  }

  // ## Clipping

  @Test(arguments: [false, true]) func layersAreGroupsOfTheirOwn(isLlama: Bool) {
    let pair = isLlama ? Self.llama(.hybrid) : Pair(.hybrid)
    for stage in [StageForm.matrices, .mixerOutputs] {
      for entry in stage.between(pair).trained {
        #expect(entry.parameter.name.contains(".layers.\(entry.group)."), "\(entry.parameter.name)")
      }
    }
    #expect(KnowledgeDistillation(from: pair.teacher.frozen, to: pair.student).trained.allSatisfy { $0.group == 0 })
  }

  // ## Shared weights

  @Test(arguments: [Student.mamba, .hybrid], [false, true])
  func aStudentSharesWhatItTakesOver(kind: Student, isLlama: Bool) throws {
    let pair = isLlama ? Self.llama(kind) : Pair(kind)
    let teacher = pair.teacher.frozen
    let configuration = pair.student.configuration
    // The mixers are drawn as in a student that is drawn as a whole.
    var (one, another) = (SeededGenerator(seed: 5), SeededGenerator(seed: 5))
    let drawn = LanguageModel(configuration, using: &one)
    transferWeights(from: teacher, to: drawn)
    let student = LanguageModel(student: configuration, of: teacher, using: &another)
    for (mine, theirs) in zip(student.parameters, drawn.parameters) {
      expectIdentical(mine.value, theirs.value, mine.name)
    }
    // Trained mixers leave the teacher as it was, and what is shared stays equal to it.
    let before = teacher.model.parameters.map(\.value)
    let stage = KnowledgeDistillation(from: teacher, to: student, training: .mixers)
    _ = try train(stage, as: "mixers", settings(steps: 2)) { _ in Batch(inputs: tokens, targets: tokens) }
    for (parameter, value) in zip(teacher.model.parameters, before) {
      expectIdentical(parameter.value, value, parameter.name)
    }
    for row in transferTable(from: teacher, to: student) {
      if let own = row.student { expectIdentical(own.value, row.teacher.value, own.name) }
    }
    #expect(
      zip(student.blocks[0].mixer.parameters, drawn.blocks[0].mixer.parameters).contains { $0.value != $1.value })
  }

  // Large enough that a copy of the shared weights would show; the mixers are a small part of the model.
  @Test func sharedWeightsAreInMemoryOnce() {
    let attention = CausalAttentionSizes(D: 64, H: 2, convention: .llama)
    let configuration = ModelConfiguration(
      V: 30_000, D: 64, T: 7, block: SequentialBlockSizes(feedForward: 2048), mixers: [attention], hasTiedHead: true,
      layout: .llama)
    var random = SeededGenerator(seed: 6)
    let teacher = LanguageModel(configuration, using: &random).frozen
    let mixer = DiscreteMamba2Sizes(D: 64, H: 2, N: 4)
    let (bytes, student) = MemoryStatistics.peak {
      LanguageModel(student: configuration.student(mixer), of: teacher, using: &random)
    }
    let shared = student.parameterCount * MemoryLayout<Scalar>.size
    // While it is made, room is set aside for each parameter, and not written to; what counts is what is kept.
    #expect(bytes < 2 * shared)
    let own = student.blocks[0].mixer.parameters.reduce(0) { $0 + $1.value.count }
    #expect(own * 20 < student.parameterCount)
    for row in transferTable(from: teacher, to: student) {
      guard let mine = row.student else { continue }
      #expect(
        mine.value.withElements { a in row.teacher.value.withElements { b in a.isIdentical(to: b) } },
        "\(mine.name) has a copy of its own")
    }
  }

  // ## Some of the tokens

  @Test(arguments: [false, true]) func aSubsetsLogitsAreColumnsOfAll(isLlama: Bool) {
    let model = (isLlama ? Self.llama(.mamba) : Pair(.mamba)).student
    let subset = TokenSubset(of: [9, 2, 4, 2, 7])
    #expect(subset.tokens == [2, 4, 7, 9] && subset.count == 4)
    let (all, some) = (model.frozen(tokens), model.frozen.logits(tokens, among: subset))
    #expect(some.shape == [2, 7, 4])
    for (place, token) in subset.tokens.enumerated() {
      expectClose(
        some.sliced(place..<(place + 1), along: 2), all.sliced(token..<(token + 1), along: 2), "token \(token)")
    }
    #expect(subset.places(of: Tokens([7, 2, 9, 4])).ids == [2, 0, 3, 1])
  }

  @Test func amongAllTokensNothingChanges() {
    let pair = Self.llama(.mamba)
    let whole = KnowledgeDistillation(from: pair.teacher.frozen, to: pair.student).loss(tokens)
    let all = KnowledgeDistillation(from: pair.teacher.frozen, to: pair.student, among: TokenSubset(of: 0..<11))
    expectClose(all.loss(tokens).total.value, whole.total.value, "the loss")
    // Among some of the tokens the loss is another.
    let some = KnowledgeDistillation(from: pair.teacher.frozen, to: pair.student, among: TokenSubset(of: 0..<5))
    #expect(abs(some.loss(tokens).total.value.scalar - whole.total.value.scalar) > 0.01)
  }

  // ## Llama through all of it

  @Test(arguments: [Student.mamba, .hybrid]) func eachStageBringsAStudentOfLlamaNearer(kind: Student) throws {
    let pair = Self.llama(kind)
    let teacher = pair.teacher.frozen
    var random = SeededGenerator(seed: 11)
    let student = LanguageModel(student: pair.student.configuration, of: teacher, using: &random)
    func trained(_ stage: some DistillationStage) throws -> (Double, Double) {
      var settings = settings(steps: 40)
      settings.optimiser.clipsGroups = true
      let history = try train(stage, as: stage.title, settings) { _ in Batch(inputs: tokens, targets: tokens) }
      return (history.losses[0], history.losses.last!)
    }
    for (first, last) in [
      try trained(MatrixOrientation(from: teacher, to: student, scale: .relative)),
      try trained(HiddenStateAlignment(from: teacher, to: student, scale: .relative)),
      try trained(KnowledgeDistillation(from: teacher, to: student)),
    ] { #expect(last < first, "\(kind): \(first) to \(last)") }
    #expect(
      evaluate(student.frozen, against: teacher, on: [Batch(inputs: tokens, targets: tokens)]).divergence.mean < 0.5)
  }
}
