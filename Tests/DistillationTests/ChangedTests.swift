// # Changed, did not change
//
// We take three steps of AdamW in each stage, with weight decay, and then look at every row of every parameter: what
// the stage trains has changed, and everything else has kept every bit. Weight decay is why this is worth a test: it
// shrinks a row whose gradient is zero.

import Corpora
import Distillation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite("changed, did not change", .tallied) struct ChangedTests {
  /// Makes three steps of a stage.
  private func threeSteps(_ stage: any Stage) throws {
    try stage.begin()
    let settings = settings(steps: 3)
    #expect(settings.optimiser.weightDecay == 0.1)
    let run = try TrainingRun("stage", of: stage.trained, settings: settings)
    for _ in run {
      try run.step(stage, on: Batch(inputs: tokens, targets: tokens))
    }
  }

  @Test("trap: weight decay and rows without gradient", arguments: Student.allCases, StageForm.allCases)
  func whatIsListedChangesAndAllElseKeepsEveryBit(student: Student, stage: StageForm) throws {
    let pair = Pair(student)
    let (before, teachers) = (pair.student.parameters.map(\.value), pair.teacher.parameters.map(\.value))
    try threeSteps(stage.between(pair))
    let expected = trainedRows(student, stage)
    for (parameter, old) in zip(pair.student.parameters, before) {
      for row in 0..<old.shape[0] where !isIdle(parameter.name, row: row) {
        let hasChanged = parameter.value.sliced(row..<(row + 1)) != old.sliced(row..<(row + 1))
        let isTrained = expected[parameter.name]?.contains(row) ?? false
        #expect(hasChanged == isTrained, "\(student), \(stage): \(parameter.name), row \(row)")
      }
      Tally.count(old.shape[0], "\(student), \(stage)")
    }
    for (parameter, old) in zip(pair.teacher.parameters, teachers) {
      expectIdentical(parameter.value, old, "teacher, \(parameter.name)")
    }
  }

  // Why we need the list: trained as a whole, the in-projection loses some of x and z to weight decay alone.
  @Test func withoutTheListOfRowsWeightDecayWouldShrinkThem() throws {
    let pair = Pair(.mamba)
    let stage = MatrixOrientation(from: pair.teacher.frozen, to: pair.student)
    try stage.begin()
    let mixer = try #require(pair.student.blocks[0].mixer as? DiscreteMamba2)
    let before = mixer.inProjection.value
    let run = try TrainingRun("whole", of: [ParameterRows(mixer.inProjection)], settings: settings(steps: 1))
    for _ in run { try run.descend(stage.loss(tokens).total) }
    for part in [MambaPart.x, .z] {
      let rows = part.rows(mixer.sizes)
      let expected = (1 - 0.01 * 0.1) * before.sliced(rows)
      expectClose(mixer.inProjection.value.sliced(rows), expected, "\(part)")
      #expect(expected != before.sliced(rows))
    }
  }

  // Each stage lowers its own loss.
  @Test(arguments: Student.allCases, StageForm.allCases) func theLossFalls(student: Student, stage: StageForm) throws
  {
    let pair = Pair(student)
    let begun = stage.between(pair)
    try begun.begin()
    let run = try TrainingRun("stage", of: begun.trained, settings: settings(steps: 40))
    for _ in run { try run.descend(begun.loss(tokens).total) }
    #expect(run.records[39].loss < 0.95 * run.records[0].loss, "\(run.records[0].loss) to \(run.records[39].loss)")
  }
}
