// # The recurrence, one step after another
//
// The definition as a kernel. A step of a head takes a row of x, lets the state decay, writes the row into it, and
// reads from it:
//
//     h[t]  =  α[t] h[t − 1] + b[t] x[t]ᵀ          [N, P]
//     y[t]  =  c[t]ᵀ h[t] + d x[t]                 [P]
//
// That takes three multiplications for each number of the state, and nothing has to be remembered but the state. Each
// step has to wait for the one before it, so there is no matrix product; only the heads run side by side. A step
// passes through the state once: each number is loaded, decayed, updated and read in one go.
//
// Read before: `SSDMatrix.swift`. Slow twin: `Naive.ssdSequence`. Read next: `SSDSequence.swift`.

/// The output of a state space model with scalar decay, step by step.
///
/// - Parameters:
///   - x: [B, T, H, P]
///   - logDecay: log α, [B, T, H]
///   - b: [B, T, H, N]
///   - c: [B, T, H, N]
///   - d: [H]
///   - initialState: [B, H, N, P], or nil for zeros
/// - Returns: the output [B, T, H, P] and the state after the last step [B, H, N, P]
public func ssdRecurrence(
  _ x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor, initialState: Tensor? = nil
) -> (output: Tensor, finalState: Tensor) {
  let sizes = SSDSizes(logDecay: logDecay, b: b, c: c, d: d)
  var state = initialState ?? Tensor.zeros([sizes.B, sizes.H, sizes.N, x.shape[-1]])
  let output = ssdRecurrence(x, logDecay: logDecay, b: b, c: c, d: d, state: &state)
  return (output, state)
}

/// The same with a state that is updated in place, which generation token by token needs.
///
/// - Parameter state: [B, H, N, P]; if nothing else shares it, nothing is copied
/// - Returns: the output [B, T, H, P]
public func ssdRecurrence(
  _ x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor, state: inout Tensor
) -> Tensor {
  let layout = SSDChunks(x: x, logDecay: logDecay, b: b, c: c, d: d, Q: max(1, x.shape[1]))
  let (B, T, H, N, P) = (layout.B, layout.T, layout.H, layout.N, layout.P)
  state.expecting(B, H, N, P, as: "the initial state of an SSD")
  let output = Tensor(uninitialised: x.shape)
  let y = output.uninitialisedNumbers  // Heads lie side by side in each row.
  reading(x, b, c) { x, b, c in
    reading(logDecay, d) { logDecay, d in
      writing(&state, rows: B * H, .singly(work: T * N * P)) { index, h in
        let text = layout.part(0, of: index)
        let (x, b, c) = (text.rows(of: x, P), text.rows(of: b, N), text.rows(of: c, N))
        let (log, y) = (text.rows(of: logDecay, 1), text.rows(of: y, P))
        let (state, skip) = (MatrixTarget(&h, rows: N, columns: P), d[index % H])
        for t in 0..<T {
          // Raw pointers: each token is one pass over a state of a few hundred numbers.
          let (from, to, written, asked) = (x.row(t), y.row(t), b.row(t), c.row(t))
          let fade = exponential(log.row(t)[0])
          for p in 0..<P { to[p] = skip * from[p] }
          for n in 0..<N {
            let (numbers, write, read) = (state.row(n), written[n], asked[n])
            for p in 0..<P {
              let new = fade * numbers[p] + write * from[p]
              numbers[p] = new
              to[p] += read * new
            }
          }
        }
      }
    }
  }
  return output
}
