// # The Discrete-Mamba-2 mixer
//
// The student's mixer. It stands where attention stood, has a head for each head of attention, and
// is a matrix for each head as well:
//
//     x, B, C   =  convolution( W_xBC u )              causal, depthwise, width 4, with bias; no activation after it
//     z         =  W_z u                               the gate; z and a do not pass through the convolution
//     a         =  W_a u
//     α[t]      =  exp(−softplus(a[t]))  =  sigmoid(−a[t])
//     h[t]      =  α[t] h[t − 1] + B[t] x[t]ᵀ
//     y[t]      =  C[t]ᵀ h[t] + D x[t]
//     output    =  W_o ( y ⊙ silu(z + z_bias) )
//
// "Discrete", since there is no step size: α comes from a alone, and B is not scaled by anything.
// "Multi-head", since each head has a B and a C of its own. The usual Mamba-2 is "multi-value": all
// heads share one B and one C, and differ in x and in the decay only. G counts the pairs of B and C:
// H of them here, one there; each serves H / G heads.
//
// One matrix holds W_xBC, W_z and W_a, in the order x, B, C, z, a. We use its rows in parts instead
// of cutting the product: stage 1 needs only B, C and a, and then computes only these.
//
// ## Where it starts
//
// Convolution: identity (last tap 1, the others and the bias 0). Gate: open (rows of z zero, z_bias
// where silu is 1). D = 1. Chapter 07-student shows what becomes of the gradient when the gate
// starts closed.
//
// Read before: `MatrixMixer.swift`, `Tensors/StateSpace/SSDMatrix.swift`. Read next:
// `DiscreteMamba2+Forms.swift`. Source: arXiv 2408.10189; modules/mixers/discrete_mamba2.py in
// goombalab/phi-mamba.

import Gradients
import Tensors

/// The sizes of a Discrete-Mamba-2 mixer.
public struct DiscreteMamba2Sizes: Sendable, Equatable {
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

  /// - Parameter G: nil for as many as there are heads
  public init(D: Int, H: Int, N: Int, K: Int = 4, Q: Int = 64, G: Int? = nil) {
    (self.D, self.H, self.N, self.K, self.Q, self.G) = (D, H, N, K, Q, G ?? H)
  }

  /// The features of a head.
  public var P: Int { D / H }
  /// The channels that pass through the convolution: x, B and C.
  public var channels: Int { D + 2 * G * N }
  /// The rows of the in-projection: x, B, C, z, a.
  public var projected: Int { channels + D + H }
}

/// The parts of the in-projection, and of the convolution as far as they pass through it.
public enum MambaPart: CaseIterable, Sendable {
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

/// The discrete Mamba-2 mixer with a B and a C for each head.
public struct DiscreteMamba2: MatrixMixer {
  /// silu is 1 here: the gate of a new mixer is open.
  public static let openGate: Scalar = 1.278464542761

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
    precondition(
      sizes.D.isMultiple(of: sizes.H), "\(name): a width of \(sizes.D) cannot be cut into \(sizes.H) heads")
    precondition(
      sizes.H.isMultiple(of: sizes.G),
      "\(name): \(sizes.G) pairs of B and C cannot be shared evenly by \(sizes.H) heads")
    self.sizes = sizes
    let projection = Linear(
      "\(name).in_proj", inputs: sizes.D, outputs: sizes.projected, hasBias: false, using: &random)
    inProjection = projection.weight
    inProjection.update { $0.assign(.zeros([sizes.D, sizes.D]), at: MambaPart.z.rows(sizes).lowerBound) }
    zBias = Parameter("\(name).z_bias", Tensor(repeating: DiscreteMamba2.openGate, shape: [sizes.D]))
    var taps = Tensor.zeros([sizes.channels, 1, sizes.K])
    taps.assign(.ones([sizes.channels, 1, 1]), at: sizes.K - 1, along: 2)
    convolutionWeight = Parameter("\(name).conv1d.weight", taps)
    convolutionBias = Parameter("\(name).conv1d.bias", .zeros([sizes.channels]))
    skip = Parameter("\(name).D", .ones([sizes.H]))
    output = Linear("\(name).out_proj", inputs: sizes.D, outputs: sizes.D, hasBias: false, using: &random)
  }

  /// u [B, T, D] → [B, T, D], by the chunked algorithm.
  public func callAsFunction(_ u: Variable) -> Variable { output(u, form: .chunked(Q: sizes.Q)) }

  /// The matrix of each head, with D on its diagonal: u [B, T, D] → [B, H, T, T].
  ///
  /// Depends on the rows of B, C and a of the in-projection, on their convolution, and on D; on nothing else.
  public func matrix(_ u: Variable) -> Variable {
    ssdMatrix(logDecay: logDecay(u), b: heads(.b, u), c: heads(.c, u), d: skip.variable)
  }

  public var parameters: [Parameter] {
    [inProjection, zBias, convolutionWeight, convolutionBias, skip] + output.parameters
  }
}

// ## From u to the tensors of the recurrence

extension DiscreteMamba2 {
  /// A part of the in-projection: u [B, T, D] → [B, T, rows].
  func projected(_ part: MambaPart, _ u: Variable) -> Variable {
    linear(u, weight: inProjection.variable.sliced(part.rows(sizes)))
  }

  /// x, B or C after the convolution: u [B, T, D] → [B, T, H, P or N]; a shared B or C is repeated.
  func heads(_ part: MambaPart, _ u: Variable) -> Variable {
    let channels = part.rows(sizes)
    let convolved = causalConvolution(
      projected(part, u), weight: convolutionWeight.variable.sliced(channels),
      bias: convolutionBias.variable.sliced(channels))
    let (B, T, H, G) = (u.shape[0], u.shape[1], sizes.H, sizes.G)
    if part == .x || G == H { return convolved.reshaped(to: [B, T, H, channels.count / H]) }
    let N = channels.count / G
    return convolved.reshaped(to: [B, T, G, 1, N]).broadcast(to: [B, T, G, H / G, N]).reshaped(to: [B, T, H, N])
  }

  /// log α = −softplus(a): u [B, T, D] → [B, T, H].
  func logDecay(_ u: Variable) -> Variable { -softplus(projected(.a, u)) }

  /// The gate silu(z + z_bias): u [B, T, D] → [B, T, D].
  func gate(_ u: Variable) -> Variable { silu(projected(.z, u) + zBias.variable) }
}
