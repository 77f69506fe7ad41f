// # The nearest Toeplitz matrix
//
// A Toeplitz matrix has one number on each diagonal: k[j] for everything j steps back. It is the matrix of a
// convolution with the filter k, which does the same at every place. The squared distance to a causal matrix M is a
// sum over the diagonals, and the number nearest to several numbers is their mean:
//
//     Σ over t  (M[t, t − j] − k[j])²   is least for   k[j]  =  mean over t of M[t, t − j]
//
// So the projection needs no search. Slow twin: in `Tests/TensorsTests/StructureTests.swift`.

/// The causal Toeplitz matrix nearest to each causal matrix, by the Frobenius norm: [..., T, T] → [..., T, T].
///
/// Entries above the diagonal are not read, and are 0 in the result.
public func toeplitzProjection(_ x: Tensor) -> Tensor {
  precondition(
    x.rank >= 2 && x.shape[-1] == x.shape[-2],
    "a Toeplitz matrix is square, but the last two axes of \(x.shape) are not equal")
  let T = x.shape[-1]
  var result = Tensor.zeros(x.shape)
  if result.count == 0 { return result }
  reading(x) { x in
    writing(&result, rows: x.count / (T * T), .singly(work: T * T)) { index, target in
      let matrix = x.extracting(places(index, T * T))
      for back in 0..<T {
        var sum: Scalar = 0
        for t in back..<T { sum += matrix[t * T + t - back] }
        let mean = sum / Scalar(T - back)
        for t in back..<T { target[t * T + t - back] = mean }
      }
    }
  }
  return result
}
