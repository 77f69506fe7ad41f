// # What state space mixers share
//
// Four mixers are one recurrence. They differ in where decays, places and questions come from:
//
//     h[t]  =  α[t] h[t − 1] + B[t] x[t]ᵀ                                     [N, P] for each head
//     y[t]  =  C[t]ᵀ h[t] + d x[t]
//
//     mixer              α                           B and C                                      d
//     Discrete-Mamba-2   sigmoid(−a)                 of each head, or shared                      learned
//     Mamba-2            exp(−exp(A_log) Δ)          shared, B times Δ                            learned
//     fixed decay        1 − 2^(−5 − h), head h      of each head, turned by their positions      0
//     low rank           1                           of each head                                 0
//
// So the three forms of the recurrence, and how it is continued, are written once, here.
//
// A mixer with several forms is a `ThreeFormMixer`. Every form is the same function, and the tests compare all of
// them with the recurrent one, which is composed of elementary primitives.
//
// Read before: `DiscreteMamba2+Forms.swift`. Read next: `CausalLowRank.swift`, `FixedDecay.swift`, `Mamba2.swift`.

import Gradients
import Tensors

/// A mixer that is computed step by step, through its matrix, or in chunks.
public protocol ThreeFormMixer: MatrixMixer {
  /// The output in one of the three forms: u [B, T, D] → [B, T, D].
  func output<A: Activation>(_ u: A, form: MambaForm) -> A
}

extension ThreeFormMixer {
  /// Zeros: nothing has been read.
  public func emptyMemory(B: Int) -> Memory {
    let lengths = [Int](repeating: 0, count: B)
    return Memory(memoryShapes(lengths: lengths).mapValues { .zeros($0) }, lengths: lengths)
  }
}

extension DiscreteMamba2: ThreeFormMixer {}

extension MambaForm {
  /// y of the recurrence in this form: x [B, T, H, P], log α [B, T, H], b and c [B, T, H, N], d [H] → [B, T, H, P].
  func stateSpace<A: Activation>(_ x: A, logDecay: A, b: A, c: A, d: A) -> A {
    switch self {
    case .recurrent: recurrence(x, logDecay: logDecay, b: b, c: c, d: d)
    case .materialised: headMix(ssdMatrix(logDecay: logDecay, b: b, c: c, d: d), x)
    case .chunked(let Q): ssdSequence(x, logDecay: logDecay, b: b, c: c, d: d, Q: Q)
    }
  }
}

/// y of the recurrence from a state that is updated: one token by a step, more in chunks of Q.
///
/// - Parameters:
///   - x: [B, T, H, P]
///   - logDecay: log α, [B, T, H]
///   - b: [B, T, H, N]
///   - c: [B, T, H, N]
///   - d: [H]
///   - state: [B, H, N, P]
/// - Returns: [B, T, H, P]
func continuedStateSpace(
  _ x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor, Q: Int, state: inout Tensor
) -> Tensor {
  if x.shape[1] == 1 { return ssdRecurrence(x, logDecay: logDecay, b: b, c: c, d: d, state: &state) }
  let value = ssdSequence(
    x, logDecay: logDecay, b: b, c: c, d: d, Q: Q, initialState: state, keepsStates: false)
  state = value.finalState
  return value.output
}
