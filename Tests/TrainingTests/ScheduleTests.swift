// # The learning rate
//
// It rises, stays, and falls to zero. Runs of one, two or three steps hardly have room for that.

import Testing
import Training

@Suite struct ScheduleTests {
  @Test(arguments: [1, 2, 3, 4, 7, 10, 11, 60, 300, 3001]) func itRisesStaysAndFalls(steps: Int) {
    let schedule = WarmUpStableDecay(peak: 0.003, steps: steps)
    let rates = (0..<steps).map { schedule.rate(at: $0) }
    // No step is wasted on a rate of zero, and the peak is reached and never passed.
    #expect(rates.allSatisfy { $0 > 0 && $0 <= 0.003 })
    #expect(rates.contains(0.003))
    #expect(schedule.rate(at: steps) == 0 && schedule.rate(at: steps + 5) == 0)
    // Up, then level, then down, with no way back.
    let changes = zip(rates.dropFirst(), rates).map { $0 - $1 }
    let firstFall = changes.firstIndex { $0 < 0 } ?? changes.count
    let lastRise = changes.lastIndex { $0 > 0 } ?? -1
    #expect(lastRise < firstFall)
    #expect(changes[(lastRise + 1)..<firstFall].allSatisfy { $0 == 0 })
    #expect(changes[firstFall...].allSatisfy { $0 < 0 })
  }

  @Test func aTenthOfTheRunRisesAndAFifthFalls() {
    let schedule = WarmUpStableDecay(peak: 60, steps: 300)
    let expected: [(step: Int, rate: Double)] = [
      (0, 2), (14, 30), (28, 58), (29, 60), (30, 60), (240, 60), (241, 59), (270, 30), (299, 1), (300, 0),
    ]
    for (step, rate) in expected { #expect(abs(schedule.rate(at: step) - rate) < 1e-13, "step \(step)") }
  }

  @Test(arguments: [1, 2, 3]) func aVeryShortRunHasItsPeakThroughout(steps: Int) {
    let schedule = WarmUpStableDecay(peak: 0.5, steps: steps)
    #expect((0..<steps).allSatisfy { schedule.rate(at: $0) == 0.5 })
  }

  @Test func withoutWarmUpAndDecayItIsLevel() {
    let schedule = WarmUpStableDecay(peak: 0.5, steps: 17, warmUp: 0, decay: 0)
    #expect((0..<17).allSatisfy { schedule.rate(at: $0) == 0.5 })
    #expect(schedule.rate(at: 17) == 0)
  }
}
