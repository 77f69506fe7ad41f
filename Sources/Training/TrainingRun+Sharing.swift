// # A run that ranks share
//
// All ranks make the same run: the same parameters, the same records, the same random state. In each step every rank
// draws the whole batch, computes the losses and gradients of its own micro-batches, and learns from the others what
// it needs to make the step itself. So each of them could go on alone, and a checkpoint, which rank 0 writes, says
// nothing of how many ranks there were: any other number goes on from it, to the same bits.
//
// Whatever stops a run stops it on all ranks in the same step. A loss that is not finite is known to all before
// anybody changes a parameter, and whether a checkpoint is due is decided by the clock of rank 0.
//
// Read before: `TrainingRun.swift`, `SharedOptimiser.swift`.

import Checkpoints
import Communication
import Foundation
import Gradients
import Tensors

extension TrainingRun {
  /// Makes one step down the gradient of a loss that is a weighted mean over micro-batches.
  ///
  /// - Parameters:
  ///   - weights: the part of each micro-batch in the whole; as many as the settings say, with the sum 1
  ///   - loss: the loss of a micro-batch and the numbers to be recorded with it; called for those of this rank, in
  ///     their order. Losses and numbers are recorded as weighted means
  ///
  /// Throws, before any parameter is changed and on all ranks, if a loss or a gradient is not finite.
  public func descend(
    overMicroBatches weights: [Double], _ loss: (_ index: Int) throws -> (loss: Variable, details: [(String, Double)])
  ) throws {
    guard let shared else { preconditionFailure("\(name) is trained on whole batches") }
    precondition(
      weights.count == shared.tree.leaves,
      "\(name) is trained on \(shared.tree.leaves) micro-batches in each step, not \(weights.count)")
    try expectNothingFrozen()
    // This rank's micro-batches.
    var sum = shared.emptySum()
    var (names, numbers, isFinite): ([String], [[Double]], Bool) = ([], [], true)
    for index in shared.microBatches[ranks.rank] {
      let part = try loss(index)
      let value = Double(part.loss.value.scalar)
      names = part.details.map(\.0)
      numbers.append([value] + part.details.map(\.1))
      isFinite = isFinite && value.isFinite
      guard isFinite else { continue }
      let scaled = Scalar(weights[index]) * part.loss
      sum.append(
        gradients(of: scaled, withRespectTo: optimiser.trained.map(\.parameter)), of: index..<(index + 1))
    }
    // What all ranks have to know before the step.
    if records.isEmpty {
      names = try namesOfAll(names)
    } else if numbers.isEmpty {
      names = detailNames
    }
    try expect(detailNames: names)
    let (means, isDue) = try means(of: numbers, weights, saving: isSaveDue)
    try expectFinite(loss: means[0])
    // The step.
    let norm = try shared.step(
      sum, number: records.count + 1, learningRate: settings.schedule.rate(at: records.count),
      check: { try expectFinite(norm: $0) })
    try complete(loss: means[0], norm: norm, details: Array(means.dropFirst()), saving: isDue)
  }

  /// The weighted means of each micro-batch's numbers, added in the order of the tree, and whether rank 0 wants the
  /// state to be saved.
  private func means(
    of mine: [[Double]], _ weights: [Double], saving isDue: Bool
  ) throws -> (means: [Double], isDue: Bool) {
    guard let shared else { preconditionFailure("only micro-batches have means") }
    let width = 1 + detailNames.count
    let counts = shared.microBatches.enumerated().map { ($0 == 0 ? 1 : 0) + width * $1.count }
    let all = try ranks.allNumbers((ranks.isRoot ? [isDue ? 1 : 0] : []) + mine.joined(), counts: counts)
    var sum = TreeSum<[Double]>(shared.tree) { left, right in
      for index in left.indices { left[index] += right[index] }
    }
    for (index, weight) in weights.enumerated() {
      let start = 1 + index * width
      sum.append(all[start..<(start + width)].map { weight * $0 }, of: index..<(index + 1))
    }
    return (sum.total, all[0] == 1)
  }

  /// The names of the details, from the first rank that has a micro-batch.
  private func namesOfAll(_ mine: [String]) throws -> [String] {
    if ranks.count == 1 { return mine }
    let text = mine.isEmpty ? "" : String(decoding: try JSONEncoder().encode(mine), as: UTF8.self)
    guard let found = try ranks.allTexts(text).first(where: { !$0.isEmpty }) else { return [] }
    return try JSONDecoder().decode([String].self, from: Data(found.utf8))
  }
}

// ## Going on together

extension TrainingRun {
  /// Continues from a checkpoint that all ranks read, if there is one. Throws on all ranks if one cannot read it, or
  /// reads another than rank 0.
  func resumeTogether(from file: URL) throws {
    let found = try ranks.onAll { () throws -> String in
      guard FileManager.default.fileExists(atPath: file.path) else { return "no checkpoint" }
      try resume(from: file)
      return "\(records.count) steps"
    }
    var sum = Checksum()
    for entry in optimiser.trained { sum.add(entry.parameter.value) }
    try ranks.agree(
      on: [("checkpoint", found), ("state before the first step", "\(sum.value)")],
      remedy: "let all ranks use one folder of results, on a disk that their machines share")
  }

  /// The bytes that this rank gives to others in each step, apart from checkpoints and the names in the first step.
  ///
  /// One sum of gradients, or a few, for each share but its own; then its own share of the numbers, the squares of its
  /// pieces, and the losses and details of its micro-batches, to each other rank.
  public var bytesPerStep: Int {
    guard let shared else { return 0 }
    let (rank, others) = (ranks.rank, ranks.count - 1)
    let (sizes, mine) = (shared.numbers.sizes, shared.microBatches[rank])
    let sums = shared.tree.subtrees(of: mine).count
    let (own, pieces) = (sizes[rank], shared.numbers.pieceCounts[rank])
    let scalars = sums * (shared.numbers.count - own) + others * own
    let doubles = others * (pieces + mine.count * (1 + detailNames.count) + (rank == 0 ? 1 : 0))
    return MemoryLayout<Scalar>.stride * scalars + MemoryLayout<Double>.stride * doubles
  }
}
