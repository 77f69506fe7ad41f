// # Studies
//
// On a text of a few thousand characters and with few steps: what is run once is read the second time, other
// descriptions give other results, the order of jobs and the number of threads change nothing, and arms that cannot
// be compared are refused.

import Distillation
import Experiments
import Foundation
import Layers
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

  // Where teachers keep their passes changes no number, and nothing of it stays behind.
  @Test func passesInMemoryOrOnTheDiskGiveTheSame() throws {
    try withStore { store in
      let arms = [Self.arm, Self.arm.with { $0.copiedProjections = .all }]
      func losses(_ room: RoomForPasses) throws -> [[[Double]]] {
        let study = try Study(in: store, seeds: 2, passes: room)
        let results = try study.results("arms", of: arms).map { $0.map(\.losses) }
        if case .disk(let bytes) = room, bytes > 1_000_000 {
          let folders = try FileManager.default.contentsOfDirectory(
            atPath: store.studyFolder.appending(path: "passes").path)
          #expect(folders.count == 2)
        }
        try study.removePasses()
        try study.removePasses()
        #expect(!FileManager.default.fileExists(atPath: store.studyFolder.appending(path: "passes").path))
        try FileManager.default.removeItem(at: store.studyFolder)
        return results
      }
      let expected = try losses(.memory(bytes: 0))
      #expect(try losses(.inMemory) == expected)
      #expect(try losses(.disk(bytes: 100_000_000)) == expected)
      #expect(try losses(.disk(bytes: 10_000)) == expected)
    }
  }

  // A sweep goes through the stages that its arms begin with once, and gives what each arm gives by itself.
  @Test func armsThatBeginAlikeShareIt() throws {
    try withStore { store in
      let begun = Lock(0)
      let counted = StageKind("counted", batches: StageKind.orientation.batches, isEndToEnd: false) {
        begun.withLock { $0 += 1 }
        return StageKind.orientation.make($0, $1, $2)
      }
      let arm = Self.arm.with { $0.stages[0] = StagePlan(counted, steps: 2, rate: 1e-2) }
      let arms =
        [1e-3, 2e-3, 4e-3].map { arm.with(lastRate: $0) } + [arm.with { $0.stages.removeLast() }]
        + [arm.with { $0.copiedProjections = .all }]
      func results(_ study: Study, _ arms: [Arm]) throws -> [StudyResult] {
        try study.results("sweep", of: arms).map { $0[0] }
      }
      let study = try Study(in: store, seeds: 1, keepingCurves: true)
      let first = try results(study, [arms[0]])
      #expect(begun.withLock { $0 } == 1)
      let together = try first + results(study, Array(arms.dropFirst()))
      #expect(begun.withLock { $0 } == 2, "only what is copied makes another beginning")
      #expect(Set(together.map(\.losses)).count == arms.count, "two arms gave the same student")
      try FileManager.default.removeItem(at: store.studyFolder)
      for (arm, expected) in zip(arms, together) {
        let alone = try results(Study(in: store, seeds: 1, keepingCurves: true), [arm])[0]
        #expect(alone.losses == expected.losses && alone.curves == expected.curves, "\(arm)")
        #expect(alone.divergence == expected.divergence && alone.hiddenDistance == expected.hiddenDistance, "\(arm)")
        #expect(expected.seconds > 0)
      }
      #expect(begun.withLock { $0 } == 2 + arms.count)
    }
  }

  // A student with any mixers: with those of the recipe it is the one that has a case of its own, and each kind and
  // each size is another arm.
  @Test func mixersOfOnesOwnChoice() throws {
    try withStore { store in
      let study = try Study(in: store, seeds: 1)
      let mamba = store.recipe.studentMixer
      func arm(_ mixers: [(any MixerSizes)?]) -> Arm {
        Arm(.mixers(mixers.map { $0.map { MixerChoice($0) } }), Self.arm.stages)
      }
      let low = CausalLowRankSizes(D: mamba.D, H: mamba.H, N: mamba.N)
      let other = CausalLowRankSizes(D: mamba.D, H: mamba.H, N: mamba.N + 1)
      let arms = [arm([mamba, mamba]), arm([nil, mamba]), arm([low, low]), arm([other, low]), arm([low, mamba])]
      let results = try study.results("mixers", of: arms).map { $0[0] }
      let known = try study.results("known", of: [Self.arm, Arm(.hybrid(attention: [0]), Self.arm.stages)])
      #expect(results[0].losses == known[0][0].losses && results[1].losses == known[1][0].losses)
      #expect(Set(results.map(\.losses)).count == arms.count && Set(arms).count == arms.count)
      #expect(MixerChoice(low) == MixerChoice(low) && MixerChoice(low) != MixerChoice(other))
      #expect(MixerChoice(mamba) != MixerChoice(low))
      // What is read back is what was written, under the mixers' own description.
      #expect(try Study(in: store, seeds: 1).results("again", of: arms).map { $0[0] } == results)
    }
  }

  // A measure of one's own sees student and teacher; its results lie apart from others.
  @Test func aMeasureOfOnesOwnHasAFolderOfItsOwn() throws {
    try withStore { store in
      let plain = try Study(in: store, seeds: 1)
      let alone = try plain.results("plain", of: [Self.arm])[0][0]
      for (folder, factor) in [("one", 1.0), ("two", 2.0)] {
        let study = try Study(
          in: store, seeds: 1,
          alsoMeasuring: { student, teacher, arm, heldOut in
            [
              factor * crossEntropy(of: student.frozen, on: heldOut).mean,
              factor * crossEntropy(of: teacher, on: heldOut).mean, Double(arm.steps),
            ]
          }, in: folder)
        let result = try study.results(folder, of: [Self.arm])[0][0]
        #expect(result.losses == alone.losses && result.curves?.map(\.count) == [2, 2, 3])
        let expected = [factor * alone.loss, factor * study.teacherLosses[0], 7]
        #expect(zip(result.alsoMeasured ?? [], expected).allSatisfy { abs($0 - $1) < 1e-9 } == true)
        #expect(result.alsoMeasured?.count == 3)
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
