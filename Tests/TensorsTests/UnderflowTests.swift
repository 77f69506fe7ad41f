// # Numbers that are too small
//
// A result below the normal numbers is zero in every kernel, whether its loop is short or long, on the thread that
// calls it or on another. Around the kernels subnormal numbers are what IEEE 754 says.
//
// Read before: `Tensors/Cores/Parallel.swift`.

import Tensors
import TestSupport
import Testing

// Processors of other kinds are as fast with subnormal numbers, and keep them.
#if arch(x86_64)
@Suite("results below the normal numbers", .tallied) struct UnderflowTests {
  /// Numbers whose product with `quarter` is subnormal.
  private static func small(_ count: Int) -> Tensor { Tensor(repeating: 2 * .leastNormalMagnitude, shape: [count]) }
  private static let quarter = Tensor(0.25)

  /// From one element to more than the cores share.
  @Test(arguments: [1, 7, 64, 100_000]) func elementwise(count: Int) {
    #expect((UnderflowTests.small(count) * UnderflowTests.quarter).elements.allSatisfy { $0 == 0 })
    #expect(UnderflowTests.small(count).elements.allSatisfy { $0 == 2 * .leastNormalMagnitude })
  }

  @Test(arguments: [1, 16, 300]) func products(size: Int) {
    let left = Tensor(repeating: 2 * .leastNormalMagnitude, shape: [size, 1])
    let right = Tensor(repeating: 0.25, shape: [1, size])
    #expect(matmul(left, right).elements.allSatisfy { $0 == 0 })
    #expect(linear(left, weight: right.transposed(), bias: nil).elements.allSatisfy { $0 == 0 })
  }

  @Test(arguments: [1, 7, 64, 1000]) func sums(count: Int) {
    #expect(dot(UnderflowTests.small(count), Tensor(repeating: 0.25, shape: [count])) == 0)
    #expect(sum(Tensor(repeating: .leastNormalMagnitude / 4, shape: [count])).scalar == 0)
  }

  @Test func onEveryThread() {
    onAllCores(4) { _ in
      #expect((UnderflowTests.small(7) * UnderflowTests.quarter).elements.allSatisfy { $0 == 0 })
      #expect(half(of: .leastNormalMagnitude) > 0)
    }
  }

  @Test func theCallerKeepsItsSubnormalNumbers() {
    _ = UnderflowTests.small(100_000) * UnderflowTests.quarter
    #expect(half(of: .leastNormalMagnitude) > 0)
  }

  /// Weights that were stored as subnormal numbers are read as they are.
  @Test func whatIsReadIsKept() {
    let subnormal = Tensor(repeating: .leastNormalMagnitude / 4, shape: [9])
    #expect((subnormal * Tensor(8)).elements.allSatisfy { $0 == 2 * .leastNormalMagnitude })
  }
}

/// Computed when the test runs, on the thread that asks.
@inline(never) private func half(of x: Scalar) -> Scalar { x / 2 }
#endif
