// # A model made from two
//
// After weight transfer, teacher and student have the same embedding, norms, MLPs and head, and a block of one can
// replace the block of the other in the same layer. Stage 2 trains each layer on its own. So after it every choice of
// layers is a hybrid that needs no further training: of two models with 30 layers, 2³⁰ hybrids can be evaluated after
// one run.
//
// Read before: `LanguageModel.swift`. Chapter: 15-real-model.

import Layers
import Tensors

extension LanguageModel {
  /// This model with some of its blocks replaced by those of another. Nothing is copied: training either of the two,
  /// or loading weights into it, changes this model as well.
  ///
  /// For evaluation. Its parameters keep the names that they have in the two models; a hybrid that is to be trained
  /// and saved has a configuration of its own (`ModelConfiguration.student(_:keeping:)`).
  ///
  /// Stops the program if the two models differ in width or depth, or if a layer does not exist.
  public func exchanging(_ layers: some Sequence<Int>, with other: LanguageModel) -> LanguageModel {
    precondition(
      configuration.D == other.configuration.D && blocks.count == other.blocks.count,
      "blocks can only be exchanged between models of the same width and depth")
    var (configuration, blocks) = (configuration, blocks)
    for layer in layers {
      precondition(blocks.indices.contains(layer), "there is no layer \(layer) among \(blocks.count) to exchange")
      (configuration.mixers[layer], blocks[layer]) = (other.configuration.mixers[layer], other.blocks[layer])
    }
    return LanguageModel(
      configuration: configuration, embedding: embedding, blocks: blocks, finalNorm: finalNorm, head: head)
  }
}
