// # What happened, step by step
//
// Each step of a run leaves a record, and the records are kept with the checkpoint, so that the curve of an
// interrupted run has no gap.
//
// Read next: `TrainingRun.swift`.

import Tensors

/// What happened in a step.
public struct StepRecord: Codable, Sendable, Equatable {
  /// The step, counted from 0.
  public let step: Int
  /// The loss of the step's batch, before the step.
  public let loss: Double
  /// The learning rate of the step.
  public let learningRate: Double
  /// The norm of all gradients together, before clipping.
  public let gradientNorm: Double
  /// The numbers that the caller added, in the order of `History.detailNames`.
  public let details: [Double]
}

/// The record of a training run.
public struct History: Codable, Sendable, Equatable {
  /// The tokens that each update saw.
  public let tokensPerUpdate: Int
  /// The names of the details in each record.
  public let detailNames: [String]
  /// A record for each step, from the first.
  public let records: [StepRecord]

  /// A record of these steps.
  public init(tokensPerUpdate: Int, detailNames: [String], records: [StepRecord]) {
    (self.tokensPerUpdate, self.detailNames, self.records) = (tokensPerUpdate, detailNames, records)
  }

  private enum Key: CodingKey { case tokensPerUpdate, detailNames, records }

  /// Reads what was written; throws `DecodingError` if steps, details or tokens cannot be those of a run.
  public init(from decoder: any Decoder) throws {
    let keys = try decoder.container(keyedBy: Key.self)
    tokensPerUpdate = try keys.decode(Int.self, forKey: .tokensPerUpdate)
    detailNames = try keys.decode([String].self, forKey: .detailNames)
    records = try keys.decode([StepRecord].self, forKey: .records)
    guard (0...(1 << 32)).contains(tokensPerUpdate) else {
      throw DecodingError.dataCorruptedError(
        forKey: .tokensPerUpdate, in: keys, debugDescription: "no update sees \(tokensPerUpdate) tokens")
    }
    let wrong = records.enumerated().first { $1.step != $0 || $1.details.count != detailNames.count }
    if let (index, record) = wrong {
      throw DecodingError.dataCorruptedError(
        forKey: .records, in: keys,
        debugDescription: "record \(index) is of step \(record.step) and has \(record.details.count) details, where"
          + " step \(index) and \(detailNames.count) are due")
    }
  }

  /// The record of a model that was trained elsewhere: no steps.
  public static let none = History(tokensPerUpdate: 0, detailNames: [], records: [])

  /// The record of problems that were trained separately on the same batches: for each step the sum of their losses,
  /// and each loss as a detail.
  ///
  /// - Parameters:
  ///   - parts: at least one, with equally many steps
  ///   - names: the names of the parts, in order
  public init(of parts: [History], named names: [String]) {
    precondition(
      !parts.isEmpty && Set(parts.map(\.records.count)).count == 1, "parts of one record have equally many steps")
    tokensPerUpdate = parts[0].tokensPerUpdate
    detailNames = names
    records = parts[0].records.indices.map { step in
      let all = parts.map { $0.records[step] }
      return StepRecord(
        step: step, loss: all.reduce(0) { $0 + $1.loss }, learningRate: all[0].learningRate,
        gradientNorm: all.reduce(0) { $0 + $1.gradientNorm * $1.gradientNorm }.squareRoot(),
        details: all.map(\.loss))
    }
  }

  /// The losses, step by step.
  public var losses: [Double] { records.map(\.loss) }

  /// One of the details, step by step; empty if there is none of that name.
  public func detail(_ name: String) -> [Double] {
    guard let index = detailNames.firstIndex(of: name) else { return [] }
    return records.map { $0.details[index] }
  }

  /// The titles of the columns of `rows`.
  public var columns: [String] { ["step", "tokens", "loss", "learning_rate", "gradient_norm"] + detailNames }

  /// A row for each step: step, tokens seen after it, loss, learning rate, norm of the gradient, details.
  public var rows: [[String]] {
    records.map { record in
      ["\(record.step)", "\((record.step + 1) * tokensPerUpdate)"]
        + ([record.loss, record.learningRate, record.gradientNorm] + record.details).map { "\($0)" }
    }
  }
}
