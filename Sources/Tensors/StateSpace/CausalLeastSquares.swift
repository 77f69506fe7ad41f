// # Least squares, row by row
//
// In the matrix L ∘ (C Bᵀ) of a state space model with fixed decays, the rows are independent of one another: once B
// is given, row t of C is the solution of a least squares problem of its own, with N unknowns and an equation for
// each s ≤ t,
//
//     L[t, s] · (c[t] · b[s])  ≈  M[t, s]
//
// The normal equations are cheap, because the decay leads from each of their matrices to the next:
//
//     G[t] c[t]  =  r[t]          G[t]  =  Σ L[t, s]² b[s] b[s]ᵀ  =  α[t]² G[t − 1] + b[t] b[t]ᵀ
//                                 r[t]  =  Σ L[t, s] M[t, s] b[s]
//
// Row s of B, once C is given, is the same problem read backwards in time. The first rows have fewer equations than
// unknowns; a ridge of 1e-10 times the trace of G picks a short solution. The condition number of G is the square of
// that of B, too large for Float, so everything inside is computed in Double.
//
// Read before: `SSDMatrix.swift`. There is no slow twin; `Tests/TensorsTests/StructureTests.swift` checks that the
// gradient is zero where the sum of squares should be least.

import Foundation

/// One factor of L ∘ (C Bᵀ), given the other: the one that brings the product nearest to the given causal matrices.
///
/// - Parameters:
///   - m: [B, T, T]; entries above the diagonal are not read
///   - logDecay: log α, [B, T]; log α[0] has no meaning
///   - factor: b for c, c for b, [B, T, N]
///   - backwards: false to find c from b, true to find b from c
/// - Returns: [B, T, N]
public func causalLeastSquares(_ m: Tensor, logDecay: Tensor, factor: Tensor, backwards: Bool = false) -> Tensor {
  let (B, T, N) = (factor.shape[0], factor.shape[1], factor.shape[2])
  m.expecting(B, T, T, as: "the matrices of a least squares problem")
  logDecay.expecting(B, T, as: "log α of a least squares problem")
  return reading(m, logDecay, factor) { m, logDecay, factor in
    Tensor(writing: [B, T, N], rows: B, .singly(work: T * N * (N * N / 3 + T))) { index, target in
      let (matrix, log) = (m.extracting(places(index, T * T)), logDecay.extracting(places(index, T)))
      let known = factor.extracting(places(index, T * N))
      let features = known.indices.map { Double(known[$0]) }
      var weights = [Double](repeating: 0, count: T)
      var gram = [Double](repeating: 0, count: N * N)
      for step in 0..<T {
        // The row to solve for, and the decay that leads to it from the previous one.
        let row = backwards ? T - 1 - step : step
        let decay = step == 0 ? 1 : exp(Double(log[backwards ? row + 1 : row]))
        for i in 0..<N {
          for j in i..<N {
            gram[i * N + j] = decay * decay * gram[i * N + j] + features[row * N + i] * features[row * N + j]
          }
        }
        var right = [Double](repeating: 0, count: N)
        for earlier in 0...step {
          weights[earlier] = earlier == step ? 1 : weights[earlier] * decay
          let other = backwards ? T - 1 - earlier : earlier
          let entry = weights[earlier] * Double(backwards ? matrix[other * T + row] : matrix[row * T + other])
          for i in 0..<N { right[i] += entry * features[other * N + i] }
        }
        solve(gram, &right, N)
        for i in 0..<N { target[row * N + i] = Scalar(right[i]) }
      }
    }
  }
}

/// Solves (G + ridge) x = right in place by Cholesky's G = Rᵀ R; only the upper triangle of G is read.
private func solve(_ gram: [Double], _ right: inout [Double], _ N: Int) {
  var trace = 0.0
  for i in 0..<N { trace += gram[i * N + i] }
  let ridge = 1e-10 * trace + 1e-200
  var work = gram
  for i in 0..<N { work[i * N + i] += ridge }
  // Row k of R, then its share is subtracted from the rows below; this solves Rᵀ y = right on the way.
  for k in 0..<N {
    let pivot = max(work[k * N + k], ridge).squareRoot()
    for j in k..<N { work[k * N + j] /= pivot }
    work[k * N + k] = pivot
    right[k] /= pivot
    for i in (k + 1)..<max(N, k + 1) {
      let factor = work[k * N + i]
      for j in i..<N { work[i * N + j] -= factor * work[k * N + j] }
      right[i] -= factor * right[k]
    }
  }
  // R x = y, from the last row up.
  for i in stride(from: N - 1, through: 0, by: -1) {
    for k in (i + 1)..<max(N, i + 1) { right[i] -= work[i * N + k] * right[k] }
    right[i] /= work[i * N + i]
  }
}
