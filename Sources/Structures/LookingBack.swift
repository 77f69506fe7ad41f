// # How a head looks back
//
// Three numbers that describe an attention matrix independently of any fit. Each row is a
// distribution over the tokens up to t.
//
//     looks back     mean over t of  Σ M[t, s] (t − s)              tokens
//     entropy        mean over t of  −Σ M[t, s] log M[t, s]         nats; exp of it is a number of tokens
//     norm           √ Σ M[t, s]²                                   large when rows are sharp
//
// Chapter: 06-structured-matrices.

import Foundation
import Tensors

/// Distance, entropy and norm of attention matrices: one number of each kind for each matrix.
public struct LookingBack: Sendable {
  /// The mean distance from a token to what it attends to, in tokens.
  public private(set) var distance: [Double] = []
  /// The mean entropy of the rows, in nats.
  public private(set) var entropy: [Double] = []
  /// The Frobenius norm.
  public private(set) var norm: [Double] = []

  /// Measures causal matrices [B, T, T] whose rows are distributions; entries above the diagonal are not read.
  public init(of matrices: Tensor) {
    let (B, T) = (matrices.shape[0], matrices.shape[1])
    for index in 0..<B {
      let matrix = matrices.sliced(index..<(index + 1)).elements
      var (back, entropy, squares) = (0.0, 0.0, 0.0)
      for t in 0..<T {
        for s in 0...t {
          let weight = Double(matrix[t * T + s])
          back += weight * Double(t - s)
          entropy -= weight > 0 ? weight * log(weight) : 0
          squares += weight * weight
        }
      }
      distance.append(back / Double(T))
      self.entropy.append(entropy / Double(T))
      norm.append(squares.squareRoot())
    }
  }
}

/// Pearson's correlation of two lists of equal length, −1 … 1; NaN if one of them is constant.
public func correlation(_ x: [Double], _ y: [Double]) -> Double {
  precondition(x.count == y.count && x.count > 1, "\(x.count) and \(y.count) numbers have no correlation")
  let (a, b) = (x.reduce(0, +) / Double(x.count), y.reduce(0, +) / Double(y.count))
  let pairs = zip(x, y).map { ($0 - a, $1 - b) }
  let (xx, yy) = (pairs.reduce(0) { $0 + $1.0 * $1.0 }, pairs.reduce(0) { $0 + $1.1 * $1.1 })
  return pairs.reduce(0) { $0 + $1.0 * $1.1 } / (xx * yy).squareRoot()
}
