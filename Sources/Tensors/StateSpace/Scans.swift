// # Scans and segment sums
//
// A decay that acts from step s to step t is a product of numbers below 1, in logarithms a sum over
// the segment between them:
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

/// The running sum along an axis: element t of the result is the sum of elements 0 … t.
public func cumulativeSum(_ x: Tensor, along axis: Int = -1) -> Tensor {
  let axis = x.shape.resolved(axis)
  let (size, inner) = (x.shape[axis], x.shape.stride(of: axis))
  let step = size * inner
  var result = x
  let outer = step == 0 ? 0 : x.count / step
  result.withMutableElements { target in
    for block in 0..<outer {
      for place in stride(from: block * step + inner, to: (block + 1) * step, by: 1) {
        target[place] += target[place - inner]
      }
    }
  }
  return result
}

/// The sums over all segments of the innermost axis, −∞ above the diagonal.
///
/// - Parameter x: [..., T]
/// - Returns: [..., T, T]
public func segmentSum(_ x: Tensor) -> Tensor {
  let T = x.shape[-1]
  let result = Tensor(repeating: -.infinity, shape: x.shape.appending(T))
  let (source, target) = (x.base, result.fresh)
  for row in 0..<(T == 0 ? 0 : x.count / T) {
    let (from, to) = (source + row * T, target + row * T * T)
    for t in 0..<T {
      for s in 0..<t { to[t * T + s] = to[(t - 1) * T + s] + from[t] }
      to[t * T + t] = 0
    }
  }
  withExtendedLifetime(x) {}
  return result
}

// ## For the SSD kernels
//
// exp of a segment sum, row by row, without the matrix of logarithms; and its pullback. For a
// cotangent S̄ of the segment sums, x[k] takes part in every segment from s < k to t ≥ k:
//
//     x̄[k]  =  Σ over t ≥ k, s < k of S̄[t, s]
//
// We go through the rows from below and keep, for each column, the sum of what has been passed.

/// decay[t, s] = exp(x[s + 1] + … + x[t]) for s ≤ t, and 0 above; `running` has room for `count` numbers.
@inline(__always)
func exponentialOfSegmentSums(
  _ x: UnsafePointer<Scalar>, _ count: Int, into decay: UnsafeMutablePointer<Scalar>,
  running: UnsafeMutablePointer<Scalar>
) {
  running.update(repeating: 0, count: count)
  for t in 0..<count {
    let (row, step) = (decay + t * count, x[t])
    let turns = wholeTurns(t, room: count)
    replace(running, turns) { $0 + step }
    row.update(from: running, count: turns)
    replace(row, turns) { exponential($0) }
    running[t] = 0
    row[t] = 1
    for s in (t + 1)..<count { row[s] = 0 }
  }
}

/// Adds to x̄ the pullback of the segment sums; `running` has room for `count` numbers. Reads S̄ strictly below the diagonal.
@inline(__always)
func addSegmentSumPullback(
  _ cotangent: UnsafePointer<Scalar>, _ count: Int, into target: UnsafeMutablePointer<Scalar>,
  running: UnsafeMutablePointer<Scalar>
) {
  running.update(repeating: 0, count: count)
  for t in stride(from: count - 1, to: 0, by: -1) {
    add(1, times: cotangent + t * count, to: running, t)
    target[t] += sum(UnsafePointer(running), t)
  }
}
