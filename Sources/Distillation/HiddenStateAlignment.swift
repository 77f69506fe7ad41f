// # Stage 2: hidden-state alignment
//
// Matrices alone do not make an output: x, the gate and W_o are still where they began. Now each
// mixer as a whole should give what the teacher's attention gave, for the same input:
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

import Corpora
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

  /// The paper's name.
  public let title = "hidden-state alignment"
  /// The model to be imitated.
  public let teacher: FrozenModel
  /// The model that is trained; only its replaced layers are run.
  public let student: LanguageModel
  /// What is compared, and so what is trained.
  public let target: Target
  /// The layers that are aligned.
  public let replaced: [Int]
  /// What the distance of each layer is divided by.
  public let scale: DistanceScale

  /// - Parameters:
  ///   - layers: whose mixers are the student's own; nil for those that are unlike the teacher's
  ///   - scale: what the distance of each layer is divided by
  public init(
    from teacher: FrozenModel, to student: LanguageModel, comparing target: Target = .mixerOutput,
    replacing layers: [Int]? = nil, scale: DistanceScale = .absolute
  ) {
    (self.teacher, self.student, self.target, self.scale) = (teacher, student, target, scale)
    replaced = layers ?? student.configuration.layersUnlike(teacher.configuration)
  }

  /// All of each replaced mixer, and with `blockOutput` the MLP beside it; each layer is a group.
  public var trained: [ParameterRows] {
    replaced.flatMap { layer in
      let block = student.blocks[layer]
      let beside = target == .blockOutput ? block.parameters(of: .feedForward) : []
      return (block.mixer.parameters + beside).map { ParameterRows($0) }.ofLayer(layer)
    }
  }

  /// The sum over layers of mean L2 distances, with one part for each layer; one teacher pass per batch.
  public func loss(_ batch: Batch) -> StageLoss {
    let traces = teacher.trace(batch.inputs, keepingMatrices: false)
    return total(
      replacedMixers.map { layer, mixer in
        let trace = traces[layer]
        let (mine, theirs) =
          switch target {
          case .mixerOutput: (mixer(Variable(constant: trace.mixerInput)), trace.mixerOutput)
          case .blockOutput: (student.blocks[layer](Variable(constant: trace.input)), trace.output)
          }
        return (layer, scale.loss(of: mine, from: theirs, over: 1))
      })
  }
}
