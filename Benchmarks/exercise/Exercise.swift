// # The exercise
//
// One optimiser step of each kind, as we time it: forward, backward, clipping, AdamW, and in the stages the teacher's
// forward pass too. Sizes and learning rates are those of a recipe, the tokens are random, and nothing is read from a
// file.
//
// Every kind begins with the same two models and goes through the same batches. Fresh weights would hide mistakes (an
// identity convolution, a gate whose rows are zero), so we add noise to all of them.
//
// Read before: `Experiments/Recipe.swift`, `Stepper.swift`. Read next: `RealExercise.swift`, `../steps/main.swift`,
// `../cost/main.swift`.

import Checkpoints
import Distillation
import Experiments
import Foundation
import Models
import Tensors
import Training

/// Characters of the King James Bible.
package let charactersOfKJV = 63

/// Two models and eight batches of the sizes of a recipe.
package struct Exercise: TimedExercise {
  package let recipe: Recipe
  package let teacher: LanguageModel
  package let student: LanguageModel
  /// [batches, B, T + 1], token numbers
  package let tokens: Tensor

  package init(_ recipe: Recipe = .standard, V: Int = charactersOfKJV) {
    self.recipe = recipe
    var random = SeededGenerator(seed: 1)
    teacher = LanguageModel(recipe.teacher(V: V), using: &random)
    student = LanguageModel(recipe.teacher(V: V).student(recipe.studentMixer), using: &random)
    for parameter in teacher.parameters + student.parameters {
      parameter.value = parameter.value + Tensor.normal(parameter.value.shape, deviation: 0.05, using: &random)
    }
    transferWeights(from: teacher.frozen, to: student)
    let ids = (0..<(8 * recipe.B * (recipe.T + 1))).map { _ in Scalar(Int.random(in: 0..<V, using: &random)) }
    tokens = Tensor(ids, shape: [8, recipe.B, recipe.T + 1])
  }

  /// All kinds.
  package var kinds: [Kind] { Kind.allCases }

  /// The settings of a kind of step, with its learning rate.
  package func settings(_ kind: Kind) -> TrainingSettings {
    let rate =
      switch kind {
      case .teacher: recipe.teacherRate
      case .stage1: recipe.orientationRate
      case .stage2: recipe.alignmentRate
      case .stage3: Way.all.lastRate(recipe)
      }
    return .constant(rate, tokensPerUpdate: recipe.tokensPerUpdate)
  }

  /// Writes models, tokens and settings for the other program.
  package func export(to folder: URL) throws {
    struct Description: Encodable {
      let recipe: Recipe
      let rates: [Kind: Double]
      let optimiser: AdamWSettings
    }
    let rates = Dictionary(uniqueKeysWithValues: Kind.allCases.map { ($0, settings($0).schedule.peak) })
    try teacher.write(to: folder.appending(path: "teacher"))
    try student.write(to: folder.appending(path: "student"))
    try Checkpoint(tensors: ["tokens": tokens]).write(to: folder.appending(path: "tokens.safetensors"))
    let description = Description(recipe: recipe, rates: rates, optimiser: settings(.teacher).optimiser)
    try JSONEncoder().encode(description).write(to: folder.appending(path: "exercise.json"))
  }
}

extension Exercise {
  /// The stage of a kind of step.
  package func stage(_ kind: Kind) -> any Stage {
    switch kind {
    case .teacher: TokenPrediction(of: teacher)
    case .stage1: MatrixOrientation(from: teacher.frozen, to: student)
    case .stage2: HiddenStateAlignment(from: teacher.frozen, to: student)
    case .stage3: KnowledgeDistillation(from: teacher.frozen, to: student)
    }
  }
}
