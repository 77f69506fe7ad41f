// # Products in tiles
//
// A library for products of large matrices first copies both factors into the order in which its innermost loop reads
// them. For matrices of 10,000 numbers, this copying took a fifth of the time of all products in a training step
// here. It also costs one more pass over the result, which is set to zero first. For processors with AVX-512 OpenBLAS
// has a second way: products of at most a million multiplications read their factors where they are and write each
// number of the result once. So we cut a product into tiles of that size.
//
//                          rows    columns    depth
//     a tile, at most        48         64      320         983,040 multiplications
//
// The second way is slow in one case: when the right factor has to be read transposed, as in a linear layer. We then
// copy its columns in the transposed order, 64 side by side, and all tiles in these columns share the copy; or, when a
// large layer reads few rows, transpose the rows and the result instead (`TurnedTiles.swift`). The depth is cut 320 at a
// time, and the rest in two halves. OpenBLAS cuts in the same way, but later: in version 0.3.21 at 448 numbers in Float and
// at 384 in Double. So the two ways add up to 320 terms of a sum in the same order, and more in different ones.
//
// A tile goes through its whole depth before the next one begins, so that the result is written once; only where the
// left factor is read transposed do all tiles take a piece of the depth first. And the left factor is taken in blocks of
// rows that stay in the second cache while all columns pass, instead of coming from the third for every 64 columns. With
// both, 1024 × 1536, depth 384, right factor transposed, takes 7.8 ms on two cores instead of 8.5.
//
// What is copied, all cores copy together and then share, so that a product can be cut into more pieces than there are
// cores. Of two pieces the first that is done waits for the other, 5 % of the time of a teacher's step; of four pieces,
// 2 %. A step of the teacher takes 30.8 ms instead of 31.2, of stage 2 24.8 instead of 25.4, of stage 3 43.4 instead of
// 44.3 (medians of 144 steps on two cores with AVX-512, old and new in turns).
//
//     512 × 384, depth 96, right factor transposed      99.9 → 108.4 GFLOP/s, one core
//     512 × 384, depth 96                              102.0 → 113.6
//     192 × 96, depth 1024, left factor transposed      98.1 → 116.0
//     512 × 1024, depth 1024                            97.4 →  92.3
//
// Tiles do not pay off where rows are far apart in memory, or a multiple of 1024 numbers apart, so that they share
// the same few places of a cache. We leave such products to OpenBLAS.
//
// Read before: `Gemm.swift`. Read next: `TurnedTiles.swift`. Slow twin: `Naive.matmul`.

import COpenBLAS

/// How a product is cut into tiles.
enum Tiles {
  static let rows = 48
  static let columns = 64
  private static let depth = 320
  /// So many numbers of the left factor stay in the second cache while all columns pass.
  private static let nearby = 100_000
  /// So many numbers of the right factor are copied before they are used.
  private static let copied = 400_000
  /// OpenBLAS computes products of at most this many multiplications in place.
  static let inPlace = 1_000_000
  /// If the right factor is read transposed, it does so only for results of up to 1200 numbers, with at least `smallDepth`
  /// terms; from this size on a transposed copy is faster.
  static let smallResult = 1000
  private static let smallDepth = 32
  /// We do not read rows in place if they are further apart than this many numbers, or a multiple of `badStride`
  /// apart.
  private static let (largestStride, badStride) = (1600, 1024)
  /// A transposed copy pays off for results with at least this many rows and columns.
  private static let smallestSide = 16

  /// Whether OpenBLAS has kernels for this processor that read small factors in place.
  static let areFast: Bool = {
    guard let name = openblas_get_corename() else { return false }
    return ["skylakex", "cooperlake", "sapphirerapids"].contains(String(cString: name).lowercased())
  }()

  /// Whether a product is faster in tiles.
  @inline(__always)
  static func suit(_ left: MatrixOperand, _ right: MatrixOperand) -> Bool {
    let (m, n, k) = (left.rows, right.columns, left.columns)
    if !areFast || !isNear(left.stride) { return false }
    if !right.isTransposed { return m * n * k > inPlace && isNear(right.stride) }
    return !left.isTransposed && min(m, n) >= smallestSide && (m * n > smallResult || k < smallDepth)
  }

  static func isNear(_ stride: Int) -> Bool { stride <= largestStride && !stride.isMultiple(of: badStride) }

  /// Whether a product copies one of its factors; `keep` is as for `gemm`.
  static func copies(_ left: MatrixOperand, _ right: MatrixOperand, keep: Scalar) -> Bool {
    right.isTransposed && !left.isTransposed && (left.rows >= right.columns || turnsRows(left, right, keep: keep))
  }

  /// What `gemmInPiece` computes; the caller has checked the sizes. With more than one piece, on all cores: where one
  /// factor is copied, all cores copy it together and then take tiles of the result.
  static func gemm(
    _ left: MatrixOperand, _ right: MatrixOperand, into result: MatrixTarget, factor: Scalar, keep: Scalar,
    plus start: MatrixOperand?, pieces: Int = 1
  ) {
    let (m, n, k) = (result.rows, result.columns, left.columns)
    if turnsRows(left, right, keep: keep) {
      return gemmTurningRows(left, right, into: result, factor: factor, plus: start, pieces: pieces)
    }
    if left.isTransposed && k > depth {
      // Its rows are columns in memory, and few of them meet in a cache: all tiles take a piece of the depth first.
      return forPieces(ofDepth: k) { deep, isFirst in
        gemm(
          left.part(rows: 0..<m, columns: deep), right.rows(deep), into: result, factor: factor,
          keep: isFirst ? keep : 1, plus: isFirst ? start : nil)
      }
    }
    guard right.isTransposed else {
      return rowsInBlocks(
        left, into: result, factor: factor, keep: keep, plus: start, strip: { right.columns($0) })
    }
    // The columns that are copied at a time: only 64 if all rows stay near.
    let panel =
      pieces == 1 && m <= block(depth: k) ? columns : max(columns, copied / max(k, 1) / columns * columns)
    withScratch(min(panel, n + columns) * k) { copy in
      for column in Swift.stride(from: 0, to: n, by: panel) {
        let wide = column..<min(column + panel, n)
        func copied(_ narrow: Range<Int>) -> MatrixTarget {
          MatrixTarget(copy, at: narrow.lowerBound * k, rows: k, columns: narrow.count, stride: columns)
        }
        let strips = (wide.count + columns - 1) / columns
        Parallel.ranges(strips, pieces: min(pieces, strips)) { range in
          for first in range.lazy.map({ $0 * columns }) {
            let narrow = first..<min(first + columns, wide.count)
            right.columns(wide).columns(narrow).transposed.transpose(into: copied(narrow))
          }
        }
        Parallel.ranges(m, pieces: pieces) { range in
          rowsInBlocks(
            left.rows(range), into: result.part(rows: range, columns: wide), factor: factor, keep: keep,
            plus: start?.columns(wide), strip: { copied($0).operand })
        }
      }
    }
  }

  /// The rows of the left factor that stay in the second cache.
  private static func block(depth: Int) -> Int { max(rows, nearby / max(depth, 1) / rows * rows) }

  /// The product, block of rows by block of rows; `strip` gives some columns of the right factor, at most 64.
  @inline(__always)
  private static func rowsInBlocks(
    _ left: MatrixOperand, into result: MatrixTarget, factor: Scalar, keep: Scalar, plus start: MatrixOperand?,
    strip: (Range<Int>) -> MatrixOperand
  ) {
    let block = block(depth: left.columns)
    for row in Swift.stride(from: 0, to: result.rows, by: block) {
      let high = row..<min(row + block, result.rows)
      for first in Swift.stride(from: 0, to: result.columns, by: columns) {
        let narrow = first..<min(first + columns, result.columns)
        tiles(
          left.rows(high), strip(narrow), into: result.part(rows: high, columns: narrow), factor: factor, keep: keep,
          plus: start?.columns(narrow))
      }
    }
  }

  /// The product with at most `columns` columns, one tile after another, each through its whole depth.
  @inline(__always)
  private static func tiles(
    _ left: MatrixOperand, _ strip: MatrixOperand, into result: MatrixTarget, factor: Scalar, keep: Scalar,
    plus start: MatrixOperand?
  ) {
    let (m, k) = (result.rows, left.columns)
    for row in Swift.stride(from: 0, to: m, by: rows) {
      let high = row..<min(row + rows, m)
      let target = result.rows(high)
      forPieces(ofDepth: k) { deep, isFirst in
        blas(
          left.part(rows: high, columns: deep), strip.rows(deep), into: target, factor: factor,
          keep: !isFirst ? 1 : start == nil ? keep : 0)
        if isFirst, let start {
          // Now, while the tile is still in the nearest cache.
          for i in 0..<high.count { add(1, times: start.row(0), to: target.row(i), target.columns) }
        }
      }
    }
  }

  /// Calls the body with the pieces into which a tile's depth is cut, one after another, the first also if there is no
  /// depth: a product of no terms is zero, and that has to be written.
  @inline(__always)
  static func forPieces(ofDepth whole: Int, _ body: (_ deep: Range<Int>, _ isFirst: Bool) -> Void) {
    var first = 0
    repeat {
      let rest = whole - first
      let next = rest >= 2 * depth ? depth : rest > depth ? (rest / 2 + 15) / 16 * 16 : rest
      body(first..<(first + next), first == 0)
      first += next
    } while first < whole
  }
}
