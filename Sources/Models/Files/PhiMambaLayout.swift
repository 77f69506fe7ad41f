// # Phi-Mamba's layout
//
// Students of Phi teachers, and hybrids, have the tensor names and config keys of the authors' Phi-Mamba. Consecutive
// blocks with equal mixers form a group, Block1, Block2, …, which names the kind of mixer and gives its sizes, with
// keys of that kind's own.
//
// Read before: `ModelLayout.swift`, `Layers/Mixers/MixerSizes.swift`. Source:
// assets/sample_config.json in goombalab/phi-mamba.

import Checkpoints
import Foundation
import Layers

extension ModelLayout {
  /// The authors' Phi-Mamba: any mixer in each block.
  public static let phiMamba = ModelLayout(
    name: "\(PhiMambaWords.name) (LanguageModel, MixerModel, Block1, …)",
    names: ModelNames(model: "backbone", embedding: "embedding", mixer: "mixer"),
    words: { PhiMambaWords($0) },
    read: { file, parts in
      let words = try readJSON(PhiMambaWords.self, from: file, userInfo: [.parts: parts])
      if let problem = words.problem {
        throw CheckpointError(file: file.path, problem: problem.what, remedy: problem.remedy)
      }
      return words.configuration
    },
    problem: { configuration in
      let block = configuration.block
      if !block.isEqual(to: type(of: block).init(feedForward: block.feedForward)) {
        return "the layout \(PhiMambaWords.name) keeps the width of a block and none of its other settings"
      }
      return configuration.hasHeadBias ? nil : "the layout \(PhiMambaWords.name) has a head with a bias"
    })
}

extension CodingUserInfoKey {
  /// The kinds of mixers and blocks that a config.json may name.
  static let parts = CodingUserInfoKey(rawValue: "parts")!
}

/// A config.json with the keys of the authors' Phi-Mamba.
private struct PhiMambaWords: Codable {
  static let name = "Phi-Mamba"
  let configuration: ModelConfiguration
  /// What is wrong with its kinds, its settings or its number of layers.
  private(set) var problem: (what: String, remedy: String)?

  init(_ configuration: ModelConfiguration) { self.configuration = configuration }

  // The keys, object by object.
  private struct Named<Input: Codable>: Codable { var input: Input }
  private struct Language: Codable {
    var vocab_size: Int
    var pad_vocab_size_multiple: Int? = 1
    /// Written only if it is true.
    var tie_embeddings: Bool?
  }
  private struct Backbone: Codable {
    var d_model: Int
    var n_layer: Int
    var lm_head_prenorm: String? = "layer"
    /// Written here; the authors leave it out, and then it is 4 D.
    var d_intermediate: Int?
    /// Written here, not by the authors.
    var max_position_embeddings: Int?
  }
  private struct BlockInput: Codable { var resid_dropout = 0.0 }
  private enum GroupWord: String, CodingKey { case n_layers, BlockType, block_input, CoreType, core_input }

  // The groups are keys of the outermost object, beside the two named parts.
  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
    static func group(_ number: Int) -> Key { Key("Block\(number)") }
  }

  func encode(to encoder: any Encoder) throws {
    let c = configuration
    var words = encoder.container(keyedBy: Key.self)
    let language = Language(vocab_size: c.V, tie_embeddings: c.hasTiedHead ? true : nil)
    try words.encode(Named(input: language), forKey: Key("LanguageModel"))
    let backbone = Backbone(
      d_model: c.D, n_layer: c.L, d_intermediate: c.block.feedForward, max_position_embeddings: c.T)
    try words.encode(Named(input: backbone), forKey: Key("MixerModel"))
    for (number, layers) in c.groupsOfEqualMixers.enumerated() {
      let start = layers.lowerBound
      var group = words.nestedContainer(keyedBy: GroupWord.self, forKey: .group(number + 1))
      try group.encode(layers.count, forKey: .n_layers)
      try group.encode(type(of: c.block).kind, forKey: .BlockType)
      try group.encode(BlockInput(), forKey: .block_input)
      try group.encode(type(of: c.mixers[start]).kind, forKey: .CoreType)
      try c.mixers[start].encode(to: group.superEncoder(forKey: .core_input))
    }
  }

  init(from decoder: any Decoder) throws {
    let parts = decoder.userInfo[.parts] as? ModelParts ?? .standard
    let words = try decoder.container(keyedBy: Key.self)
    let language = try words.decode(Named<Language>.self, forKey: Key("LanguageModel")).input
    let backbone = try words.decode(Named<Backbone>.self, forKey: Key("MixerModel")).input
    let feedForward = backbone.d_intermediate ?? backbone.d_model.multipliedReportingOverflow(by: 4).partialValue
    var (mixers, blocks): ([any MixerSizes], [any BlockSizes]) = ([], [])
    var number = 1
    while words.contains(.group(number)) {
      defer { number += 1 }
      let group = try words.nestedContainer(keyedBy: GroupWord.self, forKey: .group(number))
      let (core, blockType) = (
        try group.decode(String.self, forKey: .CoreType), try group.decode(String.self, forKey: .BlockType)
      )
      guard let kind = parts.mixers.first(where: { $0.kind == core }) else {
        problem = problem ?? unknownKind(core, "CoreType", of: parts.mixers.map { $0.kind }, in: "Block\(number)")
        continue
      }
      guard let wiring = parts.blocks.first(where: { $0.kind == blockType }) else {
        problem =
          problem ?? unknownKind(blockType, "BlockType", of: parts.blocks.map { $0.kind }, in: "Block\(number)")
        continue
      }
      let sizes = try kind.init(from: group.superDecoder(forKey: .core_input), D: backbone.d_model)
      mixers += Array(repeating: sizes, count: try group.layers(.n_layers, after: mixers.count))
      blocks.append(wiring.init(feedForward: feedForward))
    }
    if let first = blocks.first, !blocks.allSatisfy({ $0.isEqual(to: first) }) {
      problem = problem ?? ("its groups of blocks are of several kinds", "give all of them the same BlockType")
    }
    let others = words.allKeys.map(\.stringValue).filter { name in
      name.hasPrefix("Block") && !(1..<number).contains { "Block\($0)" == name }
    }
    if let other = others.min() {
      problem =
        problem ?? ("its group \(other) follows a gap", "number the groups Block1, Block2, … without a gap")
    }
    if let norm = backbone.lm_head_prenorm, norm != "layer" {
      problem = problem ?? ("it asks for lm_head_prenorm = \(norm), which is not supported here", "give layer")
    }
    if problem == nil, mixers.count != backbone.n_layer {
      problem = disagreeingLayers(backbone.n_layer, mixers.count)
    }
    configuration = ModelConfiguration(
      V: padded(language.vocab_size, to: language.pad_vocab_size_multiple), D: backbone.d_model,
      T: backbone.max_position_embeddings ?? 2048,
      block: blocks.first ?? ParallelBlockSizes(feedForward: feedForward),
      mixers: mixers, hasTiedHead: language.tie_embeddings ?? false, layout: .phiMamba)
  }
}

// ## Shared by both layouts of students

extension ModelConfiguration {
  /// Consecutive layers with equal mixers, from the first to the last.
  var groupsOfEqualMixers: [Range<Int>] {
    let starts = mixers.indices.filter { $0 == 0 || !mixers[$0].isEqual(to: mixers[$0 - 1]) }
    return zip(starts, starts.dropFirst() + [L]).map { $0..<$1 }
  }
}

/// The size of a vocabulary, padded to a multiple as the authors do it.
func padded(_ V: Int, to multiple: Int?) -> Int {
  guard let multiple, multiple > 1, V > 0, V <= ModelConfiguration.largestSize, multiple <= V else { return V }
  return (V + multiple - 1) / multiple * multiple
}

/// Problem and remedy for a config.json whose groups do not have the number of layers that it states.
func disagreeingLayers(_ said: Int, _ counted: Int) -> (what: String, remedy: String) {
  ("it says n_layer \(said), but its groups of blocks have \(counted) layers", "correct one of the two")
}
