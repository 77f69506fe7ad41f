// # What does a path carry?
//
// A hybrid has two kinds of mixers, and nothing says that both are used: a student may learn to let its few attention
// layers do all the work, or none of it. We silence the mixers of some layers, that is, put zeros in the place of their
// outputs, and measure how many more nats a token then costs. Norms, feed-forwards and the residual path stay. A path
// whose loss costs nothing carries nothing that the others cannot replace.
//
// A silenced mixer leaves the layers behind it with states that they have never met, which may cost more than what the
// path carries; and where two paths carry the same, the loss of either may cost nothing. So the cost tells a path that
// is needed from one that is not; it does not divide the loss among paths.
//
// Read before: `Evaluation.swift`, `Models/Blocks/Block.swift`.

import Corpora
import Layers
import Models
import Statistics
import Tensors

/// The logits of a model in which the mixers of some layers give zeros: tokens → [B, T, V].
public func logits(of model: FrozenModel, _ tokens: Tokens, silencing layers: Set<Int>) -> Tensor {
  var u: Tensor = model.model.embedding(tokens)
  for (layer, block) in model.blocks.enumerated() {
    u = block(u) { layers.contains(layer) ? .zeros($0.shape) : block.mixer($0) }
  }
  return model.model.logits(fromLastState: u)
}

/// What it costs to silence the mixers of some layers.
public struct KnockOut: Sendable {
  /// What is silenced, in words: "layer 3", "all of attention".
  public let name: String
  /// The layers whose mixers give zeros.
  public let layers: [Int]
  /// How much the cross-entropy grows, window by window, in nats per token.
  public let cost: PairedDifference
}

/// Silences each path of a model: all mixers of a kind, if there is more than one kind, and each layer by itself.
public func knockOuts(of model: FrozenModel, on batches: [Batch]) -> [KnockOut] {
  func losses(_ layers: Set<Int>) -> [Double] {
    batches.flatMap { batch -> [Double] in
      let tokens = crossEntropy(logits(of: model, batch.inputs, silencing: layers), targets: batch.targets).losses
      return (0..<batch.inputs.B).map { Double(mean(tokens.sliced($0..<($0 + 1))).scalar) }
    }
  }
  let whole = losses([])
  let all = Array(model.blocks.indices)
  let attention = all.filter { model.blocks[$0].mixer is CausalAttention }
  var paths = all.map { ("layer \($0)", [$0]) }
  if !attention.isEmpty && attention.count < all.count {
    paths += [("all of attention", attention), ("all but attention", all.filter { !attention.contains($0) })]
  }
  return paths.map { name, layers in
    KnockOut(name: name, layers: layers, cost: PairedDifference(zip(losses(Set(layers)), whole).map { $0 - $1 }))
  }
}
