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
  return mine.configuration.hasTiedHead ? table : table + pairs(mine.head.parameters, student.head.parameters)
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
