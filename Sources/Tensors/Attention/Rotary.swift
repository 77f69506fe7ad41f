// # Rotary positions
//
// The first R features of each head form R/2 pairs (i, i + R/2), and each pair is rotated by an angle that grows with
// the position:
//
//     angle(t, i)   =  t · base^(−2i/R)
//     y[i]          =  x[i] cos − x[i + R/2] sin
//     y[i + R/2]    =  x[i] sin + x[i + R/2] cos
//
// so that the inner product of a query at t and a key at s depends on t − s alone. The pullback of a rotation is the
// rotation back. Features from R on pass through unchanged. Source: Su et al., arXiv 2104.09864; the two halves are
// paired as in GPT-NeoX and Phi.
//
// Slow twin: `Naive.rotary`.

import Foundation

/// The cosines and sines of the rotary embedding for T positions.
public struct RotaryTable: Sendable {
  /// The number of features that are rotated; even.
  public let width: Int
  /// The number of positions that the table holds.
  public let T: Int
  fileprivate let cosines: Tensor
  fileprivate let sines: Tensor

  /// The last table that `forText` returned: all layers of a model, and all steps of a training run, ask for the same
  /// one.
  private static let last = Lock<(base: Double, table: RotaryTable)?>(nil)

  /// The table for the positions 0..<T.
  ///
  /// - Parameters:
  ///   - T: the number of positions
  ///   - width: the number of features that are rotated; even
  ///   - base: the base of the angles' geometric series
  public static func forText(T: Int, width: Int, base: Double) -> RotaryTable {
    if let last = last.withLock({ $0 }), last.table.T == T, last.table.width == width, last.base == base {
      return last.table
    }
    let table = RotaryTable(T: T, width: width, base: base)
    last.withLock { $0 = (base, table) }
    return table
  }

  /// - Parameters:
  ///   - T: the number of positions
  ///   - width: the number of features that are rotated; even
  ///   - base: the base of the angles' geometric series; 10000 in Phi
  ///   - offset: the position of the first row
  public init(T: Int, width: Int, base: Double = 10_000, offset: Int = 0) {
    self.init(positions: offset..<(offset + T), width: width, base: base)
  }

  /// The table for rows at any positions.
  ///
  /// - Parameters:
  ///   - positions: the position of each row, in order
  ///   - width: the number of features that are rotated; even
  ///   - base: the base of the angles' geometric series; 10000 in Phi
  public init(positions: some Collection<Int>, width: Int, base: Double = 10_000) {
    precondition(width.isMultiple(of: 2), "the width of a rotary table must be even, not \(width)")
    (T, self.width) = (positions.count, width)
    let half = width / 2
    let speeds = (0..<half).map { i in pow(base, -2 * Double(i) / Double(width)) }
    let angles = positions.flatMap { t in speeds.map { Double(t) * $0 } }
    cosines = Tensor(angles.map { Scalar(cos($0)) }, shape: [T, half])
    sines = Tensor(angles.map { Scalar(sin($0)) }, shape: [T, half])
  }
}

/// The rotary embedding of each head.
///
/// - Parameters:
///   - x: [B, T, H, P]
///   - table: a table for the same T; its width is at most P
///   - backward: whether to rotate the other way, which is both the pullback and the inverse
/// - Returns: [B, T, H, P]
public func rotary(_ x: Tensor, _ table: RotaryTable, backward: Bool = false) -> Tensor {
  let (B, T, H, P) = x.sizesOfHeads
  precondition(
    table.T == T && table.width <= P,
    "a rotary table for \(table.T) positions and \(table.width) features does not fit x of shape \(x.shape)")
  let half = table.width / 2
  let direction: Scalar = backward ? -1 : 1
  return reading(x, table.cosines, table.sines) { elements, cosines, sines in
    Tensor(writing: x.shape, rows: B * T, .runs(atLeast: Parallel.grain / max(1, 2 * H * P))) { row, target in
      let place = places(row % T, half)
      let (c, s) = (address(cosines.extracting(place)), address(sines.extracting(place)))
      let (source, result) = (address(elements.extracting(places(row, H * P))), address(&target))
      for head in 0..<H {
        let (from, to) = (source + head * P, result + head * P)
        inLanes(
          half,
          wide: { i in
            let turn = direction * lanes(s, i)
            store(lanes(from, i) * lanes(c, i) - lanes(from, i + half) * turn, to, i)
            store(lanes(from, i) * turn + lanes(from, i + half) * lanes(c, i), to, i + half)
          },
          narrow: { i in
            let turn = direction * s[i]
            to[i] = from[i] * c[i] - from[i + half] * turn
            to[i + half] = from[i] * turn + from[i + half] * c[i]
          })
        for i in (2 * half)..<P { to[i] = from[i] }
      }
    }
  }
}
