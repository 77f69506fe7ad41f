// # The trapezoidal recurrence, step by step
//
// What is written at a step is a mean of what this token and the one before it bring, weighted by λ; the earlier part
// has faded once.
//
//     h[t]  =  α[t] h[t − 1] + (1 − λ[t]) α[t] b[t − 1] x[t − 1]ᵀ + λ[t] b[t] x[t]ᵀ          [N, P]
//     y[t]  =  c[t]ᵀ h[t] + d · x[t]                                                         [P]
//
// Read before: `Naive+SSD.swift`. Fast version: `Layers/Mixers/TrapezoidalMamba.swift`. Source: arXiv 2603.15569,
// equation 6, with a step size of 1.

import Foundation

extension Naive {
  /// The recurrence, one step after another.
  ///
  /// - Parameters:
  ///   - x: [B, T, H, P]
  ///   - logDecay: log α, [B, T, H]
  ///   - lambda: λ, [B, T, H]
  ///   - b: [B, T, H, N]
  ///   - c: [B, T, H, N]
  ///   - d: [H]
  /// - Returns: the output [B, T, H, P]
  public static func trapezoidalSequence(
    _ x: Tensor, logDecay: Tensor, lambda: Tensor, b: Tensor, c: Tensor, d: Tensor
  ) -> Tensor {
    let (B, T, H, P) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let N = b.shape[3]
    var state = Tensor.zeros([B, H, N, P])
    // Positions come in the order of time.
    return tabulate([B, T, H, P]) { i in
      let (batch, t, h, p) = (i[0], i[1], i[2], i[3])
      let (alpha, weight) = (Foundation.exp(logDecay[batch, t, h]), lambda[batch, t, h])
      var read: Scalar = 0
      for n in 0..<N {
        let earlier = t == 0 ? 0 : b[batch, t - 1, h, n] * x[batch, t - 1, h, p]
        let now = b[batch, t, h, n] * x[batch, t, h, p]
        state[batch, h, n, p] = alpha * state[batch, h, n, p] + (1 - weight) * alpha * earlier + weight * now
        read += c[batch, t, h, n] * state[batch, h, n, p]
      }
      return read + d[h] * x[batch, t, h, p]
    }
  }

  /// The matrix, entry by entry: decays times a matrix with two diagonals, entry by entry with C Bᵀ, [B, H, T, T].
  public static func trapezoidalMatrix(
    logDecay: Tensor, lambda: Tensor, b: Tensor, c: Tensor, d: Tensor
  ) -> Tensor {
    let (B, T, H, N) = (b.shape[0], b.shape[1], b.shape[2], b.shape[3])
    return tabulate([B, H, T, T]) { i in
      let (batch, h, t, s) = (i[0], i[1], i[2], i[3])
      func alpha(_ t: Int) -> Scalar { Foundation.exp(logDecay[batch, t, h]) }
      func decay(_ t: Int, _ k: Int) -> Scalar { ((k + 1)..<(t + 1)).reduce(1) { $0 * alpha($1) } }
      guard s <= t else { return 0 }
      // The second matrix: λ[s] on its diagonal, (1 − λ[s + 1]) α[s + 1] below it.
      var mask = decay(t, s) * lambda[batch, s, h]
      if s < t { mask += decay(t, s + 1) * (1 - lambda[batch, s + 1, h]) * alpha(s + 1) }
      let product = (0..<N).reduce(0) { $0 + c[batch, t, h, $1] * b[batch, s, h, $1] }
      return product * mask + (s == t ? d[h] : 0)
    }
  }
}
