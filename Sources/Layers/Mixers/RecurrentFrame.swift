// # The frame around a recurrence
//
// Discrete-Mamba-2 is a recurrence and what stands around it: one in-projection, a short convolution, a gate, and an
// output projection. Mixers with another recurrence have the same frame here, in the same places and with the same
// first values, so that students of different kinds differ in the recurrence alone:
//
//     x, B, C      =  convolution( W_xBC u )            causal, depthwise, with bias; no activation after it
//     z            =  W_z u                             the gate; it and what follows bypass the convolution
//     a, …         =  W_a u, …                          one number for each head: the decay, and what else is needed
//     output       =  W_o ( y ⊙ silu(z + z_bias) )      y of the recurrence, with d x in it
//
// The convolution begins as the identity, the gate open, d as 1; `DiscreteMamba2.swift` says why. Each head has a B
// and a C of its own.
//
// Read before: `DiscreteMamba2.swift`. Read next: `GatedDeltaRule.swift`, `TrapezoidalMamba.swift`.

import Gradients
import Tensors

// ## The sizes

/// The sizes of a mixer with this frame.
public protocol RecurrentMixerSizes: MixerSizes {
  /// How many numbers for each head stand behind z in the in-projection; the first is a, which determines the decay.
  static var scalars: Int { get }

  /// State size of a head.
  var N: Int { get }
  /// Width of the convolution; 1 for a factor and a bias for each channel.
  var K: Int { get }
  /// Length of a chunk; it changes the cost, not the result.
  var Q: Int { get }

  /// Sizes that are not yet checked; `problem` says whether a mixer can have them.
  init(D: Int, H: Int, N: Int, K: Int, Q: Int)
}

/// The words of a config.json, those of Discrete-Mamba-2 as far as there are any.
private enum Word: String, CodingKey { case d_state, n_v_heads, d_conv, chunk_size }

extension RecurrentMixerSizes {
  /// The features of a head.
  public var P: Int { D / H }
  /// The channels that pass through the convolution: x, B and C.
  public var channels: Int { D + 2 * H * N }
  /// The rows of the in-projection: x, B, C, z and the numbers for each head.
  public var projected: Int { channels + D + Self.scalars * H }

  /// Why no mixer can have these sizes, in a sentence that begins with "its …"; nil if one can.
  public var problem: String? { problem(among: [("state size", N), ("taps", K), ("chunk", Q)]) }

  /// Writes all sizes but D.
  public func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    try words.encode(N, forKey: .d_state)
    try words.encode(H, forKey: .n_v_heads)
    try words.encode(K, forKey: .d_conv)
    try words.encode(Q, forKey: .chunk_size)
  }

  /// Reads what `encode(to:)` writes; throws `DecodingError` if a word is missing or of another type.
  public init(from decoder: any Decoder, D: Int) throws {
    let words = try decoder.container(keyedBy: Word.self)
    self.init(
      D: D, H: try words.whole(.n_v_heads), N: try words.whole(.d_state), K: try words.whole(.d_conv),
      Q: try words.whole(.chunk_size))
  }
}

// ## The parameters

/// In-projection, convolution, gate and output projection of a recurrent mixer, and its d.
public struct RecurrentFrame {
  /// A part of the in-projection; x, B and C are also the parts of the convolution.
  public enum Part: Hashable, Sendable {
    /// In the order of the rows.
    case x, b, c, z
    /// A number for each head; 0 is a.
    case scalar(Int)
  }

  /// [2 D + 2 H N + scalars · H, D], rows in the order x, B, C, z, a, …
  public let inProjection: Parameter
  /// [D]
  public let zBias: Parameter
  /// [D + 2 H N, 1, K]
  public let convolutionWeight: Parameter
  /// [D + 2 H N]
  public let convolutionBias: Parameter
  /// d, [H]
  public let skip: Parameter
  /// [D, D], no bias
  public let output: Linear

  let D, H, N, P, K, scalars: Int

  /// A frame with random projections, the identity for a convolution, an open gate, and d = 1.
  ///
  /// - Parameter name: the prefix of its parameters' names
  public init<Sizes: RecurrentMixerSizes>(
    _ name: String, sizes: Sizes, using random: inout some RandomNumberGenerator
  ) {
    if let problem = sizes.problem { preconditionFailure("\(name): \(problem)") }
    (D, H, N, P, K, scalars) = (sizes.D, sizes.H, sizes.N, sizes.P, sizes.K, Sizes.scalars)
    let (D, channels) = (sizes.D, sizes.channels)
    let projection = Linear("\(name).in_proj", inputs: D, outputs: sizes.projected, hasBias: false, using: &random)
    inProjection = projection.weight
    inProjection.update { $0.assign(.zeros([D, D]), at: channels) }
    zBias = Parameter("\(name).z_bias", Tensor(repeating: DiscreteMamba2.openGate, shape: [D]))
    convolutionWeight = Parameter("\(name).conv1d.weight", .identityTaps(channels: channels, K: sizes.K))
    convolutionBias = Parameter("\(name).conv1d.bias", .zeros([channels]))
    skip = Parameter("\(name).D", .ones([sizes.H]))
    output = Linear("\(name).out_proj", inputs: D, outputs: D, hasBias: false, using: &random)
  }

  /// In-projection, gate bias, convolution, skip weights, output projection: the order of the checkpoint.
  public var all: [Parameter] {
    [inProjection, zBias, convolutionWeight, convolutionBias, skip] + output.parameters
  }

  /// The rows of B, C and the numbers for each head, the convolution of B and C, and d: what a matrix depends on.
  public var matrixRows: [ParameterRows] {
    let both = rows(of: .b).lowerBound..<rows(of: .c).upperBound
    let scalars = rows(of: .scalar(0)).lowerBound..<inProjection.value.shape[0]
    return [
      ParameterRows(inProjection, rows: [both, scalars]), ParameterRows(convolutionWeight, rows: [both]),
      ParameterRows(convolutionBias, rows: [both]), ParameterRows(skip),
    ]
  }

  /// The rows of the in-projection that belong to a part.
  public func rows(of part: Part) -> Range<Int> {
    let state = H * N
    return switch part {
    case .x: 0..<D
    case .b: D..<(D + state)
    case .c: (D + state)..<(D + 2 * state)
    case .z: (D + 2 * state)..<(2 * D + 2 * state)
    case .scalar(let index): (2 * D + 2 * state + index * H)..<(2 * D + 2 * state + (index + 1) * H)
    }
  }
}

// ## From u to the tensors of the recurrence, and from y to the output

extension RecurrentFrame {
  /// A part of the in-projection: u [B, T, D] → [B, T, rows].
  func projected<A: Activation>(_ part: Part, _ u: A) -> A {
    linear(u, weight: A(inProjection).sliced(rows(of: part)))
  }

  /// x, B or C after the convolution: u [B, T, D] → [B, T, H, P or N].
  func heads<A: Activation>(_ part: Part, _ u: A) -> A {
    let channels = rows(of: part)
    let convolved = causalConvolution(
      projected(part, u), weight: A(convolutionWeight).sliced(channels), bias: A(convolutionBias).sliced(channels))
    return convolved.reshaped(to: [u.shape[0], u.shape[1], H, channels.count / H])
  }

  /// log α = −softplus(a): u [B, T, D] → [B, T, H].
  func logDecay<A: Activation>(_ u: A) -> A { -softplus(projected(.scalar(0), u)) }

  /// d x, what bypasses the state: [B, T, H, P].
  func skipped<A: Activation>(_ x: A) -> A { A(skip).reshaped(to: [H, 1]) * x }

  /// d on the diagonal of T × T numbers: [H, T, T].
  func skipMatrix<A: Activation>(T: Int) -> A { A(skip).reshaped(to: [H, 1, 1]) * A(constant: .identity(T)) }

  /// W_o (y ⊙ silu(z + z_bias)): y [B, T, H, P], u [B, T, D] → [B, T, D].
  func output<A: Activation>(_ y: A, gatedBy u: A) -> A {
    output(y.reshaped(to: u.shape.array) * silu(projected(.z, u) + A(zBias)))
  }
}

// ## Reading on

extension RecurrentFrame {
  /// All parts of a piece of text, from one product.
  struct Piece {
    /// [B, T, H, P]
    let x: Tensor
    /// [B, T, H, N]
    let b, c: Tensor
    /// The numbers for each head, [B, T, H] each.
    let scalars: [Tensor]
    /// The gate, [B, T, D].
    let gate: Tensor
  }

  /// Reads T further tokens, u [B, T, D], after the last inputs of the convolution, which are updated.
  func read(_ u: Tensor, past: inout Tensor) -> Piece {
    let (B, T) = (u.shape[0], u.shape[1])
    let projected = linear(u, weight: inProjection.value, bias: nil)
    let channels = projected.sliced(0..<convolutionBias.value.count, along: 2)
    let convolved = causalConvolution(
      channels, weight: convolutionWeight.value, bias: convolutionBias.value, past: past)
    past = convolutionPast(past, then: channels)
    func heads(_ part: Part) -> Tensor {
      convolved.sliced(rows(of: part), along: 2).reshaped(to: [B, T, H, rows(of: part).count / H])
    }
    return Piece(
      x: heads(.x), b: heads(.b), c: heads(.c),
      scalars: (0..<scalars).map { projected.sliced(rows(of: .scalar($0)), along: 2) },
      gate: silu(projected.sliced(rows(of: .z), along: 2) + zBias.value))
  }

  /// W_o (y ⊙ gate): y [B, T, H, P] → [B, T, D].
  func output(_ y: Tensor, of piece: Piece) -> Tensor {
    output(y.reshaped(to: piece.gate.shape.array) * piece.gate)
  }
}
