// # Stages with mistakes
//
// Read before: `ConformanceKit/FaultyStage.swift`, `LibraryTests.swift`.

import ConformanceKit
import Corpora
import Distillation
import Gradients
import Models
import TestSupport
import Tensors
import Testing

@Suite("stages of plain formulas", .talliedByGroup) struct FaultyStageTests {
  private func right(_ kind: FaultyStage.Kind, _ loaded: Loaded) -> any Stage {
    let (teacher, student) = (loaded.teacher.frozen, loaded.student)
    return switch kind {
    case .orientation: MatrixOrientation(from: teacher, to: student, replacing: loaded.kit.replaced)
    case .alignment: HiddenStateAlignment(from: teacher, to: student, replacing: loaded.kit.replaced)
    case .distillation: KnowledgeDistillation(from: teacher, to: student, replacing: loaded.kit.replaced)
    }
  }

  @Test(arguments: LibraryTests.models, FaultyStage.Kind.allCases)
  func withoutAMistakeTheyAreTheLibrarys(kit: KitCase, kind: FaultyStage.Kind) throws {
    let loaded = try Loaded(kit)
    let (plain, right) = (
      FaultyStage(kind, from: loaded.teacher.frozen, to: loaded.student, making: []), right(kind, loaded)
    )
    try right.begin()
    let parameters = right.trained.map(\.parameter)
    #expect(plain.trained.map(\.rows) == right.trained.map(\.rows))
    let (mine, theirs) = (plain.loss(loaded.batch).total, right.loss(loaded.batch).total)
    expectClose(mine.value, theirs.value, within: Tolerance.kit, "\(kit.name), \(kind): loss")
    for (parameter, (a, b)) in zip(
      parameters,
      zip(gradients(of: mine, withRespectTo: parameters), gradients(of: theirs, withRespectTo: parameters)))
    {
      expectClose(a, b, within: Tolerance.kit, "\(kit.name), \(kind): \(parameter.name)")
    }
  }

  // The loss of a stage with a mistake is the kit's with that mistake, for all mistakes that can be planted.
  @Test(
    arguments: [
      (
        .orientation,
        [.matrixTransposed, .decayOwnStep, .skipMissing, .stage1Squared, .headsSummed, .studentOnOwnStates]
      ),
      (.alignment, [.gateBiasDropped, .normBeforeOutput, .stage2MeanSquare, .timeSummed, .studentOnOwnStates]),
      (.distillation, [.hardLabels, .temperatureTwo, .divergenceReversed, .tokensSummed, .convolutionReversed]),
    ] as [(FaultyStage.Kind, [Fault])])
  func aPlantedMistakeIsTheKits(kind: FaultyStage.Kind, faults: [Fault]) throws {
    for fault in faults {
      let loaded = try Loaded(.phi)
      let stage = FaultyStage(kind, from: loaded.teacher.frozen, to: loaded.student, making: [fault])
      let number = FaultyStage.Kind.allCases.firstIndex(of: kind)! + 1
      let expected = Computation(.phi, faults: [fault]).tensor("loss.stage\(number)")!
      expectClose(stage.loss(loaded.batch).total.value, expected, within: Tolerance.kit, "\(kind), \(fault)")
    }
  }

  @Test func weightDecayReachesIdleRowsOnlyByMistake() throws {
    let loaded = try Loaded(.phi)
    func rows(_ faults: Set<Fault>) -> Int {
      FaultyStage(.orientation, from: loaded.teacher.frozen, to: loaded.student, making: faults).trained
        .reduce(0) { $0 + $1.count }
    }
    #expect(rows([.decayOnIdleRows]) > rows([]))
  }

  @Test func aStudentIsRunWithItsMistakes() throws {
    let loaded = try Loaded(.phi)
    let right = crossEntropy(of: loaded.student, making: [], on: [loaded.batch])
    let kit = try #require(loaded.computation.tensor("loss.labels.student"))
    #expect(abs(right.reduce(0, +) / Double(right.count) - Double(kit.scalar)) < Double(Tolerance.kit) * 10)
    #expect(crossEntropy(of: loaded.student, making: [.convolutionReversed], on: [loaded.batch]) != right)
    #expect(loaded.student.parameters.filter { $0.isFrozen }.isEmpty)
  }
}
