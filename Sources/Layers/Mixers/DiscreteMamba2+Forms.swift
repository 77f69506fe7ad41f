// # Three forms of one layer
//
// The same function, computed in three ways that agree to the last digits:
//
//     recurrent       step after step: T small operations, one state                    cost T·N·P, no parallel steps
//     materialised    the matrix M [T, T], then M x                                     cost T²·(N + P)
//     chunked         the matrix inside chunks of Q steps, the recurrence between       cost T·Q·(N + P) + T·N·P
//
// The recurrent form is composed of elementary primitives, a few for each step. It is slow, and its tape is long, but
// its values and gradients do not depend on the kernels of the other two: it is the check of both.
//
// Read before: `DiscreteMamba2.swift`. Read next: `MixerForms.swift`. Chapter: 07-student.

import Gradients
import Tensors

/// How the layer is computed.
public enum MambaForm: Sendable, Equatable {
  /// Step by step, composed of elementary primitives: slow, and with a long tape.
  case recurrent
  /// Through the matrix [B, H, T, T]; memory grows as T².
  case materialised
  /// In chunks of Q steps.
  case chunked(Q: Int)
}

extension DiscreteMamba2 {
  /// The output in one of the three forms: u [B, T, D] → [B, T, D].
  public func output<A: Activation>(_ u: A, form: MambaForm) -> A {
    let y = form.stateSpace(
      heads(.x, u), logDecay: logDecay(u), b: heads(.b, u), c: heads(.c, u), d: A(skip))
    return output(y.reshaped(to: u.shape.array) * gate(u))
  }
}

/// h[t] = α[t] h[t − 1] + b[t] x[t]ᵀ, y[t] = c[t]ᵀ h[t] + d x[t], step after step.
///
/// - Parameters:
///   - x: [B, T, H, P]
///   - logDecay: log α, [B, T, H]
///   - b: [B, T, H, N]
///   - c: [B, T, H, N]
///   - d: [H]
/// - Returns: [B, T, H, P]
public func recurrence<A: Activation>(_ x: A, logDecay: A, b: A, c: A, d: A) -> A {
  let (B, T, H, P) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
  let N = b.shape[3]
  let decay = exp(logDecay)
  let skipped = d.reshaped(to: [H, 1]) * x
  var state = A(constant: .zeros([B, H, N, P]))
  var outputs: [A] = []
  for t in 0..<T {
    func now(_ sequence: A, _ sizes: [Int]) -> A {
      sequence.sliced(t..<(t + 1), along: 1).reshaped(to: sizes)
    }
    state = now(decay, [B, H, 1, 1]) * state + now(b, [B, H, N, 1]) * now(x, [B, H, 1, P])
    outputs.append(sum(now(c, [B, H, N, 1]) * state, along: 2).reshaped(to: [B, 1, H, P]))
  }
  return A.concatenated(outputs, along: 1) + skipped
}
