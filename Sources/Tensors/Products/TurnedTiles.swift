// # Tiles of the transposed result
//
// A large layer that reads few rows has most of its numbers in the weight, and reads it transposed, which OpenBLAS does
// not do in place. Rather than copy so many numbers, we transpose the few rows, once and by all cores together. Then
// tiles of the transposed result are computed, with the weight read where it is, and each tile is written transposed to
// its place when it is complete.
//
//     result = rows · weightᵀ        resultᵀ = weight · rowsᵀ
//
// Read before: `Tiles.swift`. Slow twin: `Naive.matmul`.

extension Tiles {
  /// Up to this many rows, we transpose the rows instead of the weight.
  private static let mostTurnedRows = 256

  /// Whether the rows and the result are transposed instead of the right factor.
  static func turnsRows(_ left: MatrixOperand, _ right: MatrixOperand, keep: Scalar) -> Bool {
    let (m, n, k) = (left.rows, right.columns, left.columns)
    return right.isTransposed && !left.isTransposed && keep == 0 && m <= mostTurnedRows && m * (n + k) < n * k
      && isNear(right.stride)
  }

  /// The product with a right factor that is read transposed and is larger than all else: computes tiles of the
  /// transposed result from the transposed rows, and writes each where it belongs when it is complete.
  static func gemmTurningRows(
    _ left: MatrixOperand, _ right: MatrixOperand, into result: MatrixTarget, factor: Scalar,
    plus start: MatrixOperand?, pieces: Int
  ) {
    let (m, n, k) = (result.rows, result.columns, left.columns)
    withScratch(k * m) { copy in
      let turned = MatrixTarget(copy, rows: k, columns: m)
      let eights = (m + 7) / 8
      Parallel.ranges(eights, pieces: min(pieces, eights)) { range in
        let some = (8 * range.lowerBound)..<min(8 * range.upperBound, m)
        left.rows(some).transpose(into: turned.columns(some))
      }
      Parallel.ranges(n, pieces: pieces) { range in
        turnedTiles(
          turned.operand, right.columns(range).transposed, into: result.columns(range), factor: factor,
          plus: start?.columns(range))
      }
    }
  }

  /// Tiles of the product of `weight` and `turned`, each of which is written transposed.
  private static func turnedTiles(
    _ turned: MatrixOperand, _ weight: MatrixOperand, into result: MatrixTarget, factor: Scalar,
    plus start: MatrixOperand?
  ) {
    let (m, n, k) = (result.rows, result.columns, turned.rows)
    withScratch(rows * columns) { memory in
      for output in Swift.stride(from: 0, to: n, by: rows) {
        let wide = output..<min(output + rows, n)
        for row in Swift.stride(from: 0, to: m, by: columns) {
          let high = row..<min(row + columns, m)
          let tile = MatrixTarget(memory, rows: wide.count, columns: high.count)
          forPieces(ofDepth: k) { deep, isFirst in
            blas(
              weight.part(rows: wide, columns: deep), turned.part(rows: deep, columns: high), into: tile,
              factor: factor, keep: isFirst ? 0 : 1)
          }
          let target = result.part(rows: high, columns: wide)
          tile.operand.transpose(into: target)
          if let start = start?.columns(wide) {
            for i in 0..<high.count { add(1, times: start.row(0), to: target.row(i), wide.count) }
          }
        }
      }
    }
  }
}
