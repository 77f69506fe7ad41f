// # Balanced truncation: a recurrence for any matrix
//
// Any causal matrix is the matrix of a recurrence whose state is large enough. We have to find that state: numbers
// that the past leaves (R[k], "reached") and the future reads (O[k], "observed"), with H[k] = O[k] R[k] at each cut.
// The singular value decomposition H = U Σ Vᵀ offers one:
//
//     R[k]  =  Vᵀ          O[k]  =  U Σ
//
// From one cut to the next, R[k + 1] = [ A[k] R[k] | B[k] ] has to hold (`TimeVaryingSystem.swift`). The rows of
// R[k] = V[k]ᵀ are orthonormal, so we find A[k] by multiplying with V[k]; and the first row of O[k] is what the
// output at token k reads:
//
//     A[k]  =  V[k + 1]ᵀ without its last column  ·  V[k]
//     B[k]  =  V[k + 1]ᵀ, its last column
//     C[k]  =  U[k] Σ[k], its first row
//     D[k]  =  M[k, k]
//
// This is exact: without its last column, H[k + 1] is H[k] without its first row, so what a row of
// V[k + 1]ᵀ with σ > 0 sees of the past, V[k] already saw. Rows with σ = 0 are never read: their C
// is 0, and so is what A passes from them to rows with σ > 0.
//
// Truncation keeps the first N numbers of each state, those with the largest singular values, and deletes the rows
// and columns of A, B and C that belong to the others. Textbooks scale both halves alike (R = √Σ Vᵀ, O = U √Σ), which
// gave the method its name: in their basis what is hard to reach is equally hard to observe. Rescaling individual
// numbers of the state changes A, B and C but neither M nor which numbers are deleted, and our basis never divides by
// a singular value that might be zero.
//
// A tiny example, with T = 3 and a state that needs one number. The matrix in `HankelBlocks.swift` has
//
//     H[1]  =  (½ ¼)ᵀ  =  (2 1)ᵀ/√5 · √5/4 · (1)          H[2]  =  (¼ ¼)  =  (1) · √2/4 · (1 1)/√2
//
// so that A[1] = B[1] = 1/√2, B[0] = 1, C[1] = ½, C[2] = √2/4, and C[2] A[1] B[0] = ¼, as required.
//
// The truncated recurrence is not the nearest one of its order; `SemiseparableBound.swift` bounds how
// much nearer any other can be.
//
// Read before: `HankelBlocks.swift`, `TimeVaryingSystem.swift`. Source: Dewilde and van der Veen,
// "Time-Varying Systems and Computations", 1998.

import Tensors

/// The recurrence with at most N numbers in its state that keeps the largest singular values at every cut.
///
/// The state that token k reads has min(k, T − k, N) numbers. With N ≥ T/2 the matrices are reproduced up to
/// rounding.
public func balancedTruncation(of blocks: HankelBlocks, N: Int) -> TimeVaryingSystem {
  precondition(N >= 1, "a state has at least one number, not \(N)")
  let (matrices, T) = (blocks.matrices, blocks.T)
  let B = matrices.shape[0]
  var (a, b, c) = ([Tensor](), [Tensor](), [Tensor]())
  /// The rows of V[k]ᵀ that are kept.
  func reached(_ k: Int) -> Tensor {
    k == 0 || k == T ? Tensor.zeros([B, 0, k]) : blocks[k].vTransposed.sliced(0..<min(k, T - k, N), along: 1)
  }
  for k in 0..<T {
    let (now, next) = (reached(k), reached(k + 1))
    let (n, m) = (now.shape[1], next.shape[1])
    let isEmpty = n == 0 || m == 0
    a.append(
      isEmpty ? Tensor.zeros([B, m, n]) : matmul(next.sliced(0..<k, along: 2), now, transposingB: true))
    b.append(next.sliced(k..<(k + 1), along: 2))
    if n == 0 {
      c.append(Tensor.zeros([B, 1, 0]))
    } else {
      let firstRow = blocks[k].u.sliced(0..<1, along: 1).sliced(0..<n, along: 2)
      c.append(firstRow * blocks[k].values.sliced(0..<n, along: 1).reshaped(to: [B, 1, n] as Shape))
    }
  }
  let diagonal = sum(matrices * Tensor.identity(T), along: 2)
  return TimeVaryingSystem(a: a, b: b, c: c, d: diagonal)
}
