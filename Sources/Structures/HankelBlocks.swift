// # Hankel blocks: what the past can tell the future
//
// Cut time before token k. One block of the causal matrix, its Hankel block, says how the tokens before k affect the
// outputs from k on:
//
//     H[k]  =  M[k…, …k−1]          T − k rows, k columns
//
// Only the state crosses the cut, so a recurrence with a state of N numbers has a matrix whose Hankel blocks have
// rank at most N. Such a matrix is called semiseparable of order N. (Here the diagonal is free; elsewhere such
// matrices are called quasiseparable. The Mamba-2 paper includes the diagonal, and then N + 1 can be needed.) The
// singular values of H[k] say how much a state of N numbers must lose at this cut.
//
// An example with T = 3, cut before token 1 and before token 2:
//
//     M  =  1          H[1]  =  ½        H[2]  =  ¼  ¼
//           ½  ½                ¼
//           ¼  ¼  ½
//
// Both have rank 1, since one has a single column and the other a single row: every causal matrix
// of three tokens is semiseparable of order 1. For T tokens order T/2 is always enough.
//
// Read before: `Tensors/Products/SingularValues.swift`. Read next: `BalancedTruncation.swift`.

import Tensors

/// The Hankel blocks of causal matrices and their singular value decompositions.
public struct HankelBlocks {
  /// The matrices, [B, T, T].
  public let matrices: Tensor
  /// The number of tokens.
  public var T: Int { matrices.shape[1] }
  private let decompositions: [SingularValueDecomposition]

  /// Decomposes all blocks of causal matrices [B, T, T]; entries above the diagonal are not read.
  public init(of matrices: Tensor) {
    matrices.expecting(nil, matrices.shape[-1], matrices.shape[-1], as: "causal matrices")
    self.matrices = matrices
    let T = matrices.shape[1]
    decompositions = (1..<max(1, T)).map { k in
      singularValueDecomposition(matrices.sliced(k..<T, along: 1).sliced(0..<k, along: 2))
    }
  }

  /// U Σ Vᵀ of the block before token k, 0 < k < T: U [B, T − k, n], Σ [B, n], Vᵀ [B, n, k].
  public subscript(k: Int) -> SingularValueDecomposition {
    precondition(k > 0 && k < T, "there is a Hankel block before each of the tokens 1 to \(T - 1), not before \(k)")
    return decompositions[k - 1]
  }

  /// For each of the B matrices, √(Σ σ²) over the singular values that a state of N numbers loses at the worst cut.
  ///
  /// No semiseparable matrix of order N is nearer in the Frobenius norm (Eckart and Young, applied to that block).
  public func loss(at N: Int) -> [Double] {
    var worst = [Double](repeating: 0, count: matrices.shape[0])
    for parts in decompositions {
      for (index, tail) in tails(parts.values, beyond: N).enumerated() { worst[index] = max(worst[index], tail) }
    }
    return worst.map { $0.squareRoot() }
  }
}

/// Σ σ² over all but the first N of the singular values [B, n], for each of the B matrices.
func tails(_ values: Tensor, beyond N: Int) -> [Double] {
  let (all, n) = (values.elements, values.shape[1])
  return (0..<values.shape[0]).map { index in
    (min(N, n)..<n).reduce(0) { $0 + Double(all[index * n + $1]) * Double(all[index * n + $1]) }
  }
}
