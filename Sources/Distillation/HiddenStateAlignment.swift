// # Stage 2: hidden-state alignment
//
// Matrices alone do not make an output: x, the gate and W_o are still where they began. Now each
// mixer as a whole is to give what the teacher's attention gave, for the same input:
//
//     loss  =  Σₗ mean over batch and time of  ‖ Attention[l](LN u[l]) − Mixer[l](LN u[l]) ‖₂
//
// The norm goes over the features and is not squared. The branch includes its output projection.
//
// One may compare whole blocks instead, u[l + 1] of the teacher with the student's block at u[l].
// In a parallel block x and MLP(LN x) are added to the branch; with the teacher's norm and MLP in
// the student they are the same on both sides and cancel, and the number is the same. The
// difference is that the MLPs can then be trained too.
//
// Read before: `MatrixOrientation.swift`. Chapter: 09-hidden-state-alignment. Source:
// arXiv 2408.10189, section 4.2.

import Gradients
import Layers
import Models
import Tensors
import Training

/// Stage 2: the distance between what the mixers, or the blocks, put out.
public struct HiddenStateAlignment: DistillationStage {
  /// What is compared.
  public enum Target: String, Sendable, CaseIterable {
    /// The mixers' outputs; the mixers are trained.
    case mixerOutput
    /// The blocks' outputs; mixers and MLPs are trained. Expects the teacher's norms and MLPs in the student to begin with.
    case blockOutput
  }

  public static let title = "hidden-state alignment"
  public let teacher: LanguageModel
  public let student: LanguageModel
  public let target: Target

  public init(from teacher: LanguageModel, to student: LanguageModel, comparing target: Target = .mixerOutput) {
    self.teacher = teacher
    self.student = student
    self.target = target
  }

  /// All of each replaced mixer, and with `blockOutput` the MLP beside it.
  public var trained: [ParameterRows] {
    replaced.flatMap { layer, mixer in
      let beside = target == .blockOutput ? student.blocks[layer].mlp.parameters : []
      return (mixer.parameters + beside).map { ParameterRows($0) }
    }
  }

  public func loss(_ tokens: Tokens) -> StageLoss {
    let traces = teacher.trace(tokens, keepingMatrices: false)
    return total(
      replaced.map { layer, mixer in
        let trace = traces[layer]
        let distances =
          switch target {
          case .mixerOutput: distance(mixer(trace.mixerInput), trace.mixerOutput, over: 1)
          case .blockOutput: distance(student.blocks[layer](trace.input), trace.output, over: 1)
          }
        return (layer, mean(distances))
      })
  }
}
