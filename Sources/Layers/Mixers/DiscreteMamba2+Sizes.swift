// # The sizes of a Discrete-Mamba-2 mixer
//
// Six numbers, the parts of the in-projection that follow from them, and the words of the authors'
// config for both.
//
// Read before: `MixerSizes.swift`. Read next: `DiscreteMamba2.swift`. Source of the words:
// assets/sample_config.json in goombalab/phi-mamba.

import Gradients
import Tensors

/// The sizes of a Discrete-Mamba-2 mixer.
public struct DiscreteMamba2Sizes: MixerSizes {
  /// Model width, a multiple of H.
  public var D: Int
  /// Heads.
  public var H: Int
  /// State size of a head.
  public var N: Int
  /// Width of the convolution.
  public var K: Int
  /// Length of a chunk; it changes the cost, not the result.
  public var Q: Int
  /// Pairs of B and C, a divisor of H: H for multi-head, 1 for multi-value.
  public var G: Int

  /// - Parameter G: nil for one pair of B and C per head
  public init(D: Int, H: Int, N: Int, K: Int = 4, Q: Int = 64, G: Int? = nil) {
    (self.D, self.H, self.N, self.K, self.Q, self.G) = (D, H, N, K, Q, G ?? H)
  }

  /// The features of a head.
  public var P: Int { D / H }
  /// The channels that pass through the convolution: x, B and C.
  public var channels: Int { D + 2 * G * N }
  /// The rows of the in-projection: x, B, C, z, a.
  public var projected: Int { channels + D + H }

  /// A mixer as the method starts it: identity convolution, open gate, D = 1.
  public func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer {
    DiscreteMamba2(name, sizes: self, using: &random)
  }
}

/// The parts of the in-projection; x, B and C are also the parts of the convolution.
public enum MambaPart: CaseIterable, Sendable {
  /// In the order of the rows; z and a do not pass through the convolution.
  case x, b, c, z, a

  /// The rows of the in-projection that belong to this part.
  public func rows(_ sizes: DiscreteMamba2Sizes) -> Range<Int> {
    let (D, state, channels) = (sizes.D, sizes.G * sizes.N, sizes.channels)
    return switch self {
    case .x: 0..<D
    case .b: D..<(D + state)
    case .c: (D + state)..<channels
    case .z: channels..<(channels + D)
    case .a: (channels + D)..<(channels + D + sizes.H)
    }
  }
}

// ## In a config.json

extension DiscreteMamba2Sizes {
  /// The name of the kind in a config.json, the authors'.
  public static let kind = "modules.mixers.discrete_mamba2"

  private enum Word: String, CodingKey {
    case d_state, n_v_heads, n_qk_heads, d_conv, conv_bias, expand, chunk_size, activation, bias
    /// Words of the authors' later framework.
    case norm_cls, d_inner
  }

  /// Writes all sizes but D in the authors' words, and the settings that are fixed in this library.
  public func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    try words.encode(N, forKey: .d_state)
    try words.encode(H, forKey: .n_v_heads)
    try words.encode(G, forKey: .n_qk_heads)
    try words.encode(K, forKey: .d_conv)
    try words.encode(Q, forKey: .chunk_size)
    // Settings that are fixed in this library.
    try words.encode(true, forKey: .conv_bias)
    try words.encode(1, forKey: .expand)
    try words.encode("identity", forKey: .activation)
    try words.encode(false, forKey: .bias)
  }

  /// Reads the words that `encode(to:)` writes; those that are missing have the authors' values, and without
  /// `n_qk_heads` each head has a B and a C of its own.
  ///
  /// Throws `DecodingError` if a word asks for something that is not computed here, such as an activation after the
  /// convolution.
  public init(from decoder: any Decoder, D: Int) throws {
    let words = try decoder.container(keyedBy: Word.self)
    func require(_ word: Word, _ found: String, among possible: [String]) throws {
      if possible.contains(found) { return }
      throw DecodingError.dataCorruptedError(
        forKey: word, in: words,
        debugDescription: "it is \(found), and a mixer with that is not supported here, only with \(possible[0])")
    }
    func flag(_ word: Word, is expected: Bool) throws {
      try require(word, "\(try words.decodeIfPresent(Bool.self, forKey: word) ?? expected)", among: ["\(expected)"])
    }
    try flag(.conv_bias, is: true)
    try flag(.bias, is: false)
    try require(.expand, "\(try words.wholeIfPresent(.expand) ?? 1)", among: ["1"])
    try require(.d_inner, "\(try words.wholeIfPresent(.d_inner) ?? D)", among: ["\(D)"])
    let none = ["identity", "id", "linear", "none"]
    for word in [Word.activation, .norm_cls] {
      try require(word, try words.decodeIfPresent(String.self, forKey: word) ?? none[0], among: none)
    }
    func size(_ word: Word, _ usual: Int) throws -> Int { try words.wholeIfPresent(word) ?? usual }
    self.init(
      D: D, H: try size(.n_v_heads, 32), N: try size(.d_state, 64), K: try size(.d_conv, 4),
      Q: try size(.chunk_size, 128), G: try words.wholeIfPresent(.n_qk_heads))
  }

  /// Why no mixer can have these sizes, in a sentence that begins with "its …"; nil if one can.
  public var problem: String? {
    if let problem = problem(among: [("state size", N), ("taps", K), ("chunk", Q), ("pairs of B and C", G)]) {
      return problem
    }
    return H.isMultiple(of: G) ? nil : "its \(G) pairs of B and C cannot be shared evenly by \(H) heads"
  }
}
