// # Products of matrices
//
// Every combination of transposes, shapes with axes of size 0 and 1, batches with a factor of their
// own and with a shared one, and products long enough to be cut into rows or columns for the cores.
// With whole numbers every sum is exact, so that the results must agree to the last bit with three
// plain loops; real numbers follow, within the rounding.

import Tensors
import TestSupport
import Testing

/// One product: the sizes of the outer axes, of the result and of the inner axis.
struct ProductCase: Sendable, CustomTestStringConvertible {
  let outer: [Int]
  let m, k, n: Int
  var isShared = false
  var testDescription: String { "\(outer)×[\(m), \(k)]·[\(k), \(n)]\(isShared ? " shared" : "")" }

  /// All sizes from 0, 1 and primes, one matrix at a time, then batches.
  static let all: [ProductCase] =
    [0, 1, 2, 7].flatMap { m in
      [0, 1, 3].flatMap { k in [0, 1, 5].map { ProductCase(outer: [], m: m, k: k, n: $0) } }
    } + [
      ProductCase(outer: [], m: 37, k: 41, n: 29), ProductCase(outer: [3], m: 2, k: 5, n: 7),
      ProductCase(outer: [3], m: 2, k: 5, n: 7, isShared: true), ProductCase(outer: [1], m: 2, k: 5, n: 7),
      ProductCase(outer: [2, 3], m: 5, k: 7, n: 1), ProductCase(outer: [2, 3], m: 5, k: 7, n: 1, isShared: true),
      ProductCase(outer: [2, 1], m: 1, k: 1, n: 3), ProductCase(outer: [0], m: 2, k: 3, n: 5),
      ProductCase(outer: [0, 2], m: 2, k: 3, n: 5, isShared: true), ProductCase(outer: [3], m: 2, k: 0, n: 5),
      ProductCase(outer: [3], m: 0, k: 2, n: 5, isShared: true),
      // Cut into rows, into columns, and one matrix of the batch a piece.
      ProductCase(outer: [], m: 307, k: 101, n: 149), ProductCase(outer: [], m: 149, k: 101, n: 307),
      ProductCase(outer: [5], m: 61, k: 101, n: 149), ProductCase(outer: [5], m: 61, k: 101, n: 149, isShared: true),
      // Tiles: edges in each direction, one, two and four of them deep; rows that are too far apart for tiles.
      ProductCase(outer: [], m: 16, k: 1, n: 16), ProductCase(outer: [], m: 97, k: 319, n: 67),
      ProductCase(outer: [], m: 97, k: 321, n: 67), ProductCase(outer: [], m: 48, k: 640, n: 64),
      ProductCase(outer: [], m: 53, k: 997, n: 131), ProductCase(outer: [], m: 491, k: 33, n: 512),
      ProductCase(outer: [], m: 491, k: 33, n: 513), ProductCase(outer: [2], m: 49, k: 331, n: 65),
      // One copy for all cores: of the right factor, in one panel and in two, and of the rows.
      ProductCase(outer: [], m: 523, k: 331, n: 131), ProductCase(outer: [], m: 521, k: 997, n: 449),
      ProductCase(outer: [], m: 131, k: 449, n: 1031),
    ]
}

@Suite("products", .tallied) struct ProductTests {
  /// The product of each pair of matrices by three loops.
  private static func naive(_ a: Tensor, _ b: Tensor) -> Tensor {
    let (m, k, n) = (a.shape[-2], a.shape[-1], b.shape[-1])
    let outer = a.shape.prefix(a.rank - 2)
    let left = a.reshaped(to: [outer.count, m, k] as Shape)
    let right = b.reshaped(to: [b.rank == 2 ? 1 : outer.count, k, n] as Shape)
    let products = (0..<outer.count).map { index in
      Naive.matmul(left.matrix(index), right.matrix(b.rank == 2 ? 0 : index))
    }
    return Tensor(products.flatMap(\.elements), shape: outer.appending(m, n))
  }

  @Test(arguments: ProductCase.all)
  func everyTranspose(_ product: ProductCase) {
    let name = product.testDescription
    let a = Tensor.wholeNumbers(Shape(product.outer + [product.m, product.k]), for: "a" + name)
    let outerB = product.isShared ? [] : product.outer
    let b = Tensor.wholeNumbers(Shape(outerB + [product.k, product.n]), for: "b" + name)
    let expected = Self.naive(a, b)
    let (aᵀ, bᵀ) = (a.transposed(), b.transposed())
    expectIdentical(matmul(a, b), expected, name)
    expectIdentical(matmul(aᵀ, b, transposingA: true), expected, name + " Aᵀ")
    expectIdentical(matmul(a, bᵀ, transposingB: true), expected, name + " Bᵀ")
    expectIdentical(matmul(aᵀ, bᵀ, transposingA: true, transposingB: true), expected, name + " Aᵀ Bᵀ")
    let (x, y) = (Tensor.random(a.shape, for: "x" + name), Tensor.random(b.shape, for: "y" + name))
    // What a sum loses grows with the magnitudes of all its terms.
    let magnitude = max(1, Scalar(product.k) / 32)
    expectClose(matmul(x, y), Self.naive(x, y), floor: magnitude, name + ", real")
    expectClose(matmul(x, y.transposed(), transposingB: true), Self.naive(x, y), floor: magnitude, name + ", real Bᵀ")
  }

  @Test(
    arguments: [[7], [3, 7], [2, 3, 7], [1, 7], [0, 7], [2, 3, 0], [29, 7], [1013, 61], [131, 449]] as [Shape],
    [0, 1, 5, 53, 1031])
  func aLinearLayer(_ shape: Shape, outputs: Int) {
    let name = "linear \(shape) to \(outputs)"
    let x = Tensor.wholeNumbers(shape, for: name)
    let weight = Tensor.wholeNumbers([outputs, shape[-1]], for: "weight of " + name)
    let bias = Tensor.wholeNumbers([outputs], for: "bias of " + name)
    let result = shape.prefix(shape.rank - 1).appending(outputs)
    let product = Naive.matmul(x.asRows, weight.transposed()).reshaped(to: result)
    expectIdentical(linear(x, weight: weight, bias: nil), product, name)
    expectIdentical(linear(x, weight: weight, bias: bias), product + bias, name + " with bias")
    let g = Tensor.wholeNumbers(result, for: "cotangent of " + name)
    let expected = Naive.matmul(g.asRows.transposed(), x.asRows)
    expectIdentical(linearWeightPullback(g, x: x), expected, "the weight's cotangent of " + name)
  }

  // Large enough not to stay in a cache: few rows go by dot products, one more by BLAS.
  @Test(arguments: [[521], [1, 1, 521], [2, 2, 521], [5, 521]] as [Shape]) func aLinearLayerOfALargeMatrix(
    _ shape: Shape
  ) {
    let name = "linear \(shape) to 509"
    let x = Tensor.wholeNumbers(shape, for: name)
    let weight = Tensor.wholeNumbers([509, 521], for: "weight of " + name)
    let bias = Tensor.wholeNumbers([509], for: "bias of " + name)
    let product = Naive.matmul(x.asRows, weight.transposed()).reshaped(
      to: shape.prefix(shape.rank - 1).appending(509))
    expectIdentical(linear(x, weight: weight, bias: nil), product, name)
    expectIdentical(linear(x, weight: weight, bias: bias), product + bias, name + " with bias")
    let real = Tensor.random(shape, for: "real" + name)
    let exact = Naive.matmul(real.asRows, weight.transposed()).reshaped(to: product.shape)
    expectClose(linear(real, weight: weight, bias: nil), exact, floor: 16, name + ", real")
    // The same to the last bit on one core.
    expectIdentical(
      onOneCore { linear(real, weight: weight, bias: bias) }, linear(real, weight: weight, bias: bias), name)
  }

  @Test(arguments: [[7], [3, 7], [2, 3, 7], [0, 7], [29, 7], [1013, 61]] as [Shape], [0, 1, 5, 53])
  func aProductIsAddedInPlace(_ shape: Shape, outputs: Int) {
    let name = "\(shape) to \(outputs)"
    let rows = Tensor.wholeNumbers(shape, for: "rows of " + name)
    let matrix = Tensor.wholeNumbers([shape[-1], outputs], for: "matrix of " + name)
    let before = Tensor.wholeNumbers(shape.prefix(shape.rank - 1).appending(outputs), for: "sum of " + name)
    let expected = before + Naive.matmul(rows.asRows, matrix).reshaped(to: before.shape)
    var (own, shared) = (Tensor(before.elements, shape: before.shape), before)
    own.add(rows, times: matrix)
    shared.add(rows, times: matrix)
    expectIdentical(own, expected, name)
    expectIdentical(shared, expected, name + ", of a copy")
    expectIdentical(before, shared - (expected - before), name + ", what was copied")
  }

  @Test(
    arguments: [
      (2, 5, 7, 3, 11), (1, 1, 1, 1, 1), (2, 1, 7, 3, 5), (1, 5, 2, 3, 1), (2, 3, 3, 0, 5), (2, 3, 5, 7, 0),
      (2, 64, 48, 17, 32), (1, 67, 131, 2, 24),
    ])
  func headsWithoutMovingThem(_ B: Int, _ T: Int, _ S: Int, _ H: Int, _ P: Int) {
    let name = "B \(B), T \(T), S \(S), H \(H), P \(P)"
    let q = Tensor.wholeNumbers([B, T, H, P], for: "q" + name)
    let k = Tensor.wholeNumbers([B, S, H, P], for: "k" + name)
    expectIdentical(headScores(q, k), Naive.headScores(q, k), "scores, " + name)
    let m = Tensor.wholeNumbers([B, H, T, S], for: "m" + name)
    let v = Tensor.wholeNumbers([B, S, H, P], for: "v" + name)
    let mixed = Naive.headMix(m, v)
    expectIdentical(headMix(m, v), mixed, "mix, " + name)
    expectIdentical(headMix(m.transposed(), v, transposing: true), mixed, "mix transposed, " + name)
    // The two are one product with the axes moved.
    let moved = matmul(m, v.permuted([0, 2, 1, 3])).permuted([0, 2, 1, 3])
    expectIdentical(moved, mixed, "mix with the axes moved, " + name)
  }
}
