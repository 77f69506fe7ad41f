// # Products over heads
//
// Queries, keys and values come out of one projection with all heads side by side: [B, T, H, P]. The matrix of a head
// needs the rows of that head only. Instead of moving the axes, which would copy everything, the products below hand
// BLAS the distance H·P between two rows of one head. Matrices of heads have the shape [B, H, T, S].
//
//     scores[b, h, t, s]  =  Σₚ q[b, t, h, p] · k[b, s, h, p]
//        mix[b, t, h, p]  =  Σₛ m[b, h, t, s] · v[b, s, h, p]
//
// The pullbacks of these two are again scores and mixes, the mix also with a transposed matrix: a closed family of
// three functions.
//
// Read before: `Gemm.swift`. Slow twins: `Naive.headScores`, `Naive.headMix`.

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
  return reading(q, k) { q, k in
    Tensor(writing: [B, H, T, S], rows: B * H, .singly(work: T * S * P / 16)) { index, target in
      gemmInPiece(
        headRows(of: q, index, T, H, P), headRows(of: k, index, S, H, P).transposed,
        into: MatrixTarget(&target, rows: T, columns: S))
    }
  }
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
  let target = result.uninitialisedNumbers  // Heads lie side by side in each row.
  reading(m, v) { m, v in
    Parallel.each(B * H, workPerItem: T * S * P / 16) { index in
      let (rows, columns) = transposing ? (S, T) : (T, S)
      gemmInPiece(
        MatrixOperand(m, at: index * T * S, rows: rows, columns: columns).transposed(transposing),
        headRows(of: v, index, S, H, P), into: headRows(of: target, index, T, H, P))
    }
  }
  return result
}

/// The rows of one head of a tensor [B, T, H, P]; `index` counts the heads of the first row of the batch, then of the
/// next.
@inline(__always)
func headRows(of x: Span<Scalar>, _ index: Int, _ T: Int, _ H: Int, _ P: Int) -> MatrixOperand {
  MatrixOperand(x, at: headStart(index, T, H, P), rows: T, columns: P, stride: H * P)
}

/// The same, to be written: the rows of other heads lie between them, so no span can hold them alone.
@inline(__always)
func headRows(
  of x: UnsafeMutableBufferPointer<Scalar>, _ index: Int, _ T: Int, _ H: Int, _ P: Int
) -> MatrixTarget {
  MatrixTarget(x, at: headStart(index, T, H, P), rows: T, columns: P, stride: H * P)
}

@inline(__always)
private func headStart(_ index: Int, _ T: Int, _ H: Int, _ P: Int) -> Int {
  (index / H * T * H + index % H) * P
}

extension Tensor {
  /// The sizes of a tensor [B, T, H, P].
  var sizesOfHeads: (B: Int, T: Int, H: Int, P: Int) {
    precondition(rank == 4, "a tensor over heads has the axes [B, T, H, P], but the shape is \(shape)")
    return (shape[0], shape[1], shape[2], shape[3])
  }
}
