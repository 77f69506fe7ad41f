// # What describes a matrix or a fit
//
// Small cases by hand, and one SSD matrix with its decays and without.

import Foundation
import Structures
import Tensors
import TestSupport
import Testing

@Suite("descriptions") struct DescriptionTests {
  @Test func threeTokensByHand() {
    // The entry above the diagonal must not be read.
    let m = Tensor(rows: [[1, 9, 9], [0.5, 0.5, 9], [0, 1, 0]]).reshaped(to: [1, 3, 3] as Shape)
    let looking = LookingBack(of: m)
    #expect(abs(looking.distance[0] - (0 + 0.5 + 1) / 3) < 1e-12)
    #expect(abs(looking.entropy[0] - log(2.0) / 3) < 1e-12)
    #expect(abs(looking.norm[0] - 2.5.squareRoot()) < 1e-12)
  }

  @Test func correlationByHand() {
    #expect(abs(correlation([1, 2, 3], [10, 20, 30]) - 1) < 1e-12)
    #expect(abs(correlation([1, 2, 3], [5, 4, 3]) + 1) < 1e-12)
    #expect(abs(correlation([1, 2, 3], [1, 0, 1])) < 1e-12)
    #expect(abs(correlation([0, 0, 1, 1], [0, 1, 0, 3]) - 1 / 6.0.squareRoot()) < 1e-12)
  }

  @Test func anSSDMatrixWithoutItsDecays() throws {
    let mask = Naive.tabulate([2, 11, 11]) { $0[2] <= $0[1] ? 1 : 0 }
    let targets =
      Tensor.random([2, 11, 11], for: "targets") * mask
    var fit = StateSpaceFit(.ssd(firstDecay: 0.5), N: 3, to: targets)
    for index in 0..<2 {
      // Ten halvings.
      #expect(abs(fit.undecayed(index).powersOfTen - 10 * log10(2.0)) < 1e-5)
    }
    try fit.descend(steps: 5, rate: 0.05)
    for index in 0..<2 {
      let difference = try #require(fit.undecayed(index).difference)
      #expect(difference < 1e-12)
    }
    let extreme = StateSpaceFit(.ssd(firstDecay: 1e-30), N: 1, to: Tensor.random([1, 23, 23], for: "extreme"))
    #expect(extreme.undecayed(0).difference == nil && extreme.undecayed(0).powersOfTen > 600)
  }
}
