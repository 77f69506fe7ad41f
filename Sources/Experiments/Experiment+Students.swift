// # Students and their way through an arm
//
// All students of a seed draw from the same generator, part by part (`LanguageModel.init`), so that two arms differ
// only in what they say they differ in. What is changed afterwards draws from a generator of its own.
//
// Read before: `Experiment.swift`, `Arm.swift`. Read next: `ModelStore.swift`, `Study.swift`. Source
// of the random taps: the default of PyTorch's Conv1d.

import Communication
import Distillation
import Foundation
import Gradients
import Layers
import Models
import Tensors
import Training

extension Experiment {
  /// An untrained model with random weights, for the teacher.
  func newTeacher() -> LanguageModel {
    var random = SeededGenerator(seed: seed(for: "teacher's weights"))
    return LanguageModel(teacherConfiguration, using: &random)
  }

  /// A student with the weights that all arms of this seed begin with: state space mixers in each block.
  public func newStudent() -> LanguageModel { newStudent(teacherConfiguration.student(recipe.studentMixer)) }

  /// A student with the weights that an arm begins with.
  ///
  /// If the teacher was given, the student has what it takes over unchanged from the beginning, and shares its
  /// memory.
  func newStudent(for arm: Arm, of teacher: FrozenModel) -> LanguageModel {
    let configuration = arm.configuration(of: teacherConfiguration, mixer: recipe.studentMixer)
    var random = SeededGenerator(seed: seed(for: "student's weights"))
    let student =
      givenTeacher != nil && arm.transfersWeights
      ? LanguageModel(
        student: configuration, of: teacher, replacing: arm.replacedLayers(of: recipe.L), using: &random)
      : newStudent(configuration)
    var another = SeededGenerator(seed: seed(for: "student's other start"))
    for layer in arm.replacedLayers(of: recipe.L) {
      let mixer = student.blocks[layer].mixer
      // Only a Discrete-Mamba-2 mixer has these two parts.
      if let mamba = mixer as? DiscreteMamba2 {
        if !arm.beginsWithIdentity { mamba.beginWithRandomTaps(using: &another) }
        if !arm.beginsWithOpenGate { mamba.beginWithRandomGate(using: &another) }
      }
      if let part = arm.copiedProjections, let projections = teacher.blocks[layer].mixer.projections {
        _ = mixer.begin(with: projections, taking: part)
      }
    }
    return student
  }

  private func newStudent(_ configuration: ModelConfiguration) -> LanguageModel {
    var random = SeededGenerator(seed: seed(for: "student's weights"))
    return LanguageModel(configuration, using: &random)
  }

  /// Takes a student through one stage of an arm; the teacher's weights are copied first if the stage needs them.
  ///
  /// - Parameters:
  ///   - index: the index of the stage; the student has been through those before it
  ///   - checkpoint: where the run keeps its state, or nil; a folder if each layer has a run of its own
  ///   - origin: what the run depends on besides its settings, as a JSON object
  ///   - ranks: with whom the stage is shared; all of them call this, with equal students
  ///   - onBegin: called before the first step
  func train(
    _ student: LanguageModel, through index: Int, of arm: Arm, from teacher: FrozenModel, as name: String,
    checkpoint: URL? = nil, madeFrom origin: String = "{}", sharedAmong ranks: any RankGroup = SingleRank(),
    onBegin: BeginSteps
  ) throws -> History {
    let plan = arm.stages[index]
    if arm.transfersWeights(before: index) { transferWeights(from: teacher, to: student, of: arm) }
    let stage = plan.kind.make(teacher, student, arm)
    let settings = settings(plan.kind.batches, steps: plan.steps, rate: plan.rate)
    if let group = recipe.layersSideBySide, let stage = stage as? any LayerwiseStage {
      var onStep: OnStep?
      return try trainLayers(
        stage, as: name, settings, on: draw, checkpoints: checkpoint, every: recipe.checkpointInterval,
        sideBySide: group, madeFrom: origin, sharedAmong: ranks, onBegin: { onStep = onBegin(name, $0, settings) },
        onStep: { onStep?($0, $1) })
    }
    return try trainTogether(
      stage, as: name, settings, checkpoint: checkpoint, madeFrom: origin, sharedAmong: ranks
    ) { run in
      let onStep = onBegin(name, run.records.count, settings)
      run.onStep = { onStep($0.step + 1, $0.loss) }
    }
  }

  /// Called with the number of steps that are done, and the loss of the last.
  typealias OnStep = (_ steps: Int, _ loss: Double) -> Void

  /// Called before the first step of a run: its name, the steps that were done before, and its settings.
  typealias BeginSteps = (_ name: String, _ first: Int, _ settings: TrainingSettings) -> OnStep

  /// Copies what an arm's student takes over unchanged from its teacher.
  func transferWeights(from teacher: FrozenModel, to student: LanguageModel, of arm: Arm) {
    Distillation.transferWeights(from: teacher, to: student, replacing: arm.replacedLayers(of: recipe.L))
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
