// # Linear attention: a causal matrix of low rank
//
// Attention without the softmax. What is left of its matrix is the product of two thin factors under the mask:
//
//     B, C     =  W_k u, W_q u                    N numbers for each head
//     M[t, s]  =  (C[t] · B[s]) / √N              s ≤ t, else 0
//     h[t]     =  h[t − 1] + B[t] x[t]ᵀ           nothing is ever forgotten
//     y[t]     =  C[t]ᵀ h[t] / √N
//
// No map of features makes C · B positive, and nothing divides a row by its sum. Both would change which matrices a
// layer makes of a text, but not the class: a map of features makes other B and C, and a row's divisor belongs to
// C[t].
//
// ## Its class and its bound
//
// The mask times a matrix of rank N. It is an SSD with all decays 1, so a recurrence with a state of N numbers for
// each feature, and the bound of chapter 06 for semiseparable matrices of order N holds for it:
// `semiseparableBounds`, and the worst cut. Chapter 06 also shows that the bound cannot be much sharper for this
// class alone: an SSD matrix without a decay of 0 is in it, with the same N, and below the diagonal any recurrence of
// order N is a limit of such matrices, whose numbers grow. A layer cannot use that: B[s] is computed from token s and
// does not know where in the text it stands.
//
// ## Names
//
// q_proj, k_proj, v_proj and o_proj, as in fla-org/flash-linear-attention. Its `LinearAttention` computes the same
// with feature_map and output_norm "identity", and with the frame `plain`.
//
// Read before: `MixerFrame.swift`, `MixerForms.swift`. Read next: `FixedDecay.swift`. Source: Katharopoulos et al.,
// "Transformers are RNNs", arXiv 2006.16236; fla/layers/linear_attn.py in fla-org/flash-linear-attention.

import Gradients
import Tensors

/// The sizes of a linear attention.
public struct CausalLowRankSizes: MixerSizes {
  /// The name of the kind in a config.json; not a published one.
  public static let kind = "causal_low_rank"
  /// Model width, a multiple of H.
  public var D: Int
  /// Heads.
  public var H: Int
  /// The rank of a head's matrix, and its state size: N · D numbers in all.
  public var N: Int
  /// Length of a chunk; it changes the cost, not the result.
  public var Q: Int
  /// What stands around the matrix.
  public var frame: MixerFrame

  /// Sizes that are not yet checked.
  public init(D: Int, H: Int, N: Int, Q: Int = 64, frame: MixerFrame = .plain) {
    (self.D, self.H, self.N, self.Q, self.frame) = (D, H, N, Q, frame)
  }

  /// The features of a head.
  public var P: Int { D / H }

  /// A mixer with random projections.
  public func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer {
    CausalLowRank(name, sizes: self, using: &random)
  }

  private enum Word: String, CodingKey { case n_v_heads, d_state, chunk_size }

  /// Writes all sizes but D.
  public func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    try words.encode(H, forKey: .n_v_heads)
    try words.encode(N, forKey: .d_state)
    try words.encode(Q, forKey: .chunk_size)
    try frame.encode(to: encoder)
  }

  /// Reads what `encode(to:)` writes; throws `DecodingError` if heads or state size are missing.
  public init(from decoder: any Decoder, D: Int) throws {
    let words = try decoder.container(keyedBy: Word.self)
    self.init(
      D: D, H: try words.whole(.n_v_heads), N: try words.whole(.d_state),
      Q: try words.wholeIfPresent(.chunk_size) ?? 64, frame: try MixerFrame(from: decoder, usual: .plain))
  }

  /// Why no mixer can have these sizes, in a sentence that begins with "its …"; nil if one can.
  public var problem: String? { problem(among: [("state size", N), ("chunk", Q)] + frame.sizes) }
}

/// Linear attention: a matrix of rank N under the causal mask.
public struct CausalLowRank: ThreeFormMixer {
  /// The states of the heads as `state` [B, H, N, P], and the past of a short convolution.
  public typealias Memory = FramedMemory

  /// The sizes that it was made with.
  public let sizes: CausalLowRankSizes
  /// The maps around the matrix.
  public let maps: FramedMaps

  /// A mixer with random projections.
  ///
  /// - Parameter name: the prefix of its parameters' names
  public init(_ name: String, sizes: CausalLowRankSizes, using random: inout some RandomNumberGenerator) {
    if let problem = sizes.problem { preconditionFailure("\(name): \(problem)") }
    self.sizes = sizes
    maps = FramedMaps(name, sizes.frame, D: sizes.D, H: sizes.H, P: sizes.P, N: sizes.N, using: &random)
  }

  /// u [B, T, D] → [B, T, D], by the chunked algorithm.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ u: A) -> A { output(u, form: .chunked(Q: sizes.Q)) }

  /// The matrix of each head: u [B, T, D] → [B, H, T, T].
  ///
  /// Depends on keys and queries, and on their convolution if there is one.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func matrix<A: Activation>(_ u: A) -> A {
    ssdMatrix(logDecay: open(u), b: maps.heads(.b, u), c: queries(u), d: A(constant: .zeros([sizes.H])))
  }

  /// The output in one of the three forms: u [B, T, D] → [B, T, D].
  public func output<A: Activation>(_ u: A, form: MambaForm) -> A {
    let y = form.stateSpace(
      maps.heads(.x, u), logDecay: open(u), b: maps.heads(.b, u), c: queries(u), d: A(constant: .zeros([sizes.H])))
    return maps.output(y, gatedBy: u)
  }

  /// C with its factor: u [B, T, D] → [B, T, H, N].
  private func queries<A: Activation>(_ u: A) -> A { sizes.scale * maps.heads(.c, u) }

  /// log α of decays that are 1: u [B, T, D] → [B, T, H].
  private func open<A: Activation>(_ u: A) -> A { A(constant: .zeros([u.shape[0], u.shape[1], sizes.H])) }

  /// Queries, keys, values, convolution, gate and output projection, as far as there are any.
  public var parameters: [Parameter] { maps.all }

  /// Queries and keys, and their convolution.
  public var matrixRows: [ParameterRows] { maps.matrixRows }
}

extension CausalLowRankSizes {
  /// 1 / √N, what C is multiplied by.
  var scale: Scalar { 1 / Scalar(N).squareRoot() }
}

// ## Reading on, and beginning with an attention

extension CausalLowRank {
  /// `state` [B, H, N, P], and `past` if there is a short convolution, whatever the lengths.
  public func memoryShapes(lengths: [Int]) -> [String: Shape] {
    var shapes = maps.pastShape(B: lengths.count)
    shapes["state"] = [lengths.count, sizes.H, sizes.N, sizes.P]
    return shapes
  }

  /// Reads T further tokens, u [B, T, D] → [B, T, D]: one by a step of the recurrence, more in chunks of Q.
  public func advance(_ u: Tensor, _ memory: inout FramedMemory) -> Tensor {
    let parts = maps.read(u, &memory)
    let y = continuedStateSpace(
      parts[.x]!, logDecay: open(u), b: parts[.b]!, c: sizes.scale * parts[.c]!, d: .zeros([sizes.H]), Q: sizes.Q,
      state: &memory.state)
    return maps.output(y, gatedBy: u)
  }

  /// Takes over values and output projection of an attention layer, and where asked the factors nearest to its scores.
  ///
  /// Takes nothing if widths or heads differ, or the numbers of rows that are taken as they are. What is lost of queries
  /// and keys is said in `DiscreteMamba2+Projections.swift`.
  public func begin(with attention: MixerProjections, taking part: MixerProjections.Part) -> Bool {
    guard attention.fits(part, N: sizes.N), maps.takeValuesAndOutput(of: attention) else { return false }
    guard let keys = maps.keys, let queries = maps.queries else { return true }
    // The factor 1 / √N has to cancel.
    let root = Tensor(Scalar(sizes.N).squareRoot().squareRoot())
    for head in 0..<sizes.H {
      guard let (b, c) = attention.placesAndQuestions(of: head, N: sizes.N, taking: part) else { continue }
      keys.weight.update { $0.assign(root * b, at: head * sizes.N) }
      queries.weight.update { $0.assign(root * c, at: head * sizes.N) }
    }
    return true
  }
}
