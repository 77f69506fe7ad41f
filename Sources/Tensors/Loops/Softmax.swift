// # Softmax
//
// Along the innermost axis, with the largest number subtracted first, so that nothing overflows.
// The causal form gives row t of a matrix [T, S] its first S − T + t + 1 places and writes exact
// zeros to the rest: with S = T that is the lower triangle, with S > T the last T rows of it, which
// decoding with a cache needs.
//
//     m[t, s]  =  exp(f·x[t, s] − max) / Σ exp(…)                      value
//     x̄[t, s]  =  f · m[t, s] · (m̄[t, s] − Σᵣ m̄[t, r] m[t, r])         pullback; f is the scale
//
// A row that may see nothing (S < T) is zero everywhere, and so is its pullback.
//
// Read before: `Exponential.swift`. Slow twin: `Naive.softmax`. Read next: `HeadProducts.swift`.

/// The softmax of `scale` · x along the innermost axis.
///
/// - Parameters:
///   - x: [..., S]; with `causal` [..., T, S]
///   - causal: whether row t sees only its first S − T + t + 1 places
/// - Returns: the shape of x; each row that sees anything sums to 1
public func softmax(_ x: Tensor, scale: Scalar = 1, causal: Bool = false) -> Tensor {
  let result = Tensor(uninitialised: x.shape)
  let S = x.shape[-1]
  let (source, target) = (x.base, result.fresh)
  softmaxRows(of: x, causal: causal) { row, visible in
    let (from, to) = (source + row * S, target + row * S)
    let turns = wholeTurns(visible, room: S)
    write(scale, times: from, to: to, turns)
    let largest = maximum(UnsafePointer(to), visible)
    replace(to, turns) { exponential($0 - largest) }
    let factor = 1 / sum(UnsafePointer(to), visible)
    replace(to, turns) { $0 * factor }
    for i in visible..<S { to[i] = 0 }
  }
  withExtendedLifetime(x) {}
  return result
}

/// The cotangent of x in `softmax(x)`, from its value.
///
/// - Parameters:
///   - cotangent: the shape of the value; what stands at places that the mask hides is not read
///   - value: what `softmax` returned
/// - Returns: the shape of x
public func softmaxPullback(
  _ cotangent: Tensor, value: Tensor, scale: Scalar = 1, causal: Bool = false
) -> Tensor {
  let result = Tensor(uninitialised: value.shape)
  let S = value.shape[-1]
  let (flowing, known, target) = (cotangent.base, value.base, result.fresh)
  softmaxRows(of: value, causal: causal) { row, visible in
    let (g, m, to) = (flowing + row * S, known + row * S, target + row * S)
    let mean = dot(g, m, visible)
    inLanes(
      wholeTurns(visible, room: S), wide: { store(scale * lanes(m, $0) * (lanes(g, $0) - mean), to, $0) },
      narrow: { to[$0] = scale * m[$0] * (g[$0] - mean) })
    for i in visible..<S { to[i] = 0 }
  }
  withExtendedLifetime((cotangent, value)) {}
  return result
}

/// Calls `body` with each row of x and the number of its places that may be seen.
@inline(__always)
private func softmaxRows(of x: Tensor, causal: Bool, _ body: (_ row: Int, _ visible: Int) -> Void) {
  let S = x.shape[-1]
  let T = causal ? x.shape[-2] : 1
  let rows = x.shape.prefix(x.rank - 1).count
  Parallel.ranges(rows, grain: max(1, Parallel.grain / (8 * max(1, S)))) { range in
    for row in range {
      let visible = causal ? max(0, S - T + row % T + 1) : S
      body(row, visible)
    }
  }
}
