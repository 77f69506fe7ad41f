// # The gated delta rule
//
// A state space model adds each x[t] to what the state holds; two tokens that write at nearly the same place are
// mixed there for good. The delta rule reads first, and writes the difference:
//
//     B̂[t]     =  B[t] / |B[t]|                                       a place has no length
//     α[t]     =  sigmoid(−a[t])                                      the decay, as in Discrete-Mamba-2
//     β[t]     =  sigmoid(β_raw[t])                                   how much of the difference is written
//     h[t]     =  α[t] (I − β[t] B̂[t] B̂[t]ᵀ) h[t − 1] + β[t] B̂[t] x[t]ᵀ
//     y[t]     =  C[t]ᵀ h[t] + d x[t]
//
// Everything around the recurrence is that of Discrete-Mamba-2 (`RecurrentFrame.swift`); in_proj has H more rows, for
// β.
//
// ## Its matrix
//
// What is new in x is x̃ = (I + E)⁻¹ x, and the rest is an SSD with B′ = β B̂ for B (`Gradients/DeltaRule.swift`):
//
//     M        =  S (I + E)⁻¹ + d·I               S = L ∘ (C B′ᵀ), E = L ∘ (B̂ B′ᵀ) below the diagonal
//
// The class is that of a state of N numbers: semiseparable of order N, as for an SSD, and not more, although the
// decay is now a matrix. So the bound of chapter 06 for any recurrence of order N holds for it, and nothing in that
// chapter says that a single delta matrix can be nearer to an attention matrix than an SSD of the same N can: where
// no step erases in full, its decays can be hidden in factors as those of an SSD can. What differs is which matrices
// a layer makes out of tokens with few rows of weights: here a token can take back what an earlier one has written.
//
// ## What is taken from the paper, and what is not
//
// The rule, β from a sigmoid, and keys of length 1, without which a step could stretch the state. Not taken: the SiLU
// after the convolution; the step size and the scale of the decay (Mamba-2's, which "discrete" leaves out); the
// length 1 of the queries and the norm of each head before W_o, which belong together, since that norm discards the
// length of a query, and without it a row of M has no size of its own to learn. The authors' code has d as an option;
// here it is always there, as in the other students.
//
// Read before: `RecurrentFrame.swift`, `Gradients/DeltaRule.swift`. Source: Yang, Kautz, Hatamizadeh, "Gated Delta
// Networks", arXiv 2412.06464, sections 3.1 and 3.4; lit_gpt/gated_delta_net.py in NVlabs/GatedDeltaNet.

import Gradients
import Tensors

/// The sizes of a gated delta rule.
public struct GatedDeltaRuleSizes: RecurrentMixerSizes {
  /// The name of the kind in a config.json.
  public static let kind = "gated_delta_rule"
  /// a and β.
  public static let scalars = 2
  /// The sizes of the frame: model width, heads, state size, width of the convolution, length of a chunk.
  public var D, H, N, K, Q: Int

  /// Sizes that are not yet checked.
  public init(D: Int, H: Int, N: Int, K: Int = 4, Q: Int = 64) {
    (self.D, self.H, self.N, self.K, self.Q) = (D, H, N, K, Q)
  }

  /// A mixer with random projections, the identity for a convolution, an open gate and d = 1.
  public func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer {
    GatedDeltaRule(name, sizes: self, using: &random)
  }
}

/// A recurrence that overwrites: the gated delta rule, with a key and a query for each head.
public struct GatedDeltaRule: ThreeFormMixer {
  /// The past of the convolution and the states of the heads, as for Discrete-Mamba-2.
  public typealias Memory = DiscreteMamba2.Memory

  /// What is added to the square of a key's length before it is divided by.
  public static let epsilon: Scalar = 1e-6

  /// The sizes that it was made with.
  public let sizes: GatedDeltaRuleSizes
  /// Projections, convolution, gate and d.
  public let frame: RecurrentFrame

  /// A mixer with random projections, the identity for a convolution, an open gate and d = 1.
  ///
  /// - Parameter name: the prefix of its parameters' names
  public init(_ name: String, sizes: GatedDeltaRuleSizes, using random: inout some RandomNumberGenerator) {
    (self.sizes, frame) = (sizes, RecurrentFrame(name, sizes: sizes, using: &random))
  }

  /// u [B, T, D] → [B, T, D], by the chunked algorithm.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ u: A) -> A { output(u, form: .chunked(Q: sizes.Q)) }

  /// The matrix of each head, with d on its diagonal: u [B, T, D] → [B, H, T, T].
  ///
  /// Depends on the rows of B, C, a and β of the in-projection, on the convolution of B and C, and on d.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func matrix<A: Activation>(_ u: A) -> A {
    deltaMatrix(logDecay: frame.logDecay(u), b: keys(frame.heads(.b, u)), c: frame.heads(.c, u), beta: rate(u))
      + frame.skipMatrix(T: u.shape[1])
  }

  /// The output in one of three forms: u [B, T, D] → [B, T, D].
  public func output<A: Activation>(_ u: A, form: MambaForm) -> A {
    let (x, b, c) = (frame.heads(.x, u), keys(frame.heads(.b, u)), frame.heads(.c, u))
    let (log, beta) = (frame.logDecay(u), rate(u))
    let y =
      switch form {
      case .recurrent: deltaSteps(x, logDecay: log, b: b, c: c, beta: beta)
      case .materialised: headMix(deltaMatrix(logDecay: log, b: b, c: c, beta: beta), x)
      case .chunked(let Q): deltaSequence(x, logDecay: log, b: b, c: c, beta: beta, Q: Q)
      }
    return frame.output(y + frame.skipped(x), gatedBy: u)
  }

  /// In-projection, gate bias, convolution, skip weights, output projection: the order of the checkpoint.
  public var parameters: [Parameter] { frame.all }
  /// The rows of B, C, a and β, the convolution of B and C, and d.
  public var matrixRows: [ParameterRows] { frame.matrixRows }

  /// β = sigmoid of its rows: u [B, T, D] → [B, T, H].
  func rate<A: Activation>(_ u: A) -> A { sigmoid(frame.projected(.scalar(1), u)) }

  /// b / √(|b|² + ε), [B, T, H, N]: a root-mean-square norm, the root of N in its constant weight.
  func keys<A: Activation>(_ b: A) -> A {
    let N = Scalar(sizes.N)
    let weight = Tensor(repeating: 1 / N.squareRoot(), shape: [sizes.N])
    return rmsNorm(b, weight: A(constant: weight), epsilon: GatedDeltaRule.epsilon / N)
  }
}

// ## Writing with a state

extension GatedDeltaRule {
  /// `past` [B, K − 1, D + 2 H N] and `state` [B, H, N, P], whatever the lengths.
  public func memoryShapes(lengths: [Int]) -> [String: Shape] {
    let B = lengths.count
    return ["past": [B, sizes.K - 1, sizes.channels], "state": [B, sizes.H, sizes.N, sizes.P]]
  }

  /// Reads T further tokens, u [B, T, D] → [B, T, D]: one by a step of the recurrence, more in chunks of Q.
  public func advance(_ u: Tensor, _ memory: inout Memory) -> Tensor {
    let piece = frame.read(u, past: &memory.past)
    let (log, b, beta) = (-softplus(piece.scalars[0]), keys(piece.b), sigmoid(piece.scalars[1]))
    let y: Tensor
    if u.shape[1] == 1 {
      y = deltaRecurrence(piece.x, logDecay: log, b: b, c: piece.c, beta: beta, state: &memory.state)
    } else {
      let value = deltaSequence(
        piece.x, logDecay: log, b: b, c: piece.c, beta: beta, Q: sizes.Q, initialState: memory.state)
      (y, memory.state) = (value.output, value.finalState)
    }
    return frame.output(y + frame.skipped(piece.x), of: piece)
  }

  /// Takes over as much of an attention layer's projections as this mixer can hold.
  ///
  /// Of queries and keys the lengths of the keys are lost, beside what `DiscreteMamba2` loses of them.
  public func begin(with attention: MixerProjections, taking part: MixerProjections.Part) -> Bool {
    frame.begin(with: attention, taking: part)
  }
}

// ## The recurrence, composed

/// The gated delta rule step after step, of elementary primitives: slow, with a long tape, and a check of the other
/// forms.
///
/// - Parameters:
///   - x: [B, T, H, P]
///   - logDecay: log α, [B, T, H]
///   - b: [B, T, H, N], of length 1 at most
///   - c: [B, T, H, N]
///   - beta: β, [B, T, H]
/// - Returns: [B, T, H, P], without d x
public func deltaSteps<A: Activation>(_ x: A, logDecay: A, b: A, c: A, beta: A) -> A {
  let (B, T, H, P) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
  let N = b.shape[3]
  let decay = exp(logDecay)
  var state = A(constant: .zeros([B, H, N, P]))
  var outputs: [A] = []
  for t in 0..<T {
    func now(_ sequence: A, _ sizes: [Int]) -> A {
      sequence.sliced(t..<(t + 1), along: 1).reshaped(to: sizes)
    }
    let (place, faded) = (now(b, [B, H, N, 1]), now(decay, [B, H, 1, 1]) * state)
    let fresh = now(x, [B, H, 1, P]) - sum(place * faded, along: 2).reshaped(to: [B, H, 1, P])
    state = faded + now(beta, [B, H, 1, 1]) * (place * fresh)
    outputs.append(sum(now(c, [B, H, N, 1]) * state, along: 2).reshaped(to: [B, 1, H, P]))
  }
  return A.concatenated(outputs, along: 1)
}
