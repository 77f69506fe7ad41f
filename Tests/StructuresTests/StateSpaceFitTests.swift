// # Fits of low rank and SSD
//
// A fit must find a matrix of its own family, lower its distance, and treat each matrix as if it were alone.

import Structures
import Tensors
import TestSupport
import Testing

@Suite("low rank and SSD fits", .tallied) struct StateSpaceFitTests {
  static let families: [StateSpaceFamily] = [.lowRank, .ssd(firstDecay: 0.9)]

  static let targets: Tensor = {
    let (B, T) = (3, 13)
    let scores = Tensor.random([B, T, T], .wide, for: "attention")
    let hidden = Naive.tabulate([B, T, T]) { $0[2] <= $0[1] ? 0 : -.infinity }
    return softmax(scores + hidden)
  }()

  @Test(arguments: [1, 2, 5]) func bothWaysLeadDown(N: Int) throws {
    for family in Self.families {
      for exactly in [false, true] {
        var fit = StateSpaceFit(family, N: N, to: Self.targets)
        let start = fit.distances
        if exactly { try fit.alternate(steps: 30, rate: 0.1) } else { try fit.descend(steps: 100, rate: 0.05) }
        #expect(fit.losses.count == (exactly ? 30 : 100))
        for (now, before) in zip(fit.distances.elements, start.elements) { #expect(now < before) }
        expectClose(distance(fit.matrices, Self.targets, over: 2), fit.distances, "\(family) \(N)")
        for log in fit.logDecay.elements { #expect(log <= 0) }
        if case .lowRank = family { expectZero(fit.logDecay, "no decay") }
      }
    }
  }

  /// Each matrix comes out alone as it does among the others: nothing couples them.
  @Test func matricesDoNotNoticeOneAnother() throws {
    for family in Self.families {
      for exactly in [false, true] {
        func fitted(_ targets: Tensor) throws -> Tensor {
          var fit = StateSpaceFit(family, N: 2, to: targets)
          if exactly { try fit.alternate(steps: 8, rate: 0.1) } else { try fit.descend(steps: 20, rate: 0.05) }
          return fit.matrices
        }
        let alone = try fitted(Self.targets.sliced(1..<2))
        let among = try fitted(Self.targets).sliced(1..<2)
        expectClose(among, alone, within: Tolerance.isDouble ? 1e-9 : 1e-2, "\(family) \(exactly)")
      }
    }
  }

  @Test func anSSDMatrixIsFound() throws {
    let (B, T, N) = (2, 17, 2)
    let made = ssdMatrix(
      logDecay: Tensor(repeating: -0.1, shape: [B, T, 1]), b: Tensor.random([B, T, 1, N], for: "b"),
      c: Tensor.random([B, T, 1, N], for: "c"), d: Tensor.zeros([1])
    ).reshaped(to: [B, T, T] as Shape)
    var fit = StateSpaceFit(.ssd(firstDecay: 0.8), N: N, to: made)
    try fit.alternate(steps: 200, rate: 0.1)
    let norms = distance(made, Tensor.zeros(made.shape), over: 2)
    for (left, norm) in zip(fit.distances.elements, norms.elements) { #expect(left < 0.02 * norm) }
  }
}
