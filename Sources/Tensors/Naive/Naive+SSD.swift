// # The state space model, step by step
//
// The definition, before any algebra: a state that decays, an input that is written into it, and a query that reads
// from it.
//
//     h[t]  =  α[t] · h[t − 1] + b[t] x[t]ᵀ          [N, P]
//     y[t]  =  c[t]ᵀ h[t] + d · x[t]                 [P]
//
// Read before: `Naive.swift`. Fast versions: `SSDMatrix.swift`, `SSDSequence.swift`.

import Foundation

extension Naive {
  /// The recurrence, one step after another.
  ///
  /// - Parameters:
  ///   - x: [B, T, H, P]
  ///   - logDecay: log α, [B, T, H]
  ///   - b: [B, T, H, N]
  ///   - c: [B, T, H, N]
  ///   - d: [H]
  ///   - initialState: [B, H, N, P], or nil for zeros
  /// - Returns: the output [B, T, H, P] and the last state [B, H, N, P]
  public static func ssdSequence(
    _ x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor, initialState: Tensor? = nil
  ) -> (output: Tensor, finalState: Tensor) {
    let (B, T, H, P) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let N = b.shape[3]
    var state = initialState ?? Tensor.zeros([B, H, N, P])
    var y = Tensor.zeros(x.shape)
    for batch in 0..<B {
      for h in 0..<H {
        for t in 0..<T {
          let alpha = Foundation.exp(logDecay[batch, t, h])
          for p in 0..<P {
            var read: Scalar = 0
            for n in 0..<N {
              let written = alpha * state[batch, h, n, p] + b[batch, t, h, n] * x[batch, t, h, p]
              state[batch, h, n, p] = written
              read += c[batch, t, h, n] * written
            }
            y[batch, t, h, p] = read + d[h] * x[batch, t, h, p]
          }
        }
      }
    }
    return (y, state)
  }

  /// The matrix, entry by entry, with each product of decays multiplied out: [B, H, T, T].
  public static func ssdMatrix(logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor {
    let (B, T, H, N) = (b.shape[0], b.shape[1], b.shape[2], b.shape[3])
    return tabulate([B, H, T, T]) { i in
      let (batch, h, t, s) = (i[0], i[1], i[2], i[3])
      guard s <= t else { return 0 }
      let product = (0..<N).reduce(0) { $0 + c[batch, t, h, $1] * b[batch, s, h, $1] }
      let decay = ((s + 1)..<(t + 1)).reduce(Scalar(1)) { $0 * Foundation.exp(logDecay[batch, $1, h]) }
      return product * decay + (s == t ? d[h] : 0)
    }
  }

  /// All segment sums of a row, each added up on its own: [T] → [T, T].
  public static func segmentSum(_ x: Tensor) -> Tensor {
    tabulate([x.count, x.count]) { i in
      i[1] > i[0] ? -.infinity : ((i[1] + 1)..<(i[0] + 1)).reduce(0) { $0 + x[$1] }
    }
  }
}
