// # Sums over a row
//
// A plain loop over `sum += x[i]` waits for each addition before it begins the next, since the compiler must not
// reorder floating-point additions. Thirty-two sums side by side, added at the end, keep the processor busy, are
// eight times faster, and round less.
//
// `sum`, `dot` and `maximum` take a span, or a pointer and a count: the second form is for kernels that work on
// matrices whose rows they have already checked (`Matrices.swift`).
//
// Read before: `Lanes.swift`. Read next: `Reductions.swift`.

/// The sum of f over `count` places; `wide` is f for eight places at once, and four sums of eight run side by side.
@inline(__always)
private func accumulate(
  _ count: Int, wide: (Int) -> Lanes, narrow: (Int) -> Scalar
) -> Scalar {
  var (s0, s1, s2, s3) = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
  var index = 0
  while index + 32 <= count {
    s0 += wide(index)
    s1 += wide(index + 8)
    s2 += wide(index + 16)
    s3 += wide(index + 24)
    index += 32
  }
  while index + 8 <= count {
    s0 += wide(index)
    index += 8
  }
  var total = ((s0 + s1) + (s2 + s3)).sum()
  while index < count {
    total += narrow(index)
    index += 1
  }
  return total
}

/// The sum of f over the places of x and y, spans of equal length; `wide` is f for eight places at once, `narrow` for
/// one.
@inline(__always)
func accumulate(
  _ x: Span<Scalar>, _ y: Span<Scalar>, wide: (Lanes, Lanes) -> Lanes, narrow: (Scalar, Scalar) -> Scalar
) -> Scalar {
  let count = x.count
  precondition(count == y.count)
  let (x, y) = (address(x), address(y))
  return accumulate(count, wide: { wide(lanes(x, $0), lanes(y, $0)) }, narrow: { narrow(x[$0], y[$0]) })
}

/// The sum of `count` numbers, in memory that the caller has checked.
@inline(__always)
func sum(_ x: UnsafePointer<Scalar>, _ count: Int) -> Scalar {
  accumulate(count, wide: { lanes(x, $0) }, narrow: { x[$0] })
}

/// Replaces each of `count` numbers by a function of it, up to `turns` places where there is room for more, and returns
/// the sum of the first `count`, added up as `sum` does; in memory that the caller has checked.
///
/// One pass over a row that is still in registers, in place of two.
@inline(__always)
func replacing(
  _ x: UnsafeMutablePointer<Scalar>, _ count: Int, turns: Int, by function: (Scalar) -> Scalar
) -> Scalar {
  var (s0, s1, s2, s3) = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
  var index = 0
  while index + 32 <= count {
    replace(x + index, 32, by: function)
    s0 += lanes(x, index)
    s1 += lanes(x, index + 8)
    s2 += lanes(x, index + 16)
    s3 += lanes(x, index + 24)
    index += 32
  }
  replace(x + index, turns - index, by: function)
  while index + 8 <= count {
    s0 += lanes(x, index)
    index += 8
  }
  var total = ((s0 + s1) + (s2 + s3)).sum()
  while index < count {
    total += x[index]
    index += 1
  }
  return total
}

/// The sum of x ⊙ y over `count` places, in memory that the caller has checked.
@inline(__always)
func dot(_ x: UnsafePointer<Scalar>, _ y: UnsafePointer<Scalar>, _ count: Int) -> Scalar {
  accumulate(count, wide: { lanes(x, $0) * lanes(y, $0) }, narrow: { x[$0] * y[$0] })
}

/// The largest of `count` numbers in memory that the caller has checked, −∞ if there are none.
@inline(__always)
func maximum(_ x: UnsafePointer<Scalar>, _ count: Int) -> Scalar {
  // Four at a time, as a comparison waits for the one before it.
  let lowest = Lanes(repeating: -.infinity)
  var (m0, m1, m2, m3) = (lowest, lowest, lowest, lowest)
  var index = 0
  while index + 32 <= count {
    m0 = larger(lanes(x, index), m0)
    m1 = larger(lanes(x, index + 8), m1)
    m2 = larger(lanes(x, index + 16), m2)
    m3 = larger(lanes(x, index + 24), m3)
    index += 32
  }
  var narrow = -Scalar.infinity
  inLanes(
    count - index, wide: { m0 = larger(lanes(x, index + $0), m0) },
    narrow: { narrow = x[index + $0] > narrow ? x[index + $0] : narrow })
  let wide = larger(larger(m0, m1), larger(m2, m3))
  for lane in 0..<8 { narrow = wide[lane] > narrow ? wide[lane] : narrow }
  return narrow
}

/// x where it is the larger, else y; a NaN in x is passed over.
@inline(__always)
private func larger(_ x: Lanes, _ y: Lanes) -> Lanes { y.replacing(with: x, where: x .> y) }

/// The sum of all numbers.
@inline(__always)
func sum(_ x: Span<Scalar>) -> Scalar { sum(address(x), x.count) }

/// The sum of x ⊙ y, for spans of equal length.
@inline(__always)
func dot(_ x: Span<Scalar>, _ y: Span<Scalar>) -> Scalar {
  precondition(x.count == y.count)
  return dot(address(x), address(y), x.count)
}

/// The sum of (x − y)², for spans of equal length.
@inline(__always)
func squaredDistance(_ x: Span<Scalar>, _ y: Span<Scalar>) -> Scalar {
  accumulate(x, y, wide: { ($0 - $1) * ($0 - $1) }, narrow: { ($0 - $1) * ($0 - $1) })
}

/// The largest number, −∞ if there are none.
@inline(__always)
func maximum(_ x: Span<Scalar>) -> Scalar { maximum(address(x), x.count) }
