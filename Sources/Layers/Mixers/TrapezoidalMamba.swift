// # Mamba-3's trapezoidal recurrence
//
// Between two tokens a state space model collects what comes in. Mamba-2 takes the value at the end of the step for
// the whole step; Mamba-3 takes a mean of both ends, weighted by λ. What the earlier end contributes has faded on the
// way:
//
//     α[t]     =  sigmoid(−a[t])                                      the decay, as in Discrete-Mamba-2
//     λ[t]     =  sigmoid(λ_raw[t])                                   1 for the end of the step, ½ for the mean
//     h[t]     =  α[t] h[t − 1] + (1 − λ[t]) α[t] B[t − 1] x[t − 1]ᵀ + λ[t] B[t] x[t]ᵀ
//     y[t]     =  C[t]ᵀ h[t] + d x[t]
//
// λ = 1 is Discrete-Mamba-2. It is a convolution of width 2 over what is written, B x, inside the recurrence, where
// the usual short convolution is over x, B and C, outside.
//
// ## Its matrix
//
// The decays times a matrix with two diagonals, entry by entry with C Bᵀ. Multiplied out, B[s] x[s] enters twice, at
// s with λ[s] and a step later with 1 − λ[s + 1]; after that both fade alike:
//
//     M[t, s]  =  (C[t] · B[s]) L[t, s] (λ[s] + 1 − λ[s + 1])         s < t
//     M[t, t]  =  (C[t] · B[t]) λ[t] + d
//
// Below the diagonal that is an SSD with B′[s] = (λ[s] + 1 − λ[s + 1]) B[s]. So the class is semiseparable of order
// N, that of an SSD, and the bound of chapter 06 for order N holds for it; only the diagonal is freer than in an SSD.
//
// ## How it is computed
//
// λ[s + 1] is not known at s, so that token s is not complete before the next one comes. We let the state wait:
// before token t it holds all earlier ones, complete, and t is added when y is read.
//
//     g[t]     =  α[t − 1] g[t − 1] + (λ[t − 1] + 1 − λ[t]) B[t − 1] x[t − 1]ᵀ
//     y[t]     =  α[t] C[t]ᵀ g[t] + (C[t] · B[t]) λ[t] x[t] + d x[t]
//
// The first line is an SSD whose x, B and log α come a step late. An SSD with B′ in place, less what it has too much
// on the diagonal, would be the same but for the last digits, in which y[t] would then depend on λ[t + 1].
//
// ## What is taken from the paper, and what is not
//
// The recurrence of Proposition 1, λ from a sigmoid, and no short convolution: K is 1 by default, which leaves a bias
// for each channel of B and C, as Mamba-3 has one. Not taken: the step size Δ (it is 1 here, as "discrete" means in
// Discrete-Mamba-2); the complex state, which is a rotation of B and C by angles that are summed up along the text;
// the norms of B and C; several inputs and outputs for each head.
//
// Read before: `RecurrentFrame.swift`, `Tensors/StateSpace/SSDMatrix.swift`. Read next:
// `TrapezoidalMamba+Memory.swift`. Source: Lahoti, Li, Chen, Wang, Bick, Kolter, Dao, Gu, "Mamba-3", arXiv 2603.15569,
// equations 5 to 7; tests/ops/triton/test_mamba3_siso.py in state-spaces/mamba, whose reference computes the same
// matrix.

import Gradients
import Tensors

/// The sizes of a mixer with the trapezoidal recurrence.
public struct TrapezoidalMambaSizes: RecurrentMixerSizes {
  /// The name of the kind in a config.json.
  public static let kind = "trapezoidal_mamba"
  /// a and λ.
  public static let scalars = 2
  /// The sizes of the frame: model width, heads, state size, width of the convolution, length of a chunk.
  public var D, H, N, K, Q: Int

  /// Sizes that are not yet checked.
  public init(D: Int, H: Int, N: Int, K: Int = 1, Q: Int = 64) {
    (self.D, self.H, self.N, self.K, self.Q) = (D, H, N, K, Q)
  }

  /// A mixer with random projections, the identity for a convolution, an open gate and d = 1.
  public func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer {
    TrapezoidalMamba(name, sizes: self, using: &random)
  }
}

/// A state space model whose inputs are weighted means of two tokens.
public struct TrapezoidalMamba: ThreeFormMixer {
  /// The sizes that it was made with.
  public let sizes: TrapezoidalMambaSizes
  /// Projections, convolution, gate and d.
  public let frame: RecurrentFrame

  /// A mixer with random projections, the identity for a convolution, an open gate and d = 1.
  ///
  /// - Parameter name: the prefix of its parameters' names
  public init(_ name: String, sizes: TrapezoidalMambaSizes, using random: inout some RandomNumberGenerator) {
    (self.sizes, frame) = (sizes, RecurrentFrame(name, sizes: sizes, using: &random))
  }

  /// u [B, T, D] → [B, T, D], by the chunked algorithm.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ u: A) -> A { output(u, form: .chunked(Q: sizes.Q)) }

  /// The matrix of each head, with d on its diagonal: u [B, T, D] → [B, H, T, T].
  ///
  /// Depends on the rows of B, C, a and λ of the in-projection, on the convolution of B and C, and on d.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func matrix<A: Activation>(_ u: A) -> A {
    let (log, lambda, b, c) = (frame.logDecay(u), weight(u), frame.heads(.b, u), frame.heads(.c, u))
    let (B, T, H) = (b.shape[0], b.shape[1], b.shape[2])
    let past = waiting(log, lambda, b, after: nil)
    // Column s + 1 of the SSD that comes late is token s.
    let late = ssdMatrix(logDecay: past.log, b: past.b, c: faded(c, log), d: A(constant: .zeros([H])))
    let below = A.concatenated([late.sliced(1..<T, along: 3), A(constant: .zeros([B, H, T, 1]))], along: 3)
    let now = headScores(c, lambda.reshaped(to: [B, T, H, 1]) * b)
    return below + A(constant: .identity(T)) * now + frame.skipMatrix(T: T)
  }

  /// The output in one of three forms: u [B, T, D] → [B, T, D].
  public func output<A: Activation>(_ u: A, form: MambaForm) -> A {
    let (x, b, c) = (frame.heads(.x, u), frame.heads(.b, u), frame.heads(.c, u))
    let (log, lambda) = (frame.logDecay(u), weight(u))
    let y: A
    switch form {
    case .recurrent: y = trapezoidalSteps(x, logDecay: log, lambda: lambda, b: b, c: c)
    case .materialised: return frame.output(headMix(matrix(u), x), gatedBy: u)
    case .chunked(let Q):
      let (past, none) = (waiting(log, lambda, b, after: nil), A(constant: .zeros([sizes.H])))
      let before = ssdSequence(delayed(x, after: nil), logDecay: past.log, b: past.b, c: faded(c, log), d: none, Q: Q)
      y = before + own(x, lambda, b, c)
    }
    return frame.output(y + frame.skipped(x), gatedBy: u)
  }

  /// In-projection, gate bias, convolution, skip weights, output projection: the order of the checkpoint.
  public var parameters: [Parameter] { frame.all }
  /// The rows of B, C, a and λ, the convolution of B and C, and d.
  public var matrixRows: [ParameterRows] { frame.matrixRows }
}

extension TrapezoidalMamba {
  /// λ = sigmoid of its rows: u [B, T, D] → [B, T, H].
  func weight<A: Activation>(_ u: A) -> A { sigmoid(frame.projected(.scalar(1), u)) }

  /// A sequence [B, T, …] a step late, with the last step of an earlier piece, [B, 1, …], or zeros in front.
  func delayed<A: Activation>(_ x: A, after last: A?) -> A {
    let T = x.shape[1]
    let first = last ?? A(constant: .zeros(Shape([x.shape[0], 1] + x.shape.array.dropFirst(2))))
    return A.concatenated([first, x.sliced(0..<(T - 1), along: 1)], along: 1)
  }

  /// log α and the complete B of the token before each, (λ[t − 1] + 1 − λ[t]) B[t − 1]: log and lambda [B, T, H],
  /// b [B, T, H, N] → [B, T, H] and [B, T, H, N].
  func waiting<A: Activation>(
    _ log: A, _ lambda: A, _ b: A, after last: (log: A, lambda: A, b: A)?
  ) -> (log: A, b: A) {
    let share = delayed(lambda, after: last?.lambda) + (A(constant: .ones(lambda.shape)) - lambda)
    return (
      delayed(log, after: last?.log),
      share.reshaped(to: lambda.shape.array + [1]) * delayed(b, after: last?.b)
    )
  }

  /// α C, which reads a state that has not yet faded: c [B, T, H, N], log [B, T, H] → [B, T, H, N].
  func faded<A: Activation>(_ c: A, _ log: A) -> A { exp(log).reshaped(to: log.shape.array + [1]) * c }

  /// What each token contributes to its own output, λ (C · B) x: [B, T, H, P].
  func own<A: Activation>(_ x: A, _ lambda: A, _ b: A, _ c: A) -> A {
    (lambda * sum(c * b, along: 3)).reshaped(to: lambda.shape.array + [1]) * x
  }
}

extension TrapezoidalMamba {
  /// Takes over as much of an attention layer's projections as this mixer can hold.
  public func begin(with attention: MixerProjections, taking part: MixerProjections.Part) -> Bool {
    frame.begin(with: attention, taking: part)
  }
}

// ## The recurrence, composed

/// The trapezoidal recurrence step after step, of elementary primitives: slow, with a long tape, and a check of the
/// other forms.
///
/// - Parameters:
///   - x: [B, T, H, P]
///   - logDecay: log α, [B, T, H]
///   - lambda: λ, the weight of the later end, [B, T, H]
///   - b: [B, T, H, N]
///   - c: [B, T, H, N]
/// - Returns: [B, T, H, P], without d x
public func trapezoidalSteps<A: Activation>(_ x: A, logDecay: A, lambda: A, b: A, c: A) -> A {
  let (B, T, H, P) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
  let N = b.shape[3]
  let decay = exp(logDecay)
  let one = A(constant: .ones([B, H, 1, 1]))
  var (state, last) = (A(constant: .zeros([B, H, N, P])), A(constant: .zeros([B, H, N, P])))
  var outputs: [A] = []
  for t in 0..<T {
    func now(_ sequence: A, _ sizes: [Int]) -> A {
      sequence.sliced(t..<(t + 1), along: 1).reshaped(to: sizes)
    }
    let (weight, written) = (now(lambda, [B, H, 1, 1]), now(b, [B, H, N, 1]) * now(x, [B, H, 1, P]))
    state = now(decay, [B, H, 1, 1]) * (state + (one - weight) * last) + weight * written
    last = written
    outputs.append(sum(now(c, [B, H, N, 1]) * state, along: 2).reshaped(to: [B, 1, H, P]))
  }
  return A.concatenated(outputs, along: 1)
}
