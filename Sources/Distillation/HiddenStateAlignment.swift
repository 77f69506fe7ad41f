// # Stage 2: hidden-state alignment
//
// Matching matrices do not yet give matching outputs: the weights behind x and the gate, and W_o, still have their
// initial values. Now each mixer as a whole should give the output of the teacher's attention for the same input:
//
//     loss  =  Σₗ mean over batch and time of  ‖ Attention[l](LN u[l]) − Mixer[l](LN u[l]) ‖₂
//
// The norm is taken over the features and is not squared. Both outputs are those after the output projection.
//
// We can compare whole blocks instead: u[l + 1] of the teacher with the output of the student's block for u[l]. In a
// parallel block, x and MLP(LN x) are added to the output of the mixer. If the student has the teacher's norm and
// MLP, these terms are the same on both sides and cancel, and the loss is the same. The difference is that the MLPs
// can then be trained too.
//
// A published Transformer treats the first token differently from all others: most attention goes to it, and in later
// layers its state is a hundred times as large (chapter 15). In a mean over T tokens it counts as one of T. Attention
// layers that remain in a hybrid need that state: `firstTokenWeight` lets it count for more.
//
// Read before: `MatrixOrientation.swift`. Chapter: 09-hidden-state-alignment. Source:
// arXiv 2408.10189, section 4.2.

import Corpora
import Gradients
import Layers
import Models
import Tensors
import Training

/// Stage 2: the distance between the outputs of the mixers, or of the blocks.
public struct HiddenStateAlignment: LayerwiseStage {
  /// What is compared.
  public enum Target: String, Sendable, CaseIterable {
    /// The mixers' outputs; the mixers are trained.
    case mixerOutput
    /// The blocks' outputs; mixers and MLPs are trained. Expects that the student begins with the teacher's norms and
    /// MLPs.
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
  /// The weight of the first token of a text in the mean; all others have the weight 1.
  public let firstTokenWeight: Double

  /// - Parameters:
  ///   - layers: the layers whose mixers are the student's own; nil for those whose mixers differ from the teacher's
  ///   - scale: what the distance of each layer is divided by
  ///   - firstTokenWeight: the weight of the first token of a text in the mean; all others have the weight 1
  public init(
    from teacher: FrozenModel, to student: LanguageModel, comparing target: Target = .mixerOutput,
    replacing layers: [Int]? = nil, scale: DistanceScale = .absolute, firstTokenWeight: Double = 1
  ) {
    (self.teacher, self.student, self.target, self.scale) = (teacher, student, target, scale)
    self.firstTokenWeight = firstTokenWeight
    replaced = layers ?? student.configuration.layersUnlike(teacher.configuration)
  }

  /// Only outputs are compared.
  public let comparesMatrices = false

  /// All of the layer's mixer, and with `blockOutput` the MLP beside it.
  public func trained(in layer: Int) -> [ParameterRows] {
    let block = student.blocks[layer]
    let beside = target == .blockOutput ? block.parameters(of: .feedForward) : []
    return (block.mixer.parameters + beside).map { ParameterRows($0) }
  }

  /// The mean L2 distance of a layer's outputs.
  public func loss(of layer: Int, _ trace: BlockTrace<Tensor>) -> Variable {
    let block = student.blocks[layer]
    let (mine, theirs) =
      switch target {
      case .mixerOutput: (block.mixer(Variable(constant: trace.mixerInput)), trace.mixerOutput)
      case .blockOutput: (block(Variable(constant: trace.input)), trace.output)
      }
    return scale.loss(of: mine, from: theirs, over: 1, weights: weights(B: theirs.shape[0], T: theirs.shape[1]))
  }

  /// The weight of each token of a batch, [B, T]; nil if all are equal.
  private func weights(B: Int, T: Int) -> Tensor? {
    if firstTokenWeight == 1 { return nil }
    return Tensor((0..<(B * T)).map { $0 % T == 0 ? Scalar(firstTokenWeight) : 1 }, shape: [B, T])
  }
}
