// # Products of tensors
//
// The product of two matrices, or of every pair of matrices in two batches, and what a linear layer computes.
//
// Read before: `Gemm.swift`. Slow twin: `Naive.matmul`. Read next: `HeadProducts.swift`.

/// The matrix product over the two innermost axes; either factor can be transposed first.
///
/// - Parameters:
///   - a: [..., m, k], or [..., k, m] when `transposingA`
///   - b: [..., k, n] with the same outer axes, or [k, n] for all of them; [..., n, k] when `transposingB`
/// - Returns: [..., m, n]
///
/// Stops the program if the sizes do not match, naming both shapes.
public func matmul(_ a: Tensor, _ b: Tensor, transposingA: Bool = false, transposingB: Bool = false) -> Tensor {
  func message(_ problem: String) -> String {
    "matmul of \(a.shape)\(transposingA ? "ᵀ" : "") and \(b.shape)\(transposingB ? "ᵀ" : ""): \(problem)"
  }
  precondition(a.rank >= 2 && b.rank >= 2, message("both need at least two axes"))
  let (m, k) = transposingA ? (a.shape[-1], a.shape[-2]) : (a.shape[-2], a.shape[-1])
  let (inner, n) = transposingB ? (b.shape[-1], b.shape[-2]) : (b.shape[-2], b.shape[-1])
  precondition(k == inner, message("the inner sizes \(k) and \(inner) differ"))
  let outer = a.shape.prefix(a.rank - 2)
  let isShared = b.rank == 2
  precondition(isShared || b.shape.prefix(b.rank - 2) == outer, message("the outer axes differ"))
  func left(_ numbers: Span<Scalar>, at place: Int = 0, rows: Int) -> MatrixOperand {
    MatrixOperand(numbers, at: place, rows: rows, columns: a.shape[-1]).transposed(transposingA)
  }
  func right(_ numbers: Span<Scalar>, at place: Int = 0) -> MatrixOperand {
    MatrixOperand(numbers, at: place, rows: b.shape[-2], columns: b.shape[-1]).transposed(transposingB)
  }
  let shape = outer.appending(m, n)
  return reading(a, b) { a, b in
    if isShared && !transposingA || outer.count == 1 {
      // One tall product instead of many small ones.
      let rows = outer.count * m
      return Tensor(writing: shape, rows: 1, .inOrder) { _, target in
        gemm(
          left(a, rows: transposingA ? k : rows), right(b), into: MatrixTarget(&target, rows: rows, columns: n))
      }
    }
    return Tensor(writing: shape, rows: outer.count, .singly(work: m * n * k / 16)) { index, target in
      gemmInPiece(
        left(a, at: index * m * k, rows: transposingA ? k : m), right(b, at: isShared ? 0 : index * k * n),
        into: MatrixTarget(&target, rows: m, columns: n))
    }
  }
}

extension Tensor {
  /// Adds a product in place: a product and a sum in one pass, without a tensor between them.
  ///
  /// - Parameters:
  ///   - rows: [..., k], with the outer axes of this tensor
  ///   - matrix: [k, n], n the innermost axis of this tensor
  ///
  /// Stops the program if the sizes do not match, naming the shapes.
  public mutating func add(_ rows: Tensor, times matrix: Tensor) {
    precondition(
      rank >= 1 && rows.shape.prefix(rows.rank - 1) == shape.prefix(rank - 1)
        && matrix.shape == [rows.shape[-1], shape[-1]],
      "the product of \(rows.shape) and \(matrix.shape) cannot be added to a tensor of shape \(shape)")
    guard isUnique else {
      self = self + matmul(rows.asRows, matrix).reshaped(to: shape)
      return
    }
    let (k, n) = (matrix.shape[0], matrix.shape[1])
    let height = shape.prefix(rank - 1).count
    reading(rows, matrix) { rows, matrix in
      withMutableElements { target in
        gemm(
          MatrixOperand(rows, rows: height, columns: k), MatrixOperand(matrix, rows: k, columns: n),
          into: MatrixTarget(&target, rows: height, columns: n), keep: 1)
      }
    }
  }
}

/// Up to this many rows, a linear layer computes its result in small blocks of columns.
private let fewRows = 32

/// x Wᵀ + bias over the innermost axis: what a linear layer computes.
///
/// - Parameters:
///   - x: [..., in]
///   - weight: [out, in]
///   - bias: [out] or nil
/// - Returns: [..., out]
public func linear(_ x: Tensor, weight: Tensor, bias: Tensor?) -> Tensor {
  let (outputs, inputs) = (weight.shape[0], weight.shape[1])
  precondition(
    x.shape[-1] == inputs, "a linear layer with weight \(weight.shape) cannot read x of shape \(x.shape)")
  bias?.expecting(outputs, as: "the bias of a linear layer with weight \(weight.shape)")
  let outer = x.shape.prefix(x.rank - 1)
  let (rows, shape) = (outer.count, outer.appending(outputs))
  return reading(x, weight, bias ?? weight) { x, weight, start in
    if areFewRows(rows, inputs: inputs, outputs: outputs) {
      let result = Tensor(uninitialised: shape)
      productOfFewRows(
        x, weight, bias: start, hasBias: bias != nil, rows: rows, inputs: inputs, outputs: outputs,
        into: result.uninitialisedNumbers)
      return result
    }
    let left = MatrixOperand(x, rows: rows, columns: inputs)
    let right = MatrixOperand(weight, rows: outputs, columns: inputs).transposed
    let start = bias == nil ? nil : MatrixOperand(start, rows: 1, columns: outputs)
    return Tensor(writing: shape, rows: 1, .inOrder) { _, target in
      let target = MatrixTarget(&target, rows: rows, columns: outputs)
      if rows > fewRows { return gemm(left, right, into: target, plus: start) }
      // A few tokens, as in generation.
      let width = max(1, Tiles.smallResult / max(1, rows))
      for first in stride(from: 0, to: outputs, by: width) {
        let columns = first..<min(outputs, first + width)
        gemmInPiece(left, right.columns(columns), into: target.columns(columns), plus: start?.columns(columns))
      }
    }
  }
}

/// The cotangent of a linear layer's weight, cotangentᵀ · x summed over all rows.
///
/// - Parameters:
///   - cotangent: [..., out]
///   - x: [..., in]
/// - Returns: [out, in]
public func linearWeightPullback(_ cotangent: Tensor, x: Tensor) -> Tensor {
  matmul(cotangent.asRows, x.asRows, transposingA: true)
}

/// The sum over all axes but the innermost: the cotangent of a bias.
/// - Returns: [width]
public func sumOfRows(_ x: Tensor) -> Tensor { columnSums(x, width: x.shape[-1]) }
