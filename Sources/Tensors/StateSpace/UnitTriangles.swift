// # Division by a unit triangle
//
// A matrix I + E with E strictly below the diagonal can always be inverted, and is never inverted here: a division
// by it takes one row after another. With E from the left, X = (I + E)⁻¹ R,
//
//     X[i]     =  R[i] − Σ E[i, j] X[j]            j < i, from the first row down
//
// with its transpose, Z = (I + E)⁻ᵀ R, from the last row up; and with E from the right, X (I + E) = S, each row of X
// for itself,
//
//     X[t, j]  =  S[t, j] − Σ X[t, i] E[i, j]      i > j, from the diagonal to the left
//
// If S is lower triangular, so is X. The division from the right is a function of its own, since the matrix of the
// delta rule is such a quotient (`Gradients/DeltaRule.swift`). For its pullback, with X̄ of the lower triangle:
//
//     dX (I + E) + X dK  =  dS
//
//     S̄        =  X̄ (I + E)⁻ᵀ                      in row t: S̄[t, j] = X̄[t, j] − Σ S̄[t, i] E[j, i], i < j
//     Ē        =  −Xᵀ S̄                            strictly below the diagonal
//
// Of S̄ only the lower triangle is wanted, and only that enters Ē: in Ē[i, j], j < i, X[t, i] is 0 unless t ≥ i.
//
// Rejected: the inverse by its Neumann series I − E + K² − …, which is finite, since E is nilpotent, and cancels. It
// is the slow twin.
//
// Read before: `Matrices.swift`. Slow twin: `Naive.unitLowerQuotient`. Used by: `DeltaSequence.swift`.

extension MatrixTarget {
  /// Replaces the rows R by (I + E)⁻¹ R; of E only what is strictly below the diagonal is read.
  @inline(__always)
  func divide(byUnitLower held: MatrixOperand) {
    precondition(held.rows == rows && held.columns == rows)
    for i in 0..<rows {
      let (row, factors) = (row(i), held.row(i))
      for j in 0..<i { add(-factors[j], times: self.row(j), to: row, columns) }
    }
  }

  /// Replaces the rows R by (I + E)⁻ᵀ R; of E only what is strictly below the diagonal is read.
  @inline(__always)
  func divideBackwards(byUnitLower held: MatrixOperand) {
    precondition(held.rows == rows && held.columns == rows)
    for j in Swift.stride(from: rows - 1, to: 0, by: -1) {
      let (row, factors) = (row(j), held.row(j))
      for i in 0..<j { add(-factors[i], times: row, to: self.row(i), columns) }
    }
  }
}

/// S (I + E)⁻¹, the X with X (I + E) = S.
///
/// - Parameters:
///   - s: [..., T, T], lower triangular; entries above the diagonal are not read
///   - held: [..., T, T]; only what is strictly below the diagonal is read
/// - Returns: [..., T, T], lower triangular
public func unitLowerQuotient(_ s: Tensor, _ held: Tensor) -> Tensor {
  let ((count, T), shape) = (sizesOfTriangles(s, held), s.shape)
  return reading(s, held) { s, held in
    Tensor(writing: shape, rows: count, .singly(work: T * T * T / 48)) { index, target in
      let s = MatrixOperand(s, at: index * T * T, rows: T, columns: T)
      let held = MatrixOperand(held, at: index * T * T, rows: T, columns: T)
      let x = MatrixTarget(&target, rows: T, columns: T)
      for t in 0..<T {
        let row = x.row(t)
        write(1, times: s.row(t), to: row, t + 1)
        clear(row, from: t + 1, to: T)
        for i in stride(from: t, to: 0, by: -1) { add(-row[i], times: held.row(i), to: row, i) }
      }
    }
  }
}

/// The cotangents of both arguments of `unitLowerQuotient`, zero where they are not read.
///
/// - Parameters:
///   - cotangent: [..., T, T]; entries above the diagonal are not read
///   - value: what `unitLowerQuotient` returned
/// - Returns: [..., T, T] and [..., T, T]
public func unitLowerQuotientPullback(_ cotangent: Tensor, value: Tensor, _ held: Tensor) -> (s: Tensor, held: Tensor)
{
  let (count, T) = sizesOfTriangles(cotangent, held)
  var (toS, toHeld) = (Tensor(uninitialised: held.shape), Tensor(uninitialised: held.shape))
  reading(cotangent, value, held) { cotangent, value, held in
    writing(&toS, &toHeld, rows: count, .singly(work: T * T * T / 12)) { index, sBar, heldBar in
      func matrix(_ numbers: Span<Scalar>) -> MatrixOperand {
        MatrixOperand(numbers, at: index * T * T, rows: T, columns: T)
      }
      let (xBar, x, held) = (matrix(cotangent), matrix(value), matrix(held))
      let (sBar, heldBar) = (MatrixTarget(&sBar, rows: T, columns: T), MatrixTarget(&heldBar, rows: T, columns: T))
      // S̄ = X̄ (I + E)⁻ᵀ, its lower triangle
      for t in 0..<T {
        let (row, from) = (sBar.row(t), xBar.row(t))
        for j in 0..<(t + 1) { row[j] = from[j] - dot(row, held.row(j), j) }
        clear(row, from: t + 1, to: T)
      }
      // Ē = −Xᵀ S̄, strictly below the diagonal
      gemmInPiece(x.transposed, sBar.operand, into: heldBar, factor: -1)
      for i in 0..<T { clear(heldBar.row(i), from: i, to: T) }
    }
  }
  return (toS, toHeld)
}

/// The number of matrices and their size; stops the program if the shapes do not agree.
private func sizesOfTriangles(_ s: Tensor, _ held: Tensor) -> (count: Int, T: Int) {
  precondition(
    s.rank >= 2 && s.shape[-1] == s.shape[-2] && s.shape == held.shape,
    "a quotient of triangles needs two tensors of square matrices, not of shapes \(s.shape) and \(held.shape)")
  let T = s.shape[-1]
  return (T == 0 ? 0 : s.count / (T * T), T)
}

/// Writes zeros to the places of a row from `first` to before `end`, which the caller has checked.
@inline(__always)
private func clear(_ row: UnsafeMutablePointer<Scalar>, from first: Int, to end: Int) {
  (row + first).update(repeating: 0, count: end - first)
}
