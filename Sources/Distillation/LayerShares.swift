// # Layers of ranks
//
// Layers that are trained by themselves need no messages. Each rank takes some of them, reads the same batches, and
// runs the teacher up to its last layer; only when all steps are done do the ranks give one another what they have
// learned. The runs of the layers are those of one rank: the same optimisers, the same checkpoints in the same folder,
// the same bits.
//
// A rank with later layers pays more for the teacher. So neighbouring layers go together, and the stretches are chosen
// such that the slowest rank is as fast as it can be: with 30 layers of SmolLM2-135M on two ranks the first trains
// more layers than the second. The costs are those of `Experiments/DistillationCost.swift`: 2 operations for each
// number of a teacher's block, 6 for each number that is trained.
//
// Read before: `LayerwiseStage.swift`, `Communication/Shares.swift`.

import Checkpoints
import Communication
import Foundation
import Gradients
import Models
import Tensors
import Training

extension LayerwiseStage {
  /// The layers that each of some ranks trains, in rising order; a rank beyond the number of layers has none.
  public func layers(ofRanks count: Int) -> [[Int]] {
    let layers = replaced.sorted()
    let blocks = teacher.model.blocks.map { $0.parameters.reduce(0.0) { $0 + Double($1.value.count) } }
    let mixers = layers.map { trained(in: $0).reduce(0.0) { $0 + Double($1.count) } }
    let ranges = shares(of: layers.count, among: count) { range in
      guard let last = range.last else { return 0 }
      return 2 * blocks[...layers[last]].reduce(0, +) + 6 * mixers[range].reduce(0, +)
    }
    return ranges.map { Array(layers[$0]) }
  }

  /// Gives all ranks what each has trained, and the records of all layers, by layer.
  ///
  /// - Parameters:
  ///   - mine: the records of this rank's layers
  ///   - layers: the layers of each rank
  func gather(
    _ mine: [Int: History], of layers: [[Int]], among ranks: any RankGroup
  ) throws -> [Int: History] {
    for (root, layers) in layers.enumerated() {
      for layer in layers {
        for entry in trained(in: layer) { try ranks.broadcast(entry.parameter, from: root) }
      }
    }
    let texts = try ranks.allTexts(String(decoding: sortedJSON(mine), as: UTF8.self))
    return try texts.reduce(into: [:]) { all, text in
      let theirs = try JSONDecoder().decode([Int: History].self, from: Data(text.utf8))
      all.merge(theirs) { own, _ in own }
    }
  }
}

extension RankGroup {
  /// Gives a parameter the value that it has on rank `root`.
  fileprivate func broadcast(_ parameter: Parameter, from root: Int) throws {
    var value = parameter.value
    try value.withMutableElements { try $0.withUnsafeMutableBytes { try broadcast($0, from: root) } }
    if rank != root { parameter.value = value }
  }
}
