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
// Read before: `AdamW.swift`, `Schedule.swift`. Read next: `TrainingRun+Checkpoint.swift`.

import Checkpoints
import Foundation
import Gradients
import Tensors

/// How a run trains.
public struct TrainingSettings: Codable, Equatable, Sendable {
  /// The learning rate of each step, and with it the number of steps.
  public var schedule: WarmUpStableDecay
  /// The settings of AdamW.
  public var optimiser: AdamWSettings
  /// The tokens that each update sees: rows of the batch times their length.
  public var tokensPerUpdate: Int
  /// The seed of the run's random numbers.
  public var seed: UInt64

  /// Settings with the schedule's default warm-up and decay; `learningRate` is its peak.
  public init(
    steps: Int, learningRate: Double, tokensPerUpdate: Int, seed: UInt64, optimiser: AdamWSettings = AdamWSettings()
  ) {
    schedule = WarmUpStableDecay(peak: learningRate, steps: steps)
    self.optimiser = optimiser
    self.tokensPerUpdate = tokensPerUpdate
    self.seed = seed
  }
}

/// Why a run stopped.
public enum TrainingError: Error, Equatable, CustomStringConvertible, LocalizedError {
  /// A loss or a gradient was NaN or infinite; the parameters are those before the step.
  case notFinite(run: String, step: Int, what: String)
  /// Nothing to train.
  case nothingTrained(run: String)
  /// A parameter that the run should change is frozen: it would only decay.
  case frozen(run: String, parameter: String)
  /// The checkpoint belongs to another run.
  case otherRun(file: String, difference: String)

  /// Which run stopped, why, and what to do.
  public var description: String {
    switch self {
    case .notFinite(let run, let step, let what):
      "\(run): \(what) at step \(step), so the run was stopped before its weights were harmed;"
        + " try a smaller learning rate"
    case .nothingTrained(let run):
      "\(run): the list of what is trained is empty, so the stage would change nothing;"
        + " list at least one parameter"
    case .frozen(let run, let parameter):
      "\(run): \(parameter) is listed as trained but frozen, so it would only decay;"
        + " call begin() of the stage, or freeze(_:allBut:), before the run"
    case .otherRun(let file, let difference):
      oneLine(
        "\(file): this checkpoint belongs to another run (\(difference)); choose another --out, or move it away")
    }
  }
  /// The same as `description`.
  public var errorDescription: String? { description }
}

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
  public init(
    _ name: String, of trained: [ParameterRows], settings: TrainingSettings, checkpoint: URL? = nil,
    every interval: Int = 200, orAfter gap: Duration = .seconds(50), madeFrom origin: String = "{}"
  ) throws {
    guard trained.contains(where: { $0.count > 0 }) else { throw TrainingError.nothingTrained(run: name) }
    self.name = name
    self.settings = settings
    self.origin = origin
    random = SeededGenerator(seed: settings.seed)
    optimiser = AdamW(trained, settings: settings.optimiser)
    checkpointFile = checkpoint
    checkpointInterval = interval
    longestGap = gap
    if let checkpoint, FileManager.default.fileExists(atPath: checkpoint.path) { try resume(from: checkpoint) }
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
    let step = records.count
    let value = Double(loss.value.scalar)
    try expect(detailNames: details.map(\.0))
    if let parameter = optimiser.trained.first(where: { $0.parameter.isFrozen })?.parameter {
      throw TrainingError.frozen(run: name, parameter: parameter.name)
    }
    guard value.isFinite else { throw TrainingError.notFinite(run: name, step: step, what: "the loss is \(value)") }
    let slopes = gradients(of: loss, withRespectTo: optimiser.trained.map(\.parameter))
    let norm = gradientNorm(slopes)
    guard norm.isFinite else {
      throw TrainingError.notFinite(run: name, step: step, what: "the norm of the gradient is \(norm)")
    }
    let rate = settings.schedule.rate(at: step)
    optimiser.step(slopes, learningRate: rate, norm: norm)
    let record = StepRecord(
      step: step, loss: value, learningRate: rate, gradientNorm: norm, details: details.map(\.1))
    records.append(record)
    onStep?(record)
    let isDue = records.count.isMultiple(of: checkpointInterval) || records.count == settings.schedule.steps
    if checkpointFile != nil, isDue || ContinuousClock.now - lastSave > longestGap {
      try save()
      lastSave = .now
    }
  }

  /// The first step names its details; all others have the same.
  private func expect(detailNames names: [String]) throws {
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
