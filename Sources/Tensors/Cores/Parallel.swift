// # Two cores
//
// Long loops are cut into pieces, which run on all cores. How a sum is cut depends on its length
// alone, never on how many cores there are or which of them is free, so that it is the same to the last
// bit on every run; only items that are independent of one another may be grouped by the number of cores
// (`together`). OpenBLAS itself stays on one thread: our pieces already use all cores, and two levels of
// threads slow each other down.
//
// A loop is worth cutting if it takes more than about three microseconds, because the other threads stay awake
// (`WorkerPool.swift`).
//
// ## Numbers that are too small
//
// A matrix of decays has entries like e⁻⁸⁰, and a product with one of them is soon below the normal numbers, 1.2e-38 in
// Float. Nobody would miss it, but computing it takes the processor some hundred cycles. Once training had made decays
// strong, more than a third of a step of stage 2 went that way. So in every loop here such a result is zero, on
// whichever thread it runs; what the caller computes outside keeps its subnormal numbers. The same steps, without and
// with this, on two cores with AVX-512 (bench-steps, in turns; medians of 40 steps on one batch, in ms):
//
//     teacher   30.7 → 30.7        stage 1   25.2 → 21.2        stage 2   36.8 → 25.3        stage 3   48.0 → 45.5
//
// Read before: `Tensor.swift`. Read next: `WorkerPool.swift`. Used by every kernel.

import CProcessor

/// How loops are cut.
enum Parallel {
  /// Elements of cheap work (an addition) below which a loop stays in one piece.
  static let grain = 8192
  /// The largest number of pieces of one loop: a few per core, so that one slow core does not delay the whole loop.
  static let maximalPieces = 4

  /// The number of pieces for `count` items, each piece having at least `grain`.
  @inline(__always)
  static func pieces(_ count: Int, grain: Int) -> Int { max(1, min(maximalPieces, count / max(1, grain))) }

  /// Calls `body` with consecutive ranges that together are 0..<count, on all cores if there is enough to do.
  ///
  /// `body` must not depend on the order in which the ranges are done.
  @inline(__always)
  static func ranges(_ count: Int, grain: Int = grain, _ body: (Range<Int>) -> Void) {
    ranges(count, pieces: pieces(count, grain: grain), body)
  }

  /// The same with a given number of pieces.
  @inline(__always)
  static func ranges(_ count: Int, pieces: Int, _ body: (Range<Int>) -> Void) {
    if pieces == 1 { return flushing { body(0..<count) } }
    withoutActuallyEscaping(body) { escaping in
      nonisolated(unsafe) let body = escaping  // Each piece writes to places of its own.
      WorkerPool.shared.perform(pieces) { piece in
        flushing { body((count * piece / pieces)..<(count * (piece + 1) / pieces)) }
      }
    }
  }

  /// Calls `body` with each index in 0..<count, on all cores if there is enough work for two pieces.
  @inline(__always)
  static func each(_ count: Int, workPerItem: Int, _ body: (Int) -> Void) {
    if count * workPerItem < 2 * grain || count == 1 { return flushing { (0..<count).forEach(body) } }
    withoutActuallyEscaping(body) { escaping in
      nonisolated(unsafe) let body = escaping  // Each piece writes to places of its own.
      WorkerPool.shared.perform(count) { item in flushing { body(item) } }
    }
  }

  /// Calls `body`, in which results below the normal numbers are zero, or with `false` are what IEEE 754 says.
  @inline(__always)
  static func flushing<Result>(_ flushes: Bool = true, _ body: () -> Result) -> Result {
    let before = processor_flush_underflow(flushes ? 1 : 0)
    defer { _ = processor_flush_underflow(before) }
    return body()
  }

  /// The largest divisor of `count` such that, with so many neighbours together in each of `rows` rows, every core has a
  /// group. Only for items that are independent of one another, because it depends on the number of cores.
  static func together(_ count: Int, of rows: Int) -> Int {
    let cores = WorkerPool.shared.threads
    return (1...max(1, count)).last { count.isMultiple(of: $0) && rows * count / $0 >= cores } ?? 1
  }
}

/// Calls `body` with each index in 0..<count, on all cores and in any order; the loops inside `body` stay on its core.
///
/// For large parts that are independent of one another, such as the training of several models.
public func onAllCores(_ count: Int, _ body: @Sendable (Int) -> Void) { WorkerPool.shared.perform(count, body) }

/// Calls `body` while every loop stays on its own thread, to measure the work of one core.
public func onOneCore<Result>(_ body: () throws -> Result) rethrows -> Result {
  try WorkerPool.shared.resting(body)
}
