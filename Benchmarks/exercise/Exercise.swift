// # The exercise
//
// One optimiser step of each kind, as it is timed: forward, backward, clipping, AdamW; in the stages
// the teacher's forward pass too. Sizes and learning rates are those of a recipe, the tokens are
// random, and nothing is read from a file.
//
// Every kind begins with the same two models and goes through the same batches. Fresh weights would
// hide mistakes (an identity convolution, a gate whose rows are zero), so all of them are shaken.
//
// Read before: `Experiments/Recipe.swift`. Read next: `../steps/main.swift`, `../cost/main.swift`.

import Checkpoints
import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Models
import Tensors
import Training

/// Characters of the King James Bible.
package let charactersOfKJV = 63

/// The kinds of step.
package enum Kind: String, CaseIterable, CodingKeyRepresentable, Encodable {
  case teacher, stage1, stage2, stage3
}

/// Two models and eight batches.
package struct Exercise {
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

  /// The tokens of a step, and those that follow them.
  package func batch(_ step: Int) -> Batch {
    let (B, T) = (recipe.B, recipe.T)
    let number = step % tokens.shape[0]
    let window = tokens.sliced(number..<(number + 1)).reshaped(to: [B, T + 1])
    func part(_ range: Range<Int>) -> Tokens {
      Tokens(window.sliced(range, along: 1).elements.map { Int($0) }, B: B, T: T)
    }
    return Batch(inputs: part(0..<T), targets: part(1..<(T + 1)))
  }

  /// What is trained in a kind of step, and at which rate.
  package func settings(_ kind: Kind) -> TrainingSettings {
    let rate =
      switch kind {
      case .teacher: recipe.teacherRate
      case .stage1: recipe.orientationRate
      case .stage2: recipe.alignmentRate
      case .stage3: Way.all.lastRate(recipe)
      }
    var settings = TrainingSettings(
      steps: 1_000_000, learningRate: rate, tokensPerUpdate: recipe.tokensPerUpdate, seed: 0)
    // The same rate in each step.
    (settings.schedule.warmUp, settings.schedule.decay) = (0, 0)
    return settings
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

/// A kind of step, from its first on.
package final class Stepper {
  package let exercise: Exercise
  private let stage: any Stage
  private let run: TrainingRun

  /// What a step changes.
  package var trained: [ParameterRows] { stage.trained }

  package init(_ kind: Kind, _ recipe: Recipe = .standard, V: Int = charactersOfKJV) throws {
    exercise = Exercise(recipe, V: V)
    stage = exercise.stage(kind)
    try stage.begin()
    run = try TrainingRun(kind.rawValue, of: stage.trained, settings: exercise.settings(kind))
  }

  /// Makes some steps and gives the milliseconds of each; drawing the batch is not timed.
  package func time(_ count: Int) throws -> [Double] {
    try (0..<count).map { _ in
      let batch = exercise.batch(run.records.count)
      let duration = try ContinuousClock().measure { try run.step(stage, on: batch) }
      return duration / .milliseconds(1)
    }
  }

  /// Loss and gradient norm of each step so far.
  package var record: [Double] { run.records.flatMap { [$0.loss, $0.gradientNorm] } }
}
