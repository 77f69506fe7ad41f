// # Weight transfer
//
// What the teacher has and the student needs unchanged: embedding, norms, MLPs, head, and the
// attention of blocks that keep theirs. Their places and shapes are the same in both, so that
// transfer is copying. What a state space mixer needs has no counterpart in the teacher; the first
// two stages are there for it.
//
// Read before: `Models/LanguageModel.swift`. Read next: `Stages.swift`.

import Gradients
import Layers
import Models
import Tensors

/// One row of the table of what becomes of each teacher weight.
public struct TransferredParameter {
  public let teacher: Parameter
  /// nil for a parameter of an attention that the student replaces.
  public let student: Parameter?
}

/// What becomes of each teacher parameter in a student, in the teacher's order.
///
/// Stops the program if the two have different sizes or depths.
public func transferTable(from teacher: LanguageModel, to student: LanguageModel) -> [TransferredParameter] {
  precondition(
    teacher.blocks.count == student.blocks.count,
    "a teacher of \(teacher.blocks.count) blocks cannot hand its weights to a student of \(student.blocks.count)")
  func pairs(_ from: [Parameter], _ to: [Parameter]) -> [TransferredParameter] {
    zip(from, to).map { TransferredParameter(teacher: $0, student: $1) }
  }
  var table = pairs(teacher.embedding.parameters, student.embedding.parameters)
  for (layer, (mine, theirs)) in zip(teacher.blocks, student.blocks).enumerated() {
    if student.keepsTeachersAttention(in: layer) {
      table += pairs(mine.mixer.parameters, theirs.mixer.parameters)
    } else {
      table += mine.mixer.parameters.map { TransferredParameter(teacher: $0, student: nil) }
    }
    table += pairs(mine.mlp.parameters, theirs.mlp.parameters)
    table += pairs(mine.inputNorm.parameters, theirs.inputNorm.parameters)
  }
  return table + pairs(teacher.finalNorm.parameters, student.finalNorm.parameters)
    + pairs(teacher.head.parameters, student.head.parameters)
}

extension LanguageModel {
  /// Whether a student keeps the teacher's attention in a layer: a hybrid does in some.
  ///
  /// A student that is attention throughout is the control: its mixers are new, and every layer is replaced.
  func keepsTeachersAttention(in layer: Int) -> Bool { !configuration.replacedLayers.contains(layer) }
}

extension ModelConfiguration {
  /// The layers of a student whose mixers are its own: all of a control's, a hybrid's but for its attention.
  public var replacedLayers: [Int] { (0..<L).filter { isPhi || mixers[$0] != .attention } }
}

/// Copies every teacher weight that has a place in the student.
/// - Returns: the number of numbers that were copied
@discardableResult
public func transferWeights(from teacher: LanguageModel, to student: LanguageModel) -> Int {
  transferTable(from: teacher, to: student).reduce(0) { count, row in
    guard let target = row.student else { return count }
    target.value = row.teacher.value
    return count + target.value.count
  }
}
