// # Weight transfer
//
// Weight transfer copies what the student needs unchanged from its teacher: embedding, norms, MLPs, head, and the
// attention of blocks that keep theirs. These have the same places and shapes in both models. The parameters of a new
// mixer have no counterpart in the teacher; the first two stages train them.
//
// Where the student's mixer is of another kind than the teacher's, it is plain that the layer has a new one. In the
// paper's control the student is attention throughout: its mixers are of the teacher's kind but new all the same, so
// the caller has to name their layers.
//
// Read before: `Models/LanguageModel.swift`. Read next: `DistillationStage.swift`.

import Gradients
import Layers
import Models
import Tensors

// ## Two copies, held once in memory
//
// Tensors are values, and two copies share their numbers until one of them changes. After a transfer, teacher and
// student therefore share the transferred numbers in memory for as long as training leaves them alone: in stage 1, in
// stage 2 unless whole blocks are compared, and in stage 3 with `.mixers`. A student of a real teacher is made with
// `LanguageModel(student:of:replacing:using:)`, which does not even draw random numbers for what the teacher hands
// on.

/// One row of the transfer table: a teacher parameter and its counterpart.
public struct TransferredParameter {
  /// The teacher's parameter.
  public let teacher: Parameter
  /// The student's parameter; nil if the student replaces the attention that the teacher's belongs to.
  public let student: Parameter?
}

/// For each teacher parameter, in the teacher's order, its counterpart in the student.
///
/// - Parameter layers: the layers whose mixers are the student's own; nil for those whose mixers differ from the
///   teacher's
///
/// Stops the program if the two have different depths, or their blocks or heads different parts.
public func transferTable(
  from teacher: FrozenModel, to student: LanguageModel, replacing layers: [Int]? = nil
) -> [TransferredParameter] {
  let mine = teacher.model
  precondition(
    mine.blocks.count == student.blocks.count,
    "a teacher of \(mine.blocks.count) blocks cannot hand its weights to a student of \(student.blocks.count)")
  let replaced = Set(layers ?? student.configuration.layersUnlike(teacher.configuration))
  func pairs(_ from: [Parameter], _ to: [Parameter]) -> [TransferredParameter] {
    precondition(
      from.count == to.count,
      "the teacher has \(from.map(\.name)) where the student has \(to.map(\.name))")
    return zip(from, to).map { TransferredParameter(teacher: $0, student: $1) }
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
  // A tied head's matrix is the embedding, which the table already has.
  let isTied = mine.configuration.hasTiedHead
  precondition(
    isTied == student.configuration.hasTiedHead, "of teacher and student, only one has a head that is the embedding")
  return table + pairs(mine.head.parameters, student.head.parameters).dropFirst(isTied ? 1 : 0)
}

/// Copies every teacher weight that has a counterpart in the student.
///
/// - Parameter layers: the layers whose mixers are the student's own; nil for those whose mixers differ from the
///   teacher's
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
  /// A student with new mixers that shares everything else with its teacher, also in memory, until training changes
  /// it.
  ///
  /// - Parameters:
  ///   - configuration: the student's, as the teacher's `student(_:keeping:)` gives it
  ///   - layers: the layers whose mixers are the student's own; nil for those whose mixers differ from the teacher's
  ///   - random: draws the new mixers, the same ones as in a student that is random throughout
  public init(
    student configuration: ModelConfiguration, of teacher: FrozenModel, replacing layers: [Int]? = nil,
    using random: inout some RandomNumberGenerator
  ) {
    self.init(mixersOf: configuration, using: &random)
    transferWeights(from: teacher, to: self, replacing: layers)
  }
}
