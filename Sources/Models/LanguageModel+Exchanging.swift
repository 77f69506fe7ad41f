// # A model of parts of two
//
// Teacher and student have the same embedding, norms, MLPs and head, and blocks that can stand in for
// one another. After stage 2, which trains each layer for itself, every choice of layers is a hybrid
// that needs no further training: so 2³⁰ of them can be measured after one run.
//
// Read before: `LanguageModel.swift`. Chapter: 15-real-model.

import Layers
import Tensors

extension LanguageModel {
  /// This model with some blocks of another one in place of its own. Nothing is copied: what trains or reads one of the
  /// two, trains and reads this one as well.
  ///
  /// For measuring. The names of its parameters are those of the two models; a hybrid that is to be trained and written
  /// has a configuration of its own (`ModelConfiguration.student(_:keeping:)`).
  ///
  /// Stops the program if the two have different widths or depths, or there is no such layer.
  public func exchanging(_ layers: some Sequence<Int>, with other: LanguageModel) -> LanguageModel {
    precondition(
      configuration.D == other.configuration.D && blocks.count == other.blocks.count,
      "blocks can be exchanged between models of one width and depth")
    var (configuration, blocks) = (configuration, blocks)
    for layer in layers {
      precondition(blocks.indices.contains(layer), "there is no layer \(layer) among \(blocks.count) to exchange")
      (configuration.mixers[layer], blocks[layer]) = (other.configuration.mixers[layer], other.blocks[layer])
    }
    return LanguageModel(
      configuration: configuration, embedding: embedding, blocks: blocks, finalNorm: finalNorm, head: head)
  }
}
