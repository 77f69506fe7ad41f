// # Products of matrices
//
// The one place that calls BLAS. A product is cut into pieces of the result's rows or columns
// for the cores; OpenBLAS itself stays on one thread. Every kernel with an inner product goes
// through `gemm` or `gemmInPiece`.
//
// Read before: `Parallel.swift`. Slow twin: `Naive.matmul`. Read next: `HeadProducts.swift`.

import COpenBLAS

/// Evaluated once, before the first product: our pieces are the only parallelism.
let openBLASIsSerial: Void = openblas_set_num_threads(1)

/// A matrix in memory: its first element, the distance between rows, and whether it is to be read transposed.
struct MatrixOperand {
  var start: UnsafePointer<Scalar>
  var stride: Int
  var isTransposed = false
}

/// result[m, n] = factor · left[m, k] · right[k, n] + keep · result, on the calling thread alone.
///
/// With `keep` 0 the old result is not read. With `start` each row begins as that row of n numbers instead.
@inline(__always)
func gemmInPiece(
  _ m: Int, _ n: Int, _ k: Int, _ left: MatrixOperand, _ right: MatrixOperand,
  into result: UnsafeMutablePointer<Scalar>, stride: Int, factor: Scalar = 1, keep: Scalar = 0,
  plus start: UnsafePointer<Scalar>? = nil
) {
  if Tiles.suit(m, n, k, left, right) {
    Tiles.gemm(m, n, k, left, right, into: result, stride: stride, factor: factor, keep: keep, plus: start)
  } else {
    start.map { fillRows(result, m, n, stride: stride, with: $0) }
    blas(m, n, k, left, right, into: result, stride: stride, factor: factor, keep: start == nil ? keep : 1)
  }
}

/// What `gemmInPiece` computes, by a single call.
func blas(
  _ m: Int, _ n: Int, _ k: Int, _ left: MatrixOperand, _ right: MatrixOperand,
  into result: UnsafeMutablePointer<Scalar>, stride: Int, factor: Scalar, keep: Scalar
) {
  if m == 0 || n == 0 { return }
  _ = openBLASIsSerial
  let (transposeLeft, transposeRight) = (
    left.isTransposed ? CblasTrans : CblasNoTrans, right.isTransposed ? CblasTrans : CblasNoTrans
  )
  // BLAS wants strides of at least 1 even where nothing is read.
  let (ldLeft, ldRight, ldResult) = (Int32(max(1, left.stride)), Int32(max(1, right.stride)), Int32(max(1, stride)))
  #if Float32
  cblas_sgemm(
    CblasRowMajor, transposeLeft, transposeRight, Int32(m), Int32(n), Int32(k), factor, left.start, ldLeft,
    right.start, ldRight, keep, result, ldResult)
  #else
  cblas_dgemm(
    CblasRowMajor, transposeLeft, transposeRight, Int32(m), Int32(n), Int32(k), factor, left.start, ldLeft,
    right.start, ldRight, keep, result, ldResult)
  #endif
}

/// Writes the same numbers to each row of a matrix in memory.
@inline(__always)
private func fillRows(
  _ target: UnsafeMutablePointer<Scalar>, _ rows: Int, _ columns: Int, stride: Int,
  with numbers: UnsafePointer<Scalar>
) {
  for row in 0..<rows { write(1, times: numbers, to: target + row * stride, columns) }
}

/// Multiplications in one piece of a product: below it a second core does not pay.
private let smallestPiece = 250_000
/// Each piece copies the factor that all pieces share into the order in which OpenBLAS wants it; so two pieces do until
/// they have this many multiplications.
private let largestOfTwo = 32_000_000

/// result[m, n] = left[m, k] · right[k, n] + keep · result, on all cores; with `start` each row begins as that row of n numbers.
func gemm(
  _ m: Int, _ n: Int, _ k: Int, _ left: MatrixOperand, _ right: MatrixOperand,
  into result: UnsafeMutablePointer<Scalar>, stride: Int, keep: Scalar = 0, plus start: UnsafePointer<Scalar>? = nil
) {
  let splitsRows = m >= n
  let length = splitsRows ? m : n
  let pieces = min(Parallel.pieces(length, grain: 16), m * n * k / smallestPiece, max(2, m * n * k / largestOfTwo))
  Parallel.ranges(length, pieces: max(1, pieces)) { range in
    var (left, right, target, start) = (left, right, result, start)
    var (rows, columns) = (m, n)
    if splitsRows {
      rows = range.count
      left.start += range.lowerBound * (left.isTransposed ? 1 : left.stride)
      target += range.lowerBound * stride
    } else {
      columns = range.count
      right.start += range.lowerBound * (right.isTransposed ? right.stride : 1)
      target += range.lowerBound
      start = start.map { $0 + range.lowerBound }
    }
    gemmInPiece(rows, columns, k, left, right, into: target, stride: stride, keep: keep, plus: start)
  }
}

/// The matrix product over the two innermost axes, either factor transposed first if asked for.
///
/// - Parameters:
///   - a: [..., m, k], or [..., k, m] when `transposingA`
///   - b: [..., k, n] with the same outer axes, or [k, n] for all of them; [..., n, k] when `transposingB`
/// - Returns: [..., m, n]
///
/// Stops the program if the sizes do not go together, naming both shapes.
public func matmul(_ a: Tensor, _ b: Tensor, transposingA: Bool = false, transposingB: Bool = false) -> Tensor {
  func message(_ problem: String) -> String {
    "matmul of \(a.shape)\(transposingA ? "ᵀ" : "") and \(b.shape)\(transposingB ? "ᵀ" : ""): \(problem)"
  }
  precondition(a.rank >= 2 && b.rank >= 2, message("both need at least two axes"))
  let (m, k) = transposingA ? (a.shape[-1], a.shape[-2]) : (a.shape[-2], a.shape[-1])
  let (inner, n) = transposingB ? (b.shape[-1], b.shape[-2]) : (b.shape[-2], b.shape[-1])
  precondition(k == inner, message("the inner sizes \(k) and \(inner) differ"))
  let outer = a.shape.prefix(a.rank - 2)
  let isShared = b.rank == 2
  precondition(isShared || b.shape.prefix(b.rank - 2) == outer, message("the outer axes differ"))
  let result = Tensor(uninitialised: outer.appending(m, n))
  let (startA, startB, target) = (a.base, b.base, result.fresh)
  let (widthA, widthB) = (a.shape[-1], b.shape[-1])

  if isShared && !transposingA {
    // One tall product instead of many small ones.
    gemm(
      outer.count * m, n, k, MatrixOperand(start: startA, stride: widthA),
      MatrixOperand(start: startB, stride: widthB, isTransposed: transposingB), into: target, stride: n)
  } else if outer.count == 1 {
    gemm(
      m, n, k, MatrixOperand(start: startA, stride: widthA, isTransposed: transposingA),
      MatrixOperand(start: startB, stride: widthB, isTransposed: transposingB), into: target, stride: n)
  } else {
    Parallel.each(outer.count, workPerItem: m * n * k / 16) { index in
      gemmInPiece(
        m, n, k, MatrixOperand(start: startA + index * m * k, stride: widthA, isTransposed: transposingA),
        MatrixOperand(start: startB + (isShared ? 0 : index * k * n), stride: widthB, isTransposed: transposingB),
        into: target + index * m * n, stride: n)
    }
  }
  withExtendedLifetime((a, b)) {}
  return result
}

extension Tensor {
  /// Adds a product in place: a product and a sum in one pass, without a tensor between them.
  ///
  /// - Parameters:
  ///   - rows: [..., k], the outer axes those of this tensor
  ///   - matrix: [k, n], n the innermost axis of this tensor
  ///
  /// Stops the program if the sizes do not go together, naming the shapes.
  public mutating func add(_ rows: Tensor, times matrix: Tensor) {
    precondition(
      rank >= 1 && rows.shape.prefix(rows.rank - 1) == shape.prefix(rank - 1)
        && matrix.shape == [rows.shape[-1], shape[-1]],
      "the product of \(rows.shape) and \(matrix.shape) cannot be added to a tensor of shape \(shape)")
    guard isUnique else {
      self = self + matmul(rows.asRows, matrix).reshaped(to: shape)
      return
    }
    let (k, n) = (matrix.shape[0], matrix.shape[1])
    gemm(
      rows.shape.prefix(rows.rank - 1).count, n, k, MatrixOperand(start: rows.base, stride: k),
      MatrixOperand(start: matrix.base, stride: n), into: fresh, stride: n, keep: 1)
    withExtendedLifetime((self, rows, matrix)) {}
  }
}

/// Up to so many rows a product is made of small results.
private let fewRows = 32

/// x Wᵀ + bias over the innermost axis: what a linear layer computes.
///
/// - Parameters:
///   - x: [..., in]
///   - weight: [out, in]
///   - bias: [out] or nil
/// - Returns: [..., out]
public func linear(_ x: Tensor, weight: Tensor, bias: Tensor?) -> Tensor {
  let (outputs, inputs) = (weight.shape[0], weight.shape[1])
  precondition(
    x.shape[-1] == inputs, "a linear layer with weight \(weight.shape) cannot read x of shape \(x.shape)")
  bias?.expecting(outputs, as: "the bias of a linear layer with weight \(weight.shape)")
  let rows = inputs == 0 ? x.shape.prefix(x.rank - 1).count : x.count / inputs
  let result = Tensor(uninitialised: x.shape.prefix(x.rank - 1).appending(outputs))
  let (left, right) = (
    MatrixOperand(start: x.base, stride: inputs),
    MatrixOperand(start: weight.base, stride: inputs, isTransposed: true)
  )
  let target = result.fresh
  if rows <= fewRows {
    // A few tokens that are being written.
    let width = max(1, Tiles.smallResult / max(1, rows))
    for first in stride(from: 0, to: outputs, by: width) {
      var some = right
      some.start += first * inputs
      gemmInPiece(
        rows, min(width, outputs - first), inputs, left, some, into: target + first, stride: outputs,
        plus: bias.map { $0.base + first })
    }
  } else {
    gemm(rows, outputs, inputs, left, right, into: target, stride: outputs, plus: bias?.base)
  }
  withExtendedLifetime((x, weight, bias)) {}
  return result
}

/// The cotangent of a linear layer's weight, cotangentᵀ · x summed over all rows.
///
/// - Parameters:
///   - cotangent: [..., out]
///   - x: [..., in]
/// - Returns: [out, in]
public func linearWeightPullback(_ cotangent: Tensor, x: Tensor) -> Tensor {
  matmul(cotangent.asRows, x.asRows, transposingA: true)
}

/// The sum over all axes but the innermost: the cotangent of a bias.
/// - Returns: [width]
public func sumOfRows(_ x: Tensor) -> Tensor { columnSums(x, width: x.shape[-1]) }
