// # Causal attention
//
//     q, k, v  =  W u + b for each, cut into H heads of P features      rotary positions on the first R features of q and k
//     M        =  softmax( q kᵀ / √P )                                   over the past and the present
//     output   =  W_o (M v) + b_o                                        heads side by side
//
// Read before: `MatrixMixer.swift`, `Tensors/Loops/Softmax.swift`. Source: Phi in Hugging Face
// transformers; Vaswani et al., arXiv 1706.03762.

import Gradients
import Tensors

/// The sizes of an attention.
public struct CausalAttentionSizes: MixerSizes {
  /// The width of the model, a multiple of H.
  public var D: Int
  /// The number of heads.
  public var H: Int
  /// The part of a head that carries its position: 0.5 in Phi, 1 for all of it.
  public var rotaryFraction: Double
  /// The base of the rotary angles.
  public var rotaryBase: Double

  /// Sizes that are not yet checked; `problem` says whether an attention can have them.
  public init(D: Int, H: Int, rotaryFraction: Double = 0.5, rotaryBase: Double = 10_000) {
    (self.D, self.H, self.rotaryFraction, self.rotaryBase) = (D, H, rotaryFraction, rotaryBase)
  }

  /// An attention with random weights and biases of zeros.
  public func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer {
    CausalAttention(name, sizes: self, using: &random)
  }
}

/// Softmax attention over the past, with rotary positions: the teacher's mixer.
public struct CausalAttention: MatrixMixer {
  /// The sizes it was made with.
  public let sizes: CausalAttentionSizes
  /// W_q and its bias, D → D, heads one after another in the output.
  public let queries: Linear
  /// W_k and its bias, D → D.
  public let keys: Linear
  /// W_v and its bias, D → D.
  public let values: Linear
  /// W_o and its bias, D → D.
  public let output: Linear

  /// The number of heads.
  public var H: Int { sizes.H }
  /// The number of features of a head that carry its position.
  public var rotaryWidth: Int { Int(Double(sizes.D / sizes.H) * sizes.rotaryFraction / 2) * 2 }

  /// An attention with random weights and biases of zeros.
  ///
  /// - Parameter name: the prefix of its parameters' names: q_proj, k_proj, v_proj, dense
  public init(_ name: String, sizes: CausalAttentionSizes, using random: inout some RandomNumberGenerator) {
    if let problem = sizes.problem { preconditionFailure("\(name): \(problem)") }
    self.sizes = sizes
    let D = sizes.D
    queries = Linear("\(name).q_proj", inputs: D, outputs: D, using: &random)
    keys = Linear("\(name).k_proj", inputs: D, outputs: D, using: &random)
    values = Linear("\(name).v_proj", inputs: D, outputs: D, using: &random)
    output = Linear("\(name).dense", inputs: D, outputs: D, using: &random)
  }

  /// u [B, T, D] → [B, T, D]
  public func callAsFunction<A: Activation>(_ u: A) -> A { outputAndMatrix(u).output }

  /// The attention matrix after the softmax: u [B, T, D] → [B, H, T, T], rows that sum to 1.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func matrix<A: Activation>(_ u: A) -> A {
    let (T, P) = (u.shape[1], sizes.D / H)
    let table = RotaryTable.forText(T: T, width: rotaryWidth, base: sizes.rotaryBase)
    let scores = headScores(rotary(heads(queries(u)), table), rotary(heads(keys(u)), table))
    return softmax(scores, scale: 1 / Scalar(P).squareRoot(), causal: true)
  }

  /// Output and matrix from one pass: u [B, T, D] → [B, T, D] and [B, H, T, T].
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func outputAndMatrix<A: Activation>(_ u: A) -> (output: A, matrix: A) {
    let matrix = matrix(u)
    let mixed = headMix(matrix, heads(values(u)))
    return (output(mixed.reshaped(to: u.shape.array)), matrix)
  }

  /// [B, T, D] → [B, T, H, P]
  private func heads<A: Activation>(_ x: A) -> A {
    x.reshaped(to: [x.shape[0], x.shape[1], H, x.shape[2] / H])
  }

  /// Queries, keys, values, output: weight and bias of each.
  public var parameters: [Parameter] {
    queries.parameters + keys.parameters + values.parameters + output.parameters
  }

  /// Queries and keys.
  public var matrixRows: [ParameterRows] { (queries.parameters + keys.parameters).map { ParameterRows($0) } }

  /// All four linear maps, for a mixer that begins with them.
  public var projections: MixerProjections? {
    MixerProjections(queries: queries, keys: keys, values: values, output: output, H: H)
  }
}

// ## Writing
//
// The memory is a cache of keys and values, already turned by their positions. Texts may be at
// different positions, so the table of angles has a row for each token of each text.

extension KeyValueCache: MixerMemory {
  /// `keys` and `values`, [B, H, S, P], S the longest text; zeros beyond the end of a shorter one.
  public var tensors: [String: Tensor] {
    let (keys, values) = contents
    return ["keys": keys, "values": values]
  }

  /// A cache from `keys` and `values`; stops the program if one is missing.
  public init(_ tensors: [String: Tensor], lengths: [Int]) {
    self.init(counts: lengths, keys: tensors["keys"]!, values: tensors["values"]!)
  }
}

extension CausalAttention {
  /// A cache of no tokens for B texts.
  public func emptyMemory(B: Int) -> KeyValueCache { KeyValueCache(B: B, H: H, P: sizes.D / H) }

  /// `keys` and `values`, both [B, H, longest text, P].
  public func memoryShapes(lengths: [Int]) -> [String: Shape] {
    let shape: Shape = [lengths.count, H, lengths.max() ?? 0, sizes.D / H]
    return ["keys": shape, "values": shape]
  }

  /// Reads T further tokens, u [B, T, D] → [B, T, D]; the cache grows by T keys and values a text.
  ///
  /// Each text goes on at its own position, so the rows may have read different numbers of tokens.
  public func advance(_ u: Tensor, _ memory: inout KeyValueCache) -> Tensor {
    let (B, T, D) = (u.shape[0], u.shape[1], u.shape[2])
    let positions = memory.counts.flatMap { $0..<($0 + T) }
    let table = RotaryTable(positions: positions, width: rotaryWidth, base: sizes.rotaryBase)
    func turned(_ x: Tensor) -> Tensor {
      rotary(x.reshaped(to: [1, B * T, H, D / H]), table).reshaped(to: [B, T, H, D / H])
    }
    let mixed = memory.attend(
      turned(heads(queries(u))), turned(heads(keys(u))), heads(values(u)), scale: 1 / Scalar(D / H).squareRoot())
    return output(mixed.reshaped(to: [B, T, D]))
  }
}

// ## In a config.json

extension CausalAttentionSizes {
  /// The name of the kind in a config.json.
  public static let kind = "modules.mixers.phi_attention"
  /// The name in front of its parameters in a block.
  public static let module: String? = "self_attn"

  private enum Word: String, CodingKey { case num_attention_heads, partial_rotary_factor, rope_theta }

  /// Writes heads, rotary part and rotary base in the words of Hugging Face's PhiConfig.
  public func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    try words.encode(H, forKey: .num_attention_heads)
    try words.encode(rotaryFraction, forKey: .partial_rotary_factor)
    try words.encode(rotaryBase, forKey: .rope_theta)
  }

  /// Reads the words that `encode(to:)` writes; throws if one is missing or of another type.
  public init(from decoder: any Decoder, D: Int) throws {
    let words = try decoder.container(keyedBy: Word.self)
    self.init(
      D: D, H: try words.decode(Int.self, forKey: .num_attention_heads),
      rotaryFraction: try words.decode(Double.self, forKey: .partial_rotary_factor),
      rotaryBase: try words.decode(Double.self, forKey: .rope_theta))
  }

  /// Why no attention has these sizes, in a sentence that goes on "its …"; nil if one can.
  public var problem: String? {
    if let problem = problem(among: []) { return problem }
    if !(0...1).contains(rotaryFraction) { return "its rotary part of a head is \(rotaryFraction), not in 0 … 1" }
    if !(rotaryBase > 0 && rotaryBase.isFinite) { return "its base of rotary angles is \(rotaryBase), not above 0" }
    return nil
  }
}
