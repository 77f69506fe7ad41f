// # Hard labels
//
// The stage that needs no teacher: each token of the text is the target for the tokens before it.
//
//     loss  =  mean over batch and time of  −log q[actual token]
//
// This is how the teacher itself was trained, and the control with which a distilled student is compared.
//
// Read before: `Stage.swift`. Chapter: 05-teacher.

import Corpora
import Gradients
import Models
import Tensors
import Training

/// The cross-entropy of a model against the actual tokens.
public struct TokenPrediction: Stage {
  /// The name in messages and records.
  public let title = "token prediction"
  /// The model that is trained.
  public let model: LanguageModel

  /// Trains all of `model` on the text alone.
  public init(of model: LanguageModel) { self.model = model }

  /// Everything.
  public var trained: [ParameterRows] { model.parameters.map { ParameterRows($0) } }

  /// The cross-entropy against the actual tokens, in nats per token; no parts.
  public func loss(_ batch: Batch) -> StageLoss {
    StageLoss(mean(crossEntropy(model(batch.inputs), targets: batch.targets)))
  }
}
