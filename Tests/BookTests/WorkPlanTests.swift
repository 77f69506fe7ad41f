// # The time that is left for a chapter
//
// The estimate of the time left, corrected by the measured pace; pieces that took no time do not change the pace.

import Book
import Foundation
import Testing

@Suite struct WorkPlanTests {
  private let pieces = [("one", 10.0), ("two", 20.0), ("three", 30.0)].map { (name: $0.0, seconds: $0.1) }

  @Test func atFirstItIsWhatWasSaid() {
    let plan = WorkPlan(pieces)
    #expect(plan.total == 60)
    plan.begin("one")
    #expect(plan.left(done: 0) == 60)
    plan.begin("two")
    #expect(plan.left(done: 0) == 50)
    plan.begin("three")
    #expect(plan.left(done: 0) == 30)
    #expect(plan.left(done: 0.999, from: 0.999) < 0.031)
  }

  @Test func aPieceThatIsFasterThanSaidMakesTheRestShorter() {
    let plan = WorkPlan(pieces)
    plan.begin("two")
    // Half of twenty seconds' work at once.
    #expect(plan.left(done: 0.5) < 1)
    plan.begin("three")
    #expect(plan.left(done: 0) < 1)
  }

  @Test func aPieceThatWasDoneBeforeSaysNothingAboutThePace() {
    let plan = WorkPlan(pieces)
    plan.begin("two")
    #expect(plan.left(done: 1, from: 1) == 30)
    plan.begin("three")
    #expect(plan.left(done: 0) == 30)
  }
}
