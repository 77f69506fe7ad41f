// # A head for the tokens of a text
//
// A published model has a vocabulary of some fifty thousand tokens, and a text uses a fifth of them: the King James
// Bible uses 9,809 of SmolLM2's 49,152. In stage 3 the head takes a quarter of the time, most of it for tokens that
// never occur. A subset leaves those out: we compute only the logits of the tokens in the subset, and take the
// softmax over these.
//
// This is an approximation, because it ignores the probability that both models give to the other tokens. So the
// results that we report are measured with the whole head.
//
// The embedding still reads all tokens; a subset restricts only what is predicted.
//
// Read before: `LanguageModel.swift`. Used by: `Distillation/KnowledgeDistillation.swift`.

import Gradients
import Layers
import Tensors

/// Some of the tokens of a vocabulary, in ascending order.
public struct TokenSubset: Sendable, Equatable {
  /// The tokens, each once, in ascending order.
  public let tokens: [Int]
  private let places: [Int: Int]

  /// The tokens that occur in `text`; stops the program if there are none.
  public init(of text: some Sequence<Int>) {
    tokens = Set(text).sorted()
    precondition(!tokens.isEmpty, "a subset of a vocabulary must have at least one token")
    places = Dictionary(uniqueKeysWithValues: zip(tokens, 0...))
  }

  /// The number of tokens in the subset.
  public var count: Int { tokens.count }

  /// The place of each token in the subset, for use as targets; stops the program at a token that is not in it.
  public func places(of some: Tokens) -> Tokens {
    let found = some.ids.map { token in
      guard let place = places[token] else { preconditionFailure("the token \(token) is not in the subset") }
      return place
    }
    return Tokens(found, B: some.B, T: some.T)
  }
}

extension LanguageModel {
  /// The logits of a subset of the tokens: B rows of T tokens → [B, T, tokens of the subset].
  ///
  /// Of the head, only the rows that belong to the subset get a gradient.
  public func logits<A: Activation>(_ tokens: Tokens, among subset: TokenSubset) -> A {
    logits(fromLastState: lastState(tokens), among: subset)
  }

  /// The same from the state that left the last block: [B, T, D] → [B, T, tokens of the subset].
  func logits<A: Activation>(fromLastState u: A, among subset: TokenSubset) -> A {
    let wanted = Tokens(subset.tokens)
    let weight: A = Gradients.embedding(wanted, table: A(head.weight)).reshaped(to: [subset.count, configuration.D])
    let bias: A? = head.bias.map { bias in
      Gradients.embedding(wanted, table: A(bias).reshaped(to: [configuration.V, 1])).reshaped(to: [subset.count])
    }
    return linear(finalNorm(u), weight: weight, bias: bias)
  }
}

extension FrozenModel {
  /// The logits of a subset of the tokens: B rows of T tokens → [B, T, tokens of the subset].
  public func logits(_ tokens: Tokens, among subset: TokenSubset) -> Tensor {
    model.logits(fromLastState: lastState(tokens), among: subset)
  }
}
