// # Stage 3: knowledge distillation
//
// Until now every layer of the student read the teacher's states. Now it has to live on its own,
// and errors add up from layer to layer. The whole model is trained end to end on the teacher's
// distribution of the next token:
//
//     loss  =  mean over batch and time of  −Σᵥ p[v] log q[v]           p the teacher's, q the student's
//
// at temperature 1, without the tokens that really came. It differs from the Kullback–Leibler
// divergence by the teacher's entropy, which no student can change, so that the gradients are
// equal.
//
// Embedding, norms, MLPs and head come from the teacher before this stage: `transferWeights`.
//
// Read before: `HiddenStateAlignment.swift`. Chapter: 10-knowledge-distillation. Source:
// arXiv 2408.10189, section 4.3.

import Gradients
import Models
import Tensors
import Training

/// Stage 3: the cross-entropy of the student against the teacher's distribution.
public struct KnowledgeDistillation: DistillationStage {
  /// What learns.
  public enum Training: String, Sendable, CaseIterable {
    case everything
    /// The mixers that the student replaces; all else stays as it was transferred.
    case mixers
  }

  public static let title = "knowledge distillation"
  public let teacher: LanguageModel
  public let student: LanguageModel
  public let training: Training

  public init(from teacher: LanguageModel, to student: LanguageModel, training: Training = .everything) {
    self.teacher = teacher
    self.student = student
    self.training = training
  }

  /// Everything, or all of each replaced mixer.
  public var trained: [ParameterRows] {
    let parameters =
      training == .everything ? student.parameters : replaced.flatMap { $0.mixer.parameters }
    return parameters.map { ParameterRows($0) }
  }

  public func loss(_ tokens: Tokens) -> StageLoss {
    let teacherLogits = teacher(tokens).value
    let distributions = softmax(teacherLogits)
    let loss = mean(crossEntropy(student(tokens), distributions: distributions))
    let entropy = Double(mean(crossEntropy(teacherLogits, distributions: distributions).losses).scalar)
    return StageLoss(
      total: loss, parts: [("entropy of the teacher", entropy), ("KL", Double(loss.value.scalar) - entropy)])
  }
}
