// # The delta rule, one step after another
//
// A state space model adds what it writes to what is there already. The delta rule overwrites: before it writes x[t]
// at b[t], it reads what the state holds there, and writes only the difference.
//
//     x̃[t]  =  x[t] − α[t] h[t − 1]ᵀ b[t]             what is new in x[t]             [P]
//     h[t]  =  α[t] h[t − 1] + β[t] b[t] x̃[t]ᵀ                                        [N, P]
//     y[t]  =  c[t]ᵀ h[t]                                                             [P]
//
// or, with x̃ put in,
//
//     h[t]  =  α[t] (I − β[t] b[t] b[t]ᵀ) h[t − 1] + β[t] b[t] x[t]ᵀ
//
// With b of length 1 and β = 1, what was held at b is gone and x[t] is there in its place: asked with c[t] = b[t],
// the state answers x[t] exactly. With β = 0 nothing is written. In between, β says how much of the difference is
// corrected. For |b| ≤ 1 and 0 ≤ β ≤ 1 the state is never stretched; nothing here checks that.
//
// A step passes twice through the state, once to read at b and once to decay, write and read at c. Otherwise the
// kernel is that of `SSDRecurrence.swift`.
//
// Read before: `SSDRecurrence.swift`, `DeltaChunks.swift`. Slow twin: `Naive.deltaSequence`. Read next:
// `DeltaSequence.swift`. Source: arXiv 2412.06464, equation 10, with S = hᵀ, k = b, q = c, v = x.

/// The output of the gated delta rule, step by step, from a state that is updated in place.
///
/// - Parameters:
///   - x: [B, T, H, P]
///   - logDecay: log α, [B, T, H]
///   - b: [B, T, H, N], of length 1 at most
///   - c: [B, T, H, N]
///   - beta: β, how much of a difference is written, [B, T, H]
///   - state: [B, H, N, P]; if nothing else shares it, nothing is copied
/// - Returns: the output [B, T, H, P]
public func deltaRecurrence(
  _ x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, beta: Tensor, state: inout Tensor
) -> Tensor {
  let layout = SSDChunks(x: x, logDecay: logDecay, b: b, c: c, beta: beta, Q: max(1, x.shape[1]))
  let (B, T, H, N, P) = (layout.B, layout.T, layout.H, layout.N, layout.P)
  state.expecting(B, H, N, P, as: "the initial state of a delta rule")
  let output = Tensor(uninitialised: x.shape)
  let y = output.uninitialisedNumbers  // Heads lie side by side in each row.
  reading(x, b, c) { x, b, c in
    reading(logDecay, beta) { logDecay, beta in
      writing(&state, rows: B * H, .singly(work: 2 * T * N * P)) { index, h in
        let text = layout.part(0, of: index)
        let (x, b, c) = (text.rows(of: x, P), text.rows(of: b, N), text.rows(of: c, N))
        let (log, beta, y) = (text.rows(of: logDecay, 1), text.rows(of: beta, 1), text.rows(of: y, P))
        let state = MatrixTarget(&h, rows: N, columns: P)
        withScratch(P) { fresh in
          guard let fresh = fresh.baseAddress, P > 0 else { return }
          for t in 0..<T {
            // Raw pointers: each token is two passes over a state of a few hundred numbers.
            let (written, asked, to) = (b.row(t), c.row(t), y.row(t))
            let (fade, rate) = (exponential(log.row(t)[0]), beta.row(t)[0])
            write(1, times: x.row(t), to: fresh, P)
            for n in 0..<N { add(-fade * written[n], times: state.row(n), to: fresh, P) }
            to.update(repeating: 0, count: P)
            for n in 0..<N {
              let (numbers, write, read) = (state.row(n), rate * written[n], asked[n])
              for p in 0..<P {
                let new = fade * numbers[p] + write * fresh[p]
                numbers[p] = new
                to[p] += read * new
              }
            }
          }
        }
      }
    }
  }
  return output
}
