// # Every stage's loss keeps every promise
//
// The derivative of each stage's loss by every number that it trains; what it reaches; what freezing does. And stages
// with mistakes, which break the promises that they name and no others.
//
// Read before: `StageTable.swift`. `ReachTests.swift` compares what is reached with the paper's
// list, row by row.

import Distillation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite("the table of stages", .talliedByGroup) struct StageTableTests {
  @Test(arguments: LayerCase.stages, LayerPromise.allCases)
  func everyRowKeepsEveryPromise(row: LayerCase, promise: LayerPromise) throws { try row.expect(promise) }

  @Test func everyStageHasARow() throws {
    let others: [Any.Type] = [
      HiddenStateAlignment.Target.self, KnowledgeDistillation.Training.self, StageLoss.self, StageError.self,
      Evaluation.self, DistanceScale.self, LayerDistance.self, TransferredParameter.self, ContinuationMatch.self,
      KnockOut.self, HeadPlace.self, OwnAnswers.self, TeacherPass.self,
    ]
    // A stage may say layer by layer what it trains, but each has a title of its own.
    let found = try gaps(in: LayerCase.stages, ofModule: "Distillation", except: others, list: " title")
    #expect(found.isEmpty)
  }
}

// ## Mistakes

extension LayerMutant {
  static let stages = [
    LayerMutant(
      stage(MatrixOrientation.self, "a teacher that is not frozen", .matrices) { pair in
        let traces = pair.teacher.trace(LayerCase.tinyTokens)
        let losses = zip(pair.student.blocks, traces).map {
          mean(distance($0.mixer.matrix($1.mixerInput), $1.matrix!, over: 2))
        }
        return losses[0] + losses[1]
      }, caughtBy: [.leaves, .freezing]),
    LayerMutant(
      stage(HiddenStateAlignment.self, "a student that was not begun", .blockOutputs) { pair in
        for parameter in pair.student.parameters { parameter.isFrozen = false }
        return StageForm.blockOutputs.between(pair).loss(LayerCase.tinyTokens).total
      }, caughtBy: [.leaves, .freezing]),
    LayerMutant(
      stage(HiddenStateAlignment.self, "a layer whose loss is only looked at", .mixerOutputs) { pair in
        let traces = pair.teacher.frozen.trace(LayerCase.tinyTokens)
        let losses = zip(pair.student.blocks, traces).map {
          mean(distance($0.mixer($1.mixerInput.variable), $1.mixerOutput.variable, over: 1))
        }
        return losses[0] + losses[1].detached
      }, caughtBy: [.derivatives, .leaves]),
    LayerMutant(
      stage(KnowledgeDistillation.self, "teacher and student exchanged", .distributions) { pair in
        let p = softmax(pair.teacher(LayerCase.tinyTokens).value)
        let logits = pair.student(LayerCase.tinyTokens)
        let exchanged = mean(crossEntropy(logits, distributions: softmax(logits.value)))
        return mutated(mean(crossEntropy(logits, distributions: p)), pulledBackAs: exchanged)
      }, caughtBy: [.derivatives]),
  ]

  /// A loss between a teacher and a student of state space mixers, in place of that of a stage.
  private static func stage(
    _ type: any DistillationStage.Type, _ mistake: String, _ stage: StageForm,
    _ loss: @escaping @Sendable (Pair) -> Variable
  ) -> LayerCase {
    LayerCase(type, mistake) { _ in
      let pair = LayerCase.tiny(.mamba)
      let begun = stage.between(pair)
      try begun.begin()
      return Subject(begun.trained.map(\.parameter)) { _ in loss(pair) }
    }
  }
}

@Suite("wrong stages") struct StageMutantTests {
  @Test(arguments: LayerMutant.stages) func justThePromisesThatItBreaksSeeIt(mutant: LayerMutant) throws {
    try mutant.expectCaught()
  }
}
