// # Experiments on many ranks
//
// Ranks that mpirun has started run the same chapter, statement by statement. Where it trains, they share the work;
// everything else each does for itself. Rank 0 alone writes, and the folder of results has to be on a disk that all of
// them see.
//
//     teacher, stage 3, small models       micro-batches, if the recipe has them
//     stages 1 and 2 layer by layer        layers; the teacher's states are handed on
//     studies                              arms
//     whole batches                        rank 0 trains, and gives the others what it has learned
//
// The last is for what cannot be shared, such as batches of one window: the bits are those of the recipe, whoever
// computes them.
//
// Read before: `Distillation/MicroBatches.swift`, `Distillation/LayerShares.swift`. Read next: `ModelStore.swift`,
// `Study.swift`.

import Checkpoints
import Communication
import Corpora
import Distillation
import Foundation
import Gradients
import Models
import Tensors
import Training

extension Experiment {
  /// Trains a stage as `Distillation.train` does, on batches of this experiment.
  func trainTogether(
    _ stage: some Stage, as name: String, _ settings: TrainingSettings, checkpoint: URL?, madeFrom origin: String,
    sharedAmong ranks: any RankGroup, onBegin: (TrainingRun) -> Void
  ) throws -> History {
    func train(_ ranks: any RankGroup) throws -> History {
      try Distillation.train(
        stage, as: name, settings, on: draw, checkpoint: checkpoint, every: recipe.checkpointInterval,
        madeFrom: origin, sharedAmong: ranks, onBegin: onBegin)
    }
    if settings.microBatches != nil || ranks.count == 1 { return try train(ranks) }
    var history: History?
    try ranks.onRoot { history = try train(SingleRank()) }
    if !ranks.isRoot { try stage.begin() }
    for entry in stage.trained {
      var value = entry.parameter.value
      try value.withMutableElements { try $0.withUnsafeMutableBytes { try ranks.broadcast($0, from: 0) } }
      entry.parameter.value = value
    }
    let text = try ranks.textOfRoot(history.map { String(decoding: try sortedJSON($0), as: UTF8.self) } ?? "")
    return try history ?? JSONDecoder().decode(History.self, from: Data(text.utf8))
  }

  /// What has to be the same on all ranks, by name: the text, the recipe, the seed.
  package var facts: [(name: String, value: String)] {
    get throws {
      let recipe = String(decoding: try sortedJSON(recipe), as: UTF8.self)
      return [("text", corpusName), ("recipe", recipe), ("seed", "\(seed)"), ("version", "\(Experiment.version)")]
    }
  }
}
