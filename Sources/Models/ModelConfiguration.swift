// # The sizes of a model
//
// Teacher, student and hybrid differ in one thing: which mixer each block has. So one configuration
// describes them all.
//
// Read next: `LanguageModel.swift`, `ConfigurationFiles.swift`.

import Layers

/// The sizes of a language model, and the mixer of each of its blocks.
public struct ModelConfiguration: Equatable, Sendable {
  /// The size of the vocabulary.
  public var V: Int
  /// The width of the model.
  public var D: Int
  /// The number of heads, of attention and of state space mixers alike.
  public var H: Int
  /// The hidden width of the MLPs.
  public var feedForward: Int
  /// The mixer of each block, from the first to the last.
  public var mixers: [MixerKind]
  /// The longest text that the model is trained on.
  public var T: Int
  /// The part of a head of attention that carries its position.
  public var rotaryFraction: Double
  /// The base of the rotary angles.
  public var rotaryBase: Double
  /// The state size of a head of a state space mixer.
  public var N: Int
  /// The width of the convolution.
  public var K: Int
  /// The length of a chunk; it changes the cost, not the result.
  public var Q: Int
  /// Pairs of B and C of a state space mixer: as many as heads, or fewer that are shared.
  public var G: Int {
    get { shared ?? H }
    set { shared = newValue == H ? nil : newValue }
  }
  private var shared: Int?

  public init(
    V: Int, D: Int, H: Int, feedForward: Int? = nil, mixers: [MixerKind], T: Int, rotaryFraction: Double = 0.5,
    rotaryBase: Double = 10_000, N: Int = 16, K: Int = 4, Q: Int = 64, G: Int? = nil
  ) {
    (self.V, self.D, self.H, self.mixers, self.T) = (V, D, H, mixers, T)
    self.feedForward = feedForward ?? 4 * D
    (self.rotaryFraction, self.rotaryBase) = (rotaryFraction, rotaryBase)
    (self.N, self.K, self.Q) = (N, K, Q)
    self.G = G ?? H
  }

  /// The number of blocks.
  public var L: Int { mixers.count }

  /// The sizes of a state space mixer in this model.
  public var mambaSizes: DiscreteMamba2Sizes { DiscreteMamba2Sizes(D: D, H: H, N: N, K: K, Q: Q, G: G) }

  /// The same model with other mixers.
  public func with(mixers: [MixerKind]) -> ModelConfiguration {
    var copy = self
    copy.mixers = mixers
    return copy
  }

  /// The student: each attention replaced by a state space mixer, but for the blocks that keep theirs.
  public func student(keepingAttentionIn kept: Set<Int> = []) -> ModelConfiguration {
    with(mixers: (0..<L).map { kept.contains($0) ? .attention : .mamba })
  }

  /// Whether all mixers are attention: then checkpoints have the names of Hugging Face's Phi, else those of Phi-Mamba.
  public var isPhi: Bool { mixers.allSatisfy { $0 == .attention } }
}
