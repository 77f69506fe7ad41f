// # Differences over seeds
//
// Student's t against the values of his table, and conclusions at all sides of 0.

import Statistics
import Testing

@Suite struct PairedDifferenceTests {
  /// Any table of Student's distribution: degrees of freedom, the 97.5 % and the 95 % quantile.
  @Test(arguments: [
    (1, 12.7062, 6.3138), (2, 4.3027, 2.9200), (4, 2.7764, 2.1318), (10, 2.2281, 1.8125), (100, 1.9840, 1.6602),
  ])
  func quantilesAreThoseOfTheTable(_ degrees: Int, _ high: Double, _ low: Double) {
    #expect(abs(studentQuantile(0.975, degrees: degrees) - high) < 6e-5)
    #expect(abs(studentQuantile(0.95, degrees: degrees) - low) < 6e-5)
  }

  // Mean 2, deviation 1, standard error 1/√3: 2 ± 4.3027/√3 = 2 ± 2.4841.
  @Test func theIntervalByHand() {
    let difference = PairedDifference([1, 2, 3])
    let interval = difference.interval!
    #expect(difference.mean == 2)
    #expect(abs(interval.lowerBound + 0.4841) < 1e-4 && abs(interval.upperBound - 4.4841) < 1e-4)
    #expect(difference.conclusion == .undecided)
  }

  @Test func conclusionsFollowTheInterval() {
    #expect(PairedDifference([1.0, 1.1, 1.2]).conclusion == .holds)
    #expect(PairedDifference([-1.0, -1.1, -1.2]).conclusion == .fails)
    #expect(PairedDifference([0.1, -0.1, 0.2]).conclusion == .undecided)
    let single = PairedDifference([5])
    #expect(single.interval == nil && single.conclusion == .undecided)
  }
}
