// # Hard labels
//
// The stage that needs no teacher: each token of the text is the answer to those before it.
//
//     loss  =  mean over batch and time of  −log q[token that came]
//
// It is how the teacher itself was trained, and the control to which a distilled student is compared.
//
// Read before: `Stage.swift`. Chapter: 05-teacher.

import Corpora
import Gradients
import Models
import Tensors
import Training

/// The cross-entropy of a model against the tokens that came.
public struct TokenPrediction: Stage {
  public let title = "token prediction"
  public let model: LanguageModel

  public init(of model: LanguageModel) { self.model = model }

  /// Everything.
  public var trained: [ParameterRows] { model.parameters.map { ParameterRows($0) } }

  public func loss(_ batch: Batch) -> StageLoss {
    StageLoss(mean(crossEntropy(model(batch.inputs), targets: batch.targets)))
  }
}
