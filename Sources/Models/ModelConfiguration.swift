// # The sizes of a model
//
// Teacher, student and hybrid differ in one thing: which mixer each block has. So one type of configuration describes
// them all. The sizes that concern only a mixer are in that mixer's own type; the configuration holds what all blocks
// have in common.
//
// A model's layout is the names of its tensors and the keys of its config.json. It is stated here and not guessed
// from the mixers: a model with attention in every block can be a teacher or a student, and so have either layout.
//
// Read before: `ModelParts.swift`. Read next: `LanguageModel.swift`, `Files/ModelLayout.swift`.

import Layers
import Tensors

/// The sizes of a language model, and the mixer of each of its blocks.
public struct ModelConfiguration: Sendable {
  /// The size of the vocabulary.
  public var V: Int
  /// The width of the model.
  public var D: Int
  /// The longest text that the model is trained on.
  public var T: Int
  /// The kind of block around each mixer.
  public var block: any BlockSizes
  /// The mixer of each block, from the first to the last.
  public var mixers: [any MixerSizes]
  /// Whether the head is tied: whether its matrix is the embedding's.
  public var hasTiedHead: Bool
  /// Whether the head has a bias.
  public var hasHeadBias: Bool
  /// The names of the tensors and the keys of the config.json.
  public var layout: ModelLayout

  /// - Parameters:
  ///   - block: nil for Phi's parallel block, with an MLP of hidden width 4 D
  ///   - hasHeadBias: nil for the choice of the layout's published models; in Phi's layouts this is a bias, even if
  ///     the head is tied
  public init(
    V: Int, D: Int, T: Int, block: (any BlockSizes)? = nil, mixers: [any MixerSizes], hasTiedHead: Bool = false,
    hasHeadBias: Bool? = nil, layout: ModelLayout
  ) {
    (self.V, self.D, self.T, self.mixers) = (V, D, T, mixers)
    self.block = block ?? ParallelBlockSizes(feedForward: 4 * D)
    (self.hasTiedHead, self.hasHeadBias, self.layout) = (hasTiedHead, hasHeadBias ?? layout.hasHeadBias, layout)
  }

  /// The number of blocks.
  public var L: Int { mixers.count }

  /// The configuration of a student of this model: another mixer in each block, except in those that keep theirs.
  ///
  /// - Parameter kept: the layers that keep their mixer, counted from 0; layers that the model does not have are
  ///   ignored
  public func student(_ mixer: any MixerSizes, keeping kept: Set<Int> = []) -> ModelConfiguration {
    var copy = self
    copy.mixers = mixers.enumerated().map { kept.contains($0) ? $1 : mixer }
    copy.layout = layout.ofStudents
    return copy
  }

  /// The configuration of a student with a mixer of its own in each block, nil where it keeps this model's; stops the
  /// program if there are more or fewer of them than blocks.
  public func student(_ choices: [(any MixerSizes)?]) -> ModelConfiguration {
    precondition(choices.count == L, "\(choices.count) mixers are not one for each of \(L) blocks")
    var copy = self
    copy.mixers = zip(choices, mixers).map { $0 ?? $1 }
    copy.layout = layout.ofStudents
    return copy
  }

  /// The layers whose mixers differ in kind or size from those of a model with the same number of layers.
  public func layersUnlike(_ other: ModelConfiguration) -> [Int] {
    zip(mixers, other.mixers).enumerated().filter { !$0.element.0.isEqual(to: $0.element.1) }.map(\.offset)
  }

  /// The largest value of any one size, and the most scalars in all weights together. A file that goes beyond them is
  /// wrong, and products of sizes within them fit into an `Int`.
  static let (largestSize, mostNumbers) = (1 << 20, 1 << 36)

  /// Why no model can have these sizes, in a sentence that begins with "its …"; nil if one can.
  public var problem: String? {
    let sizes = [("vocabulary", V), ("width", D), ("hidden width", block.feedForward), ("layers", L), ("length", T)]
    if let (name, size) = sizes.first(where: { $0.1 < 1 }) {
      return "its \(name) has a size of \(size), where at least 1 is needed"
    }
    if let (name, size) = sizes.first(where: { $0.1 > Self.largestSize }) {
      return "its \(name) has a size of \(size), where at most \(Self.largestSize) are possible"
    }
    if let problem = block.problem { return problem }
    let numbers = 2 * V * D + L * (4 * D * D + 2 * D * block.feedForward)
    if numbers > Self.mostNumbers {
      return "its weights have about \(numbers) numbers, where at most \(Self.mostNumbers) are possible"
    }
    if let other = mixers.first(where: { $0.D != D }) {
      return "its mixers are made for width \(other.D), but the model's width is \(D)"
    }
    return mixers.lazy.compactMap(\.problem).first ?? layout.problem(self)
  }
}

extension ModelConfiguration: Equatable {
  /// Whether sizes, kinds of parts and layout are all equal.
  public static func == (a: ModelConfiguration, b: ModelConfiguration) -> Bool {
    (a.V, a.D, a.T, a.hasTiedHead, a.hasHeadBias, a.layout)
      == (b.V, b.D, b.T, b.hasTiedHead, b.hasHeadBias, b.layout)
      && a.block.isEqual(to: b.block) && a.L == b.L && a.layersUnlike(b).isEmpty
  }
}
