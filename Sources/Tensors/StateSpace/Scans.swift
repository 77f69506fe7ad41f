// # Segment sums
//
// The decay from step s to step t is a product of numbers below 1; its logarithm is a sum over the segment between
// them:
//
//     segmentSum(x)[t, s]  =  x[s + 1] + … + x[t]       s ≤ t; the empty sum, at s = t, is 0
//                          =  −∞                        s > t: exp makes it exactly 0
//
//     x = (x₀ x₁ x₂):    [ 0        −∞   −∞ ]
//                        [ x₁       0    −∞ ]
//                        [ x₁ + x₂  x₂   0  ]              x₀ is in no segment
//
// Each row is the row above plus one number. Rejected: the difference of two cumulative sums, which
// loses the digits that both have in common, and worse, the ratio of two cumulative products, which
// becomes 0/0 as soon as both underflow.
//
// Source: arXiv 2405.21060, Listing 1 (`segsum`). Slow twin: `Naive.segmentSum`. Read next:
// `SSDMatrix.swift`.

/// The sums over all segments of the innermost axis, −∞ above the diagonal.
///
/// - Parameter x: [..., T]
/// - Returns: [..., T, T]
public func segmentSum(_ x: Tensor) -> Tensor {
  let T = x.shape[-1]
  var result = Tensor(repeating: -.infinity, shape: x.shape.appending(T))
  if x.count == 0 { return result }
  reading(x) { x in
    writing(&result, rows: x.count / T, .inOrder) { row, target in
      for t in 0..<T {
        for s in 0..<t { target[t * T + s] = target[(t - 1) * T + s] + x[row * T + t] }
        target[t * T + t] = 0
      }
    }
  }
  return result
}

// ## For the SSD kernels
//
// exp of a segment sum, row by row, without the matrix of logarithms; and its pullback. For a
// cotangent S̄ of the segment sums, x[k] takes part in every segment from s < k to t ≥ k:
//
//     x̄[k]  =  Σ over t ≥ k, s < k of S̄[t, s]
//
// We go up through the rows from the last and keep, for each column, the sum of the rows that we have passed.
//
// Both work on scratch memory, whose parts are read and written in turn: a row of the matrix is made from `running`.
// The lengths are checked once, at the start.

/// So many rows of sums are written before their exponentials are taken. An exponential that waits for a sum that has
/// just been written makes the next row's sums wait with it: row by row, 64 rows take 4.3 µs instead of 3.3.
private let rowsOfSums = 8

/// decay[t, s] = exp(x[s + 1] + … + x[t]) for s ≤ t, and 0 above the diagonal, for as many numbers of x as `decay`
/// has rows.
///
/// `running` needs room for as many numbers.
@inline(__always)
func exponentialOfSegmentSums(
  _ x: UnsafeMutableBufferPointer<Scalar>, into decay: MatrixTarget, running: UnsafeMutableBufferPointer<Scalar>
) {
  let count = decay.rows
  precondition(decay.columns == count && x.count >= count && running.count >= count)
  guard let running = running.baseAddress else { return }
  running.update(repeating: 0, count: count)
  for first in stride(from: 0, to: count, by: rowsOfSums) {
    let rows = first..<min(first + rowsOfSums, count)
    for t in rows {
      let step = x[t]
      let turns = wholeTurns(t, room: count)
      replace(running, turns) { $0 + step }
      decay.row(t).update(from: running, count: turns)
      running[t] = 0
    }
    for t in rows {
      let row = decay.row(t)
      replace(row, wholeTurns(t, room: count)) { exponential($0) }
      row[t] = 1
      (row + t + 1).update(repeating: 0, count: count - t - 1)
    }
  }
}

/// Adds to x̄ the pullback of the segment sums. Reads S̄ strictly below the diagonal.
///
/// x̄ and `running` need room for as many numbers as S̄ has rows.
@inline(__always)
func addSegmentSumPullback(
  _ cotangent: MatrixTarget, into target: UnsafeMutableBufferPointer<Scalar>,
  running: UnsafeMutableBufferPointer<Scalar>
) {
  let count = cotangent.rows
  precondition(cotangent.columns == count && target.count >= count && running.count >= count)
  guard let running = running.baseAddress else { return }
  running.update(repeating: 0, count: count)
  for t in stride(from: count - 1, to: 0, by: -1) {
    add(1, times: cotangent.row(t), to: running, t)
    target[t] += sum(running, t)
  }
}
