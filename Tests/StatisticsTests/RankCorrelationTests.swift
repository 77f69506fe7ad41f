// Ranks and their correlation, against values worked out by hand and against the formula for lists without ties.

import Statistics
import Testing

@Suite struct RankCorrelationTests {
  static let lists: [([Double], [Double])] = [
    ([], []), ([5], [1]), ([3, 1, 2], [3, 1, 2]), ([0.5, -7, 0.5], [2.5, 1, 2.5]), ([4, 4, 4], [2, 2, 2]),
    ([1, 2, 2, 3, 2], [1, 3, 3, 5, 3]), ([-.infinity, 0, .infinity], [1, 2, 3]),
  ]

  @Test(arguments: lists) func equalValuesShareTheMeanOfTheirRanks(values: [Double], expected: [Double]) {
    #expect(ranks(of: values) == expected)
  }

  static let pairs: [([Double], [Double], Double)] = [
    ([1, 2, 3, 4, 5], [10, 20, 30, 40, 1e9], 1), ([1, 2, 3], [3, 2, 1], -1),
    // 1 − 6 Σ d² / (n (n² − 1)), Σ d² = 1 + 1 + 1 + 1 = 4, n = 5
    ([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], 0.8),
    // Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: 4.5 / √(4.5 · 5)
    ([0, 1, 1, 2], [5, 6, 7, 8], 0.948_683_298_050_513_8),
  ]

  @Test(arguments: pairs) func correlationByHand(x: [Double], y: [Double], expected: Double) {
    #expect(abs(rankCorrelation(x, y) - expected) < 1e-12)
    #expect(abs(rankCorrelation(y, x) - expected) < 1e-12)
  }

  @Test func onlyTheOrderMatters() {
    let (x, y) = ([3.0, -1, 4, 1.5, -9, 2.6], [2.0, 7, 1, -8, 2.5, 0])
    #expect(rankCorrelation(x.map { $0 * $0 * $0 }, y) == rankCorrelation(x, y))
    #expect(rankCorrelation(x.map { -$0 }, y) == -rankCorrelation(x, y))
  }

  @Test func withoutAnOrderThereIsNoCorrelation() {
    #expect(rankCorrelation([1, 1, 1], [1, 2, 3]).isNaN)
    #expect(rankCorrelation([1, .nan, 3], [1, 2, 3]).isNaN)
    #expect(rankCorrelation([], []).isNaN)
  }
}
