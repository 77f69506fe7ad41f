// # Studies
//
// On a text of a few thousand characters and with few steps: what is run once is read the second time, other
// descriptions give other results, the order of jobs and the number of threads change nothing, and arms that cannot
// be compared are refused.

import Experiments
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct StudyTests {
  private static let arm = Arm(
    .phiMamba,
    [
      StagePlan(.orientation, steps: 2, rate: 1e-2), StagePlan(.alignment, steps: 2, rate: 1e-2),
      StagePlan(.distillation, steps: 3, rate: 1e-3),
    ])

  @Test func whatWasRunIsReadTheNextTime() throws {
    try withStore { store in
      let first = try Study(in: store, seeds: 2)
      #expect(try first.keptCount == 0)
      let results = try first.results("first", of: [Self.arm])
      #expect(results.count == 1 && results[0].count == 2 && results[0][0] != results[0][1])
      #expect(results[0].allSatisfy { $0.loss.isFinite && $0.hiddenDistance == nil })
      #expect(try first.keptCount == 2)
      // The seconds would differ if it were run again.
      #expect(try Study(in: store, seeds: 2).results("again", of: [Self.arm]) == results)
      let other = try first.results("other", of: [Self.arm.with(lastRate: 2e-3)])
      #expect(other[0][0].losses != results[0][0].losses)
      #expect(try first.keptCount == 4)
    }
  }

  @Test func orderAndCompanyChangeNothing() throws {
    try withStore { store in
      let study = try Study(in: store, seeds: 1)
      let arms = [
        Self.arm, Arm(.attention, [StagePlan(.alignment, steps: 2, rate: 1e-2)]),
        Arm(.hybrid(attention: [1]), [StagePlan(.distillation, steps: 2, rate: 1e-3)]).with {
          $0.trainsMixersOnly = true
        },
        Self.arm.with { $0.isMultiValue = true }, Self.arm.with { $0.copiedProjections = .all },
        Self.arm.with { ($0.beginsWithIdentity, $0.beginsWithOpenGate) = (false, false) },
        Arm(.phiMamba, [StagePlan(.tokens, steps: 2, rate: 1e-3)]).with { $0.transfersWeights = false },
      ]
      let together = try study.results("together", of: arms).map { $0[0] }
      #expect(together[1].hiddenDistance != nil && together[1].matrixDistance != nil)
      #expect(Set(together.map(\.losses)).count == arms.count, "two arms gave the same student")
      try FileManager.default.removeItem(at: store.studyFolder)
      for (arm, expected) in zip(arms, together).reversed() {
        let alone = try study.results("alone", of: [arm])[0][0]
        #expect(alone.losses == expected.losses && alone.divergence == expected.divergence, "\(arm)")
      }
    }
  }

  @Test func sweepsGoOnAtTheEnds() throws {
    try withStore { store in
      let study = try Study(in: store, seeds: 1)
      func arm(_ rate: Double) -> Arm { Self.arm.with(lastRate: rate) }
      func swept(_ rates: [Double], by score: @escaping (StudyResult) -> Double) throws -> SweptRates {
        try study.sweep("sweep", [RateSweep("it", rates: rates, arm: arm, score: score)])[0]
      }
      // Each score is lower than the one before it, so the highest rate is the best, three times.
      var calls = 0.0
      let rising = try swept([1e-3, 2e-3]) { _ in
        calls -= 1
        return calls
      }
      #expect(rising.tried.count == 5 && rising.tried.map(\.rate) == [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2])
      #expect(rising.best == 1.6e-2)
      let settled = try swept([1e-3, 2e-3, 4e-3]) { abs($0.choosingLoss) * 0 }
      #expect(settled.best == settled.tried[0].rate)
    }
  }

  @Test func unequalBudgetsAreRefused() throws {
    let short = Arm(.phiMamba, [StagePlan(.distillation, steps: 3, rate: 1e-3)])
    try requireEqualBudgets([Self.arm, Self.arm])
    #expect(throws: UnequalBudgets(steps: [7, 3])) { try requireEqualBudgets([Self.arm, short]) }
    #expect(UnequalBudgets(steps: [7, 3]).description.contains("7 and 3 steps"))
    // A stage of no steps is no stage.
    #expect(Arm(.phiMamba, [StagePlan(.orientation, steps: 0, rate: 1), short.stages[0]]) == short)
  }
}
