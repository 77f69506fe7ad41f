// # Attention by loops
//
// The slow twin of attention as a whole: three loops for the scores, a softmax of each row, three
// loops for the mean of the values. One number at a time, with the whole matrix of a head kept, as
// the formula is written:
//
//     m[t, s]  =  exp(f·q[t]·k[s] − max) / Σ exp(…)        s up to what row t may see; 0 beyond
//     y[t]     =  Σₛ m[t, s] v[s]
//
// Read before: `Naive.swift`. Fast versions: `headScores`, `softmax` and `headMix` one after another, and
// `blockedAttention`.

import Foundation

extension Naive {
  /// Causal attention, or attention without a mask: q [B, T, H, P], k and v [B, S, H, P] → [B, T, H, P].
  ///
  /// With `causal` row t sees its first S − T + t + 1 places; a row that sees none is 0.
  public static func attention(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Scalar = 1, causal: Bool = true
  ) -> Tensor {
    let (B, T, H, P) = q.sizesOfHeads
    let S = k.shape[1]
    var result = Tensor.zeros(q.shape)
    reading(q, k, v) { q, k, v in
      for b in 0..<B {
        for h in 0..<H {
          // The places of row t of this head, in x [B, T or S, H, P].
          func row(_ t: Int, of length: Int) -> Range<Int> { places((b * length + t) * H + h, P) }
          var matrix = Tensor.zeros([T, S])
          matrix.withMutableElements { x in
            for t in 0..<T {
              let visible = causal ? max(0, S - T + t + 1) : S
              let (first, from) = (t * S, q.extracting(row(t, of: T)))
              var largest = -Scalar.infinity
              for s in 0..<visible {
                let to = k.extracting(row(s, of: S))
                var product: Scalar = 0
                for p in 0..<P { product += from[p] * to[p] }
                x[first + s] = scale * product
                largest = max(largest, x[first + s])
              }
              var total: Scalar = 0
              for s in 0..<visible {
                x[first + s] = Foundation.exp(x[first + s] - largest)
                total += x[first + s]
              }
              for s in 0..<visible { x[first + s] /= total }
            }
          }
          reading(matrix) { m in
            result.withMutableElements { y in
              for t in 0..<T {
                for s in 0..<S {
                  let from = v.extracting(row(s, of: S))
                  add(m[t * S + s], times: from, to: &y, at: row(t, of: T).lowerBound)
                }
              }
            }
          }
        }
      }
    }
    return result
  }
}
