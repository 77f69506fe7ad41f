// # Weight transfer
//
// What the teacher has and the student needs unchanged: embedding, norms, MLPs, head, and the
// attention of blocks that keep theirs. Their places and shapes are the same in both, so that
// transfer is copying. What a new mixer needs has no counterpart in the teacher; the first two
// stages are there for it.
//
// Which layers have new mixers can be seen where the student's are of another kind. The paper's
// control is attention throughout: its mixers are of the teacher's kind and new all the same, so
// the caller has to name them.
//
// Read before: `Models/LanguageModel.swift`. Read next: `DistillationStage.swift`.

import Gradients
import Layers
import Models
import Tensors

// ## Copied, and yet there once
//
// Tensors are values whose numbers are shared until one of two copies changes. After a transfer teacher
// and student therefore hold the same numbers, once in memory, for as long as training leaves them
// alone: in stages 1 and 2 always, in stage 3 with `.mixers`. A student of a real teacher is made with
// `LanguageModel(student:of:replacing:using:)`, which does not even draw what the teacher hands on.

/// One row of the table of what becomes of each teacher weight.
public struct TransferredParameter {
  /// The teacher's parameter.
  public let teacher: Parameter
  /// nil for a parameter of an attention that the student replaces.
  public let student: Parameter?
}

/// What becomes of each teacher parameter in a student, in the teacher's order.
///
/// - Parameter layers: whose mixers are the student's own; nil for those that are unlike the teacher's
///
/// Stops the program if the two have different depths, or their blocks different parts.
public func transferTable(
  from teacher: FrozenModel, to student: LanguageModel, replacing layers: [Int]? = nil
) -> [TransferredParameter] {
  let mine = teacher.model
  precondition(
    mine.blocks.count == student.blocks.count,
    "a teacher of \(mine.blocks.count) blocks cannot hand its weights to a student of \(student.blocks.count)")
  let replaced = Set(layers ?? student.configuration.layersUnlike(teacher.configuration))
  func pairs(_ from: [Parameter], _ to: [Parameter]) -> [TransferredParameter] {
    zip(from, to).map { TransferredParameter(teacher: $0, student: $1) }
  }
  var table = pairs(mine.embedding.parameters, student.embedding.parameters)
  for (layer, (from, to)) in zip(mine.blocks, student.blocks).enumerated() {
    let (parts, own) = (from.parts, to.parts)
    precondition(parts.map(\.role) == own.map(\.role), "the blocks of layer \(layer) have different parts")
    for (part, counterpart) in zip(parts, own) {
      if part.role == .mixer && replaced.contains(layer) {
        table += part.parameters.map { TransferredParameter(teacher: $0, student: nil) }
      } else {
        table += pairs(part.parameters, counterpart.parameters)
      }
    }
  }
  table += pairs(mine.finalNorm.parameters, student.finalNorm.parameters)
  // A tied head's matrix is the embedding, which the table has.
  let isTied = mine.configuration.hasTiedHead
  return table + pairs(mine.head.parameters, student.head.parameters).dropFirst(isTied ? 1 : 0)
}

/// Copies every teacher weight that has a place in the student.
///
/// - Parameter layers: whose mixers are the student's own; nil for those that are unlike the teacher's
/// - Returns: how many numbers were copied
@discardableResult
public func transferWeights(
  from teacher: FrozenModel, to student: LanguageModel, replacing layers: [Int]? = nil
) -> Int {
  transferTable(from: teacher, to: student, replacing: layers).reduce(0) { count, row in
    guard let target = row.student else { return count }
    target.value = row.teacher.value
    return count + target.value.count
  }
}

extension LanguageModel {
  /// A student with new mixers that shares all else with its teacher, in memory too, until training changes it.
  ///
  /// - Parameters:
  ///   - configuration: the student's, as the teacher's `student(_:keeping:)` gives it
  ///   - layers: whose mixers are the student's own; nil for those that are unlike the teacher's
  ///   - random: draws the new mixers, as for a student that is drawn as a whole
  public init(
    student configuration: ModelConfiguration, of teacher: FrozenModel, replacing layers: [Int]? = nil,
    using random: inout some RandomNumberGenerator
  ) {
    self.init(mixersOf: configuration, using: &random)
    transferWeights(from: teacher, to: self, replacing: layers)
  }
}
