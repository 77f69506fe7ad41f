// # The language model
//
// Tokens in, logits out:
//
//     u[0]    =  embedding(tokens)
//     u[l+1]  =  block[l](u[l])
//     logits  =  head( LN u[L] )                the head is not tied to the embedding, and has a bias
//
// One struct for teacher, student and hybrid; the names of its parameters are those of the two
// published layouts.
//
// Read before: `Block.swift`, `ModelConfiguration.swift`. Read next: `Trace.swift`,
// `LanguageModel+Files.swift`.

import Gradients
import Layers
import Tensors

/// A language model of parallel blocks.
public struct LanguageModel {
  public let configuration: ModelConfiguration
  public let embedding: Embedding
  public let blocks: [Block]
  public let finalNorm: LayerNorm
  public let head: Linear

  /// A model with random weights.
  ///
  /// Each part draws from a generator of its own, so that the weights of an MLP do not depend on what mixer stands beside it.
  public init(_ configuration: ModelConfiguration, using random: inout some RandomNumberGenerator) {
    let c = configuration
    self.configuration = c
    let prefix = c.isPhi ? "model" : "backbone"
    func generator() -> SeededGenerator { SeededGenerator(seed: random.next()) }
    var (ofEmbedding, ofHead) = (generator(), generator())
    embedding = Embedding(
      "\(prefix).\(c.isPhi ? "embed_tokens" : "embedding")", V: c.V, D: c.D, using: &ofEmbedding)
    blocks = c.mixers.enumerated().map { layer, kind in
      var (ofMixer, ofMLP) = (generator(), generator())
      let name = "\(prefix).layers.\(layer)"
      let mixer: any MatrixMixer =
        switch kind {
        case .attention:
          CausalAttention(
            c.isPhi ? "\(name).self_attn" : "\(name).mixer.self_attn", D: c.D, H: c.H,
            rotaryFraction: c.rotaryFraction, rotaryBase: c.rotaryBase, using: &ofMixer)
        case .mamba: DiscreteMamba2("\(name).mixer", sizes: c.mambaSizes, using: &ofMixer)
        }
      return Block(
        inputNorm: LayerNorm("\(name).input_layernorm", D: c.D), mixer: mixer,
        mlp: MLP("\(name).mlp", D: c.D, hidden: c.feedForward, using: &ofMLP))
    }
    finalNorm = LayerNorm("\(prefix).final_layernorm", D: c.D)
    head = Linear("lm_head", inputs: c.D, outputs: c.V, using: &ofHead)
  }

  /// The logits of the next token at each place: B rows of T tokens → [B, T, V].
  public func callAsFunction(_ tokens: Tokens) -> Variable {
    head(finalNorm(blocks.reduce(embedding(tokens)) { u, block in block(u) }))
  }

  /// The parameters in the order of the checkpoint.
  public var parameters: [Parameter] {
    embedding.parameters + blocks.flatMap(\.parameters) + finalNorm.parameters + head.parameters
  }

  /// The number of numbers in all parameters.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }

  /// Makes every parameter a constant of the tape, or a leaf again.
  public func setFrozen(_ isFrozen: Bool) { for parameter in parameters { parameter.isFrozen = isFrozen } }
}
