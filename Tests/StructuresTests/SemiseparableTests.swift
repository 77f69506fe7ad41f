// # Semiseparable matrices
//
// The recurrence of a balanced truncation is checked against what defines it: exact when its state is large enough,
// of the promised rank at every cut, the same as a matrix and as a recurrence, and never nearer than the bound.

import Structures
import Tensors
import TestSupport
import Testing

@Suite("semiseparable matrices", .tallied) struct SemiseparableTests {
  static let sizes = [[1, 1], [2, 2], [3, 3], [2, 5], [3, 7], [2, 13], [1, 32]]

  /// What rounding may leave of singular values that are 0: the error of the whole chain of products.
  static let tolerance: Scalar = Tolerance.isDouble ? 1e-10 : 1e-4

  static func causal(_ sizes: [Int], _ name: String) -> Tensor {
    let (B, T) = (sizes[0], sizes[1])
    return Tensor.random([B, T, T], for: "\(name) \(sizes)") * Naive.tabulate([B, T, T]) { $0[2] <= $0[1] ? 1 : 0 }
  }

  @Test(arguments: sizes) func withAStateThatIsLargeEnoughItIsExact(_ sizes: [Int]) {
    let m = Self.causal(sizes, "exact")
    let system = balancedTruncation(of: HankelBlocks(of: m), N: max(1, sizes[1] / 2))
    expectClose(system.matrices, m, within: Self.tolerance, "\(sizes)")
  }

  @Test(arguments: sizes, [1, 2, 3]) func statesAndRanksAreAsPromised(_ sizes: [Int], N: Int) {
    let (B, T) = (sizes[0], sizes[1])
    let system = balancedTruncation(of: HankelBlocks(of: Self.causal(sizes, "ranks")), N: N)
    #expect(system.stateSizes == (0..<T).map { min($0, T - $0, N) })
    let matrices = system.matrices
    #expect(matrices.shape == [B, T, T])
    for index in 0..<B { for t in 0..<T { for s in (t + 1)..<max(T, t + 1) { #expect(matrices[index, t, s] == 0) } } }
    for beyond in HankelBlocks(of: matrices).loss(at: N) { #expect(Scalar(beyond) < Self.tolerance) }
  }

  @Test(arguments: sizes) func matrixAndRecurrenceAreOne(_ sizes: [Int]) {
    let (B, T) = (sizes[0], sizes[1])
    let system = balancedTruncation(of: HankelBlocks(of: Self.causal(sizes, "recurrence")), N: 2)
    let x = Tensor.random([B, T], for: "input \(sizes)")
    let product = matmul(system.matrices, x.reshaped(to: [B, T, 1] as Shape)).reshaped(to: [B, T] as Shape)
    expectClose(system(x), product, within: Self.tolerance, "\(sizes)")
  }

  /// The entries from their definition, each a product of small matrices.
  @Test func theMatrixIsWhatUnrollingGives() {
    let (B, T) = (2, 7)
    let system = balancedTruncation(of: HankelBlocks(of: Self.causal([B, T], "unrolled")), N: 2)
    let twin = Naive.tabulate([B, T, T]) { place in
      let (index, t, s) = (place[0], place[1], place[2])
      func one(_ x: Tensor) -> Tensor {
        x.sliced(index..<(index + 1)).reshaped(to: [x.shape[1], x.shape[2]] as Shape)
      }
      if t < s { return 0 }
      if t == s { return system.d[index, t] }
      var flow = one(system.b[s])
      for k in (s + 1)..<t { flow = Naive.matmul(one(system.a[k]), flow) }
      return Naive.matmul(one(system.c[t]), flow).scalar
    }
    expectClose(system.matrices, twin, within: Self.tolerance, "unrolled")
  }

  /// A matrix that a recurrence with two numbers made is found again.
  @Test func aMatrixOfTheFamilyIsFound() {
    let (B, T, N) = (2, 17, 2)
    let made = ssdMatrix(
      logDecay: Tensor.random([B, T, 1], .logDecay, for: "decay"), b: Tensor.random([B, T, 1, N], for: "b"),
      c: Tensor.random([B, T, 1, N], for: "c"), d: Tensor([0.5])
    ).reshaped(to: [B, T, T] as Shape)
    expectClose(
      balancedTruncation(of: HankelBlocks(of: made), N: N).matrices, made, within: Self.tolerance, "an SSD matrix")
    for bound in semiseparableBounds(made, orders: [N], grid: 1)[0] { #expect(Scalar(bound) < Self.tolerance) }
  }

  @Test(arguments: [[3, 7], [2, 13]], [1, 2, 3]) func noFitIsBelowTheBound(_ sizes: [Int], N: Int) {
    let m = Self.causal(sizes, "bound")
    let blocks = HankelBlocks(of: m)
    let fits = distance(balancedTruncation(of: blocks, N: N).matrices, m, over: 2).elements
    let (coarse, fine) = (
      semiseparableBounds(m, orders: [1, N], grid: 2)[1], semiseparableBounds(m, orders: [N], grid: 1)[0]
    )
    let single = blocks.loss(at: N)
    for index in fits.indices {
      #expect(single[index] <= fine[index] * (1 + 1e-6), "the cut into two is one of those that are tried")
      #expect(coarse[index] <= fine[index] * (1 + 1e-6), "a finer grid gives a larger bound")
      #expect(fine[index] <= max(Double(fits[index]), Double(Self.tolerance)))
      // A state of T/2 numbers loses nothing; a smaller one does.
      #expect((fine[index] > 0.1) == (N < sizes[1] / 2), "\(sizes), N = \(N): \(fine[index])")
    }
  }

  /// Four tokens: only the middle cut has a rectangle with two rows and two columns, and so with two singular values.
  @Test func theBoundOfATinyMatrixByHand() {
    // Cut before token 2 of four, the rectangle is diag(3, 4): order 1 has to lose the 3.
    let m = Tensor(rows: [[1, 0, 0, 0], [0, 1, 0, 0], [3, 0, 1, 0], [0, 4, 0, 1]]).reshaped(to: [1, 4, 4] as Shape)
    let bound = semiseparableBounds(m, orders: [1, 2], grid: 2)
    #expect(abs(bound[0][0] - 3) < 1e-5 && bound[1][0] < 1e-5)
    #expect(abs(HankelBlocks(of: m).loss(at: 1)[0] - 3) < 1e-5)
  }
}
