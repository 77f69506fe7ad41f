// # A fixed decay for each head
//
// RetNet's retention: a linear attention that forgets, each head at a pace of its own that no training changes, and
// whose B and C are turned by their positions:
//
//     γ        =  1 − 2^(−5 − h)                          head h, counted from 0: 31/32, 63/64, …
//     B, C     =  W_k u, W_q u, turned as in attention    N numbers for each head
//     M[t, s]  =  (C[t] · B[s]) γ^(t − s) / √N            s ≤ t, else 0
//     h[t]     =  γ h[t − 1] + B[t] x[t]ᵀ
//     y[t]     =  C[t]ᵀ h[t] / √N
//
// A pair of turned features is a complex number, and γ with the angle of a step is a complex decay. The product of a
// turned B and a turned C depends on t − s alone, so the rotation could be part of the decay; we turn B and C
// instead, which leaves an SSD with real decays. For that a memory has to know how many tokens it has read.
//
// In RetNet each head's y[t] is then divided by its own root mean square and gated (the frame `retention`). So a
// matrix matters only up to a factor for each row, and stage 1 asks for more than the output needs. A student of this
// kind can begin with an attention's values and output projection, but even with the attention's matrix it would have
// other outputs; with the frame `plain` it would have the same.
//
// ## Its class and its bound
//
// An SSD with decays that do not depend on the text: semiseparable of order N, so the bound of chapter 06 for that
// order holds for it, `semiseparableBounds` and the worst cut. As matrices they are those of `CausalLowRank`, with
// γ^t moved into C[t] and γ^(−s) into B[s] (chapter 06). As layers the two differ: here a distance costs something
// without any training.
//
// ## Names
//
// q_proj, k_proj, v_proj, g_proj, g_norm_swish_gate and o_proj, those of `MultiScaleRetention` in
// fla-org/flash-linear-attention; with the frame `retention`, expand 2 and N = D / H it computes the same. The code
// of RetNet's authors, in torchscale, turns neighbouring features instead of the two halves of a head, by other
// angles, calls the last map out_proj, and its norm has no weights.
//
// Read before: `CausalLowRank.swift`, `Tensors/Attention/Rotary.swift`. Source: Sun et al., "Retentive Network",
// arXiv 2307.08621; fla/layers/multiscale_retention.py in fla-org/flash-linear-attention.

import Foundation
import Gradients
import Tensors

/// The sizes of a mixer of fixed decay.
public struct FixedDecaySizes: MixerSizes {
  /// The name of the kind in a config.json; not a published one.
  public static let kind = "fixed_decay"
  /// Model width, a multiple of H.
  public var D: Int
  /// Heads.
  public var H: Int
  /// State size of a head: N · expand · D numbers in all.
  public var N: Int
  /// The width of x over that of the model: 1 for as many features in a head as in an attention's, 2 in RetNet.
  public var expand: Int
  /// Length of a chunk; it changes the cost, not the result.
  public var Q: Int
  /// The base of the rotary angles.
  public var rotaryBase: Double
  /// What stands around the matrix.
  public var frame: MixerFrame

  /// Sizes that are not yet checked.
  public init(
    D: Int, H: Int, N: Int, expand: Int = 1, Q: Int = 64, rotaryBase: Double = 10_000, frame: MixerFrame = .retention
  ) {
    (self.D, self.H, self.N, self.expand, self.Q) = (D, H, N, expand, Q)
    (self.rotaryBase, self.frame) = (rotaryBase, frame)
  }

  /// The features of a head.
  public var P: Int { D / H * expand }

  /// A mixer with random projections.
  public func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer {
    FixedDecay(name, sizes: self, using: &random)
  }

  private enum Word: String, CodingKey { case n_v_heads, d_state, expand, chunk_size, rope_theta }

  /// Writes all sizes but D.
  public func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    try words.encode(H, forKey: .n_v_heads)
    try words.encode(N, forKey: .d_state)
    try words.encode(expand, forKey: .expand)
    try words.encode(Q, forKey: .chunk_size)
    try words.encode(rotaryBase, forKey: .rope_theta)
    try frame.encode(to: encoder)
  }

  /// Reads what `encode(to:)` writes; throws `DecodingError` if heads or state size are missing.
  public init(from decoder: any Decoder, D: Int) throws {
    let words = try decoder.container(keyedBy: Word.self)
    self.init(
      D: D, H: try words.whole(.n_v_heads), N: try words.whole(.d_state),
      expand: try words.wholeIfPresent(.expand) ?? 1, Q: try words.wholeIfPresent(.chunk_size) ?? 64,
      rotaryBase: try words.decodeIfPresent(Double.self, forKey: .rope_theta) ?? 10_000,
      frame: try MixerFrame(from: decoder, usual: .retention))
  }

  /// Why no mixer can have these sizes, in a sentence that begins with "its …"; nil if one can.
  public var problem: String? {
    let sizes = [("state size", N), ("expansion", expand), ("chunk", Q)]
    if let problem = problem(among: sizes + frame.sizes) { return problem }
    if rotaryBase > 0 && rotaryBase.isFinite { return nil }
    return "its base of rotary angles is \(rotaryBase), not above 0"
  }
}

/// Retention: a linear attention whose heads forget at fixed paces.
public struct FixedDecay: ThreeFormMixer {
  /// The states of the heads as `state` [B, H, N, P], and the past of a short convolution.
  public typealias Memory = FramedMemory

  /// The sizes that it was made with.
  public let sizes: FixedDecaySizes
  /// The maps around the matrix.
  public let maps: FramedMaps

  /// The number of features of B and C that are turned: all, or all but one.
  public var rotaryWidth: Int { sizes.N / 2 * 2 }

  /// A mixer with random projections.
  ///
  /// - Parameter name: the prefix of its parameters' names
  public init(_ name: String, sizes: FixedDecaySizes, using random: inout some RandomNumberGenerator) {
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
    let (b, c) = turned(u)
    return ssdMatrix(logDecay: A(constant: logDecay(u.shape)), b: b, c: c, d: A(constant: .zeros([sizes.H])))
  }

  /// The output in one of the three forms: u [B, T, D] → [B, T, D].
  public func output<A: Activation>(_ u: A, form: MambaForm) -> A {
    let (b, c) = turned(u)
    let y = form.stateSpace(
      maps.heads(.x, u), logDecay: A(constant: logDecay(u.shape)), b: b, c: c, d: A(constant: .zeros([sizes.H])))
    return maps.output(y, gatedBy: u)
  }

  /// B and C turned by their positions, C with its factor: u [B, T, D] → [B, T, H, N] each.
  private func turned<A: Activation>(_ u: A) -> (b: A, c: A) {
    let table = RotaryTable.forText(T: u.shape[1], width: rotaryWidth, base: sizes.rotaryBase)
    return (rotary(maps.heads(.b, u), table), scale * rotary(maps.heads(.c, u), table))
  }

  /// 1 / √N, what C is multiplied by.
  private var scale: Scalar { 1 / Scalar(sizes.N).squareRoot() }

  /// log γ of each head: [B, T, H] for u [B, T, D].
  private func logDecay(_ u: Shape) -> Tensor {
    let logs = (0..<sizes.H).map { head in Scalar(log1p(-pow(2, -5 - Double(head)))) }
    return Tensor(logs).broadcast(to: [u[0], u[1], sizes.H])
  }

  /// Queries, keys, values, convolution, gate, norm and output projection, as far as there are any.
  public var parameters: [Parameter] { maps.all }

  /// Queries and keys, and their convolution.
  public var matrixRows: [ParameterRows] { maps.matrixRows }
}

// ## Reading on, and beginning with an attention

extension FixedDecay {
  /// `state` [B, H, N, P], and `past` if there is a short convolution, whatever the lengths.
  public func memoryShapes(lengths: [Int]) -> [String: Shape] {
    var shapes = maps.pastShape(B: lengths.count)
    shapes["state"] = [lengths.count, sizes.H, sizes.N, sizes.P]
    return shapes
  }

  /// Reads T further tokens, u [B, T, D] → [B, T, D]: one by a step of the recurrence, more in chunks of Q.
  ///
  /// Each text goes on at its own position, so the texts can have different lengths.
  public func advance(_ u: Tensor, _ memory: inout FramedMemory) -> Tensor {
    let (B, T, H, N) = (u.shape[0], u.shape[1], sizes.H, sizes.N)
    let positions = memory.counts.flatMap { $0..<($0 + T) }
    let table = RotaryTable(positions: positions, width: rotaryWidth, base: sizes.rotaryBase)
    let parts = maps.read(u, &memory)
    func turned(_ x: Tensor) -> Tensor {
      rotary(x.reshaped(to: [1, B * T, H, N]), table).reshaped(to: [B, T, H, N])
    }
    let y = continuedStateSpace(
      parts[.x]!, logDecay: logDecay(u.shape), b: turned(parts[.b]!), c: scale * turned(parts[.c]!), d: .zeros([H]),
      Q: sizes.Q, state: &memory.state)
    return maps.output(y, gatedBy: u)
  }

  /// Takes over values and output projection of an attention layer, and where asked its queries and keys.
  ///
  /// Takes nothing if widths or heads differ, or if queries and keys are asked for and have not N features. Their
  /// biases are lost; rotary angles are those of this mixer.
  public func begin(with attention: MixerProjections, taking part: MixerProjections.Part) -> Bool {
    let (H, N, isAll) = (sizes.H, sizes.N, part != .valuesAndOutput)
    guard !isAll || N * H == sizes.D, maps.takeValuesAndOutput(of: attention) else { return false }
    guard isAll, let keys = maps.keys, let queries = maps.queries else { return true }
    for head in 0..<H {
      keys.weight.update { $0.assign(attention.keyRows(of: head), at: head * N) }
      queries.weight.update { $0.assign(attention.queryRows(of: head), at: head * N) }
    }
    return true
  }
}
