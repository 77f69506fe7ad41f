// # Causal attention
//
//     q, k, v  =  W u + b for each, cut into heads of P features         the first R features of q and k are rotated
//     M        =  softmax( q kᵀ / √P )                                   over the past and the present
//     output   =  W_o (M v) + b_o                                        heads side by side
//
// There are H heads of queries and G of keys and values; each head of keys and values serves H / G heads of queries
// (grouped queries), which makes the cache of a text H / G times smaller. With G = H every head has keys and values
// of its own.
//
// Published models write the same layer in two conventions: Phi's has biases and calls its last map
// `dense`, Llama's has none and calls it `o_proj`.
//
// Read before: `MatrixMixer.swift`, `Gradients/Attention.swift`. Read next:
// `CausalAttention+Sizes.swift`, `CausalAttention+Memory.swift`. Source: Phi and Llama in Hugging Face
// transformers; Vaswani et al., arXiv 1706.03762; Ainslie et al., arXiv 2305.13245 (grouped queries).

import Gradients
import Tensors

/// Softmax attention over the past, with rotary positions: the teacher's mixer.
public struct CausalAttention: MatrixMixer {
  /// The sizes that it was made with.
  public let sizes: CausalAttentionSizes
  /// W_q, D → H P, heads one after another in the output.
  public let queries: Linear
  /// W_k, D → G P.
  public let keys: Linear
  /// W_v, D → G P.
  public let values: Linear
  /// W_o, H P → D.
  public let output: Linear

  /// The number of heads of queries.
  public var H: Int { sizes.H }
  /// The number of features of a head that carry its position.
  public var rotaryWidth: Int { sizes.rotaryWidth }

  /// An attention layer with random weights, and biases of zeros if its convention has any.
  ///
  /// - Parameter name: the prefix of its parameters' names: q_proj, k_proj, v_proj, and dense or o_proj
  public init(_ name: String, sizes: CausalAttentionSizes, using random: inout some RandomNumberGenerator) {
    if let problem = sizes.problem { preconditionFailure("\(name): \(problem)") }
    self.sizes = sizes
    let (D, shared, hasBias) = (sizes.D, sizes.G * sizes.P, sizes.convention == .phi)
    queries = Linear("\(name).q_proj", inputs: D, outputs: D, hasBias: hasBias, using: &random)
    keys = Linear("\(name).k_proj", inputs: D, outputs: shared, hasBias: hasBias, using: &random)
    values = Linear("\(name).v_proj", inputs: D, outputs: shared, hasBias: hasBias, using: &random)
    let last = sizes.convention == .phi ? "dense" : "o_proj"
    output = Linear("\(name).\(last)", inputs: D, outputs: D, hasBias: hasBias, using: &random)
  }

  /// u [B, T, D] → [B, T, D]; the matrix of all heads is made only where a pullback needs it.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ u: A) -> A {
    let (q, k) = queriesAndKeys(u)
    let mixed = causalAttention(q, k, forEachHead(heads(values(u))), scale: scoreFactor)
    return output(mixed.reshaped(to: u.shape.array))
  }

  /// The attention matrix after the softmax: u [B, T, D] → [B, H, T, T], rows that sum to 1.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func matrix<A: Activation>(_ u: A) -> A {
    let (q, k) = queriesAndKeys(u)
    return attentionMatrix(q, k, scale: scoreFactor)
  }

  /// Output and matrix from one pass: u [B, T, D] → [B, T, D] and [B, H, T, T].
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func outputAndMatrix<A: Activation>(_ u: A) -> (output: A, matrix: A) {
    let matrix = matrix(u)
    let mixed = causalMix(matrix, forEachHead(heads(values(u))))
    return (output(mixed.reshaped(to: u.shape.array)), matrix)
  }

  /// What the scores are made of: u [B, T, D] → [B, T, H, P] twice.
  private func queriesAndKeys<A: Activation>(_ u: A) -> (queries: A, keys: A) {
    let table = RotaryTable.forText(T: u.shape[1], width: rotaryWidth, base: sizes.rotaryBase)
    return (rotary(heads(queries(u)), table), forEachHead(rotary(heads(keys(u)), table)))
  }

  /// 1 / √P, what scores are multiplied by.
  var scoreFactor: Scalar { 1 / Scalar(sizes.P).squareRoot() }

  /// [B, T, heads · P] → [B, T, heads, P]
  func heads<A: Activation>(_ x: A) -> A {
    x.reshaped(to: [x.shape[0], x.shape[1], x.shape[2] / sizes.P, sizes.P])
  }

  /// The keys or values of each head of queries: [B, T, G, P] → [B, T, H, P]; shared ones are repeated.
  private func forEachHead<A: Activation>(_ x: A) -> A {
    let (B, T, H, G, P) = (x.shape[0], x.shape[1], sizes.H, sizes.G, sizes.P)
    if G == H { return x }
    return x.reshaped(to: [B, T, G, 1, P]).broadcast(to: [B, T, G, H / G, P]).reshaped(to: [B, T, H, P])
  }

  /// Queries, keys, values, output: for each the weight, then the bias if there is one.
  public var parameters: [Parameter] {
    queries.parameters + keys.parameters + values.parameters + output.parameters
  }

  /// Queries and keys.
  public var matrixRows: [ParameterRows] { (queries.parameters + keys.parameters).map { ParameterRows($0) } }

  /// All four linear maps, for a mixer that begins with them.
  public var projections: MixerProjections? {
    MixerProjections(queries: queries, keys: keys, values: values, output: output, H: H, G: sizes.G)
  }
}
