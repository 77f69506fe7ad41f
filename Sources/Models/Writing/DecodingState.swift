// # Reading a text in pieces
//
// The same model serves for training and for generation. `callAsFunction` takes whole texts; `read` takes the next
// tokens of texts that have already begun, with a state that holds what the mixers remember. A prompt can come all at
// once, in pieces of any length or token by token: up to rounding, the distribution of the next token is the same,
// and so is the state.
//
// The teacher's state is a cache of keys and values that grows with the text, the student's has a fixed size, and a
// hybrid has both kinds. The code here does not depend on which it is.
//
// Read before: `../FrozenModel.swift`, `Layers/Mixers/MixerMemory.swift`. Read next: `Generation.swift`.

import Gradients
import Layers
import Tensors

/// What a model remembers of B texts that it is reading.
public struct DecodingState: Sendable {
  /// The number of tokens read of each text so far.
  public internal(set) var positions: [Int]
  /// The logits of the next token of each text, [B, V]; nil before anything is read.
  public internal(set) var logits: Tensor?
  /// What the mixer of each block remembers.
  public internal(set) var mixers: [any MixerMemory]

  /// The number of texts.
  public var B: Int { positions.count }

  /// The bytes that the mixers keep.
  public var bytes: Int { mixers.reduce(0) { $0 + $1.bytes } }

  /// Joins the states of several groups of texts, all of one model, in order.
  ///
  /// Either all of the states have read something or none has.
  public static func joined(_ states: [DecodingState]) -> DecodingState {
    precondition(!states.isEmpty, "there is no state to join")
    let logits = states.compactMap(\.logits)
    precondition(
      logits.isEmpty || logits.count == states.count,
      "states that have read something cannot be joined with empty ones")
    return DecodingState(
      positions: states.flatMap(\.positions), logits: logits.isEmpty ? nil : .concatenated(logits),
      mixers: states[0].mixers.indices.map { layer in Layers.joined(states.map { $0.mixers[layer] }) })
  }

  /// The state of some of the texts, in the order of `rows`.
  public func keeping(_ rows: [Int]) -> DecodingState {
    DecodingState(
      positions: rows.map { positions[$0] }, logits: logits?.gathered(rows), mixers: mixers.map { $0.keeping(rows) })
  }
}

extension FrozenModel {
  /// The state of B texts before anything is read.
  public func emptyState(B: Int = 1) -> DecodingState {
    DecodingState(
      positions: Array(repeating: 0, count: B), logits: nil, mixers: blocks.map { $0.mixer.emptyMemory(B: B) })
  }

  /// Reads the next tokens of each text, and leaves the logits of the token after them in the state.
  ///
  /// - Parameters:
  ///   - tokens: a row for each text of the state, at least one token each
  ///   - state: a state of this model; a text can grow longer than `configuration.T`, the longest that the model is
  ///     trained on
  ///   - length: the most tokens to read at once, which bounds the working memory except in attention, where each
  ///     piece copies a layer's keys and values of a text; nil to read all at once
  ///   - onPiece: called after each piece with the number of tokens that were read by then, of all texts together
  public func read(
    _ tokens: Tokens, _ state: inout DecodingState, inPiecesOf length: Int? = nil, onPiece: (Int) -> Void = { _ in }
  ) {
    precondition(
      tokens.B == state.B && tokens.T > 0, "\(tokens.B) rows of \(tokens.T) tokens do not continue \(state.B) texts")
    precondition(length ?? 1 > 0, "a piece must have at least one token, not \(length!)")
    if let length, length < tokens.T {
      for start in stride(from: 0, to: tokens.T, by: length) {
        let end = min(tokens.T, start + length)
        read(tokens.columns(start..<end), &state)
        onPiece(tokens.B * end)
      }
      return
    }
    var u: Tensor = model.embedding(tokens)
    for (layer, block) in blocks.enumerated() {
      u = block(u) { block.mixer.advance($0, memory: &state.mixers[layer]) }
    }
    // Only the logits after the last token are needed.
    let last = u.sliced((tokens.T - 1)..<tokens.T, along: 1).reshaped(to: [tokens.B, configuration.D])
    state.logits = model.logits(fromLastState: last)
    for row in state.positions.indices { state.positions[row] += tokens.T }
    onPiece(tokens.B * tokens.T)
  }

  /// Reads texts of any lengths, at least one token each, and returns the state of all, in order.
  ///
  /// - Parameter onPiece: called after each piece with the number of tokens that were read by then, of all texts together
  public func read(
    texts: [[Int]], inPiecesOf length: Int? = nil, onPiece: (Int) -> Void = { _ in }
  ) -> DecodingState {
    precondition(
      !texts.isEmpty && texts.allSatisfy { !$0.isEmpty }, "a text that is read must have at least one token")
    // Texts that all have one length are read side by side, others one by one.
    if Set(texts.map(\.count)).count == 1 {
      var state = emptyState(B: texts.count)
      read(
        Tokens(texts.flatMap { $0 }, B: texts.count, T: texts[0].count), &state, inPiecesOf: length,
        onPiece: onPiece)
      return state
    }
    var before = 0
    return .joined(
      texts.map { text in
        defer { before += text.count }
        return read(texts: [text], inPiecesOf: length) { onPiece(before + $0) }
      })
  }
}

extension Tokens {
  /// Some columns of all rows.
  func columns(_ range: Range<Int>) -> Tokens {
    Tokens((0..<B).flatMap { row($0).dropFirst(range.lowerBound).prefix(range.count) }, B: B, T: range.count)
  }
}
