// # Tokens from text, and back
//
// A model reads numbers. A tokenizer is the dictionary between the two, and belongs to the model that was trained
// with it: the same numbers under another dictionary are another language. So every tokenizer can be saved, and a
// teacher carries its own.
//
// Read next: `CharacterTokenizer.swift`, `BytePairTokenizer.swift`, `WordTokenizer.swift`.

import Foundation

/// A reversible mapping from text to numbers below `vocabularySize`.
public protocol Tokenizer: Sendable, Codable {
  /// The number of different tokens, V: token numbers are 0..<V.
  var vocabularySize: Int { get }

  /// The tokens of a text, such that `decode` gives exactly this text back.
  ///
  /// Throws `CorpusError` if the vocabulary has no token for a part of it.
  func encode(_ text: String) throws -> [Int]

  /// The text of some tokens; what has none (a number outside the vocabulary, half a character) becomes U+FFFD.
  func decode(_ ids: [Int]) -> String
}

/// One of the tokenizers of this module, with its vocabulary: what is saved beside a model.
public enum AnyTokenizer: Tokenizer, Equatable {
  case characters(CharacterTokenizer)
  case bytePairs(BytePairTokenizer)
  case words(WordTokenizer)

  private var content: any Tokenizer {
    switch self {
    case .characters(let tokenizer): tokenizer
    case .bytePairs(let tokenizer): tokenizer
    case .words(let tokenizer): tokenizer
    }
  }

  public var vocabularySize: Int { content.vocabularySize }
  public func encode(_ text: String) throws -> [Int] { try content.encode(text) }
  public func decode(_ ids: [Int]) -> String { content.decode(ids) }
}

// ## Saved as JSON
//
// `{"kind": "characters", "characters": "\n abc…"}` or `{"kind": "bytePairs", "merges": [[116, 104], …]}`: the word
// that tells the kinds apart stands beside the fields of the tokenizer itself.

extension AnyTokenizer {
  private enum Kind: String, Codable { case characters, bytePairs, words }
  private enum CodingKeys: CodingKey { case kind }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    switch try fields.decode(Kind.self, forKey: .kind) {
    case .characters: self = .characters(try CharacterTokenizer(from: decoder))
    case .bytePairs: self = .bytePairs(try BytePairTokenizer(from: decoder))
    case .words: self = .words(try WordTokenizer(from: decoder))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .characters: try fields.encode(Kind.characters, forKey: .kind)
    case .bytePairs: try fields.encode(Kind.bytePairs, forKey: .kind)
    case .words: try fields.encode(Kind.words, forKey: .kind)
    }
    try content.encode(to: encoder)
  }

  /// Writes the vocabulary to a JSON file, atomically, and makes the directories that are missing on the way to it.
  public func save(to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try encoder.encode(self).write(to: url, options: .atomic)
    } catch {
      throw CorpusError(
        url.path, problem: "the tokenizer cannot be written (\(error.localizedDescription))",
        remedy: "choose a place where you may write")
    }
  }

  /// Reads a vocabulary that was saved. Throws `CorpusError` if the file is missing or does not hold one.
  public init(contentsOf url: URL) throws {
    let data = try contents(of: url)
    do {
      self = try JSONDecoder().decode(AnyTokenizer.self, from: data)
    } catch {
      throw CorpusError(
        url.path, problem: "the file does not hold a tokenizer (\(error))",
        remedy: "give the file that was saved with the model, or make it again")
    }
  }
}
