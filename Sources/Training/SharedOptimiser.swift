// # Gradients from many, moments apart
//
// A batch is cut into micro-batches, and ranks take a stretch of them each. One step of all ranks together:
//
//     each rank            its micro-batches' gradients, added up as far as the tree allows        (SummationTree)
//     allToAll             to each rank what belongs to its share of the row of all numbers         (TrainedNumbers)
//     each rank            the rest of the tree, for its share; the squares of its pieces
//     allGather            the squares, of which all ranks make the norm of the whole gradient
//     each rank            AdamW for its share; only this rank keeps the moments of these numbers
//     allGather            the new numbers of all shares
//
// With n numbers and r ranks, each rank sends about n numbers in the first exchange and n/r to each other rank in the
// last: as much as the usual sum of gradients over a ring, whose second half distributes gradients instead of numbers.
// The moments, twice the size of the model, are shared without a further message. This is ZeRO's first stage, and
// since it costs nothing here, there is no other way.
//
// Every number goes through the same additions in the same order on any number of ranks, one included.
//
// Read before: `SummationTree.swift`, `TrainedNumbers.swift`, `AdamW.swift`. Read next: `TrainingRun+Sharing.swift`.
// Source: Rajbhandari et al., "ZeRO", arXiv 1910.02054.

import Communication
import Gradients
import Tensors

/// AdamW over micro-batches that ranks share.
final class SharedOptimiser {
  let group: any RankGroup
  let tree: SummationTree
  let numbers: TrainedNumbers
  private let trained: [ParameterRows]
  private let settings: AdamWSettings
  /// m and v of this rank's share.
  private(set) var firstMoments, secondMoments: Tensor

  /// - Parameter length: the most numbers that a piece has
  init(
    _ trained: [ParameterRows], _ settings: AdamWSettings, microBatches: Int, _ group: any RankGroup,
    pieces length: Int
  ) {
    (self.trained, self.settings, self.group) = (trained, settings, group)
    tree = SummationTree(leaves: microBatches)
    numbers = TrainedNumbers(trained, pieces: length, ranks: group.count)
    firstMoments = .zeros([numbers.sizes[group.rank]])
    secondMoments = firstMoments
  }

  /// This rank's pieces.
  private var share: Range<Int> { numbers.shares[group.rank] }
  /// The micro-batches of each rank.
  var microBatches: [Range<Int>] { shares(of: tree.leaves, among: group.count) }
}

// ## The gradient of a share

extension SharedOptimiser {
  /// A sum of gradients, to which a rank appends those of its micro-batches; one tensor for each trained parameter.
  func emptySum() -> TreeSum<[Tensor]> {
    TreeSum(tree) { left, right in for index in left.indices { left[index] += right[index] } }
  }

  /// The sum over all micro-batches for this rank's share of the row, [numbers of the share].
  private func exchanged(_ mine: TreeSum<[Tensor]>) throws -> Tensor {
    let (sizes, size) = (numbers.sizes, MemoryLayout<Scalar>.stride)
    let outgoing = numbers.shares.flatMap { share in mine.parts.map { numbers.row(share, of: $0.value) } }
    let subtrees = microBatches.map { tree.subtrees(of: $0) }
    let own = sizes[group.rank]
    var all = Tensor.zeros([subtrees.reduce(0) { $0 + $1.count } * own])
    try exchange(
      outgoing.isEmpty ? .zeros([0]) : .concatenated(outgoing), sizes: sizes.map { $0 * mine.parts.count * size },
      into: &all, incoming: subtrees.map { $0.count * own * size })
    var sum = TreeSum<Tensor>(tree) { $0 += $1 }
    for (index, leaves) in subtrees.joined().enumerated() {
      sum.append(all.sliced((index * own)..<((index + 1) * own)), of: leaves)
    }
    return sum.total
  }

  private func exchange(_ outgoing: Tensor, sizes: [Int], into all: inout Tensor, incoming: [Int]) throws {
    try outgoing.withElements { outgoing in
      try outgoing.withUnsafeBytes { outgoing in
        try all.withMutableElements { all in
          try all.withUnsafeMutableBytes {
            try group.allToAll(outgoing, sizes: sizes, into: $0, incoming: incoming)
          }
        }
      }
    }
  }
}

// ## One step

extension SharedOptimiser {
  /// Makes a step with the sum of this rank's gradients; to be called by all ranks.
  ///
  /// Throws, before any parameter is changed, what `check` throws for the norm of the whole gradient.
  ///
  /// - Parameter number: the step, counted from 1
  /// - Returns: the norm of the whole gradient before clipping
  func step(
    _ sum: TreeSum<[Tensor]>, number: Int, learningRate: Double, check: (_ norm: Double) throws -> Void
  ) throws -> Double {
    let gradient = try exchanged(sum)
    let start = numbers.numbers(of: group.rank).lowerBound
    let places = numbers.pieces[share].map { ($0.start - start)..<($0.start - start + $0.elements.count) }
    // The norm of the whole, and that of each group.
    let squares = try group.allNumbers(
      places.map { place in
        let part = gradient.sliced(place)
        return Double(dot(part, part))
      }, counts: numbers.pieceCounts)
    let norm = squares.reduce(0, +).squareRoot()
    try check(norm)
    var groups: [Int: Double] = [:]
    for (piece, square) in zip(numbers.pieces, squares) { groups[trained[piece.entry].group, default: 0] += square }
    // The share's numbers.
    var values = numbers.row(share, of: trained.map(\.parameter.value))
    var step = settings.step(number, learningRate: learningRate)
    for (piece, place) in zip(numbers.pieces[share], places) {
      let entry = trained[piece.entry]
      let own = settings.clipsGroups ? groups[entry.group]!.squareRoot() : norm
      step.gradientScale = Scalar(settings.scale(own))
      step.weightDecay = entry.parameter.value.rank >= 2 ? Scalar(settings.weightDecay) : 0
      step.apply(
        to: &values, gradient: gradient, firstMoment: &firstMoments, secondMoment: &secondMoments, rows: place)
    }
    let row = try gathered(values)
    numbers.put(row) { entry, body in trained[entry].parameter.update(body) }
    return norm
  }

  /// The row of all numbers from the shares of all ranks, on every rank.
  private func gathered(_ mine: Tensor) throws -> Tensor {
    var all = Tensor.zeros([numbers.count])
    let sizes = numbers.sizes.map { $0 * MemoryLayout<Scalar>.stride }
    try mine.withElements { mine in
      try mine.withUnsafeBytes { mine in
        try all.withMutableElements { all in
          try all.withUnsafeMutableBytes { try group.allGather(mine, into: $0, sizes: sizes) }
        }
      }
    }
    return all
  }
}

// ## For a checkpoint

extension SharedOptimiser {
  /// Both moments with the shapes of the parameters on rank 0, zeros where nothing is trained; nil on other ranks. To
  /// be called by all ranks.
  func wholeMoments() throws -> (first: [Tensor], second: [Tensor])? {
    let (first, second) = try (whole(firstMoments), whole(secondMoments))
    return first.flatMap { first in second.map { (first, $0) } }
  }

  private func whole(_ mine: Tensor) throws -> [Tensor]? {
    var all = Tensor.zeros([group.isRoot ? numbers.count : 0])
    let sizes = numbers.sizes.map { $0 * MemoryLayout<Scalar>.stride }
    try mine.withElements { mine in
      try mine.withUnsafeBytes { mine in
        try all.withMutableElements { all in
          try all.withUnsafeMutableBytes { try group.gather(mine, into: $0, sizes: sizes, at: 0) }
        }
      }
    }
    guard group.isRoot else { return nil }
    var tensors = trained.map { Tensor.zeros($0.parameter.value.shape) }
    numbers.put(all) { entry, body in body(&tensors[entry]) }
    return tensors
  }

  /// Takes over this rank's share of moments with the shapes of the parameters.
  func restore(first: [Tensor], second: [Tensor]) {
    firstMoments = numbers.row(share, of: first)
    secondMoments = numbers.row(share, of: second)
  }
}
