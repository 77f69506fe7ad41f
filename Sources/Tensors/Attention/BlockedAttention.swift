// # Attention without its matrix
//
// Attention makes a row of scores, turns them into weights, and takes the weighted mean of the values. The mean can
// be taken as the scores come in, a block of keys at a time, so that nothing of size T × S is ever kept. For one
// query, with scores xₛ and values vₛ, we keep three running values over the keys seen so far:
//
//     m  =  max xₛ                      `largest`
//     l  =  Σ exp(xₛ − m)               `total`
//     a  =  Σ exp(xₛ − m) · vₛ          the row of the result, before the final division
//
// and after the last block the output is a / l. A new block may bring a larger score. The old sums then refer to the
// old maximum m and have to be rescaled to the new one, m′:
//
//     exp(xₛ − m′)  =  exp(xₛ − m) · exp(m − m′)           the same factor for every old key
//     c   =  exp(m − m′)                `correction`, at most 1
//     l′  =  c · l  +  Σ over the block of exp(xₛ − m′)
//     a′  =  c · a  +  Σ over the block of exp(xₛ − m′) · vₛ
//
// No exponent is above 0, so nothing overflows; in exact arithmetic a / l is the softmax-weighted mean, however the
// keys are cut into blocks. At the start l = 0 and a = 0, so the first c does not matter. We begin with m = −(largest
// finite number), not −∞: a first block of scores that are all −∞ would make −∞ − (−∞), which is NaN.
//
// Queries come in blocks too, so that both sums over a block are matrix products. Blocks that the mask hides entirely
// are skipped, nearly half of them when S = T. There is no pullback: whatever we train in this book needs the matrix
// itself (stage 1) or is short.
//
// Source: Milakov and Gimelshein, arXiv 1805.02867 (the running sums); Dao et al., arXiv 2205.14135
// (blocks, FlashAttention). Read before: `HeadProducts.swift`, `Softmax.swift`. Slow twin:
// `Naive.attention`.

/// For each head, softmax(`scale` · q kᵀ) v: what headScores, softmax and headMix give, without the matrix.
///
/// - Parameters:
///   - q: [B, T, H, P]
///   - k: [B, S, G, P], G a divisor of H: each head of keys and values serves H / G heads of queries
///   - v: [B, S, G, P]
///   - causal: whether row t sees only the first S − T + t + 1 keys; a row that sees none is 0
///   - Q: queries and keys per block, at least 1; besides the result at most 4 · Q · (Q + 2) numbers are kept
/// - Returns: [B, T, H, P]
public func blockedAttention(
  _ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Scalar = 1, causal: Bool = true, Q: Int = 64
) -> Tensor {
  precondition(Q > 0, "a block of attention has at least one row, not \(Q)")
  let (B, T, H, P) = q.sizesOfHeads
  let (S, G) = (k.sizesOfHeads.T, k.sizesOfHeads.H)
  precondition(G > 0 && H.isMultiple(of: G), "\(G) heads of keys cannot be shared evenly by \(H) of queries")
  k.expecting(B, S, G, P, as: "the keys of blockedAttention")
  v.expecting(B, S, G, P, as: "the values of blockedAttention")
  let result = Tensor.zeros(q.shape)
  let Q = min(Q, max(T, S, 1))
  let blocks = (T + Q - 1) / Q
  let tasks = B * H * blocks
  let pieces = Parallel.pieces(tasks, grain: max(1, Parallel.grain / max(1, Q * S * P / 16)))
  let room = Q * (Q + 2)
  let target = result.uninitialisedNumbers  // Heads lie side by side in each row.
  var scratch = Tensor(uninitialised: [pieces, room])
  reading(q, k, v) { q, k, v in
    writing(&scratch, rows: pieces, .singly(work: Parallel.grain)) { piece, working in
      // Late rows see more keys than early ones, so the pieces take blocks in turn, not neighbouring ones.
      for task in stride(from: piece, to: tasks, by: pieces) {
        let (head, first) = (task / blocks, task % blocks * Q)
        let group = head / (H / G)
        attendBlock(
          rows: first..<min(T, first + Q), scale: scale, causal: causal, Q: Q,
          queries: headRows(of: q, head, T, H, P), keys: headRows(of: k, group, S, G, P),
          values: headRows(of: v, group, S, G, P), into: headRows(of: target, head, T, H, P), working: &working)
      }
    }
  }
  return result
}

/// Computes the output of one block of queries of one head. `target` begins as zeros; `working` holds Q · (Q + 2)
/// numbers.
///
/// Raw pointers, because the sums and weights of a row are read and written in turn, the weights also by BLAS.
private func attendBlock(
  rows: Range<Int>, scale: Scalar, causal: Bool, Q: Int, queries: MatrixOperand, keys: MatrixOperand,
  values: MatrixOperand, into target: MatrixTarget, working: inout MutableSpan<Scalar>
) {
  let (T, S, P) = (target.rows, keys.rows, target.columns)
  let (queries, target) = (queries.rows(rows), target.rows(rows))
  working.withUnsafeMutableBufferPointer { working in
    let (largest, total) = (
      working.extracting((Q * Q)..<(Q * Q + Q)), working.extracting((Q * Q + Q)..<(Q * Q + 2 * Q))
    )
    for row in 0..<rows.count { (largest[row], total[row]) = (-.greatestFiniteMagnitude, 0) }
    func visible(_ t: Int) -> Int { causal ? max(0, S - T + t + 1) : S }

    for first in Swift.stride(from: 0, to: visible(rows.upperBound - 1), by: Q) {
      let block = first..<min(S, first + Q)
      let weights = MatrixTarget(working, rows: rows.count, columns: block.count)
      gemmInPiece(queries, keys.rows(block).transposed, into: weights, factor: scale)
      for (row, t) in rows.enumerated() {
        let (x, output) = (weights.row(row), target.row(row))
        let seen = max(0, min(block.count, visible(t) - first))
        if seen > 0 {
          // The old sums in terms of the new maximum.
          let now = max(largest[row], maximum(x, seen))
          let correction = exponential(largest[row] - now)
          for p in 0..<P { output[p] *= correction }
          // The weights of the block.
          for i in 0..<seen { x[i] = exponential(x[i] - now) }
          total[row] = correction * total[row] + sum(x, seen)
          largest[row] = now
        }
        for i in seen..<block.count { x[i] = 0 }
      }
      gemmInPiece(weights.operand, values.rows(block), into: target, keep: 1)
    }
    for (row, t) in rows.enumerated() where visible(t) > 0 {
      let (factor, output) = (1 / total[row], target.row(row))
      for p in 0..<P { output[p] *= factor }
    }
  }
}
