// # Eight at a time
//
// Of a loop over many elements the compiler makes vector code by itself. Of a loop over few it makes
// little: with wide registers its vector loop takes 64 places a turn, and what is left over goes one
// by one or in fours. But a head here has 24 features, a state 16 numbers, a row of the model 96, and a
// row of a triangle anything. Loops over such rows say it themselves: eight places at a time, then the
// rest. Every element is computed as in the plain loop, so that the results are the same to the last bit.
//
// Read before: `Parallel.swift`. Used by: `Reductions.swift` and the kernels with short rows.

/// Eight numbers side by side.
typealias Lanes = SIMD8<Scalar>

@inline(__always)
func lanes(_ x: UnsafePointer<Scalar>, _ index: Int) -> Lanes {
  UnsafeRawPointer(x + index).loadUnaligned(as: Lanes.self)
}

@inline(__always)
func lanes(_ x: UnsafeMutablePointer<Scalar>, _ index: Int) -> Lanes { lanes(UnsafePointer(x), index) }

@inline(__always)
func store(_ value: Lanes, _ target: UnsafeMutablePointer<Scalar>, _ index: Int) {
  UnsafeMutableRawPointer(target + index).storeBytes(of: value, as: Lanes.self)
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

// ## Rows
//
// Where a row has sixteen places, they go at once.

@inline(__always)
private func load<Wide: SIMD>(_ x: UnsafePointer<Scalar>, _ index: Int) -> Wide where Wide.Scalar == Scalar {
  UnsafeRawPointer(x + index).loadUnaligned(as: Wide.self)
}

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
      of: adding ? load(UnsafePointer(target), index) + value : value, as: SIMD16<Scalar>.self)
  }
  inLanes(
    count - whole,
    wide: { store(adding ? lanes(target, whole + $0) + eight(whole + $0) : eight(whole + $0), target, whole + $0) },
    narrow: { target[whole + $0] = adding ? target[whole + $0] + one(whole + $0) : one(whole + $0) })
}

/// target = factor · x
@inline(__always)
func write(_ factor: Scalar, times x: UnsafePointer<Scalar>, to target: UnsafeMutablePointer<Scalar>, _ count: Int) {
  write(
    adding: false, to: target, count, sixteen: { factor * load(x, $0) }, eight: { factor * lanes(x, $0) },
    one: { factor * x[$0] })
}

/// target += factor · x
@inline(__always)
func add(_ factor: Scalar, times x: UnsafePointer<Scalar>, to target: UnsafeMutablePointer<Scalar>, _ count: Int) {
  write(
    adding: true, to: target, count, sixteen: { factor * load(x, $0) }, eight: { factor * lanes(x, $0) },
    one: { factor * x[$0] })
}

/// target = x ⊙ y
@inline(__always)
func write(
  _ x: UnsafePointer<Scalar>, times y: UnsafePointer<Scalar>, to target: UnsafeMutablePointer<Scalar>, _ count: Int
) {
  write(
    adding: false, to: target, count, sixteen: { load(x, $0) * load(y, $0) },
    eight: { lanes(x, $0) * lanes(y, $0) }, one: { x[$0] * y[$0] })
}

/// target += x ⊙ y
@inline(__always)
func add(
  _ x: UnsafePointer<Scalar>, times y: UnsafePointer<Scalar>, to target: UnsafeMutablePointer<Scalar>, _ count: Int
) {
  write(
    adding: true, to: target, count, sixteen: { load(x, $0) * load(y, $0) },
    eight: { lanes(x, $0) * lanes(y, $0) }, one: { x[$0] * y[$0] })
}

/// The next multiple of sixteen, or `room` if that is less: up to there a row may be computed where the rest of it is
/// written anew.
@inline(__always)
func wholeTurns(_ count: Int, room: Int) -> Int { min(room, (count + 15) / 16 * 16) }

/// Replaces each number by a function of it, sixteen at a time.
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
