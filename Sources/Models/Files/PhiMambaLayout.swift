// # Phi-Mamba's layout
//
// Students and hybrids have the names and words of the authors' Phi-Mamba. Consecutive blocks of
// one kind form a group, Block1, Block2, …, which says the kind of its mixer and, in that kind's own
// words, its sizes.
//
// Read before: `ModelLayout.swift`, `Layers/Mixers/MixerSizes.swift`. Source:
// assets/sample_config.json in goombalab/phi-mamba.

import Checkpoints
import Foundation
import Layers

extension ModelLayout {
  /// The authors' Phi-Mamba: any mixer in each block.
  public static let phiMamba = ModelLayout(
    name: "Phi-Mamba (LanguageModel, MixerModel, Block1, …)",
    names: ModelNames(model: "backbone", embedding: "embedding", mixer: "mixer"),
    words: { PhiMambaWords($0) },
    read: { file, parts in
      let words = try readJSON(PhiMambaWords.self, from: file, userInfo: [.parts: parts])
      if let problem = words.problem {
        throw CheckpointError(file: file.path, problem: problem.what, remedy: problem.remedy)
      }
      return words.configuration
    },
    problem: { _ in nil })
}

extension CodingUserInfoKey {
  fileprivate static let parts = CodingUserInfoKey(rawValue: "parts")!
}

/// A config.json in the words of the authors' Phi-Mamba.
private struct PhiMambaWords: Codable {
  let configuration: ModelConfiguration
  /// What is wrong with the kinds that it names.
  private(set) var problem: (what: String, remedy: String)?

  init(_ configuration: ModelConfiguration) { self.configuration = configuration }

  // The words, object by object.
  private struct Named<Input: Codable>: Codable { var input: Input }
  private struct Language: Codable {
    var vocab_size: Int
    var pad_vocab_size_multiple = 1
    /// Written only if it is true.
    var tie_embeddings: Bool?
  }
  private struct Backbone: Codable {
    var d_model: Int
    var n_layer: Int
    var lm_head_prenorm = "layer"
    var d_intermediate: Int
    var max_position_embeddings: Int
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
    let starts = c.mixers.indices.filter { $0 == 0 || !c.mixers[$0].isEqual(to: c.mixers[$0 - 1]) }
    for (number, start) in starts.enumerated() {
      let end = number + 1 < starts.count ? starts[number + 1] : c.L
      var group = words.nestedContainer(keyedBy: GroupWord.self, forKey: .group(number + 1))
      try group.encode(end - start, forKey: .n_layers)
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
    var (mixers, block): ([any MixerSizes], (any BlockSizes)?) = ([], nil)
    var number = 1
    while words.contains(.group(number)) {
      let group = try words.nestedContainer(keyedBy: GroupWord.self, forKey: .group(number))
      let (core, blockType) = (
        try group.decode(String.self, forKey: .CoreType), try group.decode(String.self, forKey: .BlockType)
      )
      guard let kind = parts.mixers.first(where: { $0.kind == core }) else {
        problem = problem ?? unknown(core, "CoreType", of: parts.mixers.map { $0.kind }, in: number)
        number += 1
        continue
      }
      guard let wiring = parts.blocks.first(where: { $0.kind == blockType }) else {
        problem = problem ?? unknown(blockType, "BlockType", of: parts.blocks.map { $0.kind }, in: number)
        number += 1
        continue
      }
      let sizes = try kind.init(from: group.superDecoder(forKey: .core_input), D: backbone.d_model)
      mixers += Array(repeating: sizes, count: try group.layers(.n_layers))
      block = wiring.init(feedForward: backbone.d_intermediate)
      number += 1
    }
    configuration = ModelConfiguration(
      V: language.vocab_size, D: backbone.d_model, T: backbone.max_position_embeddings,
      block: block ?? ParallelBlockSizes(feedForward: backbone.d_intermediate), mixers: mixers,
      hasTiedHead: language.tie_embeddings ?? false, layout: .phiMamba)
  }
}

private func unknown(_ name: String, _ word: String, of known: [String], in group: Int) -> (String, String) {
  (
    "its Block\(group) is of no kind that is known here: \(word) \(name)",
    "give \(word) one of \(known.joined(separator: ", "))"
  )
}
