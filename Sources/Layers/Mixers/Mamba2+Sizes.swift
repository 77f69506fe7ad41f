// # The sizes of a Mamba-2 mixer
//
// Seven numbers, the parts of the in-projection that follow from them, and the words of the published code for both:
// the arguments of `Mamba2` in state-spaces/mamba, which are also what a config.json there has in `ssm_cfg`. Settings
// that are not computed here are refused.
//
// Read before: `MixerSizes.swift`, `Mamba2.swift`.

import Gradients
import Tensors

/// The sizes of a Mamba-2 mixer.
public struct Mamba2Sizes: MixerSizes {
  /// The name of the kind in a config.json.
  public static let kind = "mamba2"
  /// Model width, a multiple of H.
  public var D: Int
  /// Heads.
  public var H: Int
  /// State size of a head: N · expand · D numbers in all.
  public var N: Int
  /// The width of x over that of the model: 2 in published models, 1 for as many features in a head as in an
  /// attention's.
  public var expand: Int
  /// Width of the convolution.
  public var K: Int
  /// Length of a chunk; it changes the cost, not the result.
  public var Q: Int
  /// Pairs of B and C, a divisor of H.
  public var G: Int

  /// Sizes that are not yet checked.
  public init(D: Int, H: Int, N: Int, expand: Int = 1, K: Int = 4, Q: Int = 64, G: Int = 1) {
    (self.D, self.H, self.N, self.expand, self.K, self.Q, self.G) = (D, H, N, expand, K, Q, G)
  }

  /// The features of a head.
  public var P: Int { D / H * expand }
  /// The width of x, y and z: expand · D.
  public var inner: Int { expand * D }
  /// The channels that pass through the convolution: x, B and C.
  public var channels: Int { inner + 2 * G * N }
  /// The rows of the in-projection: z, x, B, C, dt.
  public var projected: Int { inner + channels + H }

  /// A mixer with random weights, as published.
  public func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer {
    Mamba2(name, sizes: self, using: &random)
  }
}

extension Mamba2Sizes {
  /// The parts of the in-projection; x, B and C are also the parts of the convolution.
  public enum Part: CaseIterable, Sendable {
    /// In the order of the rows; z and dt do not pass through the convolution.
    case z, x, b, c, dt
  }

  /// The rows of the in-projection that belong to a part.
  public func rows(of part: Part) -> Range<Int> {
    let state = G * N
    return switch part {
    case .z: 0..<inner
    case .x: inner..<(2 * inner)
    case .b: (2 * inner)..<(2 * inner + state)
    case .c: (2 * inner + state)..<(2 * inner + 2 * state)
    case .dt: (2 * inner + 2 * state)..<projected
    }
  }

  /// The channels of the convolution that belong to x, B or C.
  public func channels(of part: Part) -> Range<Int> {
    let rows = rows(of: part)
    return (rows.lowerBound - inner)..<(rows.upperBound - inner)
  }
}

// ## In a config.json

extension Mamba2Sizes {
  private enum Word: String, CodingKey {
    case layer, d_state, d_conv, expand, headdim, ngroups, chunk_size
    /// Settings that are fixed in this library.
    case bias, conv_bias, rmsnorm, norm_before_gate, D_has_hdim, learnable_init_states, d_ssm, dt_limit
  }

  /// The settings that are computed here.
  private static let flags: [(word: Word, value: Bool)] = [
    (.bias, false), (.conv_bias, true), (.rmsnorm, true), (.norm_before_gate, false), (.D_has_hdim, false),
    (.learnable_init_states, false),
  ]

  /// Writes all sizes but D in the words of the published code; the number of heads follows from them.
  public func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    try words.encode("Mamba2", forKey: .layer)
    try words.encode(N, forKey: .d_state)
    try words.encode(K, forKey: .d_conv)
    try words.encode(expand, forKey: .expand)
    // Sizes that no mixer can have are written as well, without a trap.
    try words.encode((H == 0 ? 0 : D / H).multipliedReportingOverflow(by: expand).partialValue, forKey: .headdim)
    try words.encode(G, forKey: .ngroups)
    try words.encode(Q, forKey: .chunk_size)
  }

  /// Reads the words of the published code; those that are missing have its values.
  ///
  /// Throws `DecodingError` if a word asks for something that is not computed here, or if heads of that width do not
  /// fill x.
  public init(from decoder: any Decoder, D: Int) throws {
    let words = try decoder.container(keyedBy: Word.self)
    func refuse(_ word: Word, _ what: String) -> DecodingError {
      .dataCorruptedError(forKey: word, in: words, debugDescription: what)
    }
    for (word, expected) in Self.flags {
      if let value = try words.decodeIfPresent(Bool.self, forKey: word), value != expected {
        throw refuse(word, "it is \(value), and a mixer with that is not supported here, only with \(expected)")
      }
    }
    if let layer = try words.decodeIfPresent(String.self, forKey: .layer), layer != "Mamba2" {
      throw refuse(.layer, "it is \(layer), which is not supported here, only Mamba2")
    }
    if words.contains(.dt_limit), try !words.decodeNil(forKey: .dt_limit) {
      throw refuse(.dt_limit, "steps with limits are not supported here, only without")
    }
    func size(_ word: Word, _ usual: Int) throws -> Int { try words.wholeIfPresent(word) ?? usual }
    let (expand, P) = (try size(.expand, 2), try size(.headdim, 64))
    let (inner, isTooLarge) = expand.multipliedReportingOverflow(by: D)
    if isTooLarge { throw refuse(.expand, "it is \(expand), which is too large") }
    if let part = try words.wholeIfPresent(.d_ssm), part != inner {
      throw refuse(
        .d_ssm, "it is \(part), and a mixer with an MLP beside it is not supported here, only with \(inner)")
    }
    guard P > 0, inner.isMultiple(of: P) else {
      throw refuse(.headdim, "heads of \(P) features do not fill a width of \(inner)")
    }
    self.init(
      D: D, H: inner / P, N: try size(.d_state, 128), expand: expand, K: try size(.d_conv, 4),
      Q: try size(.chunk_size, 256), G: try size(.ngroups, 1))
  }

  /// Why no mixer can have these sizes, in a sentence that begins with "its …"; nil if one can.
  public var problem: String? {
    let sizes = [("state size", N), ("expansion", expand), ("taps", K), ("chunk", Q), ("pairs of B and C", G)]
    if let problem = problem(among: sizes) { return problem }
    return H.isMultiple(of: G) ? nil : "its \(G) pairs of B and C cannot be shared evenly by \(H) heads"
  }
}
