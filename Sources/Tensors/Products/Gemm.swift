// # One product
//
// The one place that calls BLAS. For the cores, a product is cut into pieces by the rows or the columns of the
// result; OpenBLAS itself stays on one thread. Kernels that multiply matrices go through `gemm`, or through
// `gemmInPiece` where they have cut their own pieces.
//
// Read before: `Matrices.swift`. Slow twin: `Naive.matmul`. Read next: `Tiles.swift`, `Products.swift`.

import COpenBLAS
import Foundation

/// Evaluated once, before the first product: sets OpenBLAS to one thread, since our pieces are the only parallelism.
/// OpenBLAS asks for its memory again and again until it gets it, so under a limit it would never return. We
/// therefore ask the system for as much first, and give it back.
let openBLASIsSerial: Void = {
  let needed = (WorkerPool.shared.threads + 1) * openBLASBuffer
  let room = mmap(nil, needed, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
  if room == MAP_FAILED { stopOutOfMemory(needed) }
  munmap(room, needed)
  openblas_set_num_threads(1)
}()

/// The bytes that OpenBLAS maps for each thread that asks for a product (its BUFFER_SIZE on this kind of processor).
private let openBLASBuffer = 128 << 20

/// The fewest multiplications in one piece of a product: below that a second core does not pay off.
private let smallestPiece = 250_000
/// For OpenBLAS each piece copies the factor that all pieces share into the order that its innermost loop needs, so
/// products of fewer multiplications than this get at most two pieces.
private let smallestOfFour = 128_000_000

/// result = left · right + keep · result, on all cores; with `start`, a single row, each row of the result begins as
/// that row instead.
func gemm(
  _ left: MatrixOperand, _ right: MatrixOperand, into result: MatrixTarget, keep: Scalar = 0,
  plus start: MatrixOperand? = nil
) {
  let (m, n, k) = (result.rows, result.columns, left.columns)
  let splitsRows = m >= n
  let length = splitsRows ? m : n
  let inTiles = Tiles.suit(left, right)
  // One or two for each of two cores: of three pieces, one core would get two.
  let most = min(length / 16, m * n * k / smallestPiece)
  let four = inTiles ? length >= 4 * Tiles.columns : m * n * k >= smallestOfFour
  let pieces = most >= 4 && four ? 4 : most >= 2 ? 2 : 1
  if inTiles && Tiles.copies(left, right, keep: keep) {
    return Tiles.gemm(left, right, into: result, factor: 1, keep: keep, plus: start, pieces: pieces)
  }
  Parallel.ranges(length, pieces: pieces) { range in
    if splitsRows {
      gemmInPiece(left.rows(range), right, into: result.rows(range), keep: keep, plus: start)
    } else {
      gemmInPiece(left, right.columns(range), into: result.columns(range), keep: keep, plus: start?.columns(range))
    }
  }
}

/// result = factor · left · right + keep · result, on the calling thread alone.
///
/// With `keep` 0 the old result is not read. With `start`, a single row, each row of the result begins as that row
/// instead. Stops the program if the sizes do not match.
@inline(__always)
func gemmInPiece(
  _ left: MatrixOperand, _ right: MatrixOperand, into result: MatrixTarget, factor: Scalar = 1, keep: Scalar = 0,
  plus start: MatrixOperand? = nil
) {
  precondition(left.rows == result.rows && left.columns == right.rows && right.columns == result.columns)
  precondition(start == nil || start!.rows == 1 && start!.columns == result.columns)
  if Tiles.suit(left, right) {
    Tiles.gemm(left, right, into: result, factor: factor, keep: keep, plus: start)
  } else {
    if let start {
      for row in 0..<result.rows { write(1, times: start.row(0), to: result.row(row), result.columns) }
    }
    blas(left, right, into: result, factor: factor, keep: start == nil ? keep : 1)
  }
}

/// What `gemmInPiece` computes without `start`, by a single call of BLAS; the caller has checked the sizes.
func blas(
  _ left: MatrixOperand, _ right: MatrixOperand, into result: MatrixTarget, factor: Scalar, keep: Scalar
) {
  if result.rows == 0 || result.columns == 0 { return }
  _ = openBLASIsSerial
  let (m, n, k) = (Int32(result.rows), Int32(result.columns), Int32(left.columns))
  let (transposeLeft, transposeRight) = (
    left.isTransposed ? CblasTrans : CblasNoTrans, right.isTransposed ? CblasTrans : CblasNoTrans
  )
  // BLAS wants strides of at least 1 even where nothing is read.
  let (ldLeft, ldRight) = (Int32(max(1, left.stride)), Int32(max(1, right.stride)))
  let ldResult = Int32(max(1, result.stride))
  #if Float32
  cblas_sgemm(
    CblasRowMajor, transposeLeft, transposeRight, m, n, k, factor, left.start, ldLeft, right.start, ldRight, keep,
    result.start, ldResult)
  #else
  cblas_dgemm(
    CblasRowMajor, transposeLeft, transposeRight, m, n, k, factor, left.start, ldLeft, right.start, ldRight, keep,
    result.start, ldResult)
  #endif
}
