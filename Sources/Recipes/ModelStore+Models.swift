// # The models of the main job
//
// Each in the folder of the chapter that tells about it:
//
//     05-teacher                    the teacher
//     08-matrix-orientation         the student after stage 1
//     09-hidden-state-alignment     the student after stage 2, with and without stage 1 before it
//     10-knowledge-distillation     the student of each arm
//
// Students of one seed begin with the same weights in all arms.
//
// Read before: `ModelStore.swift`.

import Corpora
import Distillation
import Gradients
import Models
import Tensors
import Training

extension ModelStore {
  /// The teacher: a small Transformer trained on the text, or on documents of the language.
  public func teacher() throws -> TrainedModel {
    try made("teacher", in: grammar == nil ? "05-teacher" : "13-hybrid") { checkpoint in
      var random = SeededGenerator(seed: seed(for: "teacher's weights"))
      let model = LanguageModel(recipe.teacher(V: V), using: &random)
      return try trainOnTokens(
        model, "teacher", batches: "teacher", steps: recipe.teacherSteps, rate: recipe.teacherRate,
        checkpoint: checkpoint)
    }
  }

  /// The teacher with every parameter frozen, as the stages want it.
  public func frozenTeacher() throws -> LanguageModel {
    let model = try teacher().model
    model.setFrozen(true)
    return model
  }

  /// A student with the weights that all arms of this seed begin with.
  public func newStudent() -> LanguageModel {
    var random = SeededGenerator(seed: seed(for: "student's weights"))
    return LanguageModel(recipe.teacher(V: V).student(), using: &random)
  }

  /// The student after stage 1 alone.
  public func orientedStudent() throws -> TrainedModel {
    try made("student", in: "08-matrix-orientation") { checkpoint in
      let student = newStudent()
      return try train(
        MatrixOrientation(from: frozenTeacher(), to: student), "stage 1", steps: recipe.orientationSteps,
        rate: recipe.orientationRate, checkpoint: checkpoint)
    }
  }

  /// The student after stage 2, with stage 1 before it or with stage 2 for the time of both.
  public func alignedStudent(afterOrientation: Bool) throws -> TrainedModel {
    try made(afterOrientation ? "student-1-2" : "student-2", in: "09-hidden-state-alignment") { checkpoint in
      let student = afterOrientation ? try orientedStudent().model : newStudent()
      let steps = recipe.alignmentEnd - (afterOrientation ? recipe.orientationSteps : 0)
      return try train(
        HiddenStateAlignment(from: frozenTeacher(), to: student),
        afterOrientation ? "stage 2 after stage 1" : "stage 2 alone", steps: steps, rate: recipe.alignmentRate,
        checkpoint: checkpoint)
    }
  }

  /// The student of an arm.
  ///
  /// - Parameter rate: the learning rate of the last stage; nil for the one that was chosen beforehand
  public func student(of arm: Arm, rate: Double? = nil) throws -> TrainedModel {
    let rate = rate ?? arm.rate
    return try made("\(arm.slug)-rate-\(rate)", in: "10-knowledge-distillation") { checkpoint in
      let teacher = try frozenTeacher()
      let student =
        switch arm {
        case .allStages: try alignedStudent(afterOrientation: true).model
        case .alignAndDistil: try alignedStudent(afterOrientation: false).model
        default: newStudent()
        }
      if arm.transfersWeights { transferWeights(from: teacher, to: student) }
      let (name, steps) = ("\(arm.rawValue), rate \(rate)", recipe.studentSteps - arm.stepsBefore(recipe))
      if arm == .scratchHard {
        return try trainOnTokens(
          student, name, batches: KnowledgeDistillation.title, steps: steps, rate: rate, checkpoint: checkpoint)
      }
      return try train(
        KnowledgeDistillation(from: teacher, to: student), name, steps: steps, rate: rate, checkpoint: checkpoint)
    }
  }
}
