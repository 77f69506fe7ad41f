// # The parallel block
//
// One layer norm feeds both branches, and both are added to what came in:
//
//     y  =  x + mixer(LN x) + MLP(LN x)
//
// It is Phi's block. The branches do not see each other, so that a mixer can be taken out and
// another put in its place without anything else being touched: what the method does.
//
// Read before: `Block.swift`. Read next: `../LanguageModel.swift`.

import Gradients
import Layers
import Tensors

/// A block whose mixer and feed-forward read the same norm.
public struct ParallelBlock: Block {
  public let norm: any Layer
  public let mixer: any MatrixMixer
  public let feedForward: any Layer

  public init(norm: any Layer, mixer: any MatrixMixer, feedForward: any Layer) {
    (self.norm, self.mixer, self.feedForward) = (norm, mixer, feedForward)
  }

  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func mixerInput<A: Activation>(_ x: A) -> A { norm(x) }

  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func output<A: Activation>(_ x: A, mixerInput u: A, mixed: () -> A) -> A { x + mixed() + feedForward(u) }

  public var parts: [BlockPart] {
    [
      BlockPart(.mixer, mixer.parameters), BlockPart(.feedForward, feedForward.parameters),
      BlockPart(.norm, norm.parameters),
    ]
  }
}

/// A parallel block with a layer norm and an MLP, as Phi has it.
public struct ParallelBlockSizes: BlockSizes {
  public static let kind = "modules.phi_block"
  public var feedForward: Int

  public init(feedForward: Int) { self.feedForward = feedForward }

  public func make(
    _ name: String, D: Int, mixer: any MatrixMixer, using random: inout some RandomNumberGenerator
  ) -> any Block {
    ParallelBlock(
      norm: LayerNorm("\(name).input_layernorm", D: D), mixer: mixer,
      feedForward: MLP("\(name).mlp", D: D, hidden: feedForward, using: &random))
  }
}
