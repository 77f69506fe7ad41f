// # Singular values
//
// A matrix is a rotation, a stretch along the axes, and another rotation:
//
//     A  =  U diag(σ) Vᵀ         U and V with orthonormal columns, σ₁ ≥ σ₂ ≥ … ≥ 0
//
// The stretches σ say how much of A a matrix of lower rank can hold: the best one of rank n keeps the n largest, and
// misses A by √(Σ_{k>n} σₖ²) in the Frobenius norm (Eckart and Young, 1936). The number of σ above rounding error is
// the numerical rank.
//
// LAPACK's gesdd does the work. It expects a matrix stored column by column, so our rows are its columns: it sees Aᵀ,
// and what it calls U is our V.
//
// Read before: `Gemm.swift`. Slow twin: `Naive.singularValueDecomposition`.

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
/// Stops the program if x is not a matrix, or if LAPACK does not converge, which happens for NaN and infinity.
public func singularValueDecomposition(_ x: Tensor) -> SingularValueDecomposition {
  let (outer, k) = outerAxesAndRank(of: x)
  let (m, n) = (x.shape[-2], x.shape[-1])
  var u = Tensor(uninitialised: outer.appending(m, k))
  var values = Tensor(uninitialised: outer.appending(k))
  var vTransposed = Tensor(uninitialised: outer.appending(k, n))
  reading(x) { x in
    writing(&u, &values, &vTransposed, rows: outer.count, .singly(work: m * n * k)) { index, u, values, v in
      let (u, v) = (MatrixTarget(&u, rows: m, columns: k), MatrixTarget(&v, rows: k, columns: n))
      divideAndConquer(x.extracting(places(index, m * n)), m, n, values: &values, u: u, vTransposed: v)
    }
  }
  return SingularValueDecomposition(u: u, values: values, vTransposed: vTransposed)
}

/// The singular values alone, largest first: [..., m, n] → [..., min(m, n)].
///
/// Stops the program as `singularValueDecomposition` does.
public func singularValues(_ x: Tensor) -> Tensor {
  let (outer, k) = outerAxesAndRank(of: x)
  let (m, n) = (x.shape[-2], x.shape[-1])
  return reading(x) { x in
    Tensor(writing: outer.appending(k), rows: outer.count, .singly(work: m * n * k)) { index, values in
      divideAndConquer(x.extracting(places(index, m * n)), m, n, values: &values)
    }
  }
}

private func outerAxesAndRank(of x: Tensor) -> (outer: Shape, rank: Int) {
  precondition(x.rank >= 2, "singular values are those of a matrix, and \(x.shape) has fewer than two axes")
  return (x.shape.prefix(x.rank - 2), min(x.shape[-2], x.shape[-1]))
}

/// One matrix [m, n] by gesdd, on the calling thread. Without u and v the values alone.
private func divideAndConquer(
  _ matrix: Span<Scalar>, _ m: Int, _ n: Int, values: inout MutableSpan<Scalar>, u: MatrixTarget? = nil,
  vTransposed: MatrixTarget? = nil
) {
  let rank = min(m, n)
  if rank == 0 { return }
  // LAPACK takes addresses: of a copy, which it overwrites, and of results, whose sizes follow from the matrix.
  precondition(matrix.count == m * n && values.count == rank)
  let status = matrix.withUnsafeBufferPointer { matrix in
    values.withUnsafeMutableBufferPointer { values in
      withUnsafeTemporaryAllocation(of: Scalar.self, capacity: m * n) { copy in
        _ = copy.initialize(from: matrix)
        return gesdd(copy.baseAddress!, m, n, values.baseAddress!, u: u?.start, vTransposed: vTransposed?.start)
      }
    }
  }
  precondition(
    status == 0,
    "the singular values of a matrix [\(m), \(n)] were not found: LAPACK's gesdd says \(status); is it free of NaN and infinity?"
  )
}

/// LAPACK's routine for a matrix [rows, columns] and its status; the matrix is overwritten.
private func gesdd(
  _ matrix: UnsafeMutablePointer<Scalar>, _ rows: Int, _ columns: Int, _ values: UnsafeMutablePointer<Scalar>,
  u: UnsafeMutablePointer<Scalar>?, vTransposed: UnsafeMutablePointer<Scalar>?
) -> Int32 {
  _ = openBLASIsSerial
  let rank = min(rows, columns)
  var job = CChar((u == nil ? UnicodeScalar("N") : UnicodeScalar("S")).value)
  // LAPACK's rows are our columns, its U our V.
  var (m, n, k, status) = (Int32(columns), Int32(rows), Int32(rank), Int32(0))
  func call(_ work: UnsafeMutablePointer<Scalar>, length: Int32, _ whole: UnsafeMutablePointer<Int32>) {
    var length = length
    // Without vectors these two arguments are not touched, but they must not be missing.
    let (left, right) = (vTransposed ?? values, u ?? values)
    #if Float32
    sgesdd_(&job, &m, &n, matrix, &m, values, left, &m, right, &k, work, &length, whole, &status, 1)
    #else
    dgesdd_(&job, &m, &n, matrix, &m, values, left, &m, right, &k, work, &length, whole, &status, 1)
    #endif
  }
  withUnsafeTemporaryAllocation(of: Int32.self, capacity: 8 * rank) { whole in
    // Called with a length of −1, it answers how much room it wants.
    var wanted: Scalar = 0
    call(&wanted, length: -1, whole.baseAddress!)
    let length = Int(wanted) + 1
    withUnsafeTemporaryAllocation(of: Scalar.self, capacity: length) { work in
      call(work.baseAddress!, length: Int32(length), whole.baseAddress!)
    }
  }
  return status
}
