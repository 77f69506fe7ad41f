// # How near can any recurrence come?
//
// A fit alone does not say whether a better one exists. Here is a lower bound on the distance between M and any
// semiseparable matrix of order N. Take a rectangle that lies entirely below the diagonal. It is part of a Hankel
// block, so in a semiseparable matrix it has rank at most N and differs from M by at least the singular values beyond
// the N-th (Eckart and Young). For disjoint rectangles the squares of these errors add up:
//
//     ‖M − X‖²  ≥  Σ over disjoint rectangles  Σ over n > N  σ[n]²
//
// Which rectangles? Cut the tokens from i to j (without j) at k: the rectangle of rows k … j − 1 and columns i …
// k − 1 lies below the diagonal, and so do the rectangles of the two halves, which overlap neither with it nor with
// each other. The best cut of each interval follows from the best cuts of shorter ones:
//
//     bound(i, j)  =  max over k of  tail(M[k…j − 1, i…k − 1])  +  bound(i, k)  +  bound(k, j)
//
// Cuts at the points of a grid suffice for a bound; refining the grid never lowers it.
//
// Read before: `HankelBlocks.swift`.

import Tensors

/// A lower bound on the Frobenius distance of all semiseparable matrices of an order from causal matrices [B, T, T].
///
/// - Parameters:
///   - orders: one or more values of N
///   - grid: the distance between the cuts that are tried; the time grows with the cube of T / grid
/// - Returns: for each order, a bound for each of the B matrices
public func semiseparableBounds(_ matrices: Tensor, orders: [Int], grid: Int) -> [[Double]] {
  let (B, T) = (matrices.shape[0], matrices.shape[1])
  precondition(grid > 0, "the grid of cuts has a distance of at least 1, not \(grid)")
  let cuts = Array(stride(from: 0, to: T, by: grid)) + [T]
  let none = [[Double]](repeating: [Double](repeating: 0, count: B), count: orders.count)
  var best = [[[[Double]]]](repeating: .init(repeating: none, count: cuts.count), count: cuts.count)
  for length in 2..<max(2, cuts.count) {
    for i in 0..<(cuts.count - length) {
      let j = i + length
      for k in (i + 1)..<j {
        let block = matrices.sliced(cuts[k]..<cuts[j], along: 1).sliced(cuts[i]..<cuts[k], along: 2)
        let values = singularValues(block)
        for (place, N) in orders.enumerated() {
          for (index, tail) in tails(values, beyond: N).enumerated() {
            let sum = tail + best[i][k][place][index] + best[k][j][place][index]
            best[i][j][place][index] = max(best[i][j][place][index], sum)
          }
        }
      }
    }
  }
  return best[0][cuts.count - 1].map { $0.map { $0.squareRoot() } }
}
