// # Products
//
//     Z = X Y                    X̄ = Z̄ Yᵀ               Ȳ = Xᵀ Z̄
//     Y = X Wᵀ + b               X̄ = Ȳ W                W̄ = Ȳᵀ X,  b̄ = Σ rows of Ȳ
//     S = Q Kᵀ for each head     Q̄ = S̄ K                K̄ = S̄ᵀ Q
//     O = M V for each head      M̄ = Ō Vᵀ               V̄ = Mᵀ Ō
//
// Kept: both factors. A product's pullback costs twice the product; the part for a constant factor
// is left out.
//
// Read before: `Tensors/Products/Products.swift`, `Tensors/Products/HeadProducts.swift`.

import Tensors

extension Primitive {
  /// The matrix product over the two innermost axes; keeps both factors.
  public static let matmul = Primitive("matmul")
  /// x Wᵀ + b over the innermost axis; keeps x and W.
  public static let linear = Primitive("linear")
  /// Q Kᵀ for each head; keeps both factors.
  public static let headScores = Primitive("headScores")
  /// M V for each head; keeps both factors.
  public static let headMix = Primitive("headMix")
}

/// The matrix product over the two innermost axes: [..., m, k], [..., k, n] or [k, n] → [..., m, n].
public func matmul(_ a: Variable, _ b: Variable) -> Variable {
  let (x, y) = (a.value, b.value)
  return Variable(
    matmul(x, y), by: .matmul,
    from: (a, { matmul($0, y, transposingB: true) }),
    (
      b,
      { cotangent in
        // A factor that was shared by all outer axes collects cotangents from all of them.
        y.rank == 2
          ? matmul(x.asRows, cotangent.asRows, transposingA: true) : matmul(x, cotangent, transposingA: true)
      }
    ))
}

/// x Wᵀ + bias over the innermost axis: x [..., in], weight [out, in], bias [out] or nil → [..., out].
public func linear(_ x: Variable, weight: Variable, bias: Variable? = nil) -> Variable {
  let (input, w) = (x.value, weight.value)
  let value = linear(input, weight: w, bias: bias?.value)
  var inputs: [AddingInput] = [
    (x, { .product(rows: $0, matrix: w) }), (weight, { .whole(linearWeightPullback($0, x: input)) }),
  ]
  if let bias { inputs.append((bias, { .whole(sumOfRows($0)) })) }
  return Variable(value, by: .linear, adding: inputs)
}

/// For each head, the inner products of all rows: q [B, T, H, P], k [B, S, H, P] → [B, H, T, S].
public func headScores(_ q: Variable, _ k: Variable) -> Variable {
  let (left, right) = (q.value, k.value)
  return Variable(
    headScores(left, right), by: .headScores,
    from: (q, { headMix($0, right) }), (k, { headMix($0, left, transposing: true) }))
}

/// For each head, a matrix times the rows: m [B, H, T, S], v [B, S, H, P] → [B, T, H, P].
public func headMix(_ m: Variable, _ v: Variable) -> Variable {
  let (matrix, rows) = (m.value, v.value)
  return Variable(
    headMix(matrix, rows), by: .headMix,
    from: (m, { headScores($0, rows) }), (v, { headMix(matrix, $0, transposing: true) }))
}

// ## For tensors and variables alike

/// The matrix product over the two innermost axes: [..., m, k], [..., k, n] or [k, n] → [..., m, n].
@inlinable public func matmul<A: Activation>(_ a: A, _ b: A) -> A {
  .either({ matmul(a.tensor, b.tensor) }, { matmul(a.variable, b.variable) })
}

/// x Wᵀ + bias over the innermost axis: x [..., in], weight [out, in], bias [out] or nil → [..., out].
@inlinable public func linear<A: Activation>(_ x: A, weight: A, bias: A? = nil) -> A {
  .either(
    { linear(x.tensor, weight: weight.tensor, bias: bias?.tensor) },
    { linear(x.variable, weight: weight.variable, bias: bias?.variable) })
}

/// For each head, the inner products of all rows: q [B, T, H, P], k [B, S, H, P] → [B, H, T, S].
@inlinable public func headScores<A: Activation>(_ q: A, _ k: A) -> A {
  .either({ headScores(q.tensor, k.tensor) }, { headScores(q.variable, k.variable) })
}

/// For each head, a matrix times the rows: m [B, H, T, S], v [B, S, H, P] → [B, T, H, P].
@inlinable public func headMix<A: Activation>(_ m: A, _ v: A) -> A {
  .either({ headMix(m.tensor, v.tensor) }, { headMix(m.variable, v.variable) })
}
