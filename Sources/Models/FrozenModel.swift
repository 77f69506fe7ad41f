// # A model that is asked and not trained
//
// A teacher shows what it does, a student is measured, a text is written: nobody wants a gradient,
// and nothing should be able to let one through. So each of them takes a `FrozenModel`. It computes
// tensors, which have no tape; that a teacher is not trained by accident is no rule to be kept but a
// property of the type.
//
// It is a view of a model, not a copy: it has no weights of its own, and gives what the model's are
// when it is asked. Whoever measures a student between two steps of its training sees the student
// of that moment.
//
// Read before: `LanguageModel.swift`. Read next: `Trace.swift`, `Writing/DecodingState.swift`.

import Gradients
import Layers
import Tensors

/// A language model whose passes leave no tape.
public struct FrozenModel {
  /// The model that is asked.
  public let model: LanguageModel

  /// A view of `model`, which may go on being trained; nothing is copied.
  public init(_ model: LanguageModel) { self.model = model }

  /// The logits of the next token at each place: B rows of T tokens → [B, T, V].
  public func callAsFunction(_ tokens: Tokens) -> Tensor { model.logits(tokens) }

  /// The model's sizes.
  public var configuration: ModelConfiguration { model.configuration }
  /// The model's blocks, from the first to the last.
  public var blocks: [any Block] { model.blocks }
}

extension LanguageModel {
  /// This model as one that is asked and not trained.
  public var frozen: FrozenModel { FrozenModel(self) }
}
