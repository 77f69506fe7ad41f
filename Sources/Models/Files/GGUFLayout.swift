// # A Llama in a GGUF file
//
// llama.cpp's files hold a Llama model under other tensor names, and its sizes under other keys:
//
//     token_embd.weight                            model.embed_tokens.weight
//     blk.N.attn_norm.weight                       model.layers.N.input_layernorm.weight
//     blk.N.attn_q, attn_k, attn_v, attn_output    model.layers.N.self_attn.q_proj, k_proj, v_proj, o_proj
//     blk.N.ffn_norm.weight                        model.layers.N.post_attention_layernorm.weight
//     blk.N.ffn_gate, ffn_up, ffn_down             model.layers.N.mlp.gate_proj, up_proj, down_proj
//     output_norm.weight                           model.norm.weight
//     output.weight                                lm_head.weight, missing if the head is tied
//
// There is one trap. Rotary embeddings rotate pairs of features: features i and i + P/2 of a head in Hugging Face's
// order, 2i and 2i + 1 in llama.cpp's. So llama.cpp's files hold the rows of q and k interleaved, [P/2, 2] for each
// head, and we bring them back to [2, P/2]. Without this step every matrix still has the right shape and no number is
// missing; the text is fluent, but the loss is worse by two and a half nats.
//
// Read before: `ModelFiles.swift`, `Checkpoints/GGUF.swift`, `LlamaLayout.swift`. Source of the names:
// gguf-py/gguf/tensor_mapping.py in ggml-org/llama.cpp.

import Checkpoints
import Foundation
import Layers
import Tensors

enum GGUFLayout {
  /// The configuration of a file, and its weights under the names of `ModelLayout.llama`.
  ///
  /// Throws `CheckpointError` if it is not a GGUF file, or asks for something that is not supported here.
  static func open(_ url: URL) throws -> (ModelConfiguration, Checkpoint) {
    let file = try GGUF(contentsOf: url)
    func refuse(_ what: String, _ remedy: String) -> CheckpointError {
      CheckpointError(file: url.path, problem: what, remedy: remedy)
    }
    let architecture = try file.text("general.architecture")
    guard architecture == "llama" else {
      throw refuse(
        "its general.architecture is \(quoted(architecture)), which is not supported here",
        "give a model of the architecture llama, or the folder of the model from which it was made")
    }
    try refuseScaledPositions(file, refuse)
    let configuration = try configuration(of: file, refuse)
    if let problem = configuration.problem { throw refuse(problem, "give another file of this model") }
    if let turned = try configuration.partOfHeadsTurned(in: file) {
      throw refuse(
        "it asks for llama.rope.dimension_count = \(turned), which is not supported here, only all of a head",
        "give a model that turns whole heads")
    }
    var weights = try file.checkpoint.renamed { name in standardName(name) ?? name }
    let attention = configuration.mixers[0] as! CausalAttentionSizes
    guard attention.P.isMultiple(of: 2) else {
      throw refuse(
        "its \(attention.H) heads would each turn \(attention.P) features by their position, which is an odd number",
        "give a model whose heads have an even number of features")
    }
    for layer in 0..<configuration.L {
      for (part, heads) in [("q_proj", attention.H), ("k_proj", attention.G)] {
        let name = "model.layers.\(layer).self_attn.\(part).weight"
        // A missing or misshapen one is reported with all others when the model is loaded.
        guard weights.shape(of: name) == [heads * attention.P, attention.D] else { continue }
        weights = try weights.transforming(name) { inHalves($0, heads: heads) }
      }
    }
    return (configuration, weights)
  }

  /// Reorders the rows of each head from pairs of neighbours to two halves: [heads · P, D] → [heads · P, D].
  static func inHalves(_ matrix: Tensor, heads: Int) -> Tensor {
    let (rows, D) = (matrix.shape[0], matrix.shape[1])
    return matrix.reshaped(to: [heads, rows / heads / 2, 2, D]).permuted([0, 2, 1, 3]).reshaped(to: [rows, D])
  }

  private static func configuration(
    of file: GGUF, _ refuse: (String, String) -> CheckpointError
  ) throws -> ModelConfiguration {
    func has(_ key: String) -> Bool { file.metadata[key] != nil }
    let (D, H) = (try file.integer("llama.embedding_length"), try file.integer("llama.attention.head_count"))
    let L = try file.integer("llama.block_count")
    guard (1...ModelConfiguration.largestSize).contains(L) else {
      throw refuse("a model cannot have \(L) layers (llama.block_count)", "download or make the file again")
    }
    let attention = CausalAttentionSizes(
      D: D, H: H, G: has("llama.attention.head_count_kv") ? try file.integer("llama.attention.head_count_kv") : H,
      rotaryBase: has("llama.rope.freq_base") ? try decimal(file.number("llama.rope.freq_base")) : 10_000,
      convention: .llama)
    // The embedding has a row for each token; older files lack the key for the size of the vocabulary.
    let embedding = file.checkpoint.shape(of: "token_embd.weight")
    let V = embedding.map { $0.rank > 0 ? $0[0] : 0 } ?? 0
    return ModelConfiguration(
      V: V, D: D, T: try file.integer("llama.context_length"),
      block: SequentialBlockSizes(
        feedForward: try file.integer("llama.feed_forward_length"),
        epsilon: decimal(try file.number("llama.attention.layer_norm_rms_epsilon"))),
      mixers: Array(repeating: attention, count: L), hasTiedHead: !file.checkpoint.names.contains("output.weight"),
      layout: .llama)
  }

  /// The number that was meant: a file stores it in 32 bits, which turn 1e-5 into 9.99999974737875e-06.
  private static func decimal(_ number: Double) -> Double { Double("\(Float(number))") ?? number }

  /// Refuses positions that are scaled, by a factor or by a tensor of factors, and mixtures of experts: neither is
  /// supported here.
  private static func refuseScaledPositions(_ file: GGUF, _ refuse: (String, String) -> CheckpointError) throws {
    let remedy = "give a model whose positions are not scaled"
    if file.metadata["llama.rope.scaling.type"] != nil {
      let type = try file.text("llama.rope.scaling.type")
      if type != "none" {
        throw refuse("it asks for llama.rope.scaling.type = \(quoted(type)), which is not supported here", remedy)
      }
    }
    for key in ["llama.rope.scale_linear", "llama.rope.scaling.factor"] where file.metadata[key] != nil {
      let factor = try file.number(key)
      if factor != 1, factor != 0 {
        throw refuse("it asks for \(key) = \(factor), which is not supported here", remedy)
      }
    }
    if file.checkpoint.names.contains("rope_freqs.weight") {
      throw refuse("it has rope_freqs.weight, factors for its positions, which are not supported here", remedy)
    }
    if let experts = try? file.integer("llama.expert_count"), experts > 0 {
      throw refuse(
        "it asks for llama.expert_count = \(experts), which is not supported here", "give a model without experts")
    }
  }

  /// Hugging Face's name of a tensor; nil for a tensor that Llama does not have.
  static func standardName(_ name: String) -> String? {
    let outside = [
      "token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
      "output.weight": "lm_head.weight",
    ]
    if let standard = outside[name] { return standard }
    let inside = [
      "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
      "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
      "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    ]
    let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 4, parts[0] == "blk", Int(parts[1]) != nil, let part = inside[parts[2]] else { return nil }
    return "model.layers.\(parts[1]).\(part).\(parts[3])"
  }
}

extension ModelConfiguration {
  /// The number of features of a head that are rotated, if a file says that not all are; nil if all are.
  fileprivate func partOfHeadsTurned(in file: GGUF) throws -> Int? {
    let key = "llama.rope.dimension_count"
    guard file.metadata[key] != nil, let H = mixers.first?.H else { return nil }
    let turned = try file.integer(key)
    return turned == D / H ? nil : turned
  }
}
