// # State space models
//
// The same layer as a matrix and as a sequence. The formulas and their derivations are beside the kernels:
//
//     matrix        `Tensors/StateSpace/SSDMatrix.swift`      M = L ∘ (C Bᵀ) + d·I
//     sequence      `Tensors/StateSpace/SSDSequence.swift`    chunks of Q steps, pullback derived by hand
//
// Both take log α, not α: a decay that underflows still has a finite logarithm, and −∞ is a decay of exactly 0. The
// third form, the recurrence, is composed of smaller primitives (`Layers/Mixers/DiscreteMamba2+Forms.swift`), so that
// its gradient is an independent check of these two.
//
// Kept: the arguments; for the sequence also the state that enters each chunk.
//
// Read before: `Products.swift`. Read next: `Layers/Mixers/DiscreteMamba2.swift`.

import Tensors

extension Primitive {
  /// The matrix of a state space model, L ∘ (C Bᵀ) + d·I; keeps its arguments.
  public static let ssdMatrix = Primitive("ssdMatrix")
  /// The output of a state space model in chunks; keeps its arguments and the state entering each chunk.
  public static let ssdSequence = Primitive("ssdSequence")
}

/// The matrix of each head: log α [B, T, H], b and c [B, T, H, N], d [H] → [B, H, T, T].
public func ssdMatrix(logDecay: Variable, b: Variable, c: Variable, d: Variable) -> Variable {
  let (log, bValue, cValue, dValue) = (logDecay.value, b.value, c.value, d.value)
  return Variable(
    ssdMatrix(logDecay: log, b: bValue, c: cValue, d: dValue), by: .ssdMatrix, from: [logDecay, b, c, d],
    jointly: { cotangent in
      let all = ssdMatrixPullback(cotangent, logDecay: log, b: bValue, c: cValue, d: dValue)
      return [all.logDecay, all.b, all.c, all.d]
    })
}

/// The output by the chunked algorithm: x [B, T, H, P], the rest as in `ssdMatrix` → [B, T, H, P].
///
/// - Parameter Q: the length of a chunk, at least 1; it changes the cost, not the result
public func ssdSequence(
  _ x: Variable, logDecay: Variable, b: Variable, c: Variable, d: Variable, Q: Int
) -> Variable {
  let (input, log, bValue, cValue, dValue) = (x.value, logDecay.value, b.value, c.value, d.value)
  let value = ssdSequence(input, logDecay: log, b: bValue, c: cValue, d: dValue, Q: Q)
  return Variable(
    value.output, by: .ssdSequence, from: [x, logDecay, b, c, d],
    jointly: { cotangent in
      let all = ssdSequencePullback(
        cotangent, value: value, input, logDecay: log, b: bValue, c: cValue, d: dValue, Q: Q)
      return [all.x, all.logDecay, all.b, all.c, all.d]
    })
}

// ## For tensors and variables alike

/// The matrix of each head: log α [B, T, H], b and c [B, T, H, N], d [H] → [B, H, T, T].
@inlinable public func ssdMatrix<A: Activation>(logDecay: A, b: A, c: A, d: A) -> A {
  .either(
    { ssdMatrix(logDecay: logDecay.tensor, b: b.tensor, c: c.tensor, d: d.tensor) },
    { ssdMatrix(logDecay: logDecay.variable, b: b.variable, c: c.variable, d: d.variable) })
}

/// The output by the chunked algorithm: x [B, T, H, P], the rest as in `ssdMatrix` → [B, T, H, P].
@inlinable public func ssdSequence<A: Activation>(_ x: A, logDecay: A, b: A, c: A, d: A, Q: Int) -> A {
  .either(
    {
      ssdSequence(
        x.tensor, logDecay: logDecay.tensor, b: b.tensor, c: c.tensor, d: d.tensor, Q: Q, keepsStates: false
      ).output
    },
    {
      ssdSequence(
        x.variable, logDecay: logDecay.variable, b: b.variable, c: c.variable, d: d.variable, Q: Q)
    })
}
