// # Counting what was recalled
//
// An answer is recalled if the model ranks it first among all V tokens. We count by distance, because
// distance is what separates the mixers: attention can look at any token, a state has to carry it.
//
// Read before: `Grammar+Documents.swift`.

import Tensors

extension Recall {
  /// What the distance of an answer is counted from.
  public enum Origin: String, Sendable, CaseIterable {
    /// The statement.
    case fact
    /// The last sentence that named the object and its place.
    case mention
  }

  /// The number of tokens from the fact or the mention to the answer.
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
    /// The distances of this bin, in tokens.
    public let distances: ClosedRange<Int>
    /// How many answers the model ranked first.
    public fileprivate(set) var hits = 0
    /// How many answers there were.
    public fileprivate(set) var count = 0

    /// hits / count, 0 … 1; NaN if there was no answer at this distance.
    public var accuracy: Double { Double(hits) / Double(count) }
  }

  /// What distances are counted from.
  public let origin: Recall.Origin
  /// The counts, by ascending distance.
  public private(set) var bins: [Bin]

  /// An empty tally.
  ///
  /// - Parameters:
  ///   - bounds: the greatest distance of each bin, ascending; the first bin begins at 1
  ///   - origin: what distances are counted from
  public init(upTo bounds: [Int], from origin: Recall.Origin = .mention) {
    precondition(
      !bounds.isEmpty && zip([0] + bounds, bounds).allSatisfy { $0 < $1 },
      "the greatest distances of the bins must be above 0 and in ascending order, not \(bounds)")
    self.origin = origin
    bins = zip([0] + bounds, bounds).map { Bin(distances: ($0 + 1)...$1) }
  }

  /// The sum of all bins.
  public var total: Bin {
    bins.reduce(into: Bin(distances: 1...bins.last!.distances.upperBound)) { total, bin in
      total.hits += bin.hits
      total.count += bin.count
    }
  }

  /// Counts the answers of a batch.
  ///
  /// - Parameter logits: [B, T, V], for the token that follows each token of the batch
  ///
  /// Stops the program if an answer lies beyond the last bin: otherwise it would be lost silently.
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
