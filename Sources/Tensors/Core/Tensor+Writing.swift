// # Reading and writing in kernels
//
// A loop over `x[i, j]` would check bounds, compute an offset and retain the tensor at every element. A kernel
// therefore works on spans: stretches of memory that know their length. Three rules keep it safe.
//
//     reading(x, y) { x, y in … }       the tensors live until the closure returns; Swift lets no span escape it
//     writing(&z, rows: n, …)           cuts z into n rows of equal length; each call gets one of them, and can
//                                       reach no other, on whatever core it runs
//     x.extracting(places(row, D))      a row to read; its bounds are checked once, when it is taken
//
// Inside a row the compiler sees that the loop ends where the span ends, moves the check out of the loop, and
// vectorises the rest. Loops that go eight places at a time are in `Lanes.swift`.
//
// Rejected: one span of the whole result for all cores. A `MutableSpan` has one writer at a time, which is what makes
// it safe. Rejected too: a property that returns a span, as arrays have. It needs an experimental feature of the
// compiler, and Swift 6.3.1 stopped at its mutable form with an internal error.
//
// A row costs 3 to 6 ns more than in a loop over raw pointers: for rows of 96 numbers layer normalisation takes 1.15
// times as long, softmax 1.1 times. For whole training steps, the shortest times were 1.00 to 1.04 times as long, on
// a machine that other programs used at the same time.
//
// Sometimes this is not enough: a library needs a pointer, or the numbers that different pieces write are interleaved
// (heads side by side in one row). A kernel then takes `uninitialisedNumbers` and says why. Parts cut out of these
// are bounds-checked as well; that no two pieces write to the same place is not checked.
//
// Read before: `Tensor.swift`, `Parallel.swift`. Read next: `Elementwise.swift`, the first kernels.

// ## Inputs

/// Calls `body` with the elements of x, which lives until `body` returns.
@inline(__always)
func reading<R>(_ x: Tensor, _ body: (Span<Scalar>) throws -> R) rethrows -> R { try x.withElements(body) }

/// Calls `body` with the elements of two tensors, which live until it returns.
@inline(__always)
func reading<R>(_ x: Tensor, _ y: Tensor, _ body: (Span<Scalar>, Span<Scalar>) throws -> R) rethrows -> R {
  try reading(x) { x in try reading(y) { y in try body(x, y) } }
}

/// Calls `body` with the elements of three tensors, which live until it returns.
@inline(__always)
func reading<R>(
  _ x: Tensor, _ y: Tensor, _ z: Tensor, _ body: (Span<Scalar>, Span<Scalar>, Span<Scalar>) throws -> R
) rethrows -> R {
  try reading(x, y) { x, y in try reading(z) { z in try body(x, y, z) } }
}

/// Calls `body` with the elements of four tensors, which live until it returns.
@inline(__always)
func reading<R>(
  _ x: Tensor, _ y: Tensor, _ z: Tensor, _ u: Tensor,
  _ body: (Span<Scalar>, Span<Scalar>, Span<Scalar>, Span<Scalar>) throws -> R
) rethrows -> R {
  try reading(x, y) { x, y in try reading(z, u) { z, u in try body(x, y, z, u) } }
}

/// The places of row `row` where rows of `width` numbers follow one another; they are checked when they are extracted
/// from a span.
@inline(__always)
func places(_ row: Int, _ width: Int) -> Range<Int> {
  Range(uncheckedBounds: (row &* width, row &* width &+ width))
}

// ## Results

/// How the rows of a result are shared among the cores.
enum Shares {
  /// Neighbours together, at least this many at a time: for rows of equal cost.
  case runs(atLeast: Int)
  /// One by one, each as costly as this many additions: for rows that take long.
  case singly(work: Int)
  /// All on the calling thread, one after another.
  case inOrder

  @inline(__always)
  func each(_ rows: Int, _ body: (Int) -> Void) {
    switch self {
    case .runs(let grain): Parallel.ranges(rows, grain: max(1, grain)) { range in for row in range { body(row) } }
    case .singly(let work): Parallel.each(rows, workPerItem: work, body)
    case .inOrder: Parallel.flushing { for row in 0..<rows { body(row) } }
    }
  }
}

/// Calls `body` with the number of each row and the row itself, to be written; rows are taken in any order.
///
/// A tensor that shares its elements with a copy gets its own first.
@inline(__always)
func writing(
  _ target: inout Tensor, rows: Int, _ shares: Shares, _ body: (Int, inout MutableSpan<Scalar>) -> Void
) {
  let rowsOfTarget = EqualRows(&target, rows)
  shares.each(rows) { row in rowsOfTarget.write(row) { body(row, &$0) } }
}

/// The same with two tensors, each cut into `rows` rows.
@inline(__always)
func writing(
  _ first: inout Tensor, _ second: inout Tensor, rows: Int, _ shares: Shares,
  _ body: (Int, inout MutableSpan<Scalar>, inout MutableSpan<Scalar>) -> Void
) {
  let (one, two) = (EqualRows(&first, rows), EqualRows(&second, rows))
  shares.each(rows) { row in one.write(row) { a in two.write(row) { b in body(row, &a, &b) } } }
}

/// The same with three tensors, each cut into `rows` rows.
@inline(__always)
func writing(
  _ first: inout Tensor, _ second: inout Tensor, _ third: inout Tensor, rows: Int, _ shares: Shares,
  _ body: (Int, inout MutableSpan<Scalar>, inout MutableSpan<Scalar>, inout MutableSpan<Scalar>) -> Void
) {
  let (one, two, three) = (EqualRows(&first, rows), EqualRows(&second, rows), EqualRows(&third, rows))
  shares.each(rows) { row in
    one.write(row) { a in two.write(row) { b in three.write(row) { c in body(row, &a, &b, &c) } } }
  }
}

/// Cuts a range of places into stretches and calls `body` with the places of each and its elements, to be changed.
/// The elements are counted from 0.
///
/// For functions of single elements. A stretch has at least `grain` elements, unless there are fewer.
@inline(__always)
func changing(
  _ target: inout Tensor, _ range: Range<Int>, grain: Int, _ body: (Range<Int>, inout MutableSpan<Scalar>) -> Void
) {
  let all = EqualRows(&target, 1)
  Parallel.ranges(range.count, grain: grain) { piece in
    let places = (range.lowerBound + piece.lowerBound)..<(range.lowerBound + piece.upperBound)
    all.write(at: places) { body(places, &$0) }
  }
}

/// The same for one range of places of three tensors.
@inline(__always)
func changing(
  _ first: inout Tensor, _ second: inout Tensor, _ third: inout Tensor, _ range: Range<Int>, grain: Int,
  _ body: (Range<Int>, inout MutableSpan<Scalar>, inout MutableSpan<Scalar>, inout MutableSpan<Scalar>) -> Void
) {
  let (one, two, three) = (EqualRows(&first, 1), EqualRows(&second, 1), EqualRows(&third, 1))
  Parallel.ranges(range.count, grain: grain) { piece in
    let places = (range.lowerBound + piece.lowerBound)..<(range.lowerBound + piece.upperBound)
    one.write(at: places) { a in
      two.write(at: places) { b in three.write(at: places) { c in body(places, &a, &b, &c) } }
    }
  }
}

extension Tensor {
  /// A tensor of this shape, seen as `rows` rows of equal length; `body` writes each of them in full.
  @inline(__always)
  init(writing shape: Shape, rows: Int, _ shares: Shares, _ body: (Int, inout MutableSpan<Scalar>) -> Void) {
    self.init(uninitialised: shape)
    writing(&self, rows: rows, shares, body)
  }

  /// A tensor of this shape; each call of `body` writes one stretch of it in full, as in `changing`.
  @inline(__always)
  init(writing shape: Shape, grain: Int, _ body: (Range<Int>, inout MutableSpan<Scalar>) -> Void) {
    self.init(uninitialised: shape)
    changing(&self, 0..<count, grain: grain, body)
  }
}

/// The numbers of a tensor as rows of equal length. Each row must be written by one thread only.
private struct EqualRows {
  let numbers: UnsafeMutableBufferPointer<Scalar>
  let rows, width: Int

  @inline(__always)
  init(_ tensor: inout Tensor, _ rows: Int) {
    tensor.makeUnique()
    numbers = tensor.uninitialisedNumbers
    (self.rows, width) = (rows, rows == 0 ? 0 : numbers.count / rows)
    precondition(width * rows == numbers.count, "the shape \(tensor.shape) is not cut into \(rows) rows")
  }

  /// Calls `body` with one of the rows, whose ends were checked when they were cut.
  @inline(__always)
  func write(_ row: Int, _ body: (inout MutableSpan<Scalar>) -> Void) {
    precondition(row >= 0 && row < rows, "there is no such row")
    let own = UnsafeMutableBufferPointer(start: numbers.baseAddress.map { $0 + row &* width }, count: width)
    var span = own.mutableSpan
    body(&span)
  }

  @inline(__always)
  func write(at places: Range<Int>, _ body: (inout MutableSpan<Scalar>) -> Void) {
    let own = numbers.extracting(places)
    var span = own.mutableSpan
    body(&span)
  }
}
