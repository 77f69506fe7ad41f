// # Batches in parts
//
// The loss of a batch is a mean over its rows. Cut into micro-batches it is the mean of their losses, each weighted
// with its rows, and the gradient likewise. So ranks can share a batch, and one process can train on a batch whose
// tape would not fit into its memory. How many micro-batches there are is part of the recipe: it decides the order of
// the additions, and with it the last bits.
//
// Read before: `Stage.swift`, `Training/TrainingRun+Sharing.swift`.

import Communication
import Corpora
import Tensors
import Training

extension Batch {
  /// The same rows in `count` batches, in order; they differ by one row at most.
  ///
  /// Stops the program if there are fewer rows than parts.
  public func microBatches(_ count: Int) -> [Batch] {
    precondition(count > 0 && count <= inputs.B, "\(inputs.B) rows cannot be cut into \(count) micro-batches")
    return shares(of: inputs.B, among: count).map { Batch(inputs: inputs.rows($0), targets: targets.rows($0)) }
  }
}

extension Tokens {
  /// Some of the rows.
  fileprivate func rows(_ range: Range<Int>) -> Tokens {
    Tokens(Array(ids[(range.lowerBound * T)..<(range.upperBound * T)]), B: range.count, T: T)
  }
}

extension TrainingRun {
  /// Makes one step of a stage with the micro-batches that are this rank's.
  func step(_ stage: some Stage, on batch: Batch, inMicroBatches count: Int) throws {
    let rows = batch.inputs.B
    guard count <= rows else { throw TrainingError.tooFewRows(run: name, rows: rows, microBatches: count) }
    let parts = batch.microBatches(count)
    try descend(overMicroBatches: parts.map { Double($0.inputs.B) / Double(rows) }) { index in
      let loss = stage.loss(parts[index])
      return (loss.total, loss.parts.map { ($0.name, $0.value) })
    }
  }
}
