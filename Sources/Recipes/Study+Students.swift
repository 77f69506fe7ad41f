// # The student that an arm begins with
//
// All arms of a seed draw from the same generator, part by part (`LanguageModel.init`), so that two
// arms differ in what they say they differ in. What is changed afterwards draws from one of its own.
//
// Read before: `StudyArm.swift`. Source of the random taps: the default of PyTorch's Conv1d.

import Corpora
import Distillation
import Gradients
import Layers
import Models
import Tensors
import Training

extension ModelStore {
  /// A new student for an arm. Its sizes are the recipe's: a teacher's file does not know N, K and Q.
  func student(for arm: StudyArm, of teacher: LanguageModel) -> LanguageModel {
    var random = SeededGenerator(seed: seed(for: "student's weights"))
    let student = LanguageModel(arm.configuration(for: recipe.teacher(V: V)), using: &random)
    var another = SeededGenerator(seed: seed(for: "student's other start"))
    for (mine, theirs) in zip(student.blocks, teacher.blocks) {
      guard let mixer = mine.mixer as? DiscreteMamba2 else { continue }
      if !arm.beginsWithIdentity { mixer.beginWithRandomTaps(using: &another) }
      if !arm.beginsWithOpenGate { mixer.beginWithRandomGate(using: &another) }
      if arm.copiesAttention, let attention = theirs.mixer as? CausalAttention { copyAttention(attention, to: mixer) }
    }
    return student
  }

  /// A student's way through one stage.
  func pass(_ stage: some DistillationStage, _ plan: StudyArm.Stage, _ onStep: @escaping () -> Void) throws {
    try stage.begin()
    try pass(stage.trained, type(of: stage).title, plan, onStep) { stage.loss($0.inputs).total }
  }

  /// Steps down a loss, on the batches that belong to a purpose.
  func pass(
    _ trained: [ParameterRows], _ purpose: String, _ plan: StudyArm.Stage, _ onStep: @escaping () -> Void,
    loss: (Batch) -> Variable
  ) throws {
    let run = try TrainingRun(
      purpose, of: trained, settings: settings(purpose, steps: plan.steps, rate: plan.rate))
    run.onStep = { _ in onStep() }
    for _ in run {
      try run.descend(loss(draw(using: &run.random)))
    }
  }
}

extension DiscreteMamba2 {
  /// Gives the convolution random taps and biases, −1/√K … 1/√K, in place of the identity.
  func beginWithRandomTaps(using random: inout some RandomNumberGenerator) {
    let limit = 1 / Double(sizes.K).squareRoot()
    for parameter in [convolutionWeight, convolutionBias] {
      parameter.value = .uniform(parameter.value.shape, in: -limit..<limit, using: &random)
    }
  }

  /// Gives the gate random rows, −1/√D … 1/√D like the others, and no bias: silu is then near 0.
  func beginWithRandomGate(using random: inout some RandomNumberGenerator) {
    let limit = 1 / Double(sizes.D).squareRoot()
    let rows = MambaPart.z.rows(sizes)
    inProjection.update {
      $0.assign(.uniform([rows.count, sizes.D], in: -limit..<limit, using: &random), at: rows.lowerBound)
    }
    zBias.value = .zeros([sizes.D])
  }
}
