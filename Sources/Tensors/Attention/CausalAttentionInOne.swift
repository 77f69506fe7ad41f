// # Causal attention in one pass
//
// `attentionMatrix` and `causalMix` one after the other write the matrix of all heads, and read it again; their pullbacks
// write and read its cotangent as well. Where nobody asks for the matrix, a block of its rows can be used for the output
// while it is still in the cache, and the cotangent of the matrix need never be complete:
//
//     for each block of rows        M  =  softmax(f · Q Kᵀ)        Y  =  M V
//     backward                      M̄  =  Ȳ Vᵀ        Z  =  f · M ∘ (M̄ − rows' sums of M ∘ M̄)        Q̄  =  Z K
//     when all blocks are done      K̄  =  Zᵀ Q        V̄  =  Mᵀ Ȳ
//
// The matrix is kept for the pullback if there is one, else only a block at a time. Products and sums are those of the two
// separate kernels, in the same order and with rows as far apart in memory, so that the results are the same to the last
// bit.
//
//     H = 8, P = 64, value and gradients, two cores with AVX-512, in ms (medians of 36, in turns)
//     T = 128     0.70 → 0.67        T = 512     8.2 → 7.6        T = 1024     39.0 → 35.4
//
// Read before: `CausalProducts.swift`. Slow twin: `Naive.attention`. Used by: `Gradients/Attention.swift`.

/// What `causalAttention` returns.
public struct CausalAttentionValue: Sendable {
  /// softmax(`scale` · q kᵀ) v under the causal mask, [B, T, H, P].
  public let output: Tensor
  /// The matrix, [B, H, T, T], or nil if it was not kept.
  public let matrix: Tensor?
}

/// Causal attention: for each head softmax(`scale` · q kᵀ) v.
///
/// - Parameters:
///   - q: [B, T, H, P]
///   - k: [B, T, H, P]
///   - v: [B, T, H, P], finite: a weight of 0 times infinity is NaN, also where the mask hides
///   - keepsMatrix: whether the result has what its pullback needs
public func causalAttention(
  _ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Scalar = 1, keepsMatrix: Bool = false
) -> CausalAttentionValue {
  let (B, T, H, P) = q.sizesOfHeads
  k.expecting(B, T, H, P, as: "the keys of causalAttention")
  v.expecting(B, T, H, P, as: "the values of causalAttention")
  let output = Tensor(uninitialised: q.shape)
  let y = output.uninitialisedNumbers  // Heads lie side by side in each row.
  var matrices = Tensor(uninitialised: [B, H, keepsMatrix ? T : 0, T])
  reading(q, k, v) { q, k, v in
    writing(&matrices, rows: B * H, .singly(work: T * T * (8 + P / 8))) { index, kept in
      let (values, target) = (headRows(of: v, index, T, H, P), headRows(of: y, index, T, H, P))
      let matrix = UnsafeMutableBufferPointer(start: address(&kept), count: kept.count)
      withScratch(keepsMatrix ? 0 : blockRows * T) { scratch in
        eachLowerBlock(headRows(of: q, index, T, H, P), times: headRows(of: k, index, T, H, P)) { rows in
          keepsMatrix
            ? lowerPart(rows, of: matrix, T)
            : MatrixTarget(scratch, rows: rows.count, columns: rows.upperBound, stride: T)
        } _: { rows, block in
          causalSoftmax(block, first: rows.lowerBound, scale: scale)
          if keepsMatrix { zeroBeyond(rows, of: matrix, T) }
          gemmInPiece(block.operand, values.rows(0..<rows.upperBound), into: target.rows(rows))
        }
      }
    }
  }
  return CausalAttentionValue(output: output, matrix: keepsMatrix ? matrices : nil)
}

/// The cotangents of q, k and v in `causalAttention`.
///
/// - Parameters:
///   - cotangent: [B, T, H, P]
///   - matrix: the matrix that was kept, [B, H, T, T]
/// - Returns: [B, T, H, P] each
public func causalAttentionPullback(
  _ cotangent: Tensor, matrix: Tensor, q: Tensor, k: Tensor, v: Tensor, scale: Scalar = 1
) -> (q: Tensor, k: Tensor, v: Tensor) {
  let (B, T, H, P) = q.sizesOfHeads
  matrix.expecting(B, H, T, T, as: "the matrix of causalAttention")
  cotangent.expecting(B, T, H, P, as: "the cotangent of causalAttention")
  k.expecting(B, T, H, P, as: "the keys of causalAttention")
  v.expecting(B, T, H, P, as: "the values of causalAttention")
  let results = (Tensor(uninitialised: q.shape), Tensor(uninitialised: k.shape), Tensor(uninitialised: v.shape))
  // Heads lie side by side in each row.
  let targets = (
    results.0.uninitialisedNumbers, results.1.uninitialisedNumbers, results.2.uninitialisedNumbers
  )
  reading(cotangent, matrix) { cotangent, matrix in
    reading(q, k, v) { q, k, v in
      Parallel.each(B * H, workPerItem: T * T * (4 + P / 4)) { index in
        let (g, keys) = (headRows(of: cotangent, index, T, H, P), headRows(of: k, index, T, H, P))
        let toQ = headRows(of: targets.0, index, T, H, P)
        let stride = scratchStride(T)
        withScratch((T + blockRows) * stride) { scratch in
          let (zs, block) = (scratch.extracting(0..<(T * stride)), scratch.extracting((T * stride)...))
          let z = MatrixTarget(zs, rows: T, columns: T, stride: stride)
          eachLowerBlock(g, times: headRows(of: v, index, T, H, P)) { rows in
            MatrixTarget(block, rows: rows.count, columns: rows.upperBound, stride: stride)
          } _: { rows, toMatrix in
            for (i, t) in rows.enumerated() {
              var row = zs.extracting((t * stride)..<(t * stride + T)).mutableSpan
              let start = (index * T + t) * T
              softmaxPullbackRow(
                UnsafeBufferPointer(start: toMatrix.row(i), count: T).span,
                value: matrix.extracting(start..<(start + T)), scale: scale, visible: t + 1, into: &row)
            }
            let seen = 0..<rows.upperBound
            gemmInPiece(z.operand.part(rows: rows, columns: seen), keys.rows(seen), into: toQ.rows(rows))
          }
          lowerTransposedTimes(
            z.operand, headRows(of: q, index, T, H, P), into: headRows(of: targets.1, index, T, H, P))
          lowerTransposedTimes(
            MatrixOperand(matrix, at: index * T * T, rows: T, columns: T), g,
            into: headRows(of: targets.2, index, T, H, P))
        }
      }
    }
  }
  return results
}
