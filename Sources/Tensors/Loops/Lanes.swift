// # Eight at a time
//
// The compiler turns a loop over many elements into vector code by itself. For a loop over few it
// does little: with wide registers its vector loop takes 64 places a turn, and what is left over goes
// one by one or in fours. But a head here has 24 features, a state 16 numbers, a row of the model 96,
// and a row of a triangle any number. Loops over such rows are written out: eight places at a time,
// then the rest. Every element is computed as in the plain loop, so that the results are the same to
// the last bit.
//
// Lengths are checked once for a row, not once for eight places. Behind that check stand raw
// pointers: eight numbers that need not be aligned are loaded through one.
//
// Read before: `Tensor+Writing.swift`. Used by: `Reductions.swift` and the kernels with short rows.

/// Eight numbers side by side.
typealias Lanes = SIMD8<Scalar>

@inline(__always)
private func load<Wide: SIMD>(_ x: UnsafePointer<Scalar>, _ index: Int) -> Wide where Wide.Scalar == Scalar {
  UnsafeRawPointer(x + index).loadUnaligned(as: Wide.self)
}

/// Eight numbers from a place on, which the caller has checked.
@inline(__always)
func lanes(_ x: UnsafePointer<Scalar>, _ index: Int) -> Lanes { load(x, index) }

/// Writes eight numbers from a place on, which the caller has checked.
@inline(__always)
func store(_ value: Lanes, _ target: UnsafeMutablePointer<Scalar>, _ index: Int) {
  UnsafeMutableRawPointer(target + index).storeBytes(of: value, as: Lanes.self)
}

/// Eight numbers from a place on.
@inline(__always)
func lanes(_ x: Span<Scalar>, _ index: Int) -> Lanes {
  precondition(index >= 0 && index + 8 <= x.count)
  return x.withUnsafeBufferPointer { lanes($0.baseAddress!, index) }
}

/// Writes eight numbers from a place on.
@inline(__always)
func store(_ value: Lanes, _ target: inout MutableSpan<Scalar>, _ index: Int) {
  precondition(index >= 0 && index + 8 <= target.count)
  target.withUnsafeMutableBufferPointer { store(value, $0.baseAddress!, index) }
}

/// Calls `wide` for eight places at once, then `narrow` for each that is left over.
@inline(__always)
func inLanes(_ count: Int, wide: (Int) -> Void, narrow: (Int) -> Void) {
  var index = 0
  while index + 8 <= count {
    wide(index)
    index += 8
  }
  while index < count {
    narrow(index)
    index += 1
  }
}

// ## Any formula
//
// A formula comes twice, for eight places and for one. Swift has no closure that is generic.

/// target = f(x), for the first places of x, as many as target has.
@inline(__always)
func fill(
  _ target: inout MutableSpan<Scalar>, _ x: Span<Scalar>, wide: (Lanes) -> Lanes, narrow: (Scalar) -> Scalar
) {
  let count = target.count
  precondition(x.count >= count)
  pointers(&target, x) { target, x in
    inLanes(count, wide: { store(wide(lanes(x, $0)), target, $0) }, narrow: { target[$0] = narrow(x[$0]) })
  }
}

/// target = f(x, y), for the first `count` places.
@inline(__always)
func fill(
  _ target: inout MutableSpan<Scalar>, first count: Int, _ x: Span<Scalar>, _ y: Span<Scalar>,
  wide: (Lanes, Lanes) -> Lanes, narrow: (Scalar, Scalar) -> Scalar
) {
  precondition(count >= 0 && count <= target.count && count <= min(x.count, y.count))
  pointers(&target, x, y) { target, x, y in
    inLanes(
      count, wide: { store(wide(lanes(x, $0), lanes(y, $0)), target, $0) },
      narrow: { target[$0] = narrow(x[$0], y[$0]) })
  }
}

/// target = f(x, y, z), for spans of one length.
@inline(__always)
func fill(
  _ target: inout MutableSpan<Scalar>, _ x: Span<Scalar>, _ y: Span<Scalar>, _ z: Span<Scalar>,
  wide: (Lanes, Lanes, Lanes) -> Lanes, narrow: (Scalar, Scalar, Scalar) -> Scalar
) {
  let count = target.count
  precondition(x.count == count && y.count == count && z.count == count)
  pointers(&target, x, y) { target, x, y in
    z.withUnsafeBufferPointer { z in
      guard let z = z.baseAddress else { return }
      inLanes(
        count, wide: { store(wide(lanes(x, $0), lanes(y, $0), lanes(z, $0)), target, $0) },
        narrow: { target[$0] = narrow(x[$0], y[$0], z[$0]) })
    }
  }
}

/// target = f(target, x), at every place.
@inline(__always)
func change(
  _ target: inout MutableSpan<Scalar>, with x: Span<Scalar>, wide: (Lanes, Lanes) -> Lanes,
  narrow: (Scalar, Scalar) -> Scalar
) {
  let count = target.count
  precondition(x.count >= count)
  pointers(&target, x) { target, x in
    inLanes(
      count, wide: { store(wide(lanes(target, $0), lanes(x, $0)), target, $0) },
      narrow: { target[$0] = narrow(target[$0], x[$0]) })
  }
}

/// Calls `body` with the addresses of two spans, unless one is empty.
@inline(__always)
private func pointers(
  _ target: inout MutableSpan<Scalar>, _ x: Span<Scalar>,
  _ body: (UnsafeMutablePointer<Scalar>, UnsafePointer<Scalar>) -> Void
) {
  target.withUnsafeMutableBufferPointer { target in
    x.withUnsafeBufferPointer { x in
      if let target = target.baseAddress, let x = x.baseAddress { body(target, x) }
    }
  }
}

/// Calls `body` with the addresses of three spans, unless one is empty.
@inline(__always)
private func pointers(
  _ target: inout MutableSpan<Scalar>, _ x: Span<Scalar>, _ y: Span<Scalar>,
  _ body: (UnsafeMutablePointer<Scalar>, UnsafePointer<Scalar>, UnsafePointer<Scalar>) -> Void
) {
  pointers(&target, x) { target, x in y.withUnsafeBufferPointer { if let y = $0.baseAddress { body(target, x, y) } } }
}

// ## Rows
//
// Where a row has sixteen places, they go at once.

/// target = f, for each place, or target += f; `sixteen`, `eight` and `one` are f for so many places.
@inline(__always)
private func write(
  adding: Bool, to target: UnsafeMutablePointer<Scalar>, _ count: Int, sixteen: (Int) -> SIMD16<Scalar>,
  eight: (Int) -> Lanes, one: (Int) -> Scalar
) {
  let whole = count / 16 * 16
  for index in Swift.stride(from: 0, to: whole, by: 16) {
    let value = sixteen(index)
    UnsafeMutableRawPointer(target + index).storeBytes(
      of: adding ? load(target, index) + value : value, as: SIMD16<Scalar>.self)
  }
  inLanes(
    count - whole,
    wide: { store(adding ? lanes(target, whole + $0) + eight(whole + $0) : eight(whole + $0), target, whole + $0) },
    narrow: { target[whole + $0] = adding ? target[whole + $0] + one(whole + $0) : one(whole + $0) })
}

/// target = factor · x, for `count` places that the caller has checked.
@inline(__always)
func write(_ factor: Scalar, times x: UnsafePointer<Scalar>, to target: UnsafeMutablePointer<Scalar>, _ count: Int) {
  write(
    adding: false, to: target, count, sixteen: { factor * load(x, $0) }, eight: { factor * lanes(x, $0) },
    one: { factor * x[$0] })
}

/// target += factor · x, for `count` places that the caller has checked.
@inline(__always)
func add(_ factor: Scalar, times x: UnsafePointer<Scalar>, to target: UnsafeMutablePointer<Scalar>, _ count: Int) {
  write(
    adding: true, to: target, count, sixteen: { factor * load(x, $0) }, eight: { factor * lanes(x, $0) },
    one: { factor * x[$0] })
}

/// The first places of target = factor · x, as many as x has.
@inline(__always)
func write(_ factor: Scalar, times x: Span<Scalar>, to target: inout MutableSpan<Scalar>) {
  let count = x.count
  precondition(count <= target.count)
  pointers(&target, x) { target, x in write(factor, times: x, to: target, count) }
}

/// target += factor · x, for the places of target from `start` on, as many as x has.
@inline(__always)
func add(_ factor: Scalar, times x: Span<Scalar>, to target: inout MutableSpan<Scalar>, at start: Int = 0) {
  let count = x.count
  precondition(start >= 0 && start + count <= target.count)
  pointers(&target, x) { target, x in add(factor, times: x, to: target + start, count) }
}

/// target *= factor
@inline(__always)
func scale(_ target: inout MutableSpan<Scalar>, by factor: Scalar) {
  target.withUnsafeMutableBufferPointer { target in
    if let start = target.baseAddress { write(factor, times: start, to: start, target.count) }
  }
}

/// target = x ⊙ y, for the places of target from `start` on, as many as x has.
@inline(__always)
func write(_ x: Span<Scalar>, times y: Span<Scalar>, to target: inout MutableSpan<Scalar>, at start: Int = 0) {
  let count = x.count
  precondition(start >= 0 && start + count <= target.count && count == y.count)
  pointers(&target, x, y) { target, x, y in
    let target = target + start
    write(
      adding: false, to: target, count, sixteen: { load(x, $0) * load(y, $0) },
      eight: { lanes(x, $0) * lanes(y, $0) }, one: { x[$0] * y[$0] })
  }
}

/// target += x ⊙ y, for the places of target from `start` on, as many as x has.
@inline(__always)
func add(_ x: Span<Scalar>, times y: Span<Scalar>, to target: inout MutableSpan<Scalar>, at start: Int = 0) {
  let count = x.count
  precondition(start >= 0 && start + count <= target.count && count == y.count)
  pointers(&target, x, y) { target, x, y in
    let target = target + start
    write(
      adding: true, to: target, count, sixteen: { load(x, $0) * load(y, $0) },
      eight: { lanes(x, $0) * lanes(y, $0) }, one: { x[$0] * y[$0] })
  }
}

/// Copies x to the places of target from `start` on.
@inline(__always)
func copy(_ x: Span<Scalar>, to target: inout MutableSpan<Scalar>, at start: Int = 0) {
  let count = x.count
  precondition(start >= 0 && start + count <= target.count)
  pointers(&target, x) { target, x in (target + start).update(from: x, count: count) }
}

/// The next multiple of sixteen, or `room` if that is less: up to there a row may be computed where the rest of it is
/// written anew.
@inline(__always)
func wholeTurns(_ count: Int, room: Int) -> Int { min(room, (count + 15) / 16 * 16) }

/// Replaces each of `count` numbers, which the caller has checked, by a function of it, sixteen at a time.
@inline(__always)
func replace(_ x: UnsafeMutablePointer<Scalar>, _ count: Int, by function: (Scalar) -> Scalar) {
  var index = 0
  while index + 16 <= count {
    for place in index..<(index + 16) { x[place] = function(x[place]) }
    index += 16
  }
  while index < count {
    x[index] = function(x[index])
    index += 1
  }
}

/// Replaces each of the first `count` numbers by a function of it, sixteen at a time.
@inline(__always)
func replace(_ x: inout MutableSpan<Scalar>, first count: Int, by function: (Scalar) -> Scalar) {
  precondition(count >= 0 && count <= x.count)
  x.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { replace(start, count, by: function) } }
}
