// # Stage 3: knowledge distillation
//
// In stages 1 and 2 every layer of the student reads the teacher's states. Now each layer reads what the student's
// own layers give, and errors add up from layer to layer. The whole model is trained end to end on the teacher's
// distribution of the next token:
//
//     loss  =  mean over batch and time of  −Σᵥ p[v] log q[v]           p the teacher's, q the student's
//
// The temperature is 1, and the actual tokens are not used. The loss differs from the Kullback–Leibler divergence by
// the teacher's entropy, which no student can change, so the gradients are equal.
//
// Embedding, norms, MLPs and head are copied from the teacher before this stage, by `transferWeights`.
//
// Read before: `HiddenStateAlignment.swift`. Chapter: 10-knowledge-distillation. Source:
// arXiv 2408.10189, section 4.3.

import Corpora
import Gradients
import Models
import Tensors
import Training

/// Stage 3: the cross-entropy of the student against the teacher's distribution.
public struct KnowledgeDistillation: DistillationStage {
  /// What is trained.
  public enum Training: String, Sendable, CaseIterable {
    /// All of the student, embedding and head included.
    case everything
    /// Only the mixers of the replaced layers; everything else stays as it was transferred.
    case mixers
  }

  /// The paper's name.
  public let title = "knowledge distillation"
  /// The model whose distributions are learned.
  public let teacher: FrozenModel
  /// The model that is trained end to end.
  public let student: LanguageModel
  /// What is trained.
  public let training: Training
  /// The layers whose mixers are the student's own; they matter only if mixers alone are trained.
  public let replaced: [Int]
  /// The tokens that are predicted; nil for the whole vocabulary.
  public let subset: TokenSubset?

  /// - Parameters:
  ///   - layers: the layers whose mixers are the student's own; nil for those whose mixers differ from the teacher's
  ///   - subset: the tokens that are predicted, which makes a large vocabulary cheaper; nil for the whole vocabulary
  public init(
    from teacher: FrozenModel, to student: LanguageModel, training: Training = .everything,
    replacing layers: [Int]? = nil, among subset: TokenSubset? = nil
  ) {
    (self.teacher, self.student, self.training, self.subset) = (teacher, student, training, subset)
    replaced = layers ?? student.configuration.layersUnlike(teacher.configuration)
  }

  /// Everything, or all of each replaced mixer.
  public var trained: [ParameterRows] {
    let parameters =
      training == .everything ? student.parameters : replacedMixers.flatMap { $0.mixer.parameters }
    return parameters.map { ParameterRows($0) }
  }

  /// The cross-entropy in nats per token; its parts are the teacher's entropy and KL, which sum to it.
  public func loss(_ batch: Batch) -> StageLoss {
    let teacherLogits = subset.map { teacher.logits(batch.inputs, among: $0) } ?? teacher(batch.inputs)
    let distributions = softmax(teacherLogits)
    let logits: Variable = subset.map { student.logits(batch.inputs, among: $0) } ?? student(batch.inputs)
    let loss = mean(crossEntropy(logits, distributions: distributions))
    let entropy = Double(mean(crossEntropy(teacherLogits, distributions: distributions).losses).scalar)
    return StageLoss(loss, parts: [("entropy of the teacher", entropy), ("KL", Double(loss.value.scalar) - entropy)])
  }
}
