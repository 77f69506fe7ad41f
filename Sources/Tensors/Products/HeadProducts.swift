// # Products over heads
//
// Queries, keys and values come out of one projection with all heads side by side: [B, T, H, P].
// The matrix of a head needs the rows of that head only. Instead of moving the axes (a copy of
// everything), the products below hand BLAS the distance H·P between two rows of one head. Matrices
// of heads have the shape [B, H, T, S].
//
//     scores[b, h, t, s]  =  Σₚ q[b, t, h, p] · k[b, s, h, p]
//        mix[b, t, h, p]  =  Σₛ m[b, h, t, s] · v[b, s, h, p]
//
// The pullbacks of the two are one another, and the transposed mix: a closed family of three
// functions.
//
// Read before: `Products.swift`. Slow twins: `Naive.headScores`, `Naive.headMix`.

/// For each head, the inner products of all rows of q with all rows of k.
///
/// - Parameters:
///   - q: [B, T, H, P]
///   - k: [B, S, H, P]
/// - Returns: [B, H, T, S]
public func headScores(_ q: Tensor, _ k: Tensor) -> Tensor {
  let (B, T, H, P) = q.sizesOfHeads
  let S = k.shape[1]
  k.expecting(B, S, H, P, as: "the second factor of headScores")
  let result = Tensor(uninitialised: [B, H, T, S])
  let (left, right, target) = (q.base, k.base, result.fresh)
  Parallel.each(B * H, workPerItem: T * S * P / 16) { index in
    let (b, h) = (index / H, index % H)
    gemmInPiece(
      T, S, P, MatrixOperand(start: left + (b * T * H + h) * P, stride: H * P),
      MatrixOperand(start: right + (b * S * H + h) * P, stride: H * P, isTransposed: true),
      into: target + index * T * S, stride: S)
  }
  withExtendedLifetime((q, k)) {}
  return result
}

/// For each head, the matrix m times the rows of v.
///
/// - Parameters:
///   - m: [B, H, T, S]; with `transposing` [B, H, S, T], and its transpose is used
///   - v: [B, S, H, P]
/// - Returns: [B, T, H, P]
public func headMix(_ m: Tensor, _ v: Tensor, transposing: Bool = false) -> Tensor {
  let (B, S, H, P) = v.sizesOfHeads
  let T = m.shape[transposing ? 3 : 2]
  m.expecting(B, H, transposing ? S : T, transposing ? T : S, as: "the matrix of headMix")
  let result = Tensor(uninitialised: [B, T, H, P])
  let (left, right, target) = (m.base, v.base, result.fresh)
  Parallel.each(B * H, workPerItem: T * S * P / 16) { index in
    let (b, h) = (index / H, index % H)
    gemmInPiece(
      T, P, S, MatrixOperand(start: left + index * T * S, stride: transposing ? T : S, isTransposed: transposing),
      MatrixOperand(start: right + (b * S * H + h) * P, stride: H * P),
      into: target + (b * T * H + h) * P, stride: H * P)
  }
  withExtendedLifetime((m, v)) {}
  return result
}

extension Tensor {
  /// The sizes of a tensor [B, T, H, P].
  var sizesOfHeads: (B: Int, T: Int, H: Int, P: Int) {
    precondition(rank == 4, "a tensor over heads has the axes [B, T, H, P], but the shape is \(shape)")
    return (shape[0], shape[1], shape[2], shape[3])
  }
}
