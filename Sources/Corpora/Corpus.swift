// # A corpus
//
// A text as tokens, cut in two: the beginning is for training, the end is held out. A model is evaluated on the end,
// which it has never seen. The two are separate stretches of the text rather than alternating sentences, so that
// held-out sentences have no neighbours in the training part.
//
// Read before: `Tokenizer.swift`. Read next: `Windows.swift`.

import Foundation
import Tensors

/// A tokenised text in two parts: the first for training, the last held out.
public struct Corpus: Sendable {
  /// The tokenizer that made the tokens and turns them back into text.
  public let tokenizer: any Tokenizer
  /// The tokens to train with.
  public let training: [Int]
  /// The tokens to evaluate with; they follow the training part in the text.
  public let heldOut: [Int]

  /// Tokenises a text and holds out its end.
  ///
  /// Throws `CorpusError` if the text is empty, if the tokenizer has no token for a part of it, or if
  /// `heldOutFraction` is not in 0..<1.
  public init(text: String, tokenizer: some Tokenizer, heldOutFraction: Double = 0.05) throws {
    guard heldOutFraction >= 0, heldOutFraction < 1 else {
      throw CorpusError(
        "the corpus", problem: "\(heldOutFraction) is not a fraction that can be held out",
        remedy: "give a number from 0 up to, but not including, 1")
    }
    let tokens = try tokenizer.encode(text)
    guard !tokens.isEmpty else {
      throw CorpusError("the corpus", problem: "the text is empty", remedy: "give a text with something in it")
    }
    let trainingCount = tokens.count - Int((Double(tokens.count) * heldOutFraction).rounded())
    self.tokenizer = tokenizer
    training = Array(tokens[..<trainingCount])
    heldOut = Array(tokens[trainingCount...])
  }

  /// This corpus, if both parts have room for a window of T tokens and the token that follows it.
  ///
  /// Throws `CorpusError` with the sizes otherwise. Call it at the beginning of a run, which would otherwise
  /// stop at its first batch.
  @discardableResult
  public func validated(forWindow T: Int) throws -> Corpus {
    for (part, tokens) in [("training", training), ("held-out", heldOut)] where tokens.count < T + 1 {
      throw CorpusError(
        "the corpus", problem: "its \(part) part has \(tokens.count) tokens, but a window of \(T) needs \(T + 1)",
        remedy: "give a longer text, shorter windows or another fraction to hold out")
    }
    return self
  }

  /// Throws `CorpusError` unless at least `count` tokens are held out: for a caller that chooses the places it reads.
  public func requireHeldOut(_ count: Int) throws {
    guard heldOut.count < count else { return }
    throw CorpusError(
      "the corpus", problem: "its held-out part has \(heldOut.count) tokens, but \(count) are read here",
      remedy: "give a longer text")
  }

  /// `count` tokens of the held-out part, which begins again when it ends: for measurements that do not depend on the
  /// words.
  public func heldOutTokens(_ count: Int) -> [Int] {
    precondition(!heldOut.isEmpty || count == 0, "nothing is held out")
    return (0..<count).map { heldOut[$0 % heldOut.count] }
  }
}

// ## Reading a file
//
// A file in an old encoding would read as a text with stray characters, and the model would learn them. So we accept
// UTF-8 only, and an error gives the offset at which a file stops being UTF-8.

extension Corpus {
  /// The text of a UTF-8 file, unchanged.
  ///
  /// Throws `CorpusError` if the file is missing, is a directory, cannot be read, is empty, or is not UTF-8 (with the
  /// offset of the first invalid byte).
  public static func text(contentsOf url: URL) throws -> String {
    let bytes = [UInt8](try contents(of: url))
    do {
      return String(copying: try UTF8Span(validating: bytes.span))
    } catch {
      throw CorpusError(
        url.path, problem: "the file is not UTF-8, first at byte \(error.byteOffsets.lowerBound)",
        remedy: "convert it, for instance with `iconv -f LATIN1 -t UTF-8`, or give another")
    }
  }
}
