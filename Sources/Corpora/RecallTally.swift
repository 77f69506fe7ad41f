// # Counting what was recalled
//
// An answer is recalled if the model ranks it first among all V tokens. We count by distance, since
// that is the question: attention can look at any token, a state has to carry it.
//
// Read before: `Grammar+Documents.swift`.

import Tensors

extension Recall {
  /// From where the distance of an answer is counted.
  public enum Origin: String, Sendable, CaseIterable {
    /// The statement.
    case fact
    /// The last sentence that named the object and its place.
    case mention
  }

  /// The tokens from there to the answer.
  public func distance(from origin: Origin) -> Int {
    switch origin {
    case .fact: sinceFact
    case .mention: sinceMention
    }
  }
}

/// Answers and how many of them were right, by distance.
public struct RecallTally: Sendable, Equatable {
  /// The answers in a range of distances.
  public struct Bin: Sendable, Equatable {
    /// In tokens.
    public let distances: ClosedRange<Int>
    public fileprivate(set) var hits = 0
    public fileprivate(set) var count = 0

    /// The part that was right; NaN if there was no answer at this distance.
    public var accuracy: Double { Double(hits) / Double(count) }
  }

  public let origin: Recall.Origin
  public private(set) var bins: [Bin]

  /// An empty tally.
  ///
  /// - Parameters:
  ///   - bounds: the greatest distance of each bin, ascending; the first bin begins at 1
  ///   - origin: from where distances are counted
  public init(upTo bounds: [Int], from origin: Recall.Origin = .mention) {
    precondition(
      !bounds.isEmpty && zip([0] + bounds, bounds).allSatisfy { $0 < $1 },
      "the greatest distances of the bins are above 0 and ascend, not \(bounds)")
    self.origin = origin
    bins = zip([0] + bounds, bounds).map { Bin(distances: ($0 + 1)...$1) }
  }

  /// All bins together.
  public var total: Bin {
    bins.reduce(into: Bin(distances: 1...bins.last!.distances.upperBound)) { total, bin in
      total.hits += bin.hits
      total.count += bin.count
    }
  }

  /// Counts the answers of a batch.
  ///
  /// - Parameter logits: [B, T, V], of the token that follows each token of the batch
  ///
  /// Stops the program if an answer is farther than the last bin goes: it would be lost in silence.
  public mutating func add(_ logits: Tensor, _ batch: RecallBatch) {
    let targets = batch.batch.targets
    logits.expecting(targets.B, targets.T, nil, as: "the logits")
    let first = indicesOfLargest(logits)
    for (b, recalls) in batch.recalls.enumerated() {
      for recall in recalls {
        let place = b * targets.T + recall.position - 1
        let distance = recall.distance(from: origin)
        guard let bin = bins.firstIndex(where: { $0.distances.contains(distance) }) else {
          preconditionFailure("an answer at a distance of \(distance) tokens is in none of the bins")
        }
        bins[bin].count += 1
        if first[place] == targets.ids[place] { bins[bin].hits += 1 }
      }
    }
  }
}
