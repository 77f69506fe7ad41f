// # The kinds of parts
//
// A config.json names the kinds of mixers and blocks that a model is made of. This is the list of
// all kinds in this library; add a kind of your own to the list that a model is read with:
//
//     let parts = ModelParts.standard.adding(mixer: MyMixerSizes.self)
//     let model = try LanguageModel(contentsOf: folder, parts: parts)
//
// Read before: `Layers/Mixers/MixerSizes.swift`, `Blocks/Block.swift`. Read next:
// `ModelConfiguration.swift`.

import Layers

/// The kinds of mixers and blocks that a file may name.
public struct ModelParts: Sendable {
  /// The kinds of mixers; of two with one name the first is taken.
  public private(set) var mixers: [any MixerSizes.Type]
  /// The kinds of blocks; of two with one name the first is taken.
  public private(set) var blocks: [any BlockSizes.Type]

  /// What this library has.
  public static let standard = ModelParts(
    mixers: [DiscreteMamba2Sizes.self, CausalAttentionSizes.self],
    blocks: [ParallelBlockSizes.self, SequentialBlockSizes.self])

  /// These and another kind of mixer, which comes before one of the same name.
  public func adding(mixer: any MixerSizes.Type) -> ModelParts {
    var more = self
    more.mixers.insert(mixer, at: 0)
    return more
  }

  /// These and another kind of block, which comes before one of the same name.
  public func adding(block: any BlockSizes.Type) -> ModelParts {
    var more = self
    more.blocks.insert(block, at: 0)
    return more
  }
}
