// # Few rows and a large matrix
//
// When a model writes, each new token is a single row that passes through every matrix of the model. Each number of a
// matrix is then used once: what counts is how fast memory delivers it, and no order of the multiplications helps. A
// library for matrix products is made for the other case, and copies the matrix first.
//
//     y[r, o]  =  Σᵢ x[r, i] · W[o, i] + b[o]
//
// Here each row of W, which is contiguous in memory, is read once and multiplied with the few rows of x, which stay
// in the nearest cache. The rows of W are shared among the cores, because one core alone cannot ask for as much as
// the memory can deliver.
//
// For matrices that fit into a cache BLAS does as well, and small models keep using it.
//
// Read before: `RowSums.swift`, `Gemm.swift`. Used by: `linear`. Slow twin: `Naive.matmul`.

/// Up to this many rows, dot products are faster than a matrix product.
private let mostRows = 4
/// Matrices with fewer numbers stay in a core's cache from one token to the next.
private let largeMatrix = 1 << 18

/// Whether `productOfFewRows` is the faster way.
@inline(__always)
func areFewRows(_ rows: Int, inputs: Int, outputs: Int) -> Bool {
  rows <= mostRows && inputs * outputs >= largeMatrix
}

/// x Wᵀ + bias for few rows, by dot products; `result` has rows · outputs places.
///
/// - Parameters:
///   - x: rows · inputs numbers
///   - weight: outputs · inputs numbers
///   - bias: outputs numbers; not read unless `hasBias`
func productOfFewRows(
  _ x: Span<Scalar>, _ weight: Span<Scalar>, bias: Span<Scalar>, hasBias: Bool, rows: Int, inputs: Int, outputs: Int,
  into result: UnsafeMutableBufferPointer<Scalar>
) {
  precondition(
    x.count == rows * inputs && weight.count == outputs * inputs && result.count == rows * outputs
      && (!hasBias || bias.count == outputs))
  // Pointers: in every row of the result, the numbers of a piece lie between those of other pieces.
  guard let target = result.baseAddress else { return }
  let (from, w, b) = (address(x), address(weight), address(bias))
  nonisolated(unsafe) let (source, matrix, start, y) = (from, w, b, target)
  Parallel.ranges(outputs, grain: max(1, 2 * Parallel.grain / max(1, rows * inputs))) { range in
    for output in range {
      let row = matrix + output * inputs
      let first = hasBias ? start[output] : 0
      for r in 0..<rows { y[r * outputs + output] = dot(source + r * inputs, row, inputs) + first }
    }
  }
}
