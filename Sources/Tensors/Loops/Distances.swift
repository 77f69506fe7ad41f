// # Distances
//
// The first two stages compare tensors by the root of a sum of squares: over a whole matrix (Frobenius) in stage 1,
// over the features of one token (L2) in stage 2. One kernel serves both: the norm over the innermost one or two
// axes.
//
//     d       =  √ Σ (x − y)²
//     x̄       =  d̄ · (x − y) / d,       ȳ = −x̄
//
// Where x = y the norm has no gradient; we return 0, a subgradient, so a student that equals its teacher does not
// change.
//
// Read before: `RowSums.swift`. Slow twin: `Naive.distance`.

/// The Euclidean distance over the innermost axes.
///
/// - Parameters:
///   - x: any shape
///   - y: the shape of x
///   - axes: how many innermost axes form one vector: 1 for L2 over features, 2 for Frobenius over matrices
/// - Returns: the shape of x without those axes
public func distance(_ x: Tensor, _ y: Tensor, over axes: Int) -> Tensor {
  precondition(x.shape == y.shape, "the shapes \(x.shape) and \(y.shape) differ")
  let size = x.shape.suffix(axes).count
  let outer = x.shape.prefix(x.rank - axes)
  return reading(x, y) { x, y in
    Tensor(writing: outer, rows: outer.count, .runs(atLeast: Parallel.grain / max(1, size))) { row, target in
      let own = places(row, size)
      target[0] = squaredDistance(x.extracting(own), y.extracting(own)).squareRoot()
    }
  }
}

/// The cotangent of x in `distance(x, y)`; that of y is its negative.
///
/// - Parameters:
///   - cotangent: the shape of `value`
///   - value: what `distance` returned
/// - Returns: the shape of x
public func distancePullback(_ cotangent: Tensor, value: Tensor, _ x: Tensor, _ y: Tensor) -> Tensor {
  let size = value.count == 0 ? 0 : x.count / value.count
  return reading(cotangent, value, x, y) { g, d, left, right in
    Tensor(writing: x.shape, rows: value.count, .runs(atLeast: Parallel.grain / max(1, size))) { row, target in
      let factor = d[row] == 0 ? 0 : g[row] / d[row]
      let (x, y) = (left.extracting(places(row, size)), right.extracting(places(row, size)))
      for i in 0..<size { target[i] = factor * (x[i] - y[i]) }
    }
  }
}
