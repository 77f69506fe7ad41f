// # The kinds of parts
//
// A config.json names the kinds of mixers and blocks that a model is made of. `ModelParts` lists the kinds that can
// be read, and `standard` is the list of all kinds in this library. To read a model that has a kind of your own, add
// that kind to the list:
//
//     let parts = ModelParts.standard.adding(mixer: MyMixerSizes.self)
//     let model = try LanguageModel(contentsOf: folder, parts: parts)
//
// Read before: `Layers/Mixers/MixerSizes.swift`, `Blocks/Block.swift`. Read next:
// `ModelConfiguration.swift`.

import Layers

/// The kinds of mixers and blocks that a file may name.
public struct ModelParts: Sendable {
  /// The kinds of mixers; if two have the same name, the first is used.
  public private(set) var mixers: [any MixerSizes.Type]
  /// The kinds of blocks; if two have the same name, the first is used.
  public private(set) var blocks: [any BlockSizes.Type]

  /// All kinds in this library.
  public static let standard = ModelParts(
    mixers: [
      DiscreteMamba2Sizes.self, CausalAttentionSizes.self, Mamba2Sizes.self, FixedDecaySizes.self,
      CausalLowRankSizes.self, CausalToeplitzSizes.self, GatedDeltaRuleSizes.self, TrapezoidalMambaSizes.self,
      HeadHybridSizes.self,
    ],
    blocks: [ParallelBlockSizes.self, SequentialBlockSizes.self])

  /// These kinds and another mixer, which takes precedence over one with the same name.
  public func adding(mixer: any MixerSizes.Type) -> ModelParts {
    var more = self
    more.mixers.insert(mixer, at: 0)
    return more
  }

  /// These kinds and another block, which takes precedence over one with the same name.
  public func adding(block: any BlockSizes.Type) -> ModelParts {
    var more = self
    more.blocks.insert(block, at: 0)
    return more
  }
}
