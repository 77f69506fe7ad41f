// # Toeplitz and least squares
//
// A projection leaves a residual that is orthogonal to the family, and a second one changes nothing.
// Where a sum of squares is least its gradient is zero, and a step to the side makes it larger.

import Tensors
import TestSupport
import Testing

@Suite("Toeplitz and least squares", .tallied) struct StructureTests {
  @Test(arguments: [[1, 1], [2, 2], [7, 7], [2, 5, 5], [2, 3, 7, 7], [0, 3, 3], [3, 0, 0]] as [Shape])
  func toeplitzIsTheMeanOfEachDiagonal(_ shape: Shape) {
    let x = Tensor.random(shape, for: "Toeplitz \(shape)")
    let T = shape[-1]
    let flat = x.reshaped(to: [shape.prefix(shape.rank - 2).count, T, T] as Shape)
    let twin = Naive.tabulate(flat.shape) { place in
      let back = place[1] - place[2]
      if back < 0 { return 0 }
      return (back..<T).reduce(0) { $0 + flat[place[0], $1, $1 - back] } / Scalar(T - back)
    }
    let fitted = toeplitzProjection(x)
    expectClose(fitted, twin.reshaped(to: shape), "\(shape)")
    expectClose(toeplitzProjection(fitted), fitted, "\(shape): twice")
  }

  /// The squared distances of L ∘ (C Bᵀ) from m below and on the diagonal, [B].
  func squares(_ m: Tensor, logDecay: Tensor, b: Tensor, c: Tensor) -> Tensor {
    let (B, T, N) = (b.shape[0], b.shape[1], b.shape[2])
    let made = ssdMatrix(
      logDecay: logDecay.reshaped(to: [B, T, 1] as Shape), b: b.reshaped(to: [B, T, 1, N] as Shape),
      c: c.reshaped(to: [B, T, 1, N] as Shape), d: Tensor.zeros([1]))
    let distances = distance(made.reshaped(to: [B, T, T] as Shape), m, over: 2)
    return distances * distances
  }

  static let sizes: [[Int]] = [[1, 1, 1], [2, 3, 1], [3, 7, 2], [2, 5, 7], [1, 13, 5]]

  @Test(arguments: sizes, [false, true]) func theGradientIsZeroWhereSquaresAreLeast(_ sizes: [Int], backwards: Bool) {
    let (B, T, N) = (sizes[0], sizes[1], sizes[2])
    let name = "least squares \(sizes) \(backwards)"
    let mask = Naive.tabulate([B, T, T]) { $0[2] <= $0[1] ? 1 : 0 }
    let m = Tensor.random([B, T, T], for: name) * mask
    let logDecay = Tensor.random([B, T], .logDecay, for: name + " decay")
    let given = Tensor.random([B, T, N], for: name + " factor")
    let found = causalLeastSquares(m, logDecay: logDecay, factor: given, backwards: backwards)
    let (b, c) = backwards ? (found, given) : (given, found)
    let headed: Shape = [B, T, 1, N]
    let (logs, d) = (logDecay.reshaped(to: [B, T, 1] as Shape), Tensor.zeros([1]))
    let (atB, atC) = (b.reshaped(to: headed), c.reshaped(to: headed))
    let residual = ssdMatrix(logDecay: logs, b: atB, c: atC, d: d) - m.reshaped(to: [B, 1, T, T] as Shape)
    let slopes = ssdMatrixPullback(residual, logDecay: logs, b: atB, c: atC, d: d)
    // What is left is the ridge, 1e-10 of a trace of about a hundred, times the solution, about ten.
    let tolerance: Scalar = Tolerance.isDouble ? 1e-6 : 1e-3
    expectClose(backwards ? slopes.b : slopes.c, Tensor.zeros(headed), within: tolerance, name)
    let aside = found + Tensor.random([B, T, N], for: name + " aside")
    let (least, more) = (
      squares(m, logDecay: logDecay, b: b, c: c),
      squares(m, logDecay: logDecay, b: backwards ? aside : b, c: backwards ? c : aside)
    )
    for (a, e) in zip(least.elements, more.elements) { #expect(a < e, "\(name): \(a) is not below \(e)") }
  }

  @Test func aFactorOfZerosGivesZeros() {
    let m = Tensor.random([2, 3, 3], for: "zeros")
    let found = causalLeastSquares(m, logDecay: Tensor.zeros([2, 3]), factor: Tensor.zeros([2, 3, 2]))
    expectZero(found, "a factor of zeros")
  }

  @Test func aMatrixOfTheFamilyIsFound() {
    let (B, T, N) = (2, 11, 3)
    let (b, c) = (Tensor.random([B, T, N], for: "b"), Tensor.random([B, T, N], for: "c"))
    let logDecay = Tensor.random([B, T], .logDecay, for: "decay")
    let m = ssdMatrix(
      logDecay: logDecay.reshaped(to: [B, T, 1] as Shape), b: b.reshaped(to: [B, T, 1, N] as Shape),
      c: c.reshaped(to: [B, T, 1, N] as Shape), d: Tensor.zeros([1])
    ).reshaped(to: [B, T, T] as Shape)
    let found = causalLeastSquares(m, logDecay: logDecay, factor: b)
    expectClose(
      squares(m, logDecay: logDecay, b: b, c: found), Tensor.zeros([B]), within: Tolerance.isDouble ? 1e-12 : 1e-6,
      "a matrix of the family")
  }
}
