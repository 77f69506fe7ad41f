// # Every kind of student through the stages
//
// A student of each kind learns in stages 1 and 2, and what stage 1 changes is what its mixers list.
//
// Read before: `Support.swift`, `Sources/Distillation/MatrixOrientation.swift`.

import Corpora
import Distillation
import Layers
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite("every kind of student") struct MixerKindsTests {
  /// Mixers for the teacher of the other tests, each in the frames that change what is trained.
  static let mixers: [any MixerSizes] = [
    CausalToeplitzSizes(D: 10, H: 2, K: 7), CausalToeplitzSizes(D: 10, H: 2, K: 4, frame: .mamba),
    CausalLowRankSizes(D: 10, H: 2, N: 3), CausalLowRankSizes(D: 10, H: 2, N: 3, frame: .mamba),
    FixedDecaySizes(D: 10, H: 2, N: 4), FixedDecaySizes(D: 10, H: 2, N: 3, frame: .mamba),
    GatedDeltaRuleSizes(D: 10, H: 2, N: 3), TrapezoidalMambaSizes(D: 10, H: 2, N: 3),
    Mamba2Sizes(D: 10, H: 2, N: 3), Mamba2Sizes(D: 10, H: 2, N: 3, expand: 2, G: 2),
    HeadHybridSizes(
      attention: CausalAttentionSizes(D: 10, H: 2), recurrent: DiscreteMamba2Sizes(D: 10, H: 2, N: 3),
      keeping: [1]),
  ]

  @Test(arguments: mixers.indices) func stagesOneAndTwoTeachIt(index: Int) throws {
    var random = SeededGenerator(seed: UInt64(80 + index))
    let teacher = LanguageModel(Pair.configuration, using: &random)
    randomise(teacher.parameters, using: &random)
    let student = LanguageModel(Pair.configuration.student(Self.mixers[index]), using: &random)
    let text = Batch(inputs: randomTokens(using: &random), targets: randomTokens(using: &random))
    let stages: [any DistillationStage] = [
      MatrixOrientation(from: teacher.frozen, to: student), HiddenStateAlignment(from: teacher.frozen, to: student),
    ]
    for (number, stage) in stages.enumerated() {
      let before = Dictionary(uniqueKeysWithValues: student.parameters.map { ($0.name, $0.value) })
      let settings = TrainingSettings(steps: 40, learningRate: 0.02, tokensPerUpdate: 14, seed: 3)
      let losses = try train(stage, as: stage.title, settings) { _ in text }.losses
      #expect(losses[39] < 0.9 * losses[0], "\(Self.mixers[index]), \(stage.title): \(losses[0]) to \(losses[39])")
      let changed = Set(student.parameters.filter { $0.value != before[$0.name] }.map(\.name))
      let mixers = student.blocks.map(\.mixer)
      let expected = number == 0 ? mixers.flatMap { $0.matrixRows.map(\.parameter) } : mixers.flatMap(\.parameters)
      #expect(changed == Set(expected.map(\.name)), "\(Self.mixers[index]), \(stage.title)")
    }
  }
}
