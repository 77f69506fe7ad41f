// # Layers of ranks
//
// Each rank takes some of the layers, reads the same batches, and has the optimisers and checkpoints of its layers; only
// when all steps are done do the ranks give one another what they have learned. The runs of the layers are those of one
// rank: the same checkpoints in the same folder, the same bits.
//
// What they need of each other is the teacher's states, and there are two ways to get them:
//
//     each rank     runs the teacher from the first layer up to its own last: no messages, but the teacher's first
//                   layers are computed on every rank
//     handed on     each rank runs the teacher through its own layers, from the state that the rank before it has
//                   sent: one message of B T D numbers for each step and neighbour. While one rank trains its layers
//                   on a batch, the next one still has the batch before
//
// In SmolLM2-135M a layer of the teacher has more than twice the numbers of a mixer, so that the pass through all 30
// layers costs as much as the training of 21 mixers. The first way does not divide that: on four ranks the last would
// spend more on the teacher than on its layers. So states are handed on unless the caller says otherwise.
//
// Neighbouring layers go together, and the stretches are chosen such that the slowest rank is as fast as it can be. The
// costs are those of `Experiments/DistillationCost.swift`: 2 operations for each number of a teacher's block, 6 for
// each number that is trained.
//
// Read before: `LayerwiseStage.swift`, `Communication/Shares.swift`.

import Checkpoints
import Communication
import Foundation
import Gradients
import Models
import Tensors
import Training

/// How ranks that train layers get the teacher's states.
public enum TeacherPass: String, Sendable, CaseIterable {
  /// Each rank runs the teacher up to its last layer.
  case byEachRank
  /// Each rank runs the teacher through its own layers, from the state that the rank before it sends.
  case handedOn
}

extension LayerwiseStage {
  /// The layers that each of some ranks trains, in rising order; a rank may have none.
  public func layers(ofRanks count: Int, _ pass: TeacherPass = .handedOn) -> [[Int]] {
    let layers = replaced.sorted()
    let blocks = teacher.model.blocks.map { $0.parameters.reduce(0.0) { $0 + Double($1.value.count) } }
    let mixers = layers.map { trained(in: $0).reduce(0.0) { $0 + Double($1.count) } }
    let ranges = shares(of: layers.count, among: count) { range in
      guard let first = range.first, let last = range.last else { return 0 }
      let begin = pass == .byEachRank ? 0 : layers[first]
      return 2 * blocks[begin...layers[last]].reduce(0, +) + 6 * mixers[range].reduce(0, +)
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
