// # Softmax
//
// The softmax runs along the innermost axis, with the largest number subtracted first, so that nothing overflows. In
// the causal form, row t of a matrix [T, S] sees its first S − T + t + 1 places, and the rest are exact zeros: with
// S = T that is the lower triangle, with S > T the last T rows of a larger one, which decoding with a cache needs.
//
//     m[t, s]  =  exp(f·x[t, s] − max) / Σ exp(…)                      value
//     x̄[t, s]  =  f · m[t, s] · (m̄[t, s] − Σᵣ m̄[t, r] m[t, r])         pullback; f is the scale
//
// A row that sees nothing (possible if S < T) is zero everywhere, and so is its pullback.
//
// Read before: `Exponential.swift`. Slow twin: `Naive.softmax`. Read next: `HeadProducts.swift`.

/// The softmax of `scale` · x along the innermost axis.
///
/// - Parameters:
///   - x: [..., S]; with `causal` [..., T, S]
///   - causal: whether row t sees only its first S − T + t + 1 places
/// - Returns: the shape of x; each row that sees anything sums to 1
public func softmax(_ x: Tensor, scale: Scalar = 1, causal: Bool = false) -> Tensor {
  let S = x.shape[-1]
  return reading(x) { elements in
    softmaxRows(of: x.shape, causal: causal) { row, visible, target in
      let x = elements.extracting(places(row, S))
      let turns = wholeTurns(visible, room: S)
      write(scale, times: x.extracting(first: turns), to: &target)
      softmaxRow(&target, visible: visible, turns: turns)
    }
  }
}

/// The cotangent of x in `softmax(x)`, from its value.
///
/// - Parameters:
///   - cotangent: the shape of the value; what it holds at places that the mask hides has no effect
///   - value: what `softmax` returned
/// - Returns: the shape of x
public func softmaxPullback(
  _ cotangent: Tensor, value: Tensor, scale: Scalar = 1, causal: Bool = false
) -> Tensor {
  let S = value.shape[-1]
  return reading(cotangent, value) { cotangent, values in
    softmaxRows(of: value.shape, causal: causal) { row, visible, target in
      softmaxPullbackRow(
        cotangent.extracting(places(row, S)), value: values.extracting(places(row, S)), scale: scale,
        visible: visible,
        into: &target)
    }
  }
}

/// Turns the first `visible` numbers of a row into weights that sum to 1, and sets the others to 0. The loops go up to
/// `turns`, see `wholeTurns`.
@inline(__always)
func softmaxRow(_ row: inout MutableSpan<Scalar>, visible: Int, turns: Int) {
  precondition(visible >= 0 && visible <= turns && turns <= row.count)
  let largest = maximum(row.span.extracting(first: visible))
  let factor = 1 / replacing(address(&row), visible, turns: turns) { exponential($0 - largest) }
  replace(&row, first: turns) { $0 * factor }
  for i in visible..<row.count { row[i] = 0 }
}

/// One row of `softmaxPullback`; the three spans have the same length.
@inline(__always)
func softmaxPullbackRow(
  _ cotangent: Span<Scalar>, value: Span<Scalar>, scale: Scalar, visible: Int, into target: inout MutableSpan<Scalar>
) {
  let S = target.count
  precondition(cotangent.count == S && value.count == S)
  let mean = dot(cotangent.extracting(first: visible), value.extracting(first: visible))
  let (from, known, to) = (address(cotangent), address(value), address(&target))
  inLanes(
    wholeTurns(visible, room: S), wide: { store(scale * lanes(known, $0) * (lanes(from, $0) - mean), to, $0) },
    narrow: { to[$0] = scale * known[$0] * (from[$0] - mean) })
  for i in visible..<S { target[i] = 0 }
}

/// A tensor of this shape; `body` writes each row and is told how many places the row sees.
@inline(__always)
private func softmaxRows(
  of shape: Shape, causal: Bool, _ body: (_ row: Int, _ visible: Int, _ target: inout MutableSpan<Scalar>) -> Void
) -> Tensor {
  let (S, T) = (shape[-1], causal ? shape[-2] : 1)
  let rows = shape.prefix(shape.rank - 1).count
  return Tensor(writing: shape, rows: rows, .runs(atLeast: Parallel.grain / (8 * max(1, S)))) { row, target in
    body(row, causal ? max(0, S - T + row % T + 1) : S, &target)
  }
}
