// # Means and their standard errors

import Statistics
import Testing

@Suite struct EstimateTests {
  @Test func anEstimateIsMeanAndItsStandardError() {
    let estimate = Estimate([1, 2, 3, 4, 10])
    #expect(estimate.mean == 4)
    // Squares of the deviations: 9 + 4 + 1 + 0 + 36 = 50; variance 50/4; of the mean 50/20.
    #expect(abs(estimate.standardError - 2.5.squareRoot()) < 1e-15)
    #expect(Estimate([7]) == Estimate([7]) && Estimate([7]).mean == 7 && Estimate([7]).standardError == 0)
    #expect(Estimate([3, 3, 3]).standardError == 0)
  }
}
