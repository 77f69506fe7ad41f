// # Singular values
//
// Against Jacobi's rotations, which share nothing with LAPACK, and against what defines them: the product of the
// three factors is the matrix, and the columns are orthonormal.

import Tensors
import TestSupport
import Testing

@Suite("singular values", .tallied) struct SingularValueTests {
  static let shapes: [Shape] = [
    [1, 1], [7, 1], [1, 5], [3, 3], [7, 5], [5, 7], [2, 5, 3], [2, 3, 3, 7], [61, 37], [0, 3], [3, 0], [0, 2, 3],
  ]

  @Test(arguments: shapes) func theFactorsMakeTheMatrix(_ shape: Shape) {
    let x = Tensor.random(shape, for: "singular values \(shape)")
    let parts = singularValueDecomposition(x)
    let (m, n, k) = (shape[-2], shape[-1], min(shape[-2], shape[-1]))
    let outer = shape.prefix(shape.rank - 2)
    #expect(parts.u.shape == outer.appending(m, k) && parts.vTransposed.shape == outer.appending(k, n))
    #expect(parts.values.shape == outer.appending(k))
    let stretched = parts.u * parts.values.reshaped(to: outer.appending(1, k))
    expectClose(matmul(stretched, parts.vTransposed), x, within: 20 * Tolerance.value, "\(shape): U σ Vᵀ")
    let unit = Tensor.zeros(outer.appending(k, k)) + Tensor.identity(k)
    expectClose(matmul(parts.u, parts.u, transposingA: true), unit, within: 20 * Tolerance.value, "\(shape): UᵀU")
    expectClose(
      matmul(parts.vTransposed, parts.vTransposed, transposingB: true), unit, within: 20 * Tolerance.value,
      "\(shape): VᵀV")
    expectClose(singularValues(x), parts.values, within: 20 * Tolerance.value, "\(shape): values alone")
    let sizes = parts.values.elements
    for start in stride(from: 0, to: sizes.count, by: max(1, k)) {
      for index in (start + 1)..<max(start + k, start + 1) { #expect(sizes[index] <= sizes[index - 1]) }
    }
  }

  @Test func theyAreThoseOfTheTwin() {
    for shape in Self.shapes where shape.rank == 2 && shape[0] >= shape[1] {
      let x = Tensor.random(shape, for: "twin \(shape)")
      let twin = Naive.singularValueDecomposition(x)
      expectClose(singularValues(x), twin.values, within: 20 * Tolerance.value, "\(shape)")
      let stretched = twin.u * twin.values.reshaped(to: [1, shape[1]] as Shape)
      expectClose(matmul(stretched, twin.vTransposed), x, within: 20 * Tolerance.value, "\(shape): the twin itself")
    }
  }

  @Test func rankIsSeen() {
    let (a, b) = (Tensor.random([17, 3], for: "left"), Tensor.random([3, 13], for: "right"))
    let values = singularValues(matmul(a, b)).elements
    #expect(values[2] > 0.1 && values[3] < 20 * Tolerance.value, "\(values)")
  }

  @Test func whatEckartAndYoungSay() {
    let x = Tensor.random([11, 7], for: "Eckart and Young")
    let parts = singularValueDecomposition(x)
    for n in 0...7 {
      let kept = matmul(
        parts.u.sliced(0..<n, along: 1) * parts.values.sliced(0..<n).reshaped(to: [1, n] as Shape),
        parts.vTransposed.sliced(0..<n))
      let missed = parts.values.sliced(n..<7)
      expectClose(
        distance(kept, x, over: 2), Tensor(dot(missed, missed).squareRoot()), within: 20 * Tolerance.value,
        "rank \(n)")
    }
  }
}
