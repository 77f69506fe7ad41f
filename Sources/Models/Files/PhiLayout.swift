// # Phi's layout
//
// A teacher has the tensor names and config keys of Hugging Face's PhiForCausalLM, so that a model trained here runs
// there. Its config.json has one set of sizes for the attention of all blocks, beside the sizes of the model.
//
// Read before: `ModelLayout.swift`, `TransformersWords.swift`. Source: PhiConfig in transformers.

import Checkpoints
import Foundation
import Layers

extension ModelLayout {
  /// Hugging Face's Phi: parallel blocks with attention, of the same sizes in all of them.
  public static let phi = ModelLayout(
    name: "Phi (model_type \"phi\")",
    names: ModelNames(model: "model", embedding: "embed_tokens", mixer: nil),
    words: { PhiWords($0) },
    read: { file, _ in
      guard try TransformersWords.modelType(in: file) == "phi" else { return nil }
      try TransformersWords.refuseUnknown(in: file, known: PhiWords.words)
      return try readJSON(PhiWords.self, from: file).configuration
    },
    problem: { c in
      guard let attention = c.sameAttentionThroughout, attention.convention == .phi, c.block is ParallelBlockSizes
      else {
        return "its blocks are not all parallel blocks with the same attention, as the layout of Phi requires"
      }
      return c.hasHeadBias ? nil : "its head has no bias, but the layout of Phi has one"
    })
}

extension ModelConfiguration {
  /// The sizes of the attention of all blocks; nil if these differ, or if a block has another mixer.
  var sameAttentionThroughout: CausalAttentionSizes? {
    guard let attention = mixers.first as? CausalAttentionSizes else { return nil }
    return mixers.allSatisfy { $0.isEqual(to: attention) } ? attention : nil
  }
}

/// A config.json with the keys of Hugging Face's PhiConfig.
private struct PhiWords: Codable {
  let configuration: ModelConfiguration

  private enum Word: String, CodingKey, CaseIterable {
    case model_type, architectures, vocab_size, hidden_size, intermediate_size, num_hidden_layers
    case max_position_embeddings, layer_norm_eps, hidden_act, tie_word_embeddings
  }

  static var words: [String] { Word.allCases.map(\.rawValue) + CausalAttentionSizes.words }

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
    // The sizes of the attention are keys of the same object.
    try c.mixers.first?.encode(to: encoder)
  }

  init(from decoder: any Decoder) throws {
    let words = try decoder.container(keyedBy: Word.self)
    try words.require(.hidden_act, among: ["gelu_new", "gelu_pytorch_tanh", "gelu_fast"])
    try words.require(.layer_norm_eps, among: [1e-5])
    let (D, L) = (try words.whole(.hidden_size), try words.layers(.num_hidden_layers))
    let attention = try CausalAttentionSizes(from: decoder, D: D)
    configuration = ModelConfiguration(
      V: try words.whole(.vocab_size), D: D,
      T: try words.whole(.max_position_embeddings),
      block: ParallelBlockSizes(feedForward: try words.whole(.intermediate_size)),
      mixers: Array(repeating: attention, count: L),
      hasTiedHead: try words.decodeIfPresent(Bool.self, forKey: .tie_word_embeddings) ?? false, layout: .phi)
  }
}
