// # The three stages
//
// The stages of the method have in common a teacher, a student, and the layers in which the student's mixer replaces
// the teacher's.
//
// In stages 1 and 2 the student's layer l reads what the teacher's layer l reads: LN u[l], from a forward pass of the
// teacher alone. So no layer depends on the errors of the layers before it. The losses of the layers are independent,
// and are added up for one step.
//
// The teacher is a `FrozenModel`: its tensors have no tape, and no gradient can reach it.
//
// Read before: `Stage.swift`, `WeightTransfer.swift`. Read next: `LayerwiseStage.swift`,
// `KnowledgeDistillation.swift`.

import Foundation
import Gradients
import Layers
import Models
import Tensors
import Training

/// A stage that compares a student with its teacher.
public protocol DistillationStage: Stage {
  /// The model to be imitated; it is never changed.
  var teacher: FrozenModel { get }
  /// The model that is trained.
  var student: LanguageModel { get }
  /// The layers whose mixers are the student's own.
  var replaced: [Int] { get }
}

/// Why a stage cannot begin.
public enum StageError: Error, Equatable, CustomStringConvertible, LocalizedError {
  /// Teacher and student differ in more than their mixers; the text says in what.
  case sizesDiffer(String)
  /// The student has no mixer of its own, so nothing would be trained.
  case nothingReplaced

  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .sizesDiffer(let what):
      "teacher and student do not fit together: \(what); a student must have the teacher's sizes except in its mixers"
    case .nothingReplaced:
      "no block of the student has a mixer of its own, so there is nothing to align;"
        + " give it at least one block whose attention is replaced, or name the layers with replacing:"
    }
  }
  /// The same as `description`.
  public var errorDescription: String? { description }
}

extension DistillationStage {
  /// The student.
  public var model: LanguageModel { student }

  /// Throws `StageError` if sizes outside the mixers or numbers of heads differ, or if nothing is replaced.
  public func check() throws {
    let (t, s) = (teacher.configuration, student.configuration)
    func heads(_ c: ModelConfiguration) -> [Int] { c.mixers.map(\.H) }
    for (what, mine, theirs) in [
      ("width", t.D, s.D), ("blocks", t.L, s.L), ("vocabulary", t.V, s.V),
      ("width of the MLPs", t.block.feedForward, s.block.feedForward),
    ]
    where mine != theirs {
      throw StageError.sizesDiffer("\(what) \(mine) and \(theirs)")
    }
    if let (mine, theirs) = zip(heads(t), heads(s)).first(where: { $0 != $1 }) {
      throw StageError.sizesDiffer("heads \(mine) and \(theirs)")
    }
    if trained.isEmpty { throw StageError.nothingReplaced }
  }

  /// The student's own mixers, with the numbers of their layers.
  var replacedMixers: [(layer: Int, mixer: any MatrixMixer)] {
    replaced.map { ($0, student.blocks[$0].mixer) }
  }
}
