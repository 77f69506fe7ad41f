// # The parallel block
//
// One layer norm feeds both branches, and both are added to the block's input:
//
//     y  =  x + mixer(LN x) + MLP(LN x)
//
// This is Phi's block. Neither branch sees the other, so one mixer can be exchanged for another without touching
// anything else, which is what the method does.
//
// Read before: `Block.swift`. Read next: `SequentialBlock.swift`, `../LanguageModel.swift`.

import Gradients
import Layers
import Tensors

/// A block whose mixer and feed-forward read the same norm.
public struct ParallelBlock: Block {
  /// The norm before both branches, [B, T, D] → [B, T, D].
  public let norm: any Layer
  /// The branch that mixes tokens.
  public let mixer: any MatrixMixer
  /// The branch that works on each token by itself.
  public let feedForward: any Layer

  /// A block made of parts that have their weights; all have the model's width.
  public init(norm: any Layer, mixer: any MatrixMixer, feedForward: any Layer) {
    (self.norm, self.mixer, self.feedForward) = (norm, mixer, feedForward)
  }

  /// LN x: x [B, T, D] → [B, T, D].
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func mixerInput<A: Activation>(_ x: A) -> A { norm(x) }

  /// x + mixed + MLP(LN x), [B, T, D]; the norm is not computed again.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func output<A: Activation>(_ x: A, mixerInput u: A, mixed: () -> A) -> A { x + mixed() + feedForward(u) }

  /// Mixer, feed-forward, norm: the order of the checkpoint.
  public var parts: [BlockPart] {
    [
      BlockPart(.mixer, mixer.parameters), BlockPart(.feedForward, feedForward.parameters),
      BlockPart(.norm, norm.parameters),
    ]
  }
}

/// A parallel block with a layer norm and an MLP, as in Phi.
public struct ParallelBlockSizes: BlockSizes {
  /// The name of the kind in a config.json.
  public static let kind = "modules.phi_block"
  /// The hidden width of the MLP; 4 D in Phi.
  public var feedForward: Int

  /// Sizes with an MLP of this hidden width.
  public init(feedForward: Int) { self.feedForward = feedForward }

  /// A block with a new norm and a new MLP around `mixer`.
  public func make(
    _ name: String, D: Int, mixer: any MatrixMixer, using random: inout some RandomNumberGenerator
  ) -> any Block {
    ParallelBlock(
      norm: norm("\(name).input_layernorm", D: D), mixer: mixer,
      feedForward: MLP("\(name).mlp", D: D, hidden: feedForward, using: &random))
  }
}
