// # The sequential block
//
// First the tokens are mixed, then each is worked on; either branch has a norm of its own and is
// added to what came in:
//
//     h  =  x + mixer( norm₁ x )
//     y  =  h + feedForward( norm₂ h )
//
// It is Llama's block, and the usual one. The feed-forward branch sees what the mixer has done, so
// that a student's mixer that errs changes what its neighbour reads. In a parallel block it does not.
// Stage 2 therefore compares the mixers' outputs: compared are equal inputs, and nothing else.
//
// Read before: `ParallelBlock.swift`. Source: Llama in Hugging Face transformers.

import Gradients
import Layers
import Tensors

/// A block whose feed-forward reads what the mixer has added.
public struct SequentialBlock: Block {
  /// What the mixer reads through, [B, T, D] → [B, T, D].
  public let norm: any Layer
  /// The branch that mixes tokens.
  public let mixer: any MatrixMixer
  /// What the feed-forward reads through, [B, T, D] → [B, T, D].
  public let secondNorm: any Layer
  /// The branch that works on each token by itself.
  public let feedForward: any Layer

  /// A block of parts that have their weights; all have the model's width.
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

/// A sequential block with RMS norms and a gated feed-forward, as Llama has it.
public struct SequentialBlockSizes: BlockSizes {
  /// The name of the kind in a config.json.
  public static let kind = "LlamaBlock"
  /// The hidden width of the feed-forward.
  public var feedForward: Int
  /// What the norms add to the mean square.
  public var epsilon: Double

  /// Sizes with a feed-forward of this hidden width, and norms that add 1e-5.
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

  /// Why no block has these sizes, in a sentence that goes on "its …"; nil if one can.
  public var problem: String? {
    epsilon > 0 && epsilon < 1
      ? nil : "its norms add \(epsilon) to the mean square, where a number in 0 … 1 is needed"
  }
}
