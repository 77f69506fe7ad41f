// # Windows and batches
//
// A model sees windows: T tokens, and for each of them the token that follows as the answer. A window is therefore
// cut T + 1 long, and is read twice: without its last token, and without its first. For training, windows lie
// anywhere. For judging, they are always the same ones, evenly spread over the held-out part, so that two numbers
// can be compared.
//
// Read before: `Corpus.swift`, `Tensors/Core/Tokens.swift`. Read next: `Gradients/Positions.swift`.

import Tensors

/// B windows: what a model reads, and what it is to predict.
public struct Batch: Sendable, Equatable {
  /// The tokens to read. [B, T]
  public let inputs: Tokens
  /// The token that follows each of them. [B, T]
  public let targets: Tokens

  /// Rows of tokens, and for each of them the token that follows.
  ///
  /// Stops the program if the two are not of one shape.
  public init(inputs: Tokens, targets: Tokens) {
    precondition(
      inputs.B == targets.B && inputs.T == targets.T,
      "\(inputs.B) × \(inputs.T) tokens cannot have \(targets.B) × \(targets.T) that follow them")
    (self.inputs, self.targets) = (inputs, targets)
  }

  /// The windows of T + 1 tokens that begin at the given places.
  init(_ tokens: [Int], starts: some Collection<Int>, T: Int) {
    inputs = Tokens(starts.flatMap { tokens[$0..<($0 + T)] }, B: starts.count, T: T)
    targets = Tokens(starts.flatMap { tokens[($0 + 1)..<($0 + 1 + T)] }, B: starts.count, T: T)
  }
}

extension Corpus {
  /// B windows of T tokens from random places of the training part, every place being equally likely.
  ///
  /// Stops the program if the training part is shorter than a window; `validated(forWindow:)` checks that in time.
  public func randomBatch(B: Int, T: Int, using random: inout some RandomNumberGenerator) -> Batch {
    precondition(B > 0 && T > 0, "a batch has at least one window of one token, not \(B) of \(T)")
    precondition(
      training.count > T, "the training part has \(training.count) tokens, but a window of \(T) needs \(T + 1)")
    let starts = (0..<B).map { _ in Int.random(in: 0..<(training.count - T), using: &random) }
    return Batch(training, starts: starts, T: T)
  }

  /// `count` windows of T tokens from the held-out part, always the same, in batches of B (the last may be smaller).
  ///
  /// They are evenly spaced from the very beginning to the very end. Where `count * (T + 1)` tokens are there, no two
  /// windows share one. Throws `CorpusError` if there are not `count` different windows, with the length that is
  /// there and the length that is needed.
  public func heldOutBatches(count: Int, B: Int, T: Int) throws -> [Batch] {
    guard count > 0, B > 0, T > 0 else {
      throw CorpusError(
        "the corpus", problem: "\(count) windows of \(T) tokens in batches of \(B) are none",
        remedy: "give sizes above 0")
    }
    guard heldOut.count >= T + count else {
      throw CorpusError(
        "the corpus",
        problem: "its held-out part has \(heldOut.count) tokens, but \(count) different windows of \(T)"
          + " need \(T + count)",
        remedy: "give a longer text, fewer or shorter windows, or hold out more")
    }
    // Two neighbours are at least the whole part of last / (count − 1) apart: T + 1 or more if there is room.
    let last = heldOut.count - T - 1
    let starts = (0..<count).map { count == 1 ? 0 : last * $0 / (count - 1) }
    return stride(from: 0, to: count, by: B).map { first in
      Batch(heldOut, starts: starts[first..<min(first + B, count)], T: T)
    }
  }
}
