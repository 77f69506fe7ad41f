// # Steps of an exercise
//
// What a program that times optimiser steps needs to know: two models, some batches, what each kind of
// step trains, and how. An exercise answers that; a stepper goes through the steps of one kind.
//
// Read before: `Distillation/Stage.swift`. Read next: `Exercise.swift`, `RealExercise.swift`,
// `LineProgram.swift`.

import Corpora
import Distillation
import Foundation
import Gradients
import Models
import Tensors
import Training

/// The kinds of step.
package enum Kind: String, CaseIterable, CodingKeyRepresentable, Encodable {
  case teacher, stage1, stage2, stage3
}

/// Two models, some batches, and what is done with them.
package protocol TimedExercise {
  /// The kinds of step that it has.
  var kinds: [Kind] { get }
  var teacher: LanguageModel { get }
  var student: LanguageModel { get }
  /// [batches, B, T + 1], token numbers
  var tokens: Tensor { get }
  /// What is trained in a kind of step, and how.
  func stage(_ kind: Kind) -> any Stage
  /// The learning rate and the optimiser of a kind of step.
  func settings(_ kind: Kind) -> TrainingSettings
  /// Whether stages of layers that are independent are trained layer by layer, each with an optimiser of its own.
  var takesLayersApart: Bool { get }
  /// Writes models, tokens and settings for the other program.
  func export(to folder: URL) throws
}

extension TimedExercise {
  package var takesLayersApart: Bool { false }

  /// The tokens of a step, and those that follow them.
  func batch(_ step: Int) -> Batch {
    let (count, B, T) = (tokens.shape[0], tokens.shape[1], tokens.shape[2] - 1)
    let window = tokens.sliced((step % count)..<(step % count + 1)).reshaped(to: [B, T + 1])
    func part(_ range: Range<Int>) -> Tokens {
      Tokens(window.sliced(range, along: 1).elements.map { Int($0) }, B: B, T: T)
    }
    return Batch(inputs: part(0..<T), targets: part(1..<(T + 1)))
  }
}

extension TrainingSettings {
  /// The same rate in each step.
  static func constant(_ rate: Double, tokensPerUpdate: Int) -> TrainingSettings {
    var settings = TrainingSettings(
      steps: 1_000_000, learningRate: rate, tokensPerUpdate: tokensPerUpdate, seed: 0)
    (settings.schedule.warmUp, settings.schedule.decay) = (0, 0)
    return settings
  }
}

/// Goes through the steps of one kind, from the first on.
package final class Stepper {
  private let exercise: any TimedExercise
  private let stage: any Stage
  /// One run for everything that is trained, or one for each layer.
  private let runs: [TrainingRun]

  /// What a step changes.
  package var trained: [ParameterRows] { stage.trained }

  /// - Parameter exercise: with weights that no other stepper changes
  package init(_ kind: Kind, of exercise: any TimedExercise) throws {
    self.exercise = exercise
    stage = exercise.stage(kind)
    try stage.begin()
    let settings = exercise.settings(kind)
    if exercise.takesLayersApart, let stage = stage as? any LayerwiseStage {
      runs = try stage.replaced.map { try TrainingRun("layer \($0)", of: stage.trained(in: $0), settings: settings) }
    } else {
      runs = [try TrainingRun(kind.rawValue, of: stage.trained, settings: settings)]
    }
  }

  /// Makes some steps and gives the milliseconds of each; drawing the batch is not timed.
  package func time(_ count: Int) throws -> [Double] {
    try (0..<count).map { _ in
      let batch = exercise.batch(runs[0].records.count)
      let duration = try ContinuousClock().measure { try step(on: batch) }
      return duration / .milliseconds(1)
    }
  }

  /// What is timed: one whole step, of whatever kind.
  private func step(on batch: Batch) throws {
    if exercise.takesLayersApart, let stage = stage as? any LayerwiseStage {
      return try stage.step(Array(zip(stage.replaced, runs)), on: batch, sideBySide: runs.count)
    }
    try runs[0].step(stage, on: batch)
  }

  /// Loss and gradient norm of each step so far.
  package var record: [Double] {
    let history = History(of: runs.map(\.history), named: runs.map(\.name))
    return history.records.flatMap { [$0.loss, $0.gradientNorm] }
  }
}
