// # Causal products, without the half that the mask hides
//
// The matrix of causal attention is zero above its diagonal. Three products have it as result or as factor, and in each
// nearly half of the multiplications are with numbers that the mask hides:
//
//     M  =  softmax(f · Q Kᵀ)                    only s ≤ t is needed
//     Y  =  M V                                  row t needs the values up to t
//     M̄  =  Ȳ Vᵀ    only s ≤ t        V̄  =  Mᵀ Ȳ    row s needs the cotangents from s on
//     Z  =  f · M ∘ (M̄ − rows' sums of M ∘ M̄)    Q̄  =  Z K,   K̄  =  Zᵀ Q
//
// So we take the rows of M in blocks, and multiply each block only by what it can see. A quarter is saved with two
// blocks, and in the limit of many a half. The keys of a head are transposed once for all blocks. The softmax of a
// block follows its product while the block is still in the cache, and each core makes Z for one head at a time.
//
//     T = 1024, H = 8, P = 64, value and gradients: see docs/speed.md
//
// Left-out terms are products with exact zeros, and each sum is added up in its old order: the results are those of
// `headScores`, `softmax` and `headMix` to the last bit, as long as no sum is cut into parts (up to 256 terms; on
// processors with AVX-512 up to 320). BLAS adds up the products of few rows, fewer than 16, in an order of its own.
//
// Read before: `HeadProducts.swift`, `Softmax.swift`. Slow twins: `Naive.attention`, and `headScores`, `softmax` and
// `headMix` one after another. Used by: `Gradients/Attention.swift`.

/// The rows of a block.
let blockRows = 64

/// The attention matrix of each head, softmax(`scale` · q kᵀ) with the causal mask.
///
/// - Parameters:
///   - q: [B, T, H, P]
///   - k: [B, T, H, P]
/// - Returns: [B, H, T, T]; rows sum to 1, and what is above the diagonal is exactly 0
public func attentionMatrix(_ q: Tensor, _ k: Tensor, scale: Scalar = 1) -> Tensor {
  let (B, T, H, P) = q.sizesOfHeads
  k.expecting(B, T, H, P, as: "the keys of attentionMatrix")
  return reading(q, k) { q, k in
    Tensor(writing: [B, H, T, T], rows: B * H, .singly(work: T * T * (8 + P / 16))) { index, target in
      let matrix = UnsafeMutableBufferPointer(start: address(&target), count: T * T)
      eachLowerBlock(headRows(of: q, index, T, H, P), times: headRows(of: k, index, T, H, P)) {
        lowerPart($0, of: matrix, T)
      } _: { rows, block in
        causalSoftmax(block, first: rows.lowerBound, scale: scale)
        zeroBeyond(rows, of: matrix, T)
      }
    }
  }
}

/// The cotangents of q and k in `attentionMatrix(q, k)`.
///
/// - Parameters:
///   - cotangent: [B, H, T, T]; what it holds above the diagonal has no effect
///   - value: what `attentionMatrix` returned
/// - Returns: [B, T, H, P] each
public func attentionMatrixPullback(
  _ cotangent: Tensor, value: Tensor, q: Tensor, k: Tensor, scale: Scalar = 1
) -> (q: Tensor, k: Tensor) {
  let (B, T, H, P) = q.sizesOfHeads
  value.expecting(B, H, T, T, as: "the value of attentionMatrix")
  cotangent.expecting(B, H, T, T, as: "the cotangent of attentionMatrix")
  k.expecting(B, T, H, P, as: "the keys of attentionMatrix")
  let (toQ, toK) = (Tensor(uninitialised: q.shape), Tensor(uninitialised: k.shape))
  // Heads lie side by side in each row.
  let (qTarget, kTarget) = (toQ.uninitialisedNumbers, toK.uninitialisedNumbers)
  reading(cotangent, value, q, k) { cotangent, values, q, k in
    Parallel.each(B * H, workPerItem: T * T * (4 + P / 8)) { index in
      let stride = scratchStride(T)
      withScratch(T * stride) { scratch in
        let z = MatrixTarget(scratch, rows: T, columns: T, stride: stride)
        for t in 0..<T {
          let places = (index * T + t) * T..<(index * T + t + 1) * T
          var row = scratch.extracting((t * stride)..<(t * stride + T)).mutableSpan
          softmaxPullbackRow(
            cotangent.extracting(places), value: values.extracting(places), scale: scale, visible: t + 1, into: &row)
        }
        lowerTimes(z.operand, headRows(of: k, index, T, H, P), into: headRows(of: qTarget, index, T, H, P))
        lowerTransposedTimes(z.operand, headRows(of: q, index, T, H, P), into: headRows(of: kTarget, index, T, H, P))
      }
    }
  }
  return (toQ, toK)
}

/// For each head, a causal matrix m times the rows of v.
///
/// - Parameters:
///   - m: [B, H, T, T], 0 above the diagonal (which is not checked: other numbers there may or may not have an effect)
///   - v: [B, T, H, P], finite: 0 times infinity is NaN, also where the mask hides
/// - Returns: [B, T, H, P]
public func causalMix(_ m: Tensor, _ v: Tensor) -> Tensor {
  let (B, T, H, P) = v.sizesOfHeads
  m.expecting(B, H, T, T, as: "the matrix of causalMix")
  let result = Tensor(uninitialised: v.shape)
  let target = result.uninitialisedNumbers  // Heads lie side by side in each row.
  reading(m, v) { m, v in
    Parallel.each(B * H, workPerItem: T * T * P / 32) { index in
      lowerTimes(
        MatrixOperand(m, at: index * T * T, rows: T, columns: T), headRows(of: v, index, T, H, P),
        into: headRows(of: target, index, T, H, P))
    }
  }
  return result
}

/// The cotangents of m and v in `causalMix(m, v)`.
///
/// - Parameter cotangent: [B, T, H, P]
/// - Returns: [B, H, T, T], 0 above the diagonal, and [B, T, H, P]
public func causalMixPullback(_ cotangent: Tensor, m: Tensor, v: Tensor) -> (m: Tensor, v: Tensor) {
  let (B, T, H, P) = v.sizesOfHeads
  cotangent.expecting(B, T, H, P, as: "the cotangent of causalMix")
  m.expecting(B, H, T, T, as: "the matrix of causalMix")
  let toV = Tensor(uninitialised: v.shape)
  let vTarget = toV.uninitialisedNumbers  // Heads lie side by side in each row.
  let toM = reading(cotangent, m, v) { cotangent, m, v in
    Tensor(writing: [B, H, T, T], rows: B * H, .singly(work: T * T * P / 16)) { index, matrix in
      let g = headRows(of: cotangent, index, T, H, P)
      let target = UnsafeMutableBufferPointer(start: address(&matrix), count: T * T)
      eachLowerBlock(g, times: headRows(of: v, index, T, H, P)) {
        lowerPart($0, of: target, T)
      } _: { rows, _ in
        for t in rows { target.extracting((t * T + t + 1)..<((t + 1) * T)).update(repeating: 0) }
      }
      lowerTransposedTimes(
        MatrixOperand(m, at: index * T * T, rows: T, columns: T), g, into: headRows(of: vTarget, index, T, H, P))
    }
  }
  return (toM, toV)
}

// ## One head

/// The places of a block in a matrix [T, T], up to its last row's diagonal.
@inline(__always)
func lowerPart(_ rows: Range<Int>, of matrix: UnsafeMutableBufferPointer<Scalar>, _ T: Int) -> MatrixTarget {
  MatrixTarget(matrix, at: rows.lowerBound * T, rows: rows.count, columns: rows.upperBound, stride: T)
}

/// Writes zeros beyond the block, to the end of its rows.
@inline(__always)
func zeroBeyond(_ rows: Range<Int>, of matrix: UnsafeMutableBufferPointer<Scalar>, _ T: Int) {
  for t in rows { matrix.extracting((t * T + rows.upperBound)..<((t + 1) * T)).update(repeating: 0) }
}

/// Computes the rows of left · rightᵀ block by block, up to the diagonal, each block where `place` says, and gives it to
/// `body`. A block is [its rows, the columns up to its last row].
@inline(__always)
func eachLowerBlock(
  _ left: MatrixOperand, times right: MatrixOperand, into place: (_ rows: Range<Int>) -> MatrixTarget,
  _ body: (_ rows: Range<Int>, _ block: MatrixTarget) -> Void
) {
  let (T, P, stride) = (left.rows, left.columns, scratchStride(left.rows))
  withScratch(P * stride) { scratch in
    let turned = MatrixTarget(scratch, rows: P, columns: T, stride: stride)
    right.transpose(into: turned)
    for rows in blocks(T) {
      let block = place(rows)
      gemmInPiece(left.rows(rows), turned.operand.columns(0..<rows.upperBound), into: block)
      body(rows, block)
    }
  }
}

/// How far apart rows of T numbers are in scratch memory. Not T: rows a multiple of 1024 numbers apart share the same few
/// places of a cache.
func scratchStride(_ T: Int) -> Int { T + 16 }

/// The causal softmax of some rows of a matrix; the first of them sees `first` + 1 places.
@inline(__always)
func causalSoftmax(_ block: MatrixTarget, first: Int, scale: Scalar) {
  let width = block.columns
  for i in 0..<block.rows {
    let visible = first + i + 1
    let turns = wholeTurns(visible, room: width)
    var row = UnsafeMutableBufferPointer(start: block.row(i), count: width).mutableSpan
    replace(&row, first: turns) { $0 * scale }
    softmaxRow(&row, visible: visible, turns: turns)
  }
}

/// target = m · x for a lower-triangular m.
private func lowerTimes(_ m: MatrixOperand, _ x: MatrixOperand, into target: MatrixTarget) {
  for block in blocks(m.rows) {
    let seen = 0..<block.upperBound
    gemmInPiece(m.part(rows: block, columns: seen), x.rows(seen), into: target.rows(block))
  }
}

/// target = mᵀ · x for a lower-triangular m.
func lowerTransposedTimes(_ m: MatrixOperand, _ x: MatrixOperand, into target: MatrixTarget) {
  for block in blocks(m.rows) {
    let seeing = block.lowerBound..<m.rows
    gemmInPiece(m.part(rows: seeing, columns: block).transposed, x.rows(seeing), into: target.rows(block))
  }
}

func blocks(_ T: Int) -> some Sequence<Range<Int>> {
  stride(from: 0, to: T, by: blockRows).lazy.map { $0..<min($0 + blockRows, T) }
}
