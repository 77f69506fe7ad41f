// # A model that leaves no tape
//
// Running a teacher, evaluating a student and generating text need no gradient, and none should flow. So all three
// take a `FrozenModel`. It computes tensors, which have no tape: the type guarantees that a teacher is never trained
// by accident.
//
// It is a view of a model, not a copy: each call uses the model's weights as they are at that moment. A student that
// is evaluated between two training steps is evaluated with its current weights.
//
// Read before: `LanguageModel.swift`. Read next: `Trace.swift`, `Writing/DecodingState.swift`.

import Gradients
import Layers
import Tensors

/// A language model whose passes leave no tape.
public struct FrozenModel {
  /// The model whose weights are used.
  public let model: LanguageModel

  /// A view of `model`, which can be trained further; nothing is copied.
  public init(_ model: LanguageModel) { self.model = model }

  /// The logits of the next token at each position: B rows of T tokens → [B, T, V].
  public func callAsFunction(_ tokens: Tokens) -> Tensor { model.logits(tokens) }

  /// The model's sizes.
  public var configuration: ModelConfiguration { model.configuration }
  /// The model's blocks, from the first to the last.
  public var blocks: [any Block] { model.blocks }
}

extension LanguageModel {
  /// This model without a tape: for inference, evaluation and generation.
  public var frozen: FrozenModel { FrozenModel(self) }
}
