// # A row for each kind of mixer
//
// What all mixers promise is tested for all of them: a row makes a mixer of width 15 with random numbers everywhere,
// and knows its slow twin. A new kind of mixer needs a row here, and no test of its own for what is demanded of all.
//
// Read next: `MixerFormsTests.swift`, `MixerMemoryTests.swift`, `MixerTests.swift`.

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

/// A kind of mixer, with an option.
struct MixerCase: Sendable, CustomStringConvertible, CustomTestStringConvertible {
  /// Names the row in messages.
  let name: String
  private let make: @Sendable (inout SeededGenerator) -> any MatrixMixer
  private let twin: @Sendable (any MatrixMixer, Tensor) -> Mixed

  /// - Parameters:
  ///   - twin: output and matrix from the formulas, for an input [B, T, 15]
  ///   - prepare: what is done to the random numbers
  init<M: MatrixMixer & SendableMetatype>(
    _ name: String, _ make: @escaping @Sendable (inout SeededGenerator) -> M,
    twin: @escaping @Sendable (M, Tensor) -> Mixed, prepare: @escaping @Sendable (M) -> Void = { _ in }
  ) {
    self.name = name
    self.make = { random in
      let mixer = make(&random)
      randomise(mixer.parameters, using: &random)
      prepare(mixer)
      return mixer
    }
    self.twin = { twin($0 as! M, $1) }
  }

  /// A mixer with random numbers everywhere, the same at each call; those of a norm's scale are near 1.
  func mixer() -> any MatrixMixer {
    var random = SeededGenerator(for: name)
    return make(&random)
  }

  /// What the mixer gives, slowly.
  func mixed(_ mixer: any MatrixMixer, _ u: Tensor) -> Mixed { twin(mixer, u) }

  var description: String { name }
  var testDescription: String { name }
}

extension MixerCase {
  static let all = [
    MixerCase("attention", { randomAttention(using: &$0) }, twin: naiveAttention),
    MixerCase("attention, Llama's", { randomAttention(convention: .llama, using: &$0) }, twin: naiveAttention),
    MixerCase("Discrete-Mamba-2", { randomMamba(using: &$0) }, twin: { MambaTwin($0, $1).mixed }),
    MixerCase("Discrete-Mamba-2 in one chunk", { randomMamba(Q: 64, using: &$0) }, twin: { MambaTwin($0, $1).mixed }),
    toeplitz("a kernel longer than the text", CausalToeplitzSizes(D: 15, H: 3, K: 23, Q: 4)),
    toeplitz("a kernel shorter than the text", CausalToeplitzSizes(D: 15, H: 3, K: 7, Q: 4)),
    toeplitz("a kernel of one number", CausalToeplitzSizes(D: 15, H: 3, K: 1, Q: 4)),
    toeplitz("in Mamba's frame", CausalToeplitzSizes(D: 15, H: 3, K: 19, Q: 64, frame: .mamba)),
    lowRank("plain", CausalLowRankSizes(D: 15, H: 3, N: 7, Q: 4)),
    lowRank("in Mamba's frame", CausalLowRankSizes(D: 15, H: 3, N: 2, Q: 64, frame: .mamba)),
    fixedDecay("RetNet's", FixedDecaySizes(D: 15, H: 3, N: 4, Q: 4)),
    fixedDecay("twice as wide", FixedDecaySizes(D: 15, H: 3, N: 7, expand: 2, Q: 4, rotaryBase: 100)),
    fixedDecay("plain", FixedDecaySizes(D: 15, H: 3, N: 7, Q: 4, frame: .plain)),
    fixedDecay("in Mamba's frame", FixedDecaySizes(D: 15, H: 3, N: 2, Q: 64, frame: .mamba)),
    mamba2("shared B and C", Mamba2Sizes(D: 15, H: 3, N: 7, Q: 4)),
    mamba2("a B and a C for each head", Mamba2Sizes(D: 15, H: 3, N: 2, K: 3, Q: 4, G: 3)),
    mamba2("twice as wide", Mamba2Sizes(D: 15, H: 3, N: 4, expand: 2, Q: 64)),
    delta("chunks of 4", GatedDeltaRuleSizes(D: 15, H: 3, N: 7, K: 3, Q: 4)),
    delta("one tap, one chunk", GatedDeltaRuleSizes(D: 15, H: 3, N: 2, K: 1, Q: 64)),
    trapezoid("no convolution", TrapezoidalMambaSizes(D: 15, H: 3, N: 7, Q: 4)),
    trapezoid("a convolution, one chunk", TrapezoidalMambaSizes(D: 15, H: 3, N: 2, K: 3, Q: 64)),
    hybrid("none kept", HeadHybridSizes(D: 15, H: 3, N: 7, Q: 4, keeping: [])),
    hybrid("one kept", HeadHybridSizes(D: 15, H: 3, N: 7, Q: 4, keeping: [1])),
    hybrid("two kept, one chunk", HeadHybridSizes(D: 15, H: 3, N: 2, K: 1, Q: 64, keeping: [2, 0])),
    hybrid("all kept", HeadHybridSizes(D: 15, H: 3, N: 7, keeping: [0, 1, 2])),
    hybrid(
      "Llama's, one group",
      HeadHybridSizes(D: 15, H: 5, G: 1, N: 3, Q: 4, convention: .llama, keeping: [1, 2, 4])),
    hybrid(
      "Llama's, uneven groups",
      HeadHybridSizes(D: 15, H: 15, G: 5, N: 2, Q: 4, convention: .llama, keeping: [1, 3, 4, 14])),
  ]

  private static func toeplitz(_ option: String, _ sizes: CausalToeplitzSizes) -> MixerCase {
    MixerCase("Toeplitz, \(option)", { CausalToeplitz("m", sizes: sizes, using: &$0) }, twin: naiveToeplitz)
  }
  private static func lowRank(_ option: String, _ sizes: CausalLowRankSizes) -> MixerCase {
    MixerCase("low rank, \(option)", { CausalLowRank("m", sizes: sizes, using: &$0) }, twin: naiveLowRank)
  }
  // A norm multiplies rounding errors where C · B is nearly 0, so queries are like keys.
  private static func fixedDecay(_ option: String, _ sizes: FixedDecaySizes) -> MixerCase {
    MixerCase(
      "fixed decay, \(option)", { FixedDecay("m", sizes: sizes, using: &$0) }, twin: naiveFixedDecay,
      prepare: { mixer in
        guard let keys = mixer.maps.keys, let queries = mixer.maps.queries else { return }
        queries.weight.update { $0 = 0.5 * $0 + keys.weight.value }
      })
  }
  private static func mamba2(_ option: String, _ sizes: Mamba2Sizes) -> MixerCase {
    MixerCase("Mamba-2, \(option)", { Mamba2("m", sizes: sizes, using: &$0) }, twin: naiveMamba2)
  }
  private static func hybrid(_ option: String, _ sizes: HeadHybridSizes) -> MixerCase {
    MixerCase("two kinds of heads, \(option)", { HeadHybrid("m", sizes: sizes, using: &$0) }, twin: naiveHeadHybrid)
  }
  private static func delta(_ option: String, _ sizes: GatedDeltaRuleSizes) -> MixerCase {
    MixerCase("delta rule, \(option)", { GatedDeltaRule("m", sizes: sizes, using: &$0) }, twin: naiveDeltaRule)
  }
  private static func trapezoid(_ option: String, _ sizes: TrapezoidalMambaSizes) -> MixerCase {
    MixerCase("trapezoid, \(option)", { TrapezoidalMamba("m", sizes: sizes, using: &$0) }, twin: naiveTrapezoid)
  }
}
