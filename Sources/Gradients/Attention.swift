// # The matrix of causal attention, and what it mixes
//
//     M = attentionMatrix(q, k)      softmax(f · q kᵀ) under the causal mask
//     Y = causalMix(M, v)            M V for a matrix that is zero above its diagonal
//     Y = causalAttention(q, k, v)   both in one pass, where nobody asks for M
//
// `headScores`, `softmax` and `headMix` compute the same and show each step; these leave out the half that the mask hides,
// in value and gradient. The formulas are beside the kernels.
//
// Kept: q, k and the matrix; the matrix and v; all four.
//
// Read before: `Products.swift`, `Normalizing.swift`, `Tensors/Attention/CausalProducts.swift` and
// `Tensors/Attention/CausalAttentionInOne.swift`. Read next: `Layers/Mixers/CausalAttention.swift`.

import Tensors

extension Primitive {
  /// The causal softmax of Q Kᵀ for each head; keeps both factors and its value.
  public static let attentionMatrix = Primitive("attentionMatrix")
  /// M V for each head, M zero above its diagonal; keeps both factors.
  public static let causalMix = Primitive("causalMix")
  /// The causal softmax of Q Kᵀ, times V, for each head; keeps all three and the matrix.
  public static let causalAttention = Primitive("causalAttention")
}

/// The causal attention matrix of each head: q and k [B, T, H, P] → [B, H, T, T].
public func attentionMatrix(_ q: Variable, _ k: Variable, scale: Scalar = 1) -> Variable {
  let (queries, keys) = (q.value, k.value)
  let value = attentionMatrix(queries, keys, scale: scale)
  return Variable(
    value, by: .attentionMatrix, from: [q, k],
    jointly: { cotangent in
      let both = attentionMatrixPullback(cotangent, value: value, q: queries, k: keys, scale: scale)
      return [both.q, both.k]
    })
}

/// For each head a matrix times the rows: m [B, H, T, T], 0 above its diagonal, v [B, T, H, P] → [B, T, H, P].
public func causalMix(_ m: Variable, _ v: Variable) -> Variable {
  let (matrix, rows) = (m.value, v.value)
  return Variable(
    causalMix(matrix, rows), by: .causalMix, from: [m, v],
    jointly: { cotangent in
      let both = causalMixPullback(cotangent, m: matrix, v: rows)
      return [both.m, both.v]
    })
}

/// Causal attention of each head: q, k and v [B, T, H, P] → [B, T, H, P].
public func causalAttention(_ q: Variable, _ k: Variable, _ v: Variable, scale: Scalar = 1) -> Variable {
  let (queries, keys, values) = (q.value, k.value, v.value)
  let isTracked = ![q, k, v].allSatisfy(\.isConstant)
  let value = causalAttention(queries, keys, values, scale: scale, keepsMatrix: isTracked)
  return Variable(
    value.output, by: .causalAttention, from: [q, k, v],
    jointly: { cotangent in
      let all = causalAttentionPullback(
        cotangent, matrix: value.matrix!, q: queries, k: keys, v: values, scale: scale)
      return [all.q, all.k, all.v]
    })
}

// ## For tensors and variables alike

/// The causal attention matrix of each head: q and k [B, T, H, P] → [B, H, T, T].
@inlinable public func attentionMatrix<A: Activation>(_ q: A, _ k: A, scale: Scalar = 1) -> A {
  .either(
    { attentionMatrix(q.tensor, k.tensor, scale: scale) }, { attentionMatrix(q.variable, k.variable, scale: scale) })
}

/// For each head a matrix times the rows: m [B, H, T, T], 0 above its diagonal, v [B, T, H, P] → [B, T, H, P].
@inlinable public func causalMix<A: Activation>(_ m: A, _ v: A) -> A {
  .either({ causalMix(m.tensor, v.tensor) }, { causalMix(m.variable, v.variable) })
}

/// Causal attention of each head: q, k and v [B, T, H, P] → [B, T, H, P].
@inlinable public func causalAttention<A: Activation>(_ q: A, _ k: A, _ v: A, scale: Scalar = 1) -> A {
  .either(
    { causalAttention(q.tensor, k.tensor, v.tensor, scale: scale).output },
    { causalAttention(q.variable, k.variable, v.variable, scale: scale) })
}
