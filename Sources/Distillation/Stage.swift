// # Stages
//
// Training of any kind consists of a loss for one batch and a list of what it changes; the loop around the two is
// always the same. A stage is that pair:
//
//     stage                        the batch gives      the teacher gives                  trained
//     token prediction             the next tokens      nothing                            everything
//     1  matrix orientation        a text               attention matrices                 what the matrix depends on
//     2  hidden-state alignment    a text               what each mixer puts out           all of each mixer
//     3  knowledge distillation    a text               its distribution of the next token everything
//
// Nothing here is reserved for this module. A stage of your own is a type that conforms to the protocol below; it
// goes through `train` like the others. `CONTRIBUTING.md` has the recipe.
//
// Read before: `Training/TrainingRun.swift`. Read next: `TokenPrediction.swift`,
// `DistillationStage.swift`, `MicroBatches.swift`.

import Communication
import Corpora
import Foundation
import Gradients
import Models
import Tensors
import Training

/// A loss on a batch, and what it trains.
public protocol Stage {
  /// The name of the stage, the paper's where it has one.
  var title: String { get }

  /// The model whose parameters change.
  var model: LanguageModel { get }

  /// What this stage trains, row by row; everything else in the model stays as it is, bit for bit.
  var trained: [ParameterRows] { get }

  /// The loss of a batch, and its parts for the record.
  func loss(_ batch: Batch) -> StageLoss

  /// Throws if what the stage was given does not fit together.
  func check() throws
}

extension Stage {
  /// Accepts everything.
  public func check() throws {}

  /// Checks the stage, then makes what it trains leaves of the tape and everything else in the model constant.
  public func begin() throws {
    try check()
    freeze(model.parameters, allBut: trained)
  }
}

/// A stage's loss on one batch.
public struct StageLoss {
  /// A variable with one element.
  public let total: Variable
  /// The parts whose sum is the loss, for the record, such as one for each layer; empty for a loss without parts.
  public let parts: [(name: String, value: Double)]

  /// A loss with its parts, which have the same names in every step of a run.
  public init(_ total: Variable, parts: [(name: String, value: Double)] = []) {
    (self.total, self.parts) = (total, parts)
  }
}

// ## The loop
//
// Every stage that is trained as a whole goes through here; `trainLayers` trains layer by layer.

extension TrainingRun {
  /// Makes one step of a stage that has begun; if the settings ask for micro-batches, with those of this rank.
  ///
  /// Throws, before any parameter is changed, if the loss or a gradient is not finite, or if the batch has fewer rows
  /// than micro-batches.
  public func step(_ stage: some Stage, on batch: Batch) throws {
    if let count = settings.microBatches { return try step(stage, on: batch, inMicroBatches: count) }
    let loss = stage.loss(batch)
    try descend(loss.total, details: loss.parts)
  }
}

/// Trains a stage to its end, from its beginning or from its checkpoint.
///
/// - Parameters:
///   - name: for messages and the checkpoint
///   - draw: draws a batch with the random generator of the run
///   - checkpoint: where the run saves its state, or nil
///   - interval: after how many steps the state is saved; it is also saved when some time has passed
///   - origin: a JSON object of everything else that the run depends on; a checkpoint made from something else is
///     refused
///   - ranks: with whom the micro-batches of the settings are shared; all of them call this, with equal models
///   - onBegin: called with the run before its first step
///
/// Throws what `check`, the run and its checkpoint throw.
public func train(
  _ stage: some Stage, as name: String, _ settings: TrainingSettings,
  on draw: (inout SeededGenerator) -> Batch, checkpoint: URL? = nil, every interval: Int = 200,
  madeFrom origin: String = "{}", sharedAmong ranks: any RankGroup = SingleRank(),
  onBegin: (TrainingRun) -> Void = { _ in }
) throws -> History {
  try stage.begin()
  let run = try TrainingRun(
    name, of: stage.trained, settings: settings, checkpoint: checkpoint, every: interval, madeFrom: origin,
    sharedAmong: ranks)
  onBegin(run)
  for _ in run { try run.step(stage, on: draw(&run.random)) }
  return run.history
}
