// # config.json
//
// Beside each checkpoint lies a config.json in the words of its layout, so that another program
// knows what to build: Hugging Face's for a teacher, the authors' for a student. In theirs,
// consecutive blocks of one kind form a group, Block1, Block2, …
//
// Read before: `ModelConfiguration.swift`. Read next: `LanguageModel+Files.swift`. Source:
// PhiConfig in transformers; assets/sample_config.json in goombalab/phi-mamba.

import Checkpoints
import Foundation
import Layers

/// A teacher's config.json in the words of Hugging Face's PhiConfig.
struct PhiConfigurationFile: Codable {
  var model_type = "phi"
  var architectures = ["PhiForCausalLM"]
  var vocab_size: Int
  var hidden_size: Int
  var intermediate_size: Int
  var num_hidden_layers: Int
  var num_attention_heads: Int
  var max_position_embeddings: Int
  var partial_rotary_factor: Double
  var rope_theta: Double
  var layer_norm_eps: Double
  var hidden_act = "gelu_new"
  var tie_word_embeddings = false

  init(_ c: ModelConfiguration) {
    (vocab_size, hidden_size, intermediate_size) = (c.V, c.D, c.feedForward)
    (num_hidden_layers, num_attention_heads) = (c.L, c.H)
    (max_position_embeddings, partial_rotary_factor, rope_theta) = (c.T, c.rotaryFraction, c.rotaryBase)
    layer_norm_eps = 1e-5  // LayerNorm.epsilon, without the digits that Float adds to it
  }

  var configuration: ModelConfiguration {
    ModelConfiguration(
      V: vocab_size, D: hidden_size, H: num_attention_heads, feedForward: intermediate_size,
      mixers: Array(repeating: .attention, count: num_hidden_layers), T: max_position_embeddings,
      rotaryFraction: partial_rotary_factor, rotaryBase: rope_theta)
  }
}

/// A student's or hybrid's config.json in the words of the authors' Phi-Mamba.
struct PhiMambaConfigurationFile: Codable {
  struct Named<Input: Codable>: Codable { var input: Input }
  struct Language: Codable {
    var vocab_size: Int
    var pad_vocab_size_multiple = 1
  }
  struct Backbone: Codable {
    var d_model: Int
    var n_layer: Int
    var lm_head_prenorm = "layer"
    var d_intermediate: Int
    var max_position_embeddings: Int
  }
  struct Group: Codable {
    struct BlockInput: Codable { var resid_dropout = 0.0 }
    struct Core: Codable {
      // Of a state space mixer
      var d_state: Int?
      var n_v_heads: Int?
      var n_qk_heads: Int?
      var d_conv: Int?
      var conv_bias: Bool?
      var expand: Int?
      var chunk_size: Int?
      var activation: String?
      var bias: Bool?
      // Of an attention that was kept
      var num_attention_heads: Int?
      var partial_rotary_factor: Double?
      var rope_theta: Double?
    }
    var n_layers: Int
    var BlockType = "modules.phi_block"
    var block_input = BlockInput()
    var CoreType: String
    var core_input: Core

    static let mamba = "modules.mixers.discrete_mamba2"
    static let attention = "modules.mixers.phi_attention"
  }

  var language: Named<Language>
  var backbone: Named<Backbone>
  var groups: [Group]

  init(_ c: ModelConfiguration) {
    language = Named(input: Language(vocab_size: c.V))
    backbone = Named(
      input: Backbone(d_model: c.D, n_layer: c.L, d_intermediate: c.feedForward, max_position_embeddings: c.T))
    groups = []
    for (layer, kind) in c.mixers.enumerated() {
      if layer > 0 && c.mixers[layer - 1] == kind {
        groups[groups.count - 1].n_layers += 1
        continue
      }
      let core =
        switch kind {
        case .mamba:
          Group.Core(
            d_state: c.N, n_v_heads: c.H, n_qk_heads: c.G, d_conv: c.K, conv_bias: true, expand: 1, chunk_size: c.Q,
            activation: "identity", bias: false)
        case .attention:
          Group.Core(num_attention_heads: c.H, partial_rotary_factor: c.rotaryFraction, rope_theta: c.rotaryBase)
        }
      groups.append(Group(n_layers: 1, CoreType: kind == .mamba ? Group.mamba : Group.attention, core_input: core))
    }
  }

  /// The configuration, or nil if a group is of no known kind or no group is a state space model.
  var configuration: ModelConfiguration? {
    guard let mamba = groups.first(where: { $0.CoreType == Group.mamba })?.core_input,
      let N = mamba.d_state, let H = mamba.n_v_heads, let K = mamba.d_conv, let Q = mamba.chunk_size,
      groups.allSatisfy({ $0.CoreType == Group.mamba || $0.CoreType == Group.attention })
    else { return nil }
    let attention = groups.first { $0.CoreType == Group.attention }?.core_input
    return ModelConfiguration(
      V: language.input.vocab_size, D: backbone.input.d_model, H: H, feedForward: backbone.input.d_intermediate,
      mixers: groups.flatMap { group in
        Array(repeating: group.CoreType == Group.mamba ? .mamba : .attention, count: group.n_layers)
      }, T: backbone.input.max_position_embeddings, rotaryFraction: attention?.partial_rotary_factor ?? 0.5,
      rotaryBase: attention?.rope_theta ?? 10_000, N: N, K: K, Q: Q, G: mamba.n_qk_heads)
  }

  // The groups are keys of the outermost object, beside the two named parts.
  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(language, forKey: Key("LanguageModel"))
    try container.encode(backbone, forKey: Key("MixerModel"))
    for (index, group) in groups.enumerated() { try container.encode(group, forKey: Key("Block\(index + 1)")) }
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    language = try container.decode(Named<Language>.self, forKey: Key("LanguageModel"))
    backbone = try container.decode(Named<Backbone>.self, forKey: Key("MixerModel"))
    groups = []
    while container.contains(Key("Block\(groups.count + 1)")) {
      groups.append(try container.decode(Group.self, forKey: Key("Block\(groups.count + 1)")))
    }
  }
}

extension ModelConfiguration {
  /// Writes a config.json in the words of the layout: Hugging Face's Phi, or the authors' Phi-Mamba.
  public func write(to file: URL) throws {
    if isPhi {
      try writeJSON(PhiConfigurationFile(self), to: file)
    } else {
      try writeJSON(PhiMambaConfigurationFile(self), to: file)
    }
  }

  /// Reads a config.json of either layout; throws, naming file and key, if it is of neither, or of sizes that no model has.
  public init(contentsOf file: URL) throws {
    self = try ModelConfiguration(unchecked: file)
    if let problem {
      throw CheckpointError(
        file: file.path, problem: problem, remedy: "give the file that was written with the model")
    }
  }

  /// Why no model has these sizes, in a sentence; nil if one can.
  var problem: String? {
    let sizes = [("vocabulary", V), ("width", D), ("heads", H), ("hidden width", feedForward), ("layers", L)]
    if let (name, size) =
      (sizes + [("length", T), ("state size", N), ("taps", K), ("chunk", Q), ("pairs of B and C", G)])
      .first(where: { $0.1 < 1 })
    {
      return "its \(name) has a size of \(size), where at least 1 is needed"
    }
    if !D.isMultiple(of: H) { return "its width of \(D) cannot be cut into \(H) heads" }
    if !H.isMultiple(of: G) { return "its \(G) pairs of B and C cannot be shared evenly by \(H) heads" }
    if !(0...1).contains(rotaryFraction) { return "its rotary part of a head is \(rotaryFraction), not in 0 … 1" }
    if !(rotaryBase > 0 && rotaryBase.isFinite) { return "its base of rotary angles is \(rotaryBase), not above 0" }
    return nil
  }

  private init(unchecked file: URL) throws {
    struct Kind: Decodable { var model_type: String? }
    if try readJSON(Kind.self, from: file).model_type == "phi" {
      self = try readJSON(PhiConfigurationFile.self, from: file).configuration
    } else if let configuration = try readJSON(PhiMambaConfigurationFile.self, from: file).configuration {
      self = configuration
    } else {
      throw CheckpointError(
        file: file.path, problem: "its blocks are of no kind that is known here",
        remedy: "each Block needs a CoreType of \(PhiMambaConfigurationFile.Group.mamba) or"
          + " \(PhiMambaConfigurationFile.Group.attention), and one of them the former")
    }
  }
}
