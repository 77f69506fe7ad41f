// # The sequential block
//
// First the tokens are mixed, then each is transformed by itself. Each branch has a norm of its own, and its output
// is added to its input:
//
//     h  =  x + mixer( norm₁ x )
//     y  =  h + feedForward( norm₂ h )
//
// This is Llama's block, and the usual one. Its feed-forward reads what the mixer has added, so an error of a
// student's mixer changes the input of the feed-forward beside it; in a parallel block it does not. Stage 2 therefore
// compares the outputs of the mixers: they are computed from equal inputs, and nothing else enters the comparison.
//
// Read before: `ParallelBlock.swift`. Source: Llama in Hugging Face transformers.

import Gradients
import Layers
import Tensors

/// A block whose feed-forward reads the mixer's output added to the block's input.
public struct SequentialBlock: Block {
  /// The norm before the mixer, [B, T, D] → [B, T, D].
  public let norm: any Layer
  /// The branch that mixes tokens.
  public let mixer: any MatrixMixer
  /// The norm before the feed-forward, [B, T, D] → [B, T, D].
  public let secondNorm: any Layer
  /// The branch that works on each token by itself.
  public let feedForward: any Layer

  /// A block made of parts that have their weights; all have the model's width.
  public init(norm: any Layer, mixer: any MatrixMixer, secondNorm: any Layer, feedForward: any Layer) {
    (self.norm, self.mixer, self.secondNorm, self.feedForward) = (norm, mixer, secondNorm, feedForward)
  }

  /// norm₁ x: x [B, T, D] → [B, T, D].
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func mixerInput<A: Activation>(_ x: A) -> A { norm(x) }

  /// h + feedForward(norm₂ h) with h = x + mixed, [B, T, D].
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func output<A: Activation>(_ x: A, mixerInput u: A, mixed: () -> A) -> A {
    let h = x + mixed()
    return h + feedForward(secondNorm(h))
  }

  /// Mixer, feed-forward, the norm before each: the order of the checkpoint.
  public var parts: [BlockPart] {
    [
      BlockPart(.mixer, mixer.parameters), BlockPart(.feedForward, feedForward.parameters),
      BlockPart(.norm, norm.parameters), BlockPart(.norm, secondNorm.parameters),
    ]
  }
}

/// A sequential block with RMS norms and a gated feed-forward, as in Llama.
public struct SequentialBlockSizes: BlockSizes {
  /// The name of the kind in a config.json.
  public static let kind = "LlamaBlock"
  /// The hidden width of the feed-forward.
  public var feedForward: Int
  /// What the norms add to the mean square.
  public var epsilon: Double

  /// Sizes with a feed-forward of this hidden width, and norms with an epsilon of 1e-5.
  public init(feedForward: Int) { self.init(feedForward: feedForward, epsilon: 1e-5) }

  /// Sizes with a feed-forward of this hidden width.
  ///
  /// - Parameter epsilon: what the norms add to the mean square
  public init(feedForward: Int, epsilon: Double) { (self.feedForward, self.epsilon) = (feedForward, epsilon) }

  /// A block with new norms and a new feed-forward around `mixer`.
  public func make(
    _ name: String, D: Int, mixer: any MatrixMixer, using random: inout some RandomNumberGenerator
  ) -> any Block {
    SequentialBlock(
      norm: norm("\(name).input_layernorm", D: D), mixer: mixer,
      secondNorm: norm("\(name).post_attention_layernorm", D: D),
      feedForward: SwiGLU("\(name).mlp", D: D, hidden: feedForward, using: &random))
  }

  /// An RMS norm with scale 1.
  public func norm(_ name: String, D: Int) -> any Layer { RMSNorm(name, D: D, epsilon: Scalar(epsilon)) }

  /// Why no block can have these sizes, in a sentence that begins with "its …"; nil if one can.
  public var problem: String? {
    epsilon > 0 && epsilon < 1
      ? nil : "its norms add \(epsilon) to the mean square, where a number between 0 and 1 is needed"
  }
}
