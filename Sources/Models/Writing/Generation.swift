// # Generating text
//
// A prompt is read once. Then each token is drawn from the logits that the last one left, and is read in turn.
// Writing a token costs as much as reading one: always the same for a state space model, in proportion to its cache
// for attention.
//
// Several texts can be written side by side. Their prompts can have different lengths, and they can end at different
// times. Each has a random generator of its own, made from the seed and the number of its row, so a text does not
// depend on which others are written beside it. Writing them together saves time in the matrix products: each weight
// matrix is loaded once for all rows.
//
// After each token the generation has read all that it has written. It can then be asked for the next token, be given
// more to read, or be saved to a file and continued elsewhere with the same tokens.
//
// Read before: `DecodingState.swift`, `Sampler.swift`. Read next: `Generation+Files.swift`. Slow
// twin: `Sampling.swift`.

import Tensors

/// B texts that a model is writing.
public struct Generation {
  /// The model that writes; its weights are used as they are at each token.
  public let model: FrozenModel
  /// How tokens are chosen.
  public var sampler: Sampler
  /// What the model remembers of the texts.
  public internal(set) var state: DecodingState
  /// The random generator of each text.
  public internal(set) var dice: [SeededGenerator]

  /// Reads the prompts.
  ///
  /// - Parameters:
  ///   - prompts: at least one, of at least one token each; their lengths may differ
  ///   - seed: equal seeds give the same text for a prompt in the same row, whichever texts are written beside it
  ///   - length: the most tokens to read at once; nil to read all at once
  ///   - onPiece: called after each piece with the number of tokens that were read by then, of all prompts together
  public init(
    _ model: FrozenModel, prompts: [[Int]], sampler: Sampler = Sampler(), seed: UInt64 = 0,
    inPiecesOf length: Int? = nil, onPiece: (Int) -> Void = { _ in }
  ) {
    (self.model, self.sampler) = (model, sampler)
    state = model.read(texts: prompts, inPiecesOf: length, onPiece: onPiece)
    dice = prompts.indices.map { row in
      var spread = SeededGenerator(seed: seed)
      return SeededGenerator(seed: spread.next() &+ UInt64(row))
    }
  }

  init(model: FrozenModel, sampler: Sampler, state: DecodingState, dice: [SeededGenerator]) {
    (self.model, self.sampler, self.state, self.dice) = (model, sampler, state, dice)
  }

  /// The number of texts.
  public var B: Int { state.B }

  /// Draws the next token of each text, and reads it.
  ///
  /// Throws `SamplingError`, with nothing written, if the logits of a text allow no draw.
  public mutating func next() throws -> [Int] {
    let (logits, V) = (state.logits!, model.configuration.V)
    var dice = dice
    let tokens = try (0..<B).map { row in
      try sampler.draw(from: logits.sliced(row..<(row + 1)).reshaped(to: [V]), using: &dice[row])
    }
    self.dice = dice
    read(tokens.map { [$0] })
    return tokens
  }

  /// Reads more tokens of each text, which the model has not written; the same number for each, at least one.
  public mutating func read(_ tokens: [[Int]]) {
    precondition(
      tokens.count == B && Set(tokens.map(\.count)).count == 1,
      "all \(B) texts must read the same number of tokens, at least one, not \(tokens.map(\.count))")
    model.read(Tokens(tokens.flatMap { $0 }, B: B, T: tokens[0].count), &state)
  }

  /// Joins several generations of one model, their texts in order; the result has the sampler of the first.
  public static func joined(_ parts: [Generation]) -> Generation {
    precondition(!parts.isEmpty, "there is no generation to join")
    return Generation(
      model: parts[0].model, sampler: parts[0].sampler, state: .joined(parts.map(\.state)),
      dice: parts.flatMap(\.dice))
  }

  /// Some of the texts, in the order of `rows`.
  public func keeping(_ rows: [Int]) -> Generation {
    Generation(model: model, sampler: sampler, state: state.keeping(rows), dice: rows.map { dice[$0] })
  }

  /// Continues with some of the texts only.
  public mutating func keep(_ rows: [Int]) { self = keeping(rows) }
}

extension FrozenModel {
  /// What the model writes after each prompt: a text for each, without the prompt.
  ///
  /// Throws `SamplingError` if what the model computes is not finite.
  ///
  /// - Parameters:
  ///   - prompts: at least one, of at least one token each; their lengths may differ
  ///   - count: the most tokens to write for each prompt
  ///   - seed: equal seeds give the same text for a prompt in the same row, whichever texts are written beside it
  ///   - isComplete: called after each token with the text so far; the token that completes a text is part of it
  ///   - onToken: called with the prompt's index and each new token, so that it can be shown at once
  public func generate(
    _ prompts: [[Int]], count: Int, _ sampler: Sampler = Sampler(), seed: UInt64 = 0,
    until isComplete: (_ text: [Int]) -> Bool = { _ in false },
    onToken: (_ prompt: Int, _ token: Int) -> Void = { _, _ in }
  ) throws -> [[Int]] {
    var texts = [[Int]](repeating: [], count: prompts.count)
    if count <= 0 || prompts.isEmpty { return texts }
    var generation = Generation(self, prompts: prompts, sampler: sampler, seed: seed)
    var open = Array(prompts.indices)
    while true {
      for (prompt, token) in zip(open, try generation.next()) {
        texts[prompt].append(token)
        onToken(prompt, token)
      }
      let going = open.indices.filter { texts[open[$0]].count < count && !isComplete(texts[open[$0]]) }
      if going.isEmpty { return texts }
      if going.count < open.count {
        generation.keep(going)
        open = going.map { open[$0] }
      }
    }
  }
}
