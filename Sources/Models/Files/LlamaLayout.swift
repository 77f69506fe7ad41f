// # Llama's layout
//
// The tensor names and config keys of Hugging Face's LlamaForCausalLM: RMS norms, sequential blocks, grouped-query
// attention, no biases. Many published models are of this kind, SmolLM2 among them.
//
// A head that is tied to the embedding is not in the file.
//
// Read before: `ModelLayout.swift`, `TransformersWords.swift`, `../Blocks/SequentialBlock.swift`. Source:
// LlamaConfig in transformers.

import Checkpoints
import Foundation
import Layers

extension ModelLayout {
  /// Hugging Face's Llama: sequential blocks with attention, of the same sizes in all of them.
  public static let llama = ModelLayout(
    name: "Llama (model_type \"llama\")",
    names: ModelNames(model: "model", embedding: "embed_tokens", finalNorm: "norm", mixer: nil),
    words: { LlamaWords($0) },
    read: { file, _ in
      guard try TransformersWords.modelType(in: file) == "llama" else { return nil }
      try TransformersWords.refuseUnknown(in: file, known: LlamaWords.words)
      return try readJSON(LlamaWords.self, from: file).configuration
    },
    problem: { c in
      guard let attention = c.sameAttentionThroughout, attention.convention == .llama, c.block is SequentialBlockSizes
      else {
        return "its blocks are not all sequential blocks with the same attention, as the layout of Llama requires"
      }
      return c.hasHeadBias ? "its head has a bias, but the layout of Llama has none" : nil
    })
}

/// A config.json with the keys of Hugging Face's LlamaConfig.
private struct LlamaWords: Codable {
  let configuration: ModelConfiguration

  private enum Word: String, CodingKey, CaseIterable {
    case model_type, architectures, vocab_size, hidden_size, intermediate_size, num_hidden_layers
    case max_position_embeddings, rms_norm_eps, hidden_act, tie_word_embeddings, mlp_bias, pretraining_tp
  }

  static var words: [String] { Word.allCases.map(\.rawValue) + CausalAttentionSizes.words }

  init(_ configuration: ModelConfiguration) { self.configuration = configuration }

  func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    let c = configuration
    try words.encode("llama", forKey: .model_type)
    try words.encode(["LlamaForCausalLM"], forKey: .architectures)
    try words.encode(c.V, forKey: .vocab_size)
    try words.encode(c.D, forKey: .hidden_size)
    try words.encode(c.block.feedForward, forKey: .intermediate_size)
    try words.encode(c.L, forKey: .num_hidden_layers)
    try words.encode(c.T, forKey: .max_position_embeddings)
    try words.encode((c.block as? SequentialBlockSizes)?.epsilon, forKey: .rms_norm_eps)
    try words.encode("silu", forKey: .hidden_act)
    try words.encode(c.hasTiedHead, forKey: .tie_word_embeddings)
    try words.encode(false, forKey: .mlp_bias)
    // The sizes of the attention are keys of the same object.
    try c.mixers.first?.encode(to: encoder)
  }

  init(from decoder: any Decoder) throws {
    let words = try decoder.container(keyedBy: Word.self)
    try words.require(.hidden_act, among: ["silu", "swish"])
    try words.require(.mlp_bias, among: [false])
    try words.require(.pretraining_tp, among: [1])
    let (D, L) = (try words.whole(.hidden_size), try words.layers(.num_hidden_layers))
    let attention = try CausalAttentionSizes(from: decoder, D: D, convention: .llama)
    configuration = ModelConfiguration(
      V: try words.whole(.vocab_size), D: D,
      T: try words.wholeIfPresent(.max_position_embeddings) ?? 2048,
      block: SequentialBlockSizes(
        feedForward: try words.whole(.intermediate_size),
        epsilon: try words.decodeIfPresent(Double.self, forKey: .rms_norm_eps) ?? 1e-6),
      mixers: Array(repeating: attention, count: L),
      hasTiedHead: try words.decodeIfPresent(Bool.self, forKey: .tie_word_embeddings) ?? false, layout: .llama)
  }
}
