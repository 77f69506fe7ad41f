// # A model that leaves no tape
//
// Running a teacher, evaluating a student and generating text need no gradient, and none should flow. So all three
// take a `FrozenModel`. It computes tensors, which have no tape: the type guarantees that a teacher is never trained
// by accident.
//
// It is a view of a model, not a copy: each call uses the model's weights as they are at that moment. A student that
// is evaluated between two training steps is evaluated with its current weights.
//
// A model that reads the same texts many times, and no longer changes, can remember its passes.
//
// Read before: `LanguageModel.swift`. Read next: `Trace.swift`, `RememberedPasses.swift`, `Writing/DecodingState.swift`.

import Gradients
import Layers
import Tensors

/// A language model whose passes leave no tape.
public struct FrozenModel {
  /// The model whose weights are used.
  public let model: LanguageModel
  /// Where its passes are kept; nil for a model that computes each anew.
  let passes: RememberedPasses?

  /// A view of `model`, which can be trained further; nothing is copied.
  public init(_ model: LanguageModel) { (self.model, passes) = (model, nil) }

  private init(_ model: LanguageModel, _ passes: RememberedPasses) { (self.model, self.passes) = (model, passes) }

  /// The same view, which looks for a pass over a text in `passes` before it computes one. The model's weights must not
  /// change any more, and `passes` must not be another model's.
  public func remembering(_ passes: RememberedPasses) -> FrozenModel { FrozenModel(model, passes) }

  /// The logits of the next token at each position: B rows of T tokens → [B, T, V].
  public func callAsFunction(_ tokens: Tokens) -> Tensor { model.logits(fromLastState: lastState(tokens)) }

  /// The state that leaves the last block, before the norm of the head: B rows of T tokens → [B, T, D].
  public func lastState(_ tokens: Tokens) -> Tensor {
    guard let passes else { return model.lastState(tokens) }
    return passes.states(.last, of: tokens) { [model.lastState(tokens)] }[0]
  }

  /// The model's sizes.
  public var configuration: ModelConfiguration { model.configuration }
  /// The model's blocks, from the first to the last.
  public var blocks: [any Block] { model.blocks }
}

extension LanguageModel {
  /// This model without a tape: for inference, evaluation and generation.
  public var frozen: FrozenModel { FrozenModel(self) }
}
