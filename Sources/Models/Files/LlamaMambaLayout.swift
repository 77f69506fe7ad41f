// # The layout of the authors' later framework
//
// Students of Llama teachers, and hybrids, have the tensor names and config keys of the framework that the authors
// published after Phi-Mamba. The config.json names the class of the backbone, and a list of groups gives the kind of
// block, the kind of its mixer and the sizes of both:
//
//     {"input": {"vocab_size": …, "tie_embeddings": …, "lm_head_bias": …},
//      "MixerModel": {"name": "LlamaModel", "input": {"d_model": …, "n_layer": …, "rope_theta": …},
//                     "Blocks": [{"name": "LlamaBlock", "n_layers": …, "input": {"mlp_intermediate_size": …},
//                                 "Layer": {"name": "DiscreteMamba2", "input": {…}}}, …]}}
//
// In the framework the rotary angles belong to the backbone and are the same for all attention, and the epsilon of
// the final norm belongs to the backbone too. We write both there and in the groups. When we read, the rotary base of
// the backbone takes precedence, and an epsilon that is not the same everywhere is refused.
//
// In the framework a Discrete-Mamba-2 mixer has, unless told otherwise, a norm before its output projection and an
// activation after its convolution. The mixer of the method has neither, so both keys must be present.
//
// Read before: `PhiMambaLayout.swift`, `../Blocks/SequentialBlock.swift`. Source: components/ and
// configs/Llama in goombalab/mohawk.

import Checkpoints
import Foundation
import Layers

extension ModelLayout {
  /// The authors' later framework: sequential blocks, any mixer in each.
  public static let llamaMamba = ModelLayout(
    name: "Llama-Mamba (input, MixerModel with Blocks)",
    names: ModelNames(model: "backbone", embedding: "embedding", mixer: "mixer"),
    words: { LlamaMambaWords($0) },
    read: { file, parts in
      guard try LlamaMambaWords.isIn(file) else { return nil }
      let words = try readJSON(LlamaMambaWords.self, from: file, userInfo: [.parts: parts])
      if let problem = words.problem {
        throw CheckpointError(file: file.path, problem: problem.what, remedy: problem.remedy)
      }
      return words.configuration
    },
    problem: { c in
      if !(c.block is SequentialBlockSizes) {
        return "its blocks are not sequential blocks, as the layout of Llama-Mamba requires"
      }
      return c.hasTiedHead && c.hasHeadBias
        ? "in the layout of Llama-Mamba a head that is the embedding has no bias" : nil
    })
}

/// A config.json with the keys of the authors' later framework.
private struct LlamaMambaWords: Codable {
  let configuration: ModelConfiguration
  /// What is wrong with its kinds, its settings or its number of layers.
  private(set) var problem: (what: String, remedy: String)?

  init(_ configuration: ModelConfiguration) { self.configuration = configuration }

  /// Whether a config.json has the two outermost keys of this layout.
  static func isIn(_ file: URL) throws -> Bool {
    let keys = try readJSONMembers(from: file)
    return keys["input"] != nil && keys["MixerModel"] != nil
  }

  // The keys, object by object.
  private struct Language: Codable {
    var vocab_size: Int
    var pad_vocab_size_multiple: Int?
    var tie_embeddings: Bool
    var lm_head_bias: Bool?
  }
  private struct Backbone: Codable {
    var d_model: Int
    var n_layer: Int
    var lm_head_prenorm: String?
    var norm_epsilon: Double?
    var rope_theta: Double?
    /// The number of features of a head: the backbone of the framework makes the angles for all attention.
    var head_dim: Int?
    /// Never written; `llama3` and other kinds are not supported here.
    var rope_scaling: Scaling?
    var max_position_embeddings: Int?

    /// What it asks for that is not supported here; nil for nothing. Scaled rotary positions matter only if there is
    /// attention.
    func problem(turning isTurning: Bool) -> (what: String, remedy: String)? {
      if let norm = lm_head_prenorm, norm != "rms" {
        return ("it asks for lm_head_prenorm = \(norm), which is not supported here", "give rms")
      }
      if isTurning, let kind = rope_scaling?.kind, kind != "default" {
        return ("it asks for rope_scaling = \(kind), which is not supported here", "give a model without it")
      }
      return nil
    }
  }
  private struct Scaling: Codable {
    var type: String?
    var rope_type: String?
    var kind: String { rope_type ?? type ?? "default" }
  }
  private struct BlockInput: Codable {
    var resid_dropout: Double?
    var mlp_intermediate_size: Int
    var mlp_act_fn: String
    var norm_epsilon: Double?
  }
  private enum Word: String, CodingKey { case name, input, MixerModel, Blocks, n_layers, Layer }

  /// Keys of a mixer that only this framework has.
  private enum MixerWord: String, CodingKey {
    case norm_cls, activation, initializer

    /// How the method initialises a mixer. Without this key the framework makes no mixer, even one whose weights are
    /// then read.
    static let initialValues = [
      "a_log": "default", "x": "default", "B": "default", "C": "default", "D": "default", "z": "identity",
      "out": "default", "convolution": "identity",
    ]
  }

  /// The framework's names for kinds that have other names in this library.
  private static let kinds = [
    "DiscreteMamba2": DiscreteMamba2Sizes.kind, "LlamaAttention": CausalAttentionSizes.kind,
  ]

  func encode(to encoder: any Encoder) throws {
    let c = configuration
    let epsilon = (c.block as? SequentialBlockSizes)?.epsilon
    let attention = c.mixers.lazy.compactMap { $0 as? CausalAttentionSizes }.first
    var words = encoder.container(keyedBy: Word.self)
    try words.encode("LayeredMambaLM", forKey: .name)
    try words.encode(
      Language(
        vocab_size: c.V, pad_vocab_size_multiple: 1, tie_embeddings: c.hasTiedHead, lm_head_bias: c.hasHeadBias),
      forKey: .input)
    var model = words.nestedContainer(keyedBy: Word.self, forKey: .MixerModel)
    try model.encode("LlamaModel", forKey: .name)
    try model.encode(
      Backbone(
        d_model: c.D, n_layer: c.L, lm_head_prenorm: "rms", norm_epsilon: epsilon, rope_theta: attention?.rotaryBase,
        head_dim: attention?.P, max_position_embeddings: c.T), forKey: .input)
    var groups = model.nestedUnkeyedContainer(forKey: .Blocks)
    for group in c.groupsOfEqualMixers {
      var words = groups.nestedContainer(keyedBy: Word.self)
      try words.encode(group.count, forKey: .n_layers)
      try words.encode(type(of: c.block).kind, forKey: .name)
      try words.encode(
        BlockInput(
          resid_dropout: 0, mlp_intermediate_size: c.block.feedForward, mlp_act_fn: "silu", norm_epsilon: epsilon),
        forKey: .input)
      var layer = words.nestedContainer(keyedBy: Word.self, forKey: .Layer)
      let sizes = c.mixers[group.lowerBound]
      let kind = type(of: sizes).kind
      try layer.encode(Self.kinds.first { $0.value == kind }?.key ?? kind, forKey: .name)
      let input = layer.superEncoder(forKey: .input)
      try sizes.encode(to: input)
      if kind == DiscreteMamba2Sizes.kind {
        var more = input.container(keyedBy: MixerWord.self)
        try more.encode("none", forKey: .norm_cls)
        try more.encode(MixerWord.initialValues, forKey: .initializer)
      }
    }
  }

  init(from decoder: any Decoder) throws {
    let parts = decoder.userInfo[.parts] as? ModelParts ?? .standard
    let words = try decoder.container(keyedBy: Word.self)
    let language = try words.decode(Language.self, forKey: .input)
    let model = try words.nestedContainer(keyedBy: Word.self, forKey: .MixerModel)
    try model.require(.name, among: ["LlamaModel"])
    let backbone = try model.decode(Backbone.self, forKey: .input)
    var (mixers, block, groups) = ([any MixerSizes](), SequentialBlockSizes?.none, 0)
    var list = try model.nestedUnkeyedContainer(forKey: .Blocks)
    while !list.isAtEnd {
      let group = try list.nestedContainer(keyedBy: Word.self)
      groups += 1
      try group.require(.name, among: [SequentialBlockSizes.kind])
      let input = try group.decode(BlockInput.self, forKey: .input)
      let layer = try group.nestedContainer(keyedBy: Word.self, forKey: .Layer)
      let name = try layer.decode(String.self, forKey: .name)
      guard let kind = parts.mixers.first(where: { $0.kind == Self.kinds[name] ?? name }) else {
        let known = parts.mixers.map { mixer in Self.kinds.first { $0.value == mixer.kind }?.key ?? mixer.kind }
        problem = problem ?? unknownKind(name, "Layer.name", of: known, in: "group \(groups) of Blocks")
        continue
      }
      var sizes: any MixerSizes
      if kind == CausalAttentionSizes.self {
        var attention = try CausalAttentionSizes(
          from: layer.superDecoder(forKey: .input), D: backbone.d_model, convention: .llama)
        attention.rotaryBase = backbone.rope_theta ?? attention.rotaryBase
        sizes = attention
      } else {
        if kind == DiscreteMamba2Sizes.self {
          let words = try layer.nestedContainer(keyedBy: MixerWord.self, forKey: .input)
          _ = (try words.decode(String.self, forKey: .norm_cls), try words.decode(String.self, forKey: .activation))
        }
        sizes = try kind.init(from: layer.superDecoder(forKey: .input), D: backbone.d_model)
      }
      mixers += Array(repeating: sizes, count: try group.layers(.n_layers, after: mixers.count))
      let own = SequentialBlockSizes(
        feedForward: input.mlp_intermediate_size, epsilon: input.norm_epsilon ?? backbone.norm_epsilon ?? 1e-6)
      if !["silu", "swish"].contains(input.mlp_act_fn) {
        problem =
          problem ?? (
            "its group \(groups) of Blocks asks for mlp_act_fn = \(input.mlp_act_fn), which is not supported here",
            "give silu"
          )
      }
      if let block, block != own {
        problem = problem ?? ("its groups of Blocks differ in the sizes of their blocks", "give all of them the same")
      }
      block = own
    }
    problem = problem ?? backbone.problem(turning: mixers.contains { $0 is CausalAttentionSizes })
    if let block, let epsilon = backbone.norm_epsilon, epsilon != block.epsilon {
      problem =
        problem ?? (
          "the norm before its head adds \(epsilon), but those of its blocks add \(block.epsilon)",
          "give the same number for both"
        )
    }
    if mixers.count != backbone.n_layer {
      problem = problem ?? disagreeingLayers(backbone.n_layer, mixers.count)
    }
    configuration = ModelConfiguration(
      V: padded(language.vocab_size, to: language.pad_vocab_size_multiple), D: backbone.d_model,
      T: backbone.max_position_embeddings ?? 2048,
      block: block ?? SequentialBlockSizes(feedForward: 4 * backbone.d_model),
      mixers: mixers, hasTiedHead: language.tie_embeddings,
      hasHeadBias: !language.tie_embeddings && language.lm_head_bias ?? false, layout: .llamaMamba)
  }
}
