// # The training loop
//
// A run is a sequence of steps, so that training reads as a for-loop:
//
//     let run = try TrainingRun("teacher", of: trained, settings: settings, checkpoint: url)
//     for _ in run {
//       let batch = corpus.randomBatch(B: 8, T: 128, using: &run.random)
//       try run.descend(mean(crossEntropy(model(batch.inputs), targets: batch.targets)))
//     }
//
// The run adds the learning rate, the clipping, the step of the optimiser, the record of every step, the stop if a
// loss or a gradient is not finite, and the checkpoint. It begins where its checkpoint ends, and what it computes
// from there is bit for bit what it would have computed without the interruption: parameters, moments, step and
// random state are all there is, and all are kept.
//
// If the settings cut each batch into micro-batches, several ranks can share them; then it is
// `TrainingRun+Sharing.swift` that makes a step.
//
// Read before: `AdamW.swift`, `TrainingSettings.swift`. Read next: `TrainingRun+Checkpoint.swift`,
// `TrainingRun+Sharing.swift`.

import Checkpoints
import Communication
import Foundation
import Gradients
import Tensors

/// A sequence of optimiser steps over a list of parameters.
public final class TrainingRun: Sequence, IteratorProtocol {
  /// The name in messages; a checkpoint of another name is refused.
  public let name: String
  /// The settings; a checkpoint with others is refused.
  public let settings: TrainingSettings
  /// What the run depends on besides its settings, as a JSON object; a checkpoint made from something else is refused.
  public let origin: String
  /// The random generator of the run, with which batches are drawn.
  public var random: SeededGenerator
  /// The records so far, those from the checkpoint included.
  public private(set) var records: [StepRecord] = []
  /// The names of the details that the caller gives with each loss.
  public private(set) var detailNames: [String] = []
  /// Called after each step, for a progress bar.
  public var onStep: ((StepRecord) -> Void)?

  var optimiser: AdamW
  /// What takes the optimiser's place if batches are cut into micro-batches.
  let shared: SharedOptimiser?
  let ranks: any RankGroup
  let checkpointFile: URL?
  let checkpointInterval: Int
  private let longestGap: Duration
  private var lastSave = ContinuousClock.now

  /// A run from its beginning, or from where its checkpoint ends.
  ///
  /// - Parameters:
  ///   - name: for messages and checkpoints
  ///   - trained: what the steps may change; throws if the list is empty
  ///   - checkpoint: where the run keeps its state, or nil; throws if the file there is not a checkpoint of this run
  ///   - interval: after how many steps it is written
  ///   - gap: the time after which it is written in any case; when it is written does not change what is computed
  ///   - origin: a JSON object of all that the run depends on besides its settings: text, teacher, recipe
  ///   - ranks: with whom the micro-batches are shared; all of them make this run, from equal parameters. Throws if
  ///     there are several and batches are in one piece
  public convenience init(
    _ name: String, of trained: [ParameterRows], settings: TrainingSettings, checkpoint: URL? = nil,
    every interval: Int = 200, orAfter gap: Duration = .seconds(50), madeFrom origin: String = "{}",
    sharedAmong ranks: any RankGroup = SingleRank()
  ) throws {
    try self.init(
      name, of: trained, settings: settings, checkpoint: checkpoint, every: interval, orAfter: gap, madeFrom: origin,
      sharedAmong: ranks, inPiecesOf: 1 << 16)
  }

  /// - Parameter length: the most numbers that go to a rank as a whole; another length gives other last bits
  package init(
    _ name: String, of trained: [ParameterRows], settings: TrainingSettings, checkpoint: URL? = nil,
    every interval: Int = 200, orAfter gap: Duration = .seconds(50), madeFrom origin: String = "{}",
    sharedAmong ranks: any RankGroup, inPiecesOf length: Int
  ) throws {
    guard trained.contains(where: { $0.count > 0 }) else { throw TrainingError.nothingTrained(run: name) }
    self.name = name
    self.settings = settings
    self.origin = origin
    random = SeededGenerator(seed: settings.seed)
    self.ranks = ranks
    optimiser = AdamW(trained, settings: settings.optimiser, keepingMoments: settings.microBatches == nil)
    shared = settings.microBatches.map {
      SharedOptimiser(trained, settings.optimiser, microBatches: $0, ranks, pieces: length)
    }
    checkpointFile = checkpoint
    checkpointInterval = interval
    longestGap = gap
    if shared == nil, ranks.count > 1 { throw TrainingError.batchInOnePiece(run: name, ranks: ranks.count) }
    guard let checkpoint else { return }
    if ranks.count == 1 {
      if FileManager.default.fileExists(atPath: checkpoint.path) { try resume(from: checkpoint) }
    } else {
      try resumeTogether(from: checkpoint)
    }
  }

  /// The next step's number, or nil when the run is over.
  public func next() -> Int? { records.count < settings.schedule.steps ? records.count : nil }

  /// Makes one step down the gradient of a loss.
  ///
  /// - Parameters:
  ///   - loss: a variable with one element that depends on what is trained
  ///   - details: numbers to be recorded with the step, such as the loss of each layer; the same names in each step
  ///
  /// Throws, before any parameter is changed, if the loss or a gradient is not finite, or if the details are named
  /// differently than in the first step.
  public func descend(_ loss: Variable, details: [(String, Double)] = []) throws {
    precondition(shared == nil, "\(name) is trained in micro-batches, and needs the loss of each")
    let value = Double(loss.value.scalar)
    try expect(detailNames: details.map(\.0))
    try expectNothingFrozen()
    try expectFinite(loss: value)
    let slopes = gradients(of: loss, withRespectTo: optimiser.trained.map(\.parameter))
    let norm = gradientNorm(slopes)
    try expectFinite(norm: norm)
    optimiser.step(slopes, learningRate: settings.schedule.rate(at: records.count), norm: norm)
    try complete(loss: value, norm: norm, details: details.map(\.1), saving: isSaveDue)
  }

  /// Whether the state has to be written after the step that is being made.
  var isSaveDue: Bool {
    guard checkpointFile != nil else { return false }
    let steps = records.count + 1
    return steps.isMultiple(of: checkpointInterval) || steps == settings.schedule.steps
      || ContinuousClock.now - lastSave > longestGap
  }

  /// Records a step that has been made, and writes the state.
  func complete(loss: Double, norm: Double, details: [Double], saving isDue: Bool) throws {
    let step = records.count
    let record = StepRecord(
      step: step, loss: loss, learningRate: settings.schedule.rate(at: step), gradientNorm: norm, details: details)
    records.append(record)
    onStep?(record)
    if isDue {
      try save()
      lastSave = .now
    }
  }
}

// ## What stops a run

extension TrainingRun {
  /// Throws if the loss of the step is NaN or infinite.
  func expectFinite(loss: Double) throws {
    if loss.isFinite { return }
    throw TrainingError.notFinite(run: name, step: records.count, what: "the loss is \(loss)")
  }

  /// Throws if the norm of the gradient is NaN or infinite.
  func expectFinite(norm: Double) throws {
    if norm.isFinite { return }
    throw TrainingError.notFinite(run: name, step: records.count, what: "the norm of the gradient is \(norm)")
  }

  /// Throws if something that is trained is frozen.
  func expectNothingFrozen() throws {
    if let parameter = optimiser.trained.first(where: { $0.parameter.isFrozen })?.parameter {
      throw TrainingError.frozen(run: name, parameter: parameter.name)
    }
  }

  /// The first step names its details; all others have the same.
  func expect(detailNames names: [String]) throws {
    if records.isEmpty { detailNames = names }
    guard names == detailNames else {
      throw TrainingError.otherRun(
        file: checkpointFile?.path ?? name,
        difference: "its steps have the details \(listed(detailNames)), and this run's \(listed(names))")
    }
  }

  /// Takes over what a checkpoint kept.
  func restore(records: [StepRecord], detailNames: [String], random: SeededGenerator) {
    self.records = records
    self.detailNames = detailNames
    self.random = random
  }

  /// The records so far.
  public var history: History {
    History(tokensPerUpdate: settings.tokensPerUpdate, detailNames: detailNames, records: records)
  }
}
