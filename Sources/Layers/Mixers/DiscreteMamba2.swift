// # The Discrete-Mamba-2 mixer
//
// The student's mixer. It takes the place of attention, has a head for each head of attention, and like attention is
// a matrix for each head:
//
//     x, B, C   =  convolution( W_xBC u )              causal, depthwise, width 4, with bias; no activation after it
//     z         =  W_z u                               the gate; z and a do not pass through the convolution
//     a         =  W_a u
//     α[t]      =  exp(−softplus(a[t]))  =  sigmoid(−a[t])
//     h[t]      =  α[t] h[t − 1] + B[t] x[t]ᵀ
//     y[t]      =  C[t]ᵀ h[t] + d x[t]
//     output    =  W_o ( y ⊙ silu(z + z_bias) )
//
// "Discrete", because there is no step size: α comes from a alone, and B is not scaled by anything. "Multi-head",
// because each head has a B and a C of its own. The usual Mamba-2 is "multi-value": all heads share one B and one C,
// and differ only in x and in the decay. G counts the pairs of B and C: H of them here, 1 there; each pair serves
// H / G heads.
//
// One matrix holds W_xBC, W_z and W_a, in the order x, B, C, z, a. We multiply by parts of its rows instead of
// cutting up the whole product: stage 1 needs only B, C and a, and so computes only these.
//
// ## Where it starts
//
// Convolution: identity (last tap 1, the others and the bias 0). Gate: open (rows of z zero, z_bias where silu is 1).
// d = 1. Chapter 07-student shows what happens to the gradient when the gate starts closed.
//
// Read before: `MatrixMixer.swift`, `Tensors/StateSpace/SSDMatrix.swift`. Read next: `DiscreteMamba2+Sizes.swift`,
// `DiscreteMamba2+Memory.swift`, `DiscreteMamba2+Forms.swift`, `RecurrentFrame.swift`. Source: arXiv 2408.10189;
// modules/mixers/discrete_mamba2.py in goombalab/phi-mamba.

import Gradients
import Tensors

/// The discrete Mamba-2 mixer with a B and a C for each head.
public struct DiscreteMamba2: MatrixMixer {
  /// silu is 1 here: the gate of a new mixer is open.
  public static let openGate: Scalar = 1.278464542761

  /// The sizes that it was made with.
  public let sizes: DiscreteMamba2Sizes
  /// [2 D + 2 G N + H, D], rows in the order x, B, C, z, a
  public let inProjection: Parameter
  /// [D]
  public let zBias: Parameter
  /// [D + 2 G N, 1, K]
  public let convolutionWeight: Parameter
  /// [D + 2 G N]
  public let convolutionBias: Parameter
  /// [H]
  public let skip: Parameter
  /// [D, D], no bias
  public let output: Linear

  /// A mixer as the method starts it.
  ///
  /// - Parameter name: the prefix of its parameters' names
  public init(_ name: String, sizes: DiscreteMamba2Sizes, using random: inout some RandomNumberGenerator) {
    if let problem = sizes.problem { preconditionFailure("\(name): \(problem)") }
    self.sizes = sizes
    let projection = Linear(
      "\(name).in_proj", inputs: sizes.D, outputs: sizes.projected, hasBias: false, using: &random)
    inProjection = projection.weight
    inProjection.update { $0.assign(.zeros([sizes.D, sizes.D]), at: MambaPart.z.rows(sizes).lowerBound) }
    zBias = Parameter("\(name).z_bias", Tensor(repeating: DiscreteMamba2.openGate, shape: [sizes.D]))
    convolutionWeight = Parameter("\(name).conv1d.weight", .identityTaps(channels: sizes.channels, K: sizes.K))
    convolutionBias = Parameter("\(name).conv1d.bias", .zeros([sizes.channels]))
    skip = Parameter("\(name).D", .ones([sizes.H]))
    output = Linear("\(name).out_proj", inputs: sizes.D, outputs: sizes.D, hasBias: false, using: &random)
  }

  /// u [B, T, D] → [B, T, D], by the chunked algorithm.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ u: A) -> A { output(u, form: .chunked(Q: sizes.Q)) }

  /// The matrix of each head, with d on its diagonal: u [B, T, D] → [B, H, T, T].
  ///
  /// Depends on the rows of B, C and a of the in-projection, on their convolution, and on d; on nothing else.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func matrix<A: Activation>(_ u: A) -> A {
    ssdMatrix(logDecay: logDecay(u), b: heads(.b, u), c: heads(.c, u), d: A(skip))
  }

  /// In-projection, gate bias, convolution, skip weights, output projection: the order of the checkpoint.
  public var parameters: [Parameter] {
    [inProjection, zBias, convolutionWeight, convolutionBias, skip] + output.parameters
  }

  /// The rows of B, C and a, the convolution of B and C, and d.
  public var matrixRows: [ParameterRows] {
    let (b, c, a) = (MambaPart.b.rows(sizes), MambaPart.c.rows(sizes), MambaPart.a.rows(sizes))
    let both = b.lowerBound..<c.upperBound
    return [
      ParameterRows(inProjection, rows: [both, a]), ParameterRows(convolutionWeight, rows: [both]),
      ParameterRows(convolutionBias, rows: [both]), ParameterRows(skip),
    ]
  }
}

extension Tensor {
  /// The taps of a convolution that changes nothing: the last is 1, all others 0, [channels, 1, K].
  static func identityTaps(channels: Int, K: Int) -> Tensor {
    var taps = Tensor.zeros([channels, 1, K])
    taps.assign(.ones([channels, 1, 1]), at: K - 1, along: 2)
    return taps
  }
}

// ## From u to the tensors of the recurrence

extension DiscreteMamba2 {
  /// A part of the in-projection: u [B, T, D] → [B, T, rows].
  func projected<A: Activation>(_ part: MambaPart, _ u: A) -> A {
    linear(u, weight: A(inProjection).sliced(part.rows(sizes)))
  }

  /// x, B or C after the convolution: u [B, T, D] → [B, T, H, P or N]; a shared B or C is repeated.
  func heads<A: Activation>(_ part: MambaPart, _ u: A) -> A {
    let channels = part.rows(sizes)
    let convolved = causalConvolution(
      projected(part, u), weight: A(convolutionWeight).sliced(channels),
      bias: A(convolutionBias).sliced(channels))
    return part == .x ? convolved.reshaped(to: [u.shape[0], u.shape[1], sizes.H, sizes.P]) : shared(convolved)
  }

  /// A head's own B or C, or the one it shares, repeated: [B, T, G·N] → [B, T, H, N].
  func shared<A: Activation>(_ x: A) -> A {
    let (B, T, H, G, N) = (x.shape[0], x.shape[1], sizes.H, sizes.G, sizes.N)
    if G == H { return x.reshaped(to: [B, T, H, N]) }
    return x.reshaped(to: [B, T, G, 1, N]).broadcast(to: [B, T, G, H / G, N]).reshaped(to: [B, T, H, N])
  }

  /// log α = −softplus(a): u [B, T, D] → [B, T, H].
  func logDecay<A: Activation>(_ u: A) -> A { -softplus(projected(.a, u)) }

  /// The gate silu(z + z_bias): u [B, T, D] → [B, T, D].
  func gate<A: Activation>(_ u: A) -> A { silu(projected(.z, u) + A(zBias)) }
}
