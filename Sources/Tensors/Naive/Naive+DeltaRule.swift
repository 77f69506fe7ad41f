// # The gated delta rule, step by step
//
// The definition in two lines: what is new in x[t], and the state that takes it in.
//
//     x̃[t]  =  x[t] − α[t] h[t − 1]ᵀ b[t]
//     h[t]  =  α[t] h[t − 1] + β[t] b[t] x̃[t]ᵀ          y[t]  =  c[t]ᵀ h[t]
//
// Read before: `Naive+SSD.swift`. Fast versions: `DeltaRecurrence.swift`, `DeltaSequence.swift`,
// `UnitTriangles.swift`.

import Foundation

extension Naive {
  /// The recurrence, one step after another.
  ///
  /// - Parameters:
  ///   - x: [B, T, H, P]
  ///   - logDecay: log α, [B, T, H]
  ///   - b: [B, T, H, N]
  ///   - c: [B, T, H, N]
  ///   - beta: β, [B, T, H]
  ///   - initialState: [B, H, N, P], or nil for zeros
  /// - Returns: the output [B, T, H, P] and the last state [B, H, N, P]
  public static func deltaSequence(
    _ x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, beta: Tensor, initialState: Tensor? = nil
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
            let held = (0..<N).reduce(0) { $0 + b[batch, t, h, $1] * alpha * state[batch, h, $1, p] }
            let fresh = x[batch, t, h, p] - held
            var read: Scalar = 0
            for n in 0..<N {
              let written = alpha * state[batch, h, n, p] + beta[batch, t, h] * b[batch, t, h, n] * fresh
              state[batch, h, n, p] = written
              read += c[batch, t, h, n] * written
            }
            y[batch, t, h, p] = read
          }
        }
      }
    }
    return (y, state)
  }

  /// The matrix, entry by entry: what is written at s, carried through every later step up to t, and read there,
  /// [B, H, T, T].
  public static func deltaMatrix(logDecay: Tensor, b: Tensor, c: Tensor, beta: Tensor) -> Tensor {
    let (B, T, H, N) = (b.shape[0], b.shape[1], b.shape[2], b.shape[3])
    return tabulate([B, H, T, T]) { i in
      let (batch, h, t, s) = (i[0], i[1], i[2], i[3])
      guard s <= t else { return 0 }
      var carried = (0..<N).map { beta[batch, s, h] * b[batch, s, h, $0] }
      for step in (s + 1)..<(t + 1) {
        let alpha = Foundation.exp(logDecay[batch, step, h])
        let overlap = (0..<N).reduce(0) { $0 + b[batch, step, h, $1] * carried[$1] }
        for n in 0..<N { carried[n] = alpha * (carried[n] - beta[batch, step, h] * b[batch, step, h, n] * overlap) }
      }
      return (0..<N).reduce(0) { $0 + c[batch, t, h, $1] * carried[$1] }
    }
  }

  /// S (I + E)⁻¹ by the series I − E + K² − …, which ends, since E is strictly lower triangular: [T, T] each.
  public static func unitLowerQuotient(_ s: Tensor, _ held: Tensor) -> Tensor {
    let T = s.shape[0]
    let strict = tabulate([T, T]) { $0[1] < $0[0] ? -held[$0[0], $0[1]] : 0 }
    var term = tabulate([T, T]) { $0[1] <= $0[0] ? s[$0[0], $0[1]] : 0 }
    var sum = term
    for _ in 0..<max(0, T - 1) {
      term = matmul(term, strict)
      sum = elementwise(sum, term) { $0 + $1 }
    }
    return sum
  }
}
