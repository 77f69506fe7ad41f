// # One loop for all stages
//
// A stage says what it trains and what its loss is; the loop draws batches and goes downhill. This
// is all there is to it.
//
// Read before: `Distillation/Stages.swift`, `Training/TrainingRun.swift`.

import Corpora
import Distillation
import Foundation
import Gradients
import Models
import Tensors
import Training

extension ModelStore {
  /// The settings of a run of this recipe.
  func settings(_ purpose: String, steps: Int, rate: Double) -> TrainingSettings {
    TrainingSettings(
      steps: steps, learningRate: rate, tokensPerUpdate: recipe.tokensPerUpdate,
      seed: seed(for: "batches of \(purpose)"))
  }

  /// Trains a student through one stage.
  func train(
    _ stage: some DistillationStage, _ name: String, steps: Int, rate: Double, checkpoint: URL
  ) throws -> TrainedModel {
    try stage.begin()
    let run = try TrainingRun(
      name, of: stage.trained, settings: settings(type(of: stage).title, steps: steps, rate: rate),
      checkpoint: checkpoint, every: recipe.checkpointInterval)
    let history = try complete(run) { run in
      let batch = draw(using: &run.random)
      let loss = stage.loss(batch.inputs)
      try run.descend(loss.total, details: loss.parts)
    }
    return TrainedModel(model: stage.student, history: history)
  }

  /// Trains a model on the tokens that really came, with no teacher.
  func trainOnTokens(
    _ model: LanguageModel, _ name: String, batches purpose: String, steps: Int, rate: Double, checkpoint: URL
  ) throws -> TrainedModel {
    model.setFrozen(false)
    let run = try TrainingRun(
      name, of: model.parameters.map { ParameterRows($0) },
      settings: settings(purpose, steps: steps, rate: rate), checkpoint: checkpoint,
      every: recipe.checkpointInterval)
    let history = try complete(run) { run in
      let batch = draw(using: &run.random)
      try run.descend(mean(crossEntropy(model(batch.inputs), targets: batch.targets)))
    }
    return TrainedModel(model: model, history: history)
  }
}
