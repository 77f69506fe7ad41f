// # Windows and batches
//
// A model sees windows: T tokens, and for each of them the next token as its target. A window is therefore T + 1
// tokens long and is read twice: without its last token as input, without its first as target. Training windows
// start anywhere. Held-out windows are always the same ones, evenly spread over the held-out part, so that the losses
// of two models can be compared.
//
// Read before: `Corpus.swift`, `Tensors/Core/Tokens.swift`. Read next: `Gradients/Positions.swift`.

import Tensors

/// B windows: what a model reads, and what it should predict.
public struct Batch: Sendable, Equatable {
  /// The tokens to read. [B, T]
  public let inputs: Tokens
  /// The token that follows each of them. [B, T]
  public let targets: Tokens

  /// Rows of tokens, and for each of them the token that follows.
  ///
  /// Stops the program if the two differ in shape.
  public init(inputs: Tokens, targets: Tokens) {
    precondition(
      inputs.B == targets.B && inputs.T == targets.T,
      "inputs of \(inputs.B) × \(inputs.T) tokens do not fit targets of \(targets.B) × \(targets.T)")
    (self.inputs, self.targets) = (inputs, targets)
  }

  /// The windows of T + 1 tokens that begin at the given places.
  init(_ tokens: [Int], starts: some Collection<Int>, T: Int) {
    inputs = Tokens(starts.flatMap { tokens[$0..<($0 + T)] }, B: starts.count, T: T)
    targets = Tokens(starts.flatMap { tokens[($0 + 1)..<($0 + 1 + T)] }, B: starts.count, T: T)
  }
}

extension Corpus {
  /// B windows of T tokens that start at random places of the training part, each place equally likely.
  ///
  /// Stops the program if the training part is shorter than a window; `validated(forWindow:)` reports that earlier,
  /// as an error.
  public func randomBatch(B: Int, T: Int, using random: inout some RandomNumberGenerator) -> Batch {
    precondition(B > 0 && T > 0, "a batch must have at least one window of at least one token, not \(B) of \(T)")
    precondition(
      training.count > T, "the training part has \(training.count) tokens, but a window of \(T) needs \(T + 1)")
    let starts = (0..<B).map { _ in Int.random(in: 0..<(training.count - T), using: &random) }
    return Batch(training, starts: starts, T: T)
  }

  /// `count` windows of T tokens from the held-out part, always the same, in batches of B (the last can be smaller).
  ///
  /// They are evenly spaced from the first token to the last. If there are `count * (T + 1)` tokens, no two windows
  /// overlap. Throws `CorpusError` if there are fewer than `count` different windows, with the actual and the
  /// required length.
  public func heldOutBatches(count: Int, B: Int, T: Int) throws -> [Batch] {
    guard count > 0, B > 0, T > 0 else {
      throw CorpusError(
        "the corpus", problem: "\(count) windows of \(T) tokens cannot be split into batches of \(B)",
        remedy: "give sizes above 0")
    }
    guard heldOut.count >= T + count else {
      throw CorpusError(
        "the corpus",
        problem: "its held-out part has \(heldOut.count) tokens, but \(count) different windows of \(T)"
          + " need \(T + count)",
        remedy: "give a longer text, fewer or shorter windows, or hold out more")
    }
    // Neighbours begin at least ⌊last / (count − 1)⌋ tokens apart: T + 1 or more if there is room.
    let last = heldOut.count - T - 1
    let starts = (0..<count).map { count == 1 ? 0 : last * $0 / (count - 1) }
    return stride(from: 0, to: count, by: B).map { first in
      Batch(heldOut, starts: starts[first..<min(first + B, count)], T: T)
    }
  }
}
