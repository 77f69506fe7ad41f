// # Attention with other matrices
//
// What does a model owe to a part of its attention? We change the matrices, leave everything else as it is, and look at
// what becomes of its predictions.
//
// Read before: `Models/FrozenModel.swift`, `Layers/Mixers/CausalAttention.swift`. Chapters: 14-generation, 15-real-model.

import Gradients
import Layers
import Models
import Tensors

/// The logits [B, T, V] of a model in which the matrices [B, H, T, T] of every attention are changed before they mix
/// the values; other mixers stay as they are.
public func logits(of model: FrozenModel, _ tokens: Tokens, changing change: (Tensor) -> Tensor) -> Tensor {
  var u: Tensor = model.model.embedding(tokens)
  for block in model.blocks {
    u = block(u) { read in
      guard let maps = block.mixer.projections else { return block.mixer(read) }
      let (B, T, H, G) = (read.shape[0], read.shape[1], maps.H, maps.G)
      let values = maps.values(read)
      let P = values.shape[2] / G
      // Each head of values serves H / G heads of queries.
      let each = values.reshaped(to: [B, T, G, 1, P]).broadcast(to: [B, T, G, H / G, P]).reshaped(to: [B, T, H, P])
      return maps.output(headMix(change(block.mixer.matrix(read)), each).reshaped(to: [B, T, H * P]))
    }
  }
  return model.model.logits(fromLastState: u)
}
