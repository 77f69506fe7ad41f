// # Times and how they grow

import Foundation
import Notebook
import Testing

@Suite struct TimingTests {
  @Test func theMedianIsInTheMiddle() {
    #expect(median([3, 1, 2]) == 2 && median([4, 1, 3, 2]) == 2.5 && median([7]) == 7 && median([]).isNaN)
  }

  @Test func waysTakeTurns() {
    var order = ""
    let timing = time(repetitions: 3, { order += "a" }, { order += "b" })
    #expect(order == "abababab")
    #expect(timing.seconds.map(\.count) == [3, 3] && timing.medians.allSatisfy { $0 >= 0 })
    order = ""
    _ = time(repetitions: 2, ["a", "b", "c"].map { name in { order += name } })
    #expect(order == "abcabcabc")
    // However slow the machine: a turn takes 5 ms at least, and there are turns until 20 ms have passed.
    let slow = time(repetitions: 1, atLeast: 0.02, { Thread.sleep(forTimeInterval: 0.005) })
    #expect(slow.seconds[0].reduce(0, +) >= 0.005 && slow.minima[0] >= 0.005)
  }

  // Sleeping takes no processor time. The test runs in a process of its own: the time of other tests would count.
  @Test func processorTimeIsWorkAndNotWaiting() async {
    await #expect(processExitsWith: .success) {
      var x = 1.0
      let pause = { Thread.sleep(forTimeInterval: 0.02) }
      let timing = time(
        repetitions: 3, on: .processor, pause, { for i in 1...2_000_000 { x += 1 / (x + Double(i)) } })
      let elapsed = time(repetitions: 1, pause)
      let isRight = timing.minima[0] < 0.01 && timing.minima[1] > 1e-4 && elapsed.minima[0] >= 0.02 && x > 1
      exit(isRight ? 0 : 1)
    }
  }

  @Test func anExactLawIsFound() {
    let x = [64.0, 128, 512, 4096]
    let law = PowerLaw(x: x, y: x.map { 3e-9 * $0 * $0 })
    #expect(abs(law.exponent - 2) < 1e-12 && abs(law.factor - 3e-9) < 1e-18 && law.exponentError < 1e-12)
    #expect(abs(law(100) - 3e-5) < 1e-14 && law.text == "2.00 ± 0.00")
    #expect(PowerLaw(x: [1, 2], y: [1, 2]).exponentError.isNaN)
  }

  // Points (0, 0), (1, 1), (2, 1) in logarithms: slope 1/2, residuals −1/6, 1/3, −1/6, so that
  // s.e. = √(1/6 / 1 / 2).
  @Test func scatterMakesItUnsure() {
    let law = PowerLaw(x: [1, M_E, M_E * M_E], y: [1, M_E, M_E])
    #expect(abs(law.exponent - 0.5) < 1e-12)
    #expect(abs(law.exponentError - (1.0 / 12).squareRoot()) < 1e-12)
  }
}
