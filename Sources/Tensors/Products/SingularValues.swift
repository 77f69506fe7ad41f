// # Singular values
//
// A matrix is a rotation, a stretch along the axes, and another rotation:
//
//     A  =  U diag(σ) Vᵀ         U and V with orthonormal columns, σ₁ ≥ σ₂ ≥ … ≥ 0
//
// The stretches σ say how much of A a matrix of lower rank can hold: the best one of rank n keeps
// the n largest, and misses A by √(Σ_{k>n} σₖ²) in the Frobenius norm (Eckart and Young, 1936). The
// number of σ above the rounding is the numerical rank.
//
// LAPACK's gesdd does the work. It reads columns first; our rows are its columns, so it is given Aᵀ
// and what it calls U is our V.
//
// Read before: `Products.swift`. Slow twin: `Naive.singularValueDecomposition`.

import COpenBLAS

/// A = U diag(σ) Vᵀ for each matrix of a batch.
public struct SingularValueDecomposition: Sendable {
  /// [..., m, k], k = min(m, n): orthonormal columns.
  public var u: Tensor
  /// [..., k]: the singular values, largest first.
  public var values: Tensor
  /// [..., k, n]: orthonormal rows.
  public var vTransposed: Tensor
}

/// The singular values and vectors of each matrix of [..., m, n].
///
/// Stops the program if x is no matrix or LAPACK does not converge, which happens for NaN and infinity.
public func singularValueDecomposition(_ x: Tensor) -> SingularValueDecomposition {
  let (outer, k) = outerAxesAndRank(of: x)
  let (m, n) = (x.shape[-2], x.shape[-1])
  let u = Tensor(uninitialised: outer.appending(m, k))
  let values = Tensor(uninitialised: outer.appending(k))
  let vTransposed = Tensor(uninitialised: outer.appending(k, n))
  let (intoU, intoValues, intoV) = (u.fresh, values.fresh, vTransposed.fresh)
  eachMatrix(of: x, count: outer.count) { index, matrix in
    divideAndConquer(
      matrix, rows: m, columns: n, values: intoValues + index * k, u: intoU + index * m * k,
      vTransposed: intoV + index * k * n)
  }
  return SingularValueDecomposition(u: u, values: values, vTransposed: vTransposed)
}

/// The singular values alone, largest first: [..., m, n] → [..., min(m, n)].
///
/// Stops the program as `singularValueDecomposition` does.
public func singularValues(_ x: Tensor) -> Tensor {
  let (outer, k) = outerAxesAndRank(of: x)
  let values = Tensor(uninitialised: outer.appending(k))
  let target = values.fresh
  eachMatrix(of: x, count: outer.count) { index, matrix in
    divideAndConquer(matrix, rows: x.shape[-2], columns: x.shape[-1], values: target + index * k)
  }
  return values
}

private func outerAxesAndRank(of x: Tensor) -> (outer: Shape, rank: Int) {
  precondition(x.rank >= 2, "singular values are those of a matrix, and \(x.shape) has fewer than two axes")
  return (x.shape.prefix(x.rank - 2), min(x.shape[-2], x.shape[-1]))
}

/// Calls `body` with a copy of each matrix, which LAPACK may overwrite.
private func eachMatrix(of x: Tensor, count: Int, _ body: (Int, UnsafeMutablePointer<Scalar>) -> Void) {
  let (m, n) = (x.shape[-2], x.shape[-1])
  if m * n == 0 { return }
  let start = x.base
  Parallel.each(count, workPerItem: m * n * min(m, n)) { index in
    withUnsafeTemporaryAllocation(of: Scalar.self, capacity: m * n) { copy in
      _ = copy.initialize(from: UnsafeBufferPointer(start: start + index * m * n, count: m * n))
      body(index, copy.baseAddress!)
    }
  }
  withExtendedLifetime(x) {}
}

/// One matrix [rows, columns] by gesdd, on the calling thread; it is overwritten. Without u and v the values alone.
private func divideAndConquer(
  _ matrix: UnsafeMutablePointer<Scalar>, rows: Int, columns: Int, values: UnsafeMutablePointer<Scalar>,
  u: UnsafeMutablePointer<Scalar>? = nil, vTransposed: UnsafeMutablePointer<Scalar>? = nil
) {
  _ = openBLASIsSerial
  let rank = min(rows, columns)
  var job = CChar((u == nil ? UnicodeScalar("N") : UnicodeScalar("S")).value)
  // LAPACK's rows are our columns, its U our V.
  var (m, n, k, status) = (Int32(columns), Int32(rows), Int32(rank), Int32(0))
  func call(_ work: UnsafeMutablePointer<Scalar>, length: Int32, _ whole: UnsafeMutablePointer<Int32>) {
    var length = length
    // Without vectors their places are not touched, but may not be missing.
    let (left, right) = (vTransposed ?? values, u ?? values)
    #if Float32
    sgesdd_(&job, &m, &n, matrix, &m, values, left, &m, right, &k, work, &length, whole, &status, 1)
    #else
    dgesdd_(&job, &m, &n, matrix, &m, values, left, &m, right, &k, work, &length, whole, &status, 1)
    #endif
  }
  withUnsafeTemporaryAllocation(of: Int32.self, capacity: 8 * rank) { whole in
    // Asked with a length of −1, it answers with how much room it wants.
    var wanted: Scalar = 0
    call(&wanted, length: -1, whole.baseAddress!)
    let length = Int(wanted) + 1
    withUnsafeTemporaryAllocation(of: Scalar.self, capacity: length) { work in
      call(work.baseAddress!, length: Int32(length), whole.baseAddress!)
    }
  }
  precondition(
    status == 0,
    "the singular values of a matrix [\(rows), \(columns)] were not found: LAPACK's gesdd says \(status); is it free of NaN and infinity?"
  )
}
