// # The three stages
//
// Each stage is a loss for one batch, and a list of what it trains. The loop around them is the
// same.
//
//     stage                        teacher gives                      the student's                  trained
//     1  matrix orientation        attention matrices                 SSD matrices                   B, C, a, their convolution, D
//     2  hidden-state alignment    what each mixer puts out           what each mixer puts out       all of each mixer
//     3  knowledge distillation    its distribution of the next token the whole model's              everything
//
// In stages 1 and 2 the student's layer l reads what the teacher's layer l read: LN u[l] of the
// teacher run on its own states. No layer then waits for the one before it to be right: the losses
// of the layers are independent, and are added up for one step.
//
// The teacher has to be frozen: its tensors are constants, and no gradient can reach it. A stage
// checks that.
//
// Read before: `WeightTransfer.swift`. Read next: `MatrixOrientation.swift`,
// `HiddenStateAlignment.swift`, `KnowledgeDistillation.swift`.

import Foundation
import Gradients
import Layers
import Models
import Tensors
import Training

/// A loss between teacher and student, and what it trains.
public protocol DistillationStage {
  /// The paper's name of the stage.
  static var title: String { get }

  var teacher: LanguageModel { get }
  var student: LanguageModel { get }

  /// What this stage trains, row by row; all else stays as it is, bit for bit.
  var trained: [ParameterRows] { get }

  /// The loss of a batch, and its parts for the record.
  func loss(_ tokens: Tokens) -> StageLoss
}

/// A stage's loss on one batch.
public struct StageLoss {
  /// A variable with one element.
  public let total: Variable
  /// The parts that it is the sum of, such as one for each layer; empty for a loss without parts.
  public let parts: [(String, Double)]
}

/// Why a stage cannot begin.
public enum StageError: Error, Equatable, CustomStringConvertible, LocalizedError {
  case teacherNotFrozen(String)
  case sizesDiffer(String)
  case nothingReplaced

  public var description: String {
    switch self {
    case .teacherNotFrozen(let name):
      "the teacher's parameter \(name) is not frozen, so that a gradient would reach it;"
        + " call teacher.setFrozen(true) first"
    case .sizesDiffer(let what):
      "teacher and student do not fit together: \(what); a student has the teacher's sizes but for its mixers"
    case .nothingReplaced:
      "no block of the student has a mixer of its own, so that there is nothing to align;"
        + " give it at least one block whose attention is replaced"
    }
  }
  public var errorDescription: String? { description }
}

extension DistillationStage {
  /// Checks the pair, then turns what the stage trains into leaves of the tape, and all else of the student into constants.
  public func begin() throws {
    if let parameter = teacher.parameters.first(where: { !$0.isFrozen }) {
      throw StageError.teacherNotFrozen(parameter.name)
    }
    let (t, s) = (teacher.configuration, student.configuration)
    for (what, mine, theirs) in [
      ("width", t.D, s.D), ("heads", t.H, s.H), ("blocks", t.L, s.L), ("vocabulary", t.V, s.V),
      ("width of the MLPs", t.feedForward, s.feedForward),
    ]
    where mine != theirs {
      throw StageError.sizesDiffer("\(what) \(mine) and \(theirs)")
    }
    if trained.isEmpty { throw StageError.nothingReplaced }
    freeze(student.parameters, allBut: trained)
  }

  /// The blocks whose mixer the student replaces, with the numbers of their layers.
  var replaced: [(layer: Int, mixer: any MatrixMixer)] {
    student.configuration.replacedLayers.map { ($0, student.blocks[$0].mixer) }
  }
}

/// The sum of some losses, and each of them by the name of its layer.
func total(_ losses: [(layer: Int, loss: Variable)]) -> StageLoss {
  let sum = losses.dropFirst().reduce(losses[0].loss) { $0 + $1.loss }
  return StageLoss(total: sum, parts: losses.map { ("layer \($0.layer)", Double($0.loss.value.scalar)) })
}
