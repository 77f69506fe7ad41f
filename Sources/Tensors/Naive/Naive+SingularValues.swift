// # Singular values by rotating pairs of columns
//
// One-sided Jacobi: take two columns, rotate them in their plane so that they become orthogonal, and go on until all
// pairs are. The rotations together are V; the lengths of the columns are then the singular values, and their
// directions U. With α = ‖x‖², β = ‖y‖² and γ = x·y the angle of a rotation follows from
//
//     ζ  =  (β − α) / 2γ          t  =  sign(ζ) / (|ζ| + √(1 + ζ²))          the smaller root of t² + 2ζt = 1
//     c  =  1 / √(1 + t²)         x, y  ←  c·(x − t·y),  c·(t·x + y)
//
// Slow, but more accurate than the usual methods (Demmel and Veselić, 1992), which makes it a good reference.
//
// Read before: `Tensors/Products/SingularValues.swift`.

extension Naive {
  /// A = U diag(σ) Vᵀ of one matrix [m, n] with m ≥ n; columns of U whose σ is 0 stay 0.
  public static func singularValueDecomposition(_ matrix: Tensor) -> SingularValueDecomposition {
    let (m, n) = (matrix.shape[0], matrix.shape[1])
    precondition(m >= n, "a matrix \(matrix.shape) has more columns than rows: transpose it first")
    var columns = (0..<n).map { j in (0..<m).map { matrix[$0, j] } }
    var turned = (0..<n).map { j in (0..<n).map { $0 == j ? Scalar(1) : 0 } }
    func inner(_ x: [Scalar], _ y: [Scalar]) -> Scalar { Swift.zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
    var isOrthogonal = false
    while !isOrthogonal {
      isOrthogonal = true
      for i in 0..<n {
        for j in (i + 1)..<max(n, i + 1) {
          let (alpha, beta) = (inner(columns[i], columns[i]), inner(columns[j], columns[j]))
          let gamma = inner(columns[i], columns[j])
          if abs(gamma) <= 4 * Scalar.ulpOfOne * (alpha * beta).squareRoot() { continue }
          isOrthogonal = false
          let zeta = (beta - alpha) / (2 * gamma)
          let t = (zeta < 0 ? -1 : 1) / (abs(zeta) + (1 + zeta * zeta).squareRoot())
          let c = 1 / (1 + t * t).squareRoot()
          func turn(_ all: inout [[Scalar]]) {
            let (x, y) = (all[i], all[j])
            all[i] = Swift.zip(x, y).map { c * ($0 - t * $1) }
            all[j] = Swift.zip(x, y).map { c * (t * $0 + $1) }
          }
          turn(&columns)
          turn(&turned)
        }
      }
    }
    let lengths = columns.map { inner($0, $0).squareRoot() }
    let order = lengths.indices.sorted { lengths[$0] > lengths[$1] }
    return SingularValueDecomposition(
      u: tabulate([m, n]) { lengths[order[$0[1]]] == 0 ? 0 : columns[order[$0[1]]][$0[0]] / lengths[order[$0[1]]] },
      values: Tensor(order.map { lengths[$0] }),
      vTransposed: tabulate([n, n]) { turned[order[$0[0]]][$0[1]] })
  }
}
