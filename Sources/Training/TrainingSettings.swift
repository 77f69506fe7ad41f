// # How a run trains, and why it stops
//
// The settings are all that a run chooses; with the same settings, parameters and batches it computes the same bits.
// They are in its checkpoint, and a checkpoint with others is refused.
//
// Read before: `AdamW.swift`, `Schedule.swift`. Read next: `TrainingRun.swift`.

import Foundation
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
  /// The number of micro-batches into which each batch is cut, whatever the number of ranks; nil for whole batches,
  /// which one rank alone can train on. It changes the last bits of the result.
  public var microBatches: Int?

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
  /// Several ranks were started, but nothing can be shared among them.
  case batchInOnePiece(run: String, ranks: Int)
  /// A batch has fewer rows than micro-batches are asked for.
  case tooFewRows(run: String, rows: Int, microBatches: Int)

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
    case .batchInOnePiece(let run, let ranks):
      "\(run): \(ranks) ranks were started, but the batches of this run are in one piece, which one rank can train on;"
        + " ask for micro-batches, at least as many as there are ranks, or start one rank"
    case .tooFewRows(let run, let rows, let count):
      "\(run): a batch of \(rows) rows cannot be cut into \(count) micro-batches; ask for \(rows) at most"
    }
  }
  /// The same as `description`.
  public var errorDescription: String? { description }
}
