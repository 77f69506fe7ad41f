// # A recurrence whose matrices change with time
//
// The most general linear recurrence: each token has its own A, B, C and D, and even the size of the
// state may change.
//
//     y[k]      =  C[k] h[k]  +  D[k] x[k]
//     h[k + 1]  =  A[k] h[k]  +  B[k] x[k]          h[0] has no numbers
//
// Unrolled, its matrix is M[t, s] = C[t] A[t − 1] ⋯ A[s + 1] B[s] below the diagonal and D[t] on it. The state h[k]
// is the matrix R[k] (what is reached) times x[…k−1]. R gains a column at each token, and row k of M left of the
// diagonal is C[k] R[k]:
//
//     R[k + 1]  =  [ A[k] R[k] | B[k] ]
//
// SSD reads after writing: it is the case A[k] = α[k]·I, B[k] = b[k], C[k] = α[k] c[k]ᵀ and
// D[k] = c[k]·b[k] + d.
//
// Read before: `HankelBlocks.swift`. Read next: `BalancedTruncation.swift`. Source: Dewilde and van
// der Veen, "Time-Varying Systems and Computations", 1998.

import Tensors

/// B linear recurrences that share the state sizes n[0] = 0, n[1], …, n[T] = 0.
public struct TimeVaryingSystem {
  /// A[k], [B, n[k + 1], n[k]], for each token k.
  public let a: [Tensor]
  /// B[k], [B, n[k + 1], 1].
  public let b: [Tensor]
  /// C[k], [B, 1, n[k]].
  public let c: [Tensor]
  /// D, [B, T].
  public let d: Tensor

  /// n[k] for each token k: the size of the state that it reads.
  public var stateSizes: [Int] { c.map { $0.shape[2] } }

  /// The matrices of the recurrences, [B, T, T].
  public var matrices: Tensor {
    let (B, T) = (d.shape[0], d.shape[1])
    var reached = Tensor.zeros([B, 0, 0])
    var rows: [Tensor] = []
    for k in 0..<T {
      let before = reached.shape[1] == 0 ? Tensor.zeros([B, 1, k]) : matmul(c[k], reached)
      let own = d.sliced(k..<(k + 1), along: 1).reshaped(to: [B, 1, 1] as Shape)
      rows.append(Tensor.concatenated([before, own, Tensor.zeros([B, 1, T - k - 1])], along: 2))
      let carried = reached.shape[1] == 0 ? Tensor.zeros([B, a[k].shape[1], k]) : matmul(a[k], reached)
      reached = Tensor.concatenated([carried, b[k]], along: 2)
    }
    return Tensor.concatenated(rows, along: 1)
  }

  /// The recurrence, token by token: x [B, T] → y [B, T].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let (B, T) = (d.shape[0], d.shape[1])
    x.expecting(B, T, as: "the input of a recurrence")
    var state = Tensor.zeros([B, 0, 1])
    var outputs: [Tensor] = []
    for k in 0..<T {
      let input = x.sliced(k..<(k + 1), along: 1).reshaped(to: [B, 1, 1] as Shape)
      let skipped = d.sliced(k..<(k + 1), along: 1).reshaped(to: [B, 1, 1] as Shape) * input
      let isEmpty = state.shape[1] == 0
      outputs.append(isEmpty ? skipped : matmul(c[k], state) + skipped)
      let written = matmul(b[k], input)
      state = isEmpty ? written : matmul(a[k], state) + written
    }
    return Tensor.concatenated(outputs, along: 1).reshaped(to: [B, T] as Shape)
  }
}
