// # Tokens from text, and back
//
// A model reads numbers. A tokenizer translates between text and numbers, and belongs to the model that was trained
// with it: under another vocabulary the same numbers are another language. So every tokenizer can be saved, and a
// teacher carries its own.
//
// Read next: `CharacterTokenizer.swift`, `BytePairTokenizer.swift`, `WordTokenizer.swift`.

import Foundation

/// A reversible mapping from text to numbers below `vocabularySize`.
public protocol Tokenizer: Sendable, Codable {
  /// The number of tokens, V: every token is a number in 0..<V.
  var vocabularySize: Int { get }

  /// The tokens of a text, from which `decode` returns exactly this text.
  ///
  /// Throws `CorpusError` if the vocabulary has no token for a part of it.
  func encode(_ text: String) throws -> [Int]

  /// The text of some tokens; what has no text (a number outside the vocabulary, half a character) becomes U+FFFD.
  func decode(_ ids: [Int]) -> String
}

/// One of the tokenizers of this module, with its vocabulary: what is saved beside a model.
public enum AnyTokenizer: Tokenizer, Equatable {
  /// A token for each character: the default of the book.
  case characters(CharacterTokenizer)
  /// Byte pairs, as with the option `--byte-pairs` of a chapter.
  case bytePairs(BytePairTokenizer)
  /// A token for each word of a list, as in a language that a `Grammar` describes.
  case words(WordTokenizer)

  private var content: any Tokenizer {
    switch self {
    case .characters(let tokenizer): tokenizer
    case .bytePairs(let tokenizer): tokenizer
    case .words(let tokenizer): tokenizer
    }
  }

  /// The number of tokens of the tokenizer inside.
  public var vocabularySize: Int { content.vocabularySize }

  /// Encodes with the tokenizer inside; throws `CorpusError` if it has no token for a part of the text.
  public func encode(_ text: String) throws -> [Int] { try content.encode(text) }

  /// Decodes with the tokenizer inside.
  public func decode(_ ids: [Int]) -> String { content.decode(ids) }
}

// ## Saved as JSON
//
// `{"kind": "characters", "characters": "\n abc…"}` or `{"kind": "bytePairs", "merges": [[116, 104], …]}`: the kind is
// a field beside those of the tokenizer itself.

extension AnyTokenizer {
  private enum Kind: String, Codable { case characters, bytePairs, words }
  private enum CodingKeys: CodingKey { case kind }

  /// Reads the kind, then the tokenizer of that kind. Throws `DecodingError` for an unknown kind or invalid fields.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    switch try fields.decode(Kind.self, forKey: .kind) {
    case .characters: self = .characters(try CharacterTokenizer(from: decoder))
    case .bytePairs: self = .bytePairs(try BytePairTokenizer(from: decoder))
    case .words: self = .words(try WordTokenizer(from: decoder))
    }
  }

  /// Writes the kind beside the fields of the tokenizer.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .characters: try fields.encode(Kind.characters, forKey: .kind)
    case .bytePairs: try fields.encode(Kind.bytePairs, forKey: .kind)
    case .words: try fields.encode(Kind.words, forKey: .kind)
    }
    try content.encode(to: encoder)
  }

  /// Reads a saved vocabulary. Throws `CorpusError` if the file is missing or holds none.
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
