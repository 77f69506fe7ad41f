// # Eight at a time
//
// The compiler turns a loop over many elements into vector code by itself. For a loop over few elements this gains
// little: with wide registers its vector loop takes 64 places per turn, and the rest goes one by one or in fours. But
// a head here has 24 features, a state 16 numbers, a row of the model 96, and a row of a triangle any number. So
// loops over such rows are written out: eight places at a time, then the rest. Every element is computed as in the
// plain loop, so that the results are the same to the last bit.
//
// Lengths are checked once per row, not once per eight places. After that check the loops use raw pointers, because
// eight numbers that need not be aligned are loaded through one.
//
// Read before: `Tensor+Writing.swift`. Used by: `RowSums.swift` and the kernels with short rows.

/// Eight numbers side by side.
typealias Lanes = SIMD8<Scalar>

@inline(__always)
private func load<Wide: SIMD>(_ x: UnsafePointer<Scalar>, _ index: Int) -> Wide where Wide.Scalar == Scalar {
  UnsafeRawPointer(x + index).loadUnaligned(as: Wide.self)
}

/// Eight numbers from a place on; the caller has checked that they exist.
@inline(__always)
func lanes(_ x: UnsafePointer<Scalar>, _ index: Int) -> Lanes { load(x, index) }

@inline(__always)
func lanes(_ x: UnsafeMutablePointer<Scalar>, _ index: Int) -> Lanes { load(x, index) }

/// Writes eight numbers from a place on; the caller has checked that there is room.
@inline(__always)
func store(_ value: Lanes, _ target: UnsafeMutablePointer<Scalar>, _ index: Int) {
  UnsafeMutableRawPointer(target + index).storeBytes(of: value, as: Lanes.self)
}

/// The address of a span, for a loop in eights over a row of known length; the pointer is not kept beyond the row.
///
/// Inside `withUnsafeBufferPointer` such a loop would be a closure within a closure, which Swift calls for every
/// eight numbers instead of inlining it: layer normalisation then takes half as long again.
@inline(__always)
func address(_ x: Span<Scalar>) -> UnsafePointer<Scalar> {
  // An empty span has no address, and nothing is read from it.
  x.withUnsafeBufferPointer { $0.baseAddress } ?? UnsafePointer(bitPattern: 64)!
}

/// The address of a result that the caller has just made; the caller itself keeps its pieces apart.
@inline(__always)
func address(ofResult x: Tensor) -> UnsafeMutablePointer<Scalar> {
  x.uninitialisedNumbers.baseAddress ?? UnsafeMutablePointer(bitPattern: 64)!
}

/// The address of a span that is to be written.
@inline(__always)
func address(_ x: inout MutableSpan<Scalar>) -> UnsafeMutablePointer<Scalar> {
  x.withUnsafeMutableBufferPointer { $0.baseAddress } ?? UnsafeMutablePointer(bitPattern: 64)!
}

/// Calls `wide` for every eight places, then `narrow` for each place that is left over.
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

// ## Rows
//
// As long as a row has sixteen more places, they go at once.

/// target = f, for each place, or target += f; `sixteen`, `eight` and `one` are f for that many places.
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

/// target = factor · x, for the first places of target, as many as x has.
@inline(__always)
func write(_ factor: Scalar, times x: Span<Scalar>, to target: inout MutableSpan<Scalar>) {
  let count = x.count
  precondition(count <= target.count)
  write(factor, times: address(x), to: address(&target), count)
}

/// target += factor · x, for the places of target from `start` on, as many as x has.
@inline(__always)
func add(_ factor: Scalar, times x: Span<Scalar>, to target: inout MutableSpan<Scalar>, at start: Int = 0) {
  let count = x.count
  precondition(start >= 0 && start + count <= target.count)
  add(factor, times: address(x), to: address(&target) + start, count)
}

/// target *= factor
@inline(__always)
func scale(_ target: inout MutableSpan<Scalar>, by factor: Scalar) {
  let (count, start) = (target.count, address(&target))
  write(factor, times: start, to: start, count)
}

/// target = x ⊙ y, for the places of target from `start` on, as many as x has.
@inline(__always)
func write(_ x: Span<Scalar>, times y: Span<Scalar>, to target: inout MutableSpan<Scalar>, at start: Int = 0) {
  let count = x.count
  precondition(start >= 0 && start + count <= target.count && count == y.count)
  write(address(x), times: address(y), to: address(&target) + start, count)
}

/// target = x ⊙ y, for `count` places that the caller has checked.
@inline(__always)
func write(
  _ x: UnsafePointer<Scalar>, times y: UnsafePointer<Scalar>, to target: UnsafeMutablePointer<Scalar>, _ count: Int
) {
  write(
    adding: false, to: target, count, sixteen: { load(x, $0) * load(y, $0) }, eight: { lanes(x, $0) * lanes(y, $0) },
    one: { x[$0] * y[$0] })
}

/// target += x ⊙ y, for `count` places that the caller has checked.
@inline(__always)
func add(
  _ x: UnsafePointer<Scalar>, times y: UnsafePointer<Scalar>, to target: UnsafeMutablePointer<Scalar>, _ count: Int
) {
  write(
    adding: true, to: target, count, sixteen: { load(x, $0) * load(y, $0) }, eight: { lanes(x, $0) * lanes(y, $0) },
    one: { x[$0] * y[$0] })
}

/// target += x ⊙ y, for the places of target from `start` on, as many as x has.
@inline(__always)
func add(_ x: Span<Scalar>, times y: Span<Scalar>, to target: inout MutableSpan<Scalar>, at start: Int = 0) {
  let count = x.count
  precondition(start >= 0 && start + count <= target.count && count == y.count)
  add(address(x), times: address(y), to: address(&target) + start, count)
}

/// Copies x to the places of target from `start` on.
@inline(__always)
func copy(_ x: Span<Scalar>, to target: inout MutableSpan<Scalar>, at start: Int = 0) {
  let count = x.count
  precondition(start >= 0 && start + count <= target.count)
  (address(&target) + start).update(from: address(x), count: count)
}

/// The next multiple of sixteen, or `room` if that is less: how far a loop in sixteens can go where the places from
/// `count` on are overwritten later.
@inline(__always)
func wholeTurns(_ count: Int, room: Int) -> Int { min(room, (count + 15) / 16 * 16) }

/// Replaces each of `count` numbers by a function of it, sixteen at a time; the caller has checked that they exist.
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
  replace(address(&x), count, by: function)
}
