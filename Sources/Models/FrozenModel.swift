// # A model that leaves no tape
//
// Running a teacher, measuring a student and writing a text need no gradient, and none should get
// through. So each of them takes a `FrozenModel`. It computes tensors, which have no tape: that a
// teacher is never trained by accident follows from the type.
//
// It is a view of a model, not a copy: it uses the model's weights as they are at each call. A
// student that is measured between two steps of its training is measured with the weights of that
// moment.
//
// Read before: `LanguageModel.swift`. Read next: `Trace.swift`, `Writing/DecodingState.swift`.

import Gradients
import Layers
import Tensors

/// A language model whose passes leave no tape.
public struct FrozenModel {
  /// The model whose weights are used.
  public let model: LanguageModel

  /// A view of `model`, whose training may continue; nothing is copied.
  public init(_ model: LanguageModel) { self.model = model }

  /// The logits of the next token at each position: B rows of T tokens → [B, T, V].
  public func callAsFunction(_ tokens: Tokens) -> Tensor { model.logits(tokens) }

  /// The model's sizes.
  public var configuration: ModelConfiguration { model.configuration }
  /// The model's blocks, from the first to the last.
  public var blocks: [any Block] { model.blocks }
}

extension LanguageModel {
  /// This model without a tape: for running, measuring and writing.
  public var frozen: FrozenModel { FrozenModel(self) }
}
