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
// A block has more keys than queries. Each block of keys costs a rescaling of all sums, so there should be few of them,
// while every row too many of queries computes more of what the mask hides. The products of a block are as large as
// BLAS computes without copying its factors first (`Tiles.swift`). It wants the keys transposed, and heads lie side by
// side in memory, so that one row of a head is far from the next. All blocks of queries of a head therefore share one
// copy of its keys and values, block by block. With eight heads of 64 features, on two cores with AVX-512, 4096 tokens
// take 142 ms; when two blocks of queries at a time shared a copy of a block of keys they took 167.
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
///   - Q: queries per block, at least 1
///   - keys: keys per block, at least 1; nil for as many as suit BLAS. It changes the cost, and the result only by
///     rounding
/// - Returns: [B, T, H, P]; besides it are kept Q · (`keys` + 2) numbers for each core, and the keys and values of as
///   many heads as have four million numbers, or of one
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
  let (rowBlocks, sharing) = ((T + Q - 1) / Q, H / G)
  let target = result.uninitialisedNumbers  // Heads lie side by side in each row.
  let together = max(1, min(B * G, mostCopied / max(1, 2 * S * P)))
  reading(q, k, v) { q, k, v in
    for first in stride(from: 0, to: B * G, by: together) {
      let heads = first..<min(first + together, B * G)
      var copies = Tensor(uninitialised: [heads.count, 2 * P * S])
      writing(&copies, rows: heads.count, .singly(work: 2 * P * S)) { index, copy in
        let head = heads.lowerBound + index
        copy.withUnsafeMutableBufferPointer {
          KeysAndValues($0, S: S, P: P, R: R).fill(
            keys: headRows(of: k, head, S, G, P), values: headRows(of: v, head, S, G, P))
        }
      }
      copies.withMutableElements { copies in
        let start = address(&copies)
        // Late rows see the most keys, so they come first, and no core is left with a long block at the end.
        let tasks = heads.count * sharing * rowBlocks
        Parallel.each(tasks, workPerItem: Q * S * P / 16) { task in
          let (index, row) = (task % (heads.count * sharing), rowBlocks - 1 - task / (heads.count * sharing))
          let head = heads.lowerBound * sharing + index
          let copy = UnsafeMutableBufferPointer(start: start + index / sharing * 2 * P * S, count: 2 * P * S)
          withScratch(Q * R + 2 * Q) { scratch in
            AttentionBlock(scratch, Q: Q, R: R, scale: scale, causal: causal).attend(
              rows: (row * Q)..<min(T, (row + 1) * Q), queries: headRows(of: q, head, T, H, P),
              KeysAndValues(copy, S: S, P: P, R: R), into: headRows(of: target, head, T, H, P))
          }
        }
      }
    }
  }
  return result
}

/// More keys in a block gain nothing.
private let mostKeys = 512
/// The keys and values of so many numbers are copied at a time, if one head has no more.
private let mostCopied = 4_000_000

/// The keys and values of a head, copied block by block of R: the keys transposed, the values as they are.
///
/// Raw pointers, because all blocks of queries read the copy, some by BLAS.
private struct KeysAndValues {
  private let keys, values: UnsafeMutableBufferPointer<Scalar>
  let S, P, R: Int

  /// In memory for 2 · P · S numbers.
  init(_ memory: UnsafeMutableBufferPointer<Scalar>, S: Int, P: Int, R: Int) {
    (self.S, self.P, self.R) = (S, P, R)
    (keys, values) = (memory.extracting(0..<(P * S)), memory.extracting((P * S)..<(2 * P * S)))
  }

  /// The keys from a multiple of R on, transposed: [P, at most R].
  func turnedKeys(_ first: Int) -> MatrixTarget {
    MatrixTarget(keys, at: first * P, rows: P, columns: min(R, S - first))
  }

  func values(_ range: Range<Int>) -> MatrixTarget {
    MatrixTarget(values, at: range.lowerBound * P, rows: range.count, columns: P)
  }

  func fill(keys: MatrixOperand, values: MatrixOperand) {
    for first in Swift.stride(from: 0, to: S, by: R) {
      Tiles.turn(keys.rows(first..<min(first + R, S)), into: turnedKeys(first))
    }
    let copy = self.values(0..<S)
    for row in 0..<S { copy.row(row).update(from: values.row(row), count: P) }
  }
}

/// A block of queries, and the working memory that it needs.
///
/// Raw pointers, because the sums and weights of a row are read and written in turn, the weights also by BLAS.
private struct AttentionBlock {
  let R: Int
  let scale: Scalar
  let causal: Bool
  /// The scores of a block, then its weights: Q · R numbers.
  let scores: UnsafeMutableBufferPointer<Scalar>
  /// For each row the largest score so far, and the sum of the weights.
  let largest, total: UnsafeMutableBufferPointer<Scalar>

  init(_ memory: UnsafeMutableBufferPointer<Scalar>, Q: Int, R: Int, scale: Scalar, causal: Bool) {
    (self.R, self.scale, self.causal) = (R, scale, causal)
    scores = memory.extracting(0..<(Q * R))
    largest = memory.extracting((Q * R)..<(Q * R + Q))
    total = memory.extracting((Q * R + Q)..<(Q * R + 2 * Q))
  }

  /// Computes the output of a block of rows of one head; `target` begins as zeros.
  func attend(rows: Range<Int>, queries: MatrixOperand, _ copy: KeysAndValues, into target: MatrixTarget) {
    let (T, S, P) = (target.rows, copy.S, target.columns)
    for row in 0..<rows.count { (largest[row], total[row]) = (-.greatestFiniteMagnitude, 0) }
    func visible(_ t: Int) -> Int { causal ? min(S, max(0, S - T + t + 1)) : S }

    for first in Swift.stride(from: 0, to: visible(rows.upperBound - 1), by: R) {
      let seen = min(R, visible(rows.upperBound - 1) - first)
      let weights = MatrixTarget(scores, rows: rows.count, columns: seen)
      gemmInPiece(
        queries.rows(rows), copy.turnedKeys(first).operand.columns(0..<seen), into: weights, factor: scale)
      for (row, t) in rows.enumerated() {
        takeIn(weights.row(row), seen: max(0, min(seen, visible(t) - first)), of: seen, row, target.row(t), P)
      }
      gemmInPiece(weights.operand, copy.values(first..<(first + seen)).operand, into: target.rows(rows), keep: 1)
    }
    for (row, t) in rows.enumerated() where visible(t) > 0 {
      let (factor, output) = (1 / total[row], target.row(t))
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
