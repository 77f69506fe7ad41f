// # Attention by loops
//
// The slow twin of attention as a whole: three loops for the scores, a softmax of each row, three
// loops for the mean of the values. One number at a time, with the whole matrix of a head kept, as
// the formula is written:
//
//     m[t, s]  =  exp(f·q[t]·k[s] − max) / Σ exp(…)        s up to what row t may see; 0 beyond
//     y[t]     =  Σₛ m[t, s] v[s]
//
// Read before: `Naive.swift`. Its clever forms: `headScores`, `softmax`, `headMix` one after the
// other, and `blockedAttention`.

import Foundation

extension Naive {
  /// Causal attention, or attention to everything: q [B, T, H, P], k and v [B, S, H, P] → [B, T, H, P].
  ///
  /// With `causal` row t sees its first S − T + t + 1 places; a row that sees none is 0.
  public static func attention(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Scalar = 1, causal: Bool = true
  ) -> Tensor {
    let (B, T, H, P) = q.sizesOfHeads
    let S = k.shape[1]
    var result = Tensor.zeros(q.shape)
    for b in 0..<B {
      for h in 0..<H {
        // Where row t of this head begins, in x [B, T or S, H, P].
        func row(_ t: Int, of length: Int) -> Int { ((b * length + t) * H + h) * P }
        var matrix = Tensor.zeros([T, S])
        matrix.withMutableElements { m in
          for t in 0..<T {
            let visible = causal ? max(0, S - T + t + 1) : S
            let (x, from) = (m + t * S, q.base + row(t, of: T))
            var largest = -Scalar.infinity
            for s in 0..<visible {
              let to = k.base + row(s, of: S)
              var product: Scalar = 0
              for p in 0..<P { product += from[p] * to[p] }
              x[s] = scale * product
              largest = max(largest, x[s])
            }
            var total: Scalar = 0
            for s in 0..<visible {
              x[s] = Foundation.exp(x[s] - largest)
              total += x[s]
            }
            for s in 0..<visible { x[s] /= total }
          }
        }
        result.withMutableElements { y in
          for t in 0..<T {
            for s in 0..<S {
              let (weight, from, to) = (matrix.base[t * S + s], v.base + row(s, of: S), y + row(t, of: T))
              for p in 0..<P { to[p] += weight * from[p] }
            }
          }
        }
      }
    }
    withExtendedLifetime((q, k, v)) {}
    return result
  }
}
