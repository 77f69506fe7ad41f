// # The gated delta rule
//
// As a matrix and as a sequence, like a state space model (`StateSpace.swift`). The sequence is a kernel with a
// pullback of its own (`Tensors/StateSpace/DeltaSequence.swift`). The matrix is an expression:
//
//     x̃        =  x − E x̃                         what is new in x: x without what the state already held at b
//     y        =  S x̃                             the rest is an SSD
//     M        =  S (I + E)⁻¹
//
//     S        =  L ∘ (C B′ᵀ)                     B′ = diag(β) B: what is written, read with C
//     E        =  L ∘ (B B′ᵀ)                     the same, read with B, and before step t writes: below the diagonal
//
// Both are matrices of an SSD without d, so that the quotient is the only new primitive. The matrix is lower
// triangular, and no block below its diagonal has a rank above N, since what crosses a cut in time is still a state
// of N numbers for each feature.
//
// Kept: the arguments; of the quotient, its value and E; of the sequence, also the state that enters each chunk.
//
// Read before: `StateSpace.swift`, `Tensors/StateSpace/UnitTriangles.swift`. Read next:
// `Layers/Mixers/GatedDeltaRule.swift`.

import Tensors

extension Primitive {
  /// S (I + E)⁻¹ for triangles; keeps its value and E.
  public static let unitLowerQuotient = Primitive("unitLowerQuotient")
  /// The output of the delta rule in chunks; keeps its arguments and the state entering each chunk.
  public static let deltaSequence = Primitive("deltaSequence")
}

/// S (I + E)⁻¹: s [..., T, T], lower triangular, held [..., T, T], of which the part below the diagonal is read →
/// [..., T, T].
public func unitLowerQuotient(_ s: Variable, _ held: Variable) -> Variable {
  let below = held.value
  let value = unitLowerQuotient(s.value, below)
  return Variable(
    value, by: .unitLowerQuotient, from: [s, held],
    jointly: { cotangent in
      let both = unitLowerQuotientPullback(cotangent, value: value, below)
      return [both.s, both.held]
    })
}

/// The output by the chunked algorithm: x [B, T, H, P], log α and β [B, T, H], b and c [B, T, H, N] → [B, T, H, P].
///
/// - Parameter Q: the length of a chunk, at least 1; it changes the cost, not the result
public func deltaSequence(
  _ x: Variable, logDecay: Variable, b: Variable, c: Variable, beta: Variable, Q: Int
) -> Variable {
  let (input, log, bValue, cValue, rate) = (x.value, logDecay.value, b.value, c.value, beta.value)
  let value = deltaSequence(input, logDecay: log, b: bValue, c: cValue, beta: rate, Q: Q)
  return Variable(
    value.output, by: .deltaSequence, from: [x, logDecay, b, c, beta],
    jointly: { cotangent in
      let all = deltaSequencePullback(
        cotangent, value: value, input, logDecay: log, b: bValue, c: cValue, beta: rate, Q: Q)
      return [all.x, all.logDecay, all.b, all.c, all.beta]
    })
}

// ## For tensors and variables alike

/// S (I + E)⁻¹: s and held [..., T, T] → [..., T, T].
@inlinable public func unitLowerQuotient<A: Activation>(_ s: A, _ held: A) -> A {
  .either({ unitLowerQuotient(s.tensor, held.tensor) }, { unitLowerQuotient(s.variable, held.variable) })
}

/// The output by the chunked algorithm: x [B, T, H, P], log α and β [B, T, H], b and c [B, T, H, N] → [B, T, H, P].
@inlinable public func deltaSequence<A: Activation>(_ x: A, logDecay: A, b: A, c: A, beta: A, Q: Int) -> A {
  .either(
    {
      deltaSequence(
        x.tensor, logDecay: logDecay.tensor, b: b.tensor, c: c.tensor, beta: beta.tensor, Q: Q
      ).output
    },
    {
      deltaSequence(
        x.variable, logDecay: logDecay.variable, b: b.variable, c: c.variable, beta: beta.variable, Q: Q)
    })
}

/// The matrix of each head: log α and β [B, T, H], b and c [B, T, H, N] → [B, H, T, T], lower triangular.
public func deltaMatrix<A: Activation>(logDecay: A, b: A, c: A, beta: A) -> A {
  let (B, T, H) = (b.shape[0], b.shape[1], b.shape[2])
  let (written, none) = (beta.reshaped(to: [B, T, H, 1]) * b, A(constant: .zeros([H])))
  let read = ssdMatrix(logDecay: logDecay, b: written, c: c, d: none)
  let held = ssdMatrix(logDecay: logDecay, b: written, c: b, d: none)
  return unitLowerQuotient(read, held)
}
