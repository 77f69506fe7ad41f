// # The sizes of an attention layer
//
// The numbers of heads, the part of a head that carries positions, and the convention in which the layer is
// published; and the words of a config.json for all of these. Phi and Llama of Hugging Face use the same words, in
// two generations:
//
//     transformers 4  "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "rope_scaling": null
//     transformers 5  "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
//
// We write the first form, which transformers 5 also reads, and read both. A setting that is not computed here
// (scaled positions, norms of queries and keys, heads of another width) is refused, not ignored: the numbers would be
// wrong, and the text nearly right.
//
// Read before: `MixerSizes.swift`, `CausalAttention.swift`. Source of the words: PhiConfig and
// LlamaConfig in transformers.

import Gradients
import Tensors

/// The sizes of an attention layer.
public struct CausalAttentionSizes: MixerSizes {
  /// How a published model writes its attention.
  public enum Convention: String, Sendable {
    /// Biases, and `dense` as the name of the last map; half of the features of a head are rotated by position.
    case phi
    /// No biases, and `o_proj` as the name of the last map; all features of a head are rotated.
    case llama
  }

  /// The width of the model, a multiple of H.
  public var D: Int
  /// The number of heads of queries.
  public var H: Int
  /// The number of heads of keys and values, a divisor of H.
  public var G: Int
  /// The part of a head that carries its position: 0.5 in Phi, 1 in Llama.
  public var rotaryFraction: Double
  /// The base of the rotary angles.
  public var rotaryBase: Double
  /// The published model whose names and biases it has.
  public var convention: Convention

  /// Sizes that are not yet checked; `problem` says whether an attention layer can have them.
  ///
  /// - Parameters:
  ///   - G: nil for as many heads of keys and values as of queries
  ///   - rotaryFraction: nil for the convention's
  public init(
    D: Int, H: Int, G: Int? = nil, rotaryFraction: Double? = nil, rotaryBase: Double = 10_000,
    convention: Convention = .phi
  ) {
    (self.D, self.H, self.G, self.convention) = (D, H, G ?? H, convention)
    self.rotaryFraction = rotaryFraction ?? convention.rotaryFraction
    self.rotaryBase = rotaryBase
  }

  /// The features of a head.
  public var P: Int { D / H }
  /// The number of features of a head that carry its position; even.
  public var rotaryWidth: Int { Int(Double(P) * rotaryFraction / 2) * 2 }

  /// An attention layer with random weights, and biases of zeros if its convention has any.
  public func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer {
    CausalAttention(name, sizes: self, using: &random)
  }
}

extension CausalAttentionSizes.Convention {
  /// The part of a head that carries its position if a config.json does not say.
  var rotaryFraction: Double { self == .phi ? 0.5 : 1 }
}

// ## In a config.json

extension CausalAttentionSizes {
  /// The name of the kind in a config.json.
  public static let kind = "modules.mixers.phi_attention"
  /// The name in front of its parameters in a block.
  public static let module: String? = "self_attn"

  private enum Word: String, CodingKey, CaseIterable {
    case num_attention_heads, num_key_value_heads, partial_rotary_factor, rope_theta, rope_scaling, rope_parameters
    case head_dim, qk_layernorm, attention_bias, is_causal
  }

  /// The words that are read here, each either honoured or refused.
  public static var words: [String] { Word.allCases.map(\.rawValue) }

  /// The words of positions in transformers 4 (`rope_scaling`) and 5 (`rope_parameters`).
  private struct Positions: Decodable {
    var type: String?
    var rope_type: String?
    var rope_theta: Double?
    var partial_rotary_factor: Double?
    /// The kind of positions that the file asks for.
    var kind: String { rope_type ?? type ?? "default" }

    private enum Word: String, CodingKey { case type, rope_type, rope_theta, partial_rotary_factor }
    private struct AnyWord: CodingKey {
      var stringValue: String
      var intValue: Int? { nil }
      init?(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let words = try decoder.container(keyedBy: Word.self)
      type = try words.decodeIfPresent(String.self, forKey: .type)
      rope_type = try words.decodeIfPresent(String.self, forKey: .rope_type)
      rope_theta = try words.decodeIfPresent(Double.self, forKey: .rope_theta)
      partial_rotary_factor = try words.decodeIfPresent(Double.self, forKey: .partial_rotary_factor)
      // Where positions differ by kind of layer, each kind has an object of its own.
      let all = try decoder.container(keyedBy: AnyWord.self)
      for key in all.allKeys where (try? all.nestedContainer(keyedBy: AnyWord.self, forKey: key)) != nil {
        throw DecodingError.dataCorruptedError(
          forKey: key, in: all, debugDescription: "positions of several kinds are not supported here")
      }
    }
  }

  /// Writes heads, rotary part and rotary base in the words of transformers 4.
  public func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    try words.encode(H, forKey: .num_attention_heads)
    if G != H || convention == .llama { try words.encode(G, forKey: .num_key_value_heads) }
    if convention == .phi || rotaryFraction != 1 { try words.encode(rotaryFraction, forKey: .partial_rotary_factor) }
    try words.encode(rotaryBase, forKey: .rope_theta)
    if convention == .llama { try words.encode(false, forKey: .attention_bias) }
  }

  /// Reads the words of Phi's attention; see `init(from:D:convention:)`.
  public init(from decoder: any Decoder, D: Int) throws { try self.init(from: decoder, D: D, convention: .phi) }

  /// Reads what `encode(to:)` writes, and what transformers 4 and 5 write.
  ///
  /// Throws `DecodingError` if a word is missing or of another type, or asks for something that is not computed here.
  public init(from decoder: any Decoder, D: Int, convention: Convention) throws {
    let words = try decoder.container(keyedBy: Word.self)
    func refuse(_ word: Word, _ what: String) -> DecodingError {
      .dataCorruptedError(forKey: word, in: words, debugDescription: what)
    }
    let H = try words.whole(.num_attention_heads)
    let new = try words.decodeIfPresent(Positions.self, forKey: .rope_parameters)
    let old = try words.decodeIfPresent(Positions.self, forKey: .rope_scaling)
    for (word, positions) in [(Word.rope_parameters, new), (.rope_scaling, old)] {
      if let kind = positions?.kind, kind != "default" {
        throw refuse(word, "positions of the type \(kind) are not supported here, only those of the type default")
      }
    }
    let flags: [(Word, Bool)] = [(.qk_layernorm, false), (.attention_bias, convention == .phi), (.is_causal, true)]
    for (word, expected) in flags {
      if let value = try words.decodeIfPresent(Bool.self, forKey: word), value != expected {
        throw refuse(word, "it is \(value), and an attention with that is not supported here, only with \(expected)")
      }
    }
    if let P = try words.wholeIfPresent(.head_dim),
      P.multipliedReportingOverflow(by: H) != (D, false)
    {
      throw refuse(.head_dim, "\(H) heads of \(P) features do not fill the width of \(D)")
    }
    let part = try new?.partial_rotary_factor ?? words.decodeIfPresent(Double.self, forKey: .partial_rotary_factor)
    // Rotated features come in pairs; programs differ in what they do with one that is left over.
    let turned = Double(H > 0 ? D / H : 0) * (part ?? convention.rotaryFraction)
    if turned >= 0, turned < 1e6, !Int(turned).isMultiple(of: 2) {
      throw refuse(
        .num_attention_heads, "\(Int(turned)) features of each head would be turned, which is an odd number")
    }
    if convention == .llama, let part, part != 1 {
      // Llama in transformers rotates whole heads, whatever the file says.
      throw refuse(.partial_rotary_factor, "it is \(part), but Llama's attention turns all of a head")
    }
    self.init(
      D: D, H: H, G: try words.wholeIfPresent(.num_key_value_heads),
      rotaryFraction: part,
      rotaryBase: try new?.rope_theta ?? words.decodeIfPresent(Double.self, forKey: .rope_theta) ?? 10_000,
      convention: convention)
  }

  /// Why no attention layer can have these sizes, in a sentence that begins with "its …"; nil if one can.
  public var problem: String? {
    if let problem = problem(among: [("heads of keys and values", G)]) { return problem }
    if !H.isMultiple(of: G) { return "its \(G) heads of keys and values cannot be shared evenly by \(H) heads" }
    if !(0...1).contains(rotaryFraction) {
      return "its rotary part of a head is \(rotaryFraction), not between 0 and 1"
    }
    if !(rotaryBase > 0 && rotaryBase.isFinite) { return "its base of rotary angles is \(rotaryBase), not above 0" }
    return nil
  }
}
