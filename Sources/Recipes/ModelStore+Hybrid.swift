// # A hybrid to write with
//
// The studies of chapters 11 to 13 keep figures, not models. Who wants to look at a hybrid itself
// finds one here: all but one of the teacher's attentions replaced, through the three stages of the
// arm 1-2-3 with its steps and rates.
//
// Read before: `ModelStore+Models.swift`, `Study.swift`.

import Distillation
import Foundation
import Models
import Tensors
import Training

extension ModelStore {
  /// A student that keeps the teacher's attention in one layer, through all three stages.
  ///
  /// - Parameter layer: 0 ..< L
  public func hybrid(keepingAttentionIn layer: Int) throws -> TrainedModel {
    precondition((0..<recipe.L).contains(layer), "there is no layer \(layer) among \(recipe.L)")
    return try made("hybrid-\(layer)", in: "14-generation") { checkpoint in
      let teacher = try frozenTeacher()
      var random = SeededGenerator(seed: seed(for: "student's weights"))
      let student = LanguageModel(recipe.teacher(V: V).student(keepingAttentionIn: [layer]), using: &random)
      let (first, second) = (recipe.orientationSteps, recipe.alignmentEnd - recipe.orientationSteps)
      // Each run has a checkpoint of its own: they follow one another.
      func place(_ stage: Int) -> URL { checkpoint.appendingPathExtension("\(stage)") }
      _ = try train(
        MatrixOrientation(from: teacher, to: student), "hybrid, stage 1", steps: first, rate: recipe.orientationRate,
        checkpoint: place(1))
      _ = try train(
        HiddenStateAlignment(from: teacher, to: student), "hybrid, stage 2", steps: second,
        rate: recipe.alignmentRate, checkpoint: place(2))
      transferWeights(from: teacher, to: student)
      let last = try train(
        KnowledgeDistillation(from: teacher, to: student), "hybrid, stage 3",
        steps: recipe.studentSteps - recipe.alignmentEnd, rate: Arm.allStages.rate, checkpoint: checkpoint)
      for stage in 1...2 { try? FileManager.default.removeItem(at: place(stage)) }
      return last
    }
  }
}
