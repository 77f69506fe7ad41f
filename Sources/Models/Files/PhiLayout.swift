// # Phi's layout
//
// A teacher's names and words are those of Hugging Face's PhiForCausalLM, so that what was trained
// here runs there. Its config.json has one set of sizes for the attention of all blocks, beside
// those of the model.
//
// Read before: `ModelLayout.swift`. Source: PhiConfig in transformers.

import Checkpoints
import Foundation
import Layers

extension ModelLayout {
  /// Phi of Hugging Face: attention in every block, of the same sizes.
  public static let phi = ModelLayout(
    name: "Phi (model_type \"phi\")",
    names: ModelNames(model: "model", embedding: "embed_tokens", mixer: nil),
    words: { PhiWords($0) },
    read: { file, _ in
      struct Kind: Decodable { var model_type: String? }
      guard try readJSON(Kind.self, from: file).model_type == "phi" else { return nil }
      return try readJSON(PhiWords.self, from: file).configuration
    },
    problem: { c in
      let (attention, block) = (c.mixers.first as? CausalAttentionSizes, c.block as? ParallelBlockSizes)
      if block == nil || attention == nil || c.mixers.contains(where: { !$0.isEqual(to: attention!) }) {
        return "its blocks are not all parallel blocks with the same attention, as the layout of Phi has them"
      }
      return nil
    })
}

/// A config.json in the words of Hugging Face's PhiConfig.
private struct PhiWords: Codable {
  let configuration: ModelConfiguration

  private enum Word: String, CodingKey {
    case model_type, architectures, vocab_size, hidden_size, intermediate_size, num_hidden_layers
    case max_position_embeddings, layer_norm_eps, hidden_act, tie_word_embeddings
  }

  init(_ configuration: ModelConfiguration) { self.configuration = configuration }

  func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    let c = configuration
    try words.encode("phi", forKey: .model_type)
    try words.encode(["PhiForCausalLM"], forKey: .architectures)
    try words.encode(c.V, forKey: .vocab_size)
    try words.encode(c.D, forKey: .hidden_size)
    try words.encode(c.block.feedForward, forKey: .intermediate_size)
    try words.encode(c.L, forKey: .num_hidden_layers)
    try words.encode(c.T, forKey: .max_position_embeddings)
    try words.encode(1e-5, forKey: .layer_norm_eps)  // LayerNorm.epsilon, without the digits that Float adds to it
    try words.encode("gelu_new", forKey: .hidden_act)
    try words.encode(c.hasTiedHead, forKey: .tie_word_embeddings)
    // Heads and rotary positions are words of the same object.
    try c.mixers.first?.encode(to: encoder)
  }

  init(from decoder: any Decoder) throws {
    let words = try decoder.container(keyedBy: Word.self)
    _ = try words.decode([String].self, forKey: .architectures)
    let (D, L) = (try words.decode(Int.self, forKey: .hidden_size), try words.layers(.num_hidden_layers))
    let attention = try CausalAttentionSizes(from: decoder, D: D)
    configuration = ModelConfiguration(
      V: try words.decode(Int.self, forKey: .vocab_size), D: D,
      T: try words.decode(Int.self, forKey: .max_position_embeddings),
      block: ParallelBlockSizes(feedForward: try words.decode(Int.self, forKey: .intermediate_size)),
      mixers: Array(repeating: attention, count: L),
      hasTiedHead: try words.decode(Bool.self, forKey: .tie_word_embeddings), layout: .phi)
  }
}
