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
    let (q, k, v) = (q.elements, k.elements, v.elements)
    var result = Tensor.zeros([B, T, H, P])
    for b in 0..<B {
      for h in 0..<H {
        // Where row t of this head begins, in x [B, T or S, H, P].
        func row(_ t: Int, of length: Int) -> Int { ((b * length + t) * H + h) * P }
        for t in 0..<T {
          let visible = causal ? max(0, S - T + t + 1) : S
          var x = (0..<visible).map { s in
            scale * (0..<P).reduce(0) { $0 + q[row(t, of: T) + $1] * k[row(s, of: S) + $1] }
          }
          let largest = x.max() ?? 0
          x = x.map { Foundation.exp($0 - largest) }
          let total = x.reduce(0, +)
          for p in 0..<P {
            result[b, t, h, p] = (0..<visible).reduce(0) { $0 + x[$1] / total * v[row($1, of: S) + p] }
          }
        }
      }
    }
    return result
  }
}
