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
// Queries come in blocks too, so that both sums over a block are matrix products. Keys that the mask hides from all of
// a block are skipped, nearly half of them when S = T. There is no pullback: whatever we train in this book needs the
// matrix itself (stage 1) or is short.
//
// A block has more keys than queries. Each block of keys costs a rescaling of all sums, so there should be few. A block
// should have few queries, since the more it has, the more it computes of what the mask hides. Its products are as large
// as BLAS computes without copying its factors first (`Tiles.swift`). BLAS wants the keys transposed, and heads lie side by
// side in memory, so that one row of a head is far from the next. So eight blocks of queries are taken together, and share
// one copy of each block of keys and values. With eight heads of 64 features, on two cores with AVX-512, 4096 tokens take
// 132 ms; when two blocks of queries shared a copy of the keys alone, they took 159.
//
// Source: Milakov and Gimelshein, arXiv 1805.02867 (the running sums); Dao et al., arXiv 2205.14135
// (blocks, FlashAttention). Read before: `HeadProducts.swift`, `Softmax.swift`. Slow twin:
// `Naive.attention`.

/// For each head, softmax(`scale` · q kᵀ) v: what headScores, softmax and headMix give, without the matrix.
///
/// - Parameters:
///   - q: [B, T, H, P]
///   - k: [B, S, G, P], G a divisor of H: each head of keys and values serves H / G heads of queries
///   - v: [B, S, G, P], finite: a weight of 0 times infinity is NaN, also where the mask hides
///   - causal: whether row t sees only the first S − T + t + 1 keys; a row that sees none is 0
///   - Q: queries per block, at least 1
///   - keys: keys per block, at least 1; nil for as many as suit BLAS. It changes the cost, and the result only by
///     rounding
/// - Returns: [B, T, H, P]; besides it at most four times Q · (`keys` + 16) + 2 P · `keys` numbers are kept
public func blockedAttention(
  _ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Scalar = 1, causal: Bool = true, Q: Int = 64, keys: Int? = nil
) -> Tensor {
  precondition(Q > 0, "a block of attention has at least one row, not \(Q)")
  precondition(keys ?? 1 > 0, "a block of attention has at least one key, not \(keys!)")
  let (B, T, H, P) = q.sizesOfHeads
  let (S, G) = (k.sizesOfHeads.T, k.sizesOfHeads.H)
  precondition(G > 0 && H.isMultiple(of: G), "\(G) heads of keys cannot be shared evenly by \(H) of queries")
  k.expecting(B, S, G, P, as: "the keys of blockedAttention")
  v.expecting(B, S, G, P, as: "the values of blockedAttention")
  let result = Tensor.zeros(q.shape)
  let Q = min(Q, max(T, 1))
  let R = min(keys ?? max(Q, min(Tiles.inPlace / (Q * max(P, 1)) / 16 * 16, mostKeys)), max(S, 1))
  // Fewer blocks are taken together where there are few, so that there are groups for all cores.
  let blocks = (T + Q - 1) / Q
  let together = max(2, min(mostBlocks, B * H * blocks / (2 * mostBlocks)))
  let groups = (blocks + together - 1) / together
  let tasks = B * H * groups
  let pieces = Parallel.pieces(tasks, grain: max(1, Parallel.grain / max(1, together * Q * S * P / 16)))
  let target = result.uninitialisedNumbers  // Heads lie side by side in each row.
  var scratch = Tensor(uninitialised: [pieces, AttentionBlocks.room(Q: Q, R: R, P: P, G: G)])
  reading(q, k, v) { q, k, v in
    writing(&scratch, rows: pieces, .singly(work: Parallel.grain)) { piece, working in
      working.withUnsafeMutableBufferPointer { working in
        let blocks = AttentionBlocks(working, Q: Q, R: R, P: P, G: G, scale: scale, causal: causal)
        // Late rows see more keys than early ones, so the pieces take groups in turn, the longest first.
        for task in stride(from: piece, to: tasks, by: pieces) {
          let (head, first) = (task % (B * H), (groups - 1 - task / (B * H)) * together * Q)
          let group = head / (H / G)
          blocks.attend(
            rows: first..<min(T, first + together * Q), queries: headRows(of: q, head, T, H, P),
            keys: headRows(of: k, group, S, G, P), values: headRows(of: v, group, S, G, P),
            into: headRows(of: target, head, T, H, P))
        }
      }
    }
  }
  return result
}

/// More keys in a block gain nothing.
private let mostKeys = 512
/// The most blocks of queries that share a copy of a block of keys and values.
private let mostBlocks = 8

/// The working memory for a group of blocks of queries, and what is computed there.
///
/// Raw pointers, because the sums and weights of a row are read and written in turn, the weights also by BLAS.
private struct AttentionBlocks {
  let Q, R: Int
  let scale: Scalar
  let causal: Bool
  /// The scores of a block, then its weights: Q · R numbers.
  let scores: UnsafeMutableBufferPointer<Scalar>
  /// A block of keys, transposed, and the values beside them: P · R numbers each. With a single head the values lie side
  /// by side as they are, and there is no copy.
  let turned, copied: UnsafeMutableBufferPointer<Scalar>
  /// For each row of the group the largest score so far, and the sum of the weights.
  let largest, total: UnsafeMutableBufferPointer<Scalar>

  static func room(Q: Int, R: Int, P: Int, G: Int) -> Int { Q * R + (G > 1 ? 2 : 1) * P * R + 2 * mostBlocks * Q }

  init(_ memory: UnsafeMutableBufferPointer<Scalar>, Q: Int, R: Int, P: Int, G: Int, scale: Scalar, causal: Bool) {
    (self.Q, self.R, self.scale, self.causal) = (Q, R, scale, causal)
    var parts = ScratchParts(memory)
    (scores, turned, copied) = (parts.take(Q * R), parts.take(P * R), parts.take(G > 1 ? P * R : 0))
    (largest, total) = (parts.take(mostBlocks * Q), parts.take(mostBlocks * Q))
  }

  /// Computes the output of a group of rows of one head; `target` begins as zeros.
  func attend(
    rows: Range<Int>, queries: MatrixOperand, keys: MatrixOperand, values: MatrixOperand, into target: MatrixTarget
  ) {
    let (T, S, P) = (target.rows, keys.rows, target.columns)
    for row in 0..<rows.count { (largest[row], total[row]) = (-.greatestFiniteMagnitude, 0) }
    func visible(_ t: Int) -> Int { causal ? min(S, max(0, S - T + t + 1)) : S }

    for first in Swift.stride(from: 0, to: visible(rows.upperBound - 1), by: R) {
      let shared = first..<min(visible(rows.upperBound - 1), first + R)
      let turned = MatrixTarget(turned, rows: P, columns: shared.count)
      keys.rows(shared).transpose(into: turned)
      var near = values.rows(shared)
      if !copied.isEmpty {
        let copy = MatrixTarget(copied, rows: shared.count, columns: P)
        for row in 0..<shared.count { copy.row(row).update(from: near.row(row), count: P) }
        near = copy.operand
      }
      for start in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: Q) {
        let block = start..<min(start + Q, rows.upperBound)
        let seen = min(shared.upperBound, visible(block.upperBound - 1)) - first
        if seen <= 0 { continue }
        let weights = MatrixTarget(scores, rows: block.count, columns: seen)
        gemmInPiece(queries.rows(block), turned.operand.columns(0..<seen), into: weights, factor: scale)
        for (row, t) in block.enumerated() {
          takeIn(
            weights.row(row), seen: max(0, min(seen, visible(t) - first)), of: seen, t - rows.lowerBound,
            target.row(t), P)
        }
        gemmInPiece(weights.operand, near.rows(0..<seen), into: target.rows(block), keep: 1)
      }
    }
    for t in rows where visible(t) > 0 {
      let (factor, output) = (1 / total[t - rows.lowerBound], target.row(t))
      for p in 0..<P { output[p] *= factor }
    }
  }

  /// Turns the scores of a row into weights, and the old sums of the row into those for the new maximum.
  @inline(__always)
  private func takeIn(
    _ x: UnsafeMutablePointer<Scalar>, seen: Int, of count: Int, _ row: Int, _ output: UnsafeMutablePointer<Scalar>,
    _ P: Int
  ) {
    if seen > 0 {
      // The old sums in terms of the new maximum.
      let now = max(largest[row], maximum(x, seen))
      let correction = exponential(largest[row] - now)
      for p in 0..<P { output[p] *= correction }
      // The weights of the block.
      total[row] =
        correction * total[row] + replacing(x, seen, turns: wholeTurns(seen, room: count)) { exponential($0 - now) }
      largest[row] = now
    }
    for i in seen..<count { x[i] = 0 }
  }
}
