// # Tokens from text, and back
//
// A model reads numbers. A tokenizer translates between text and numbers, and belongs to the model that was trained
// with it: with another vocabulary the same numbers mean another text. So every tokenizer can be saved, and a teacher
// carries its own.
//
// Read next: `CharacterTokenizer.swift`, `BytePairTokenizer.swift`, `WordTokenizer.swift`; then
// `ByteLevelTokenizer.swift` for the tokenizers of published models, and `AnyTokenizer+Files.swift` for how they are
// saved.

/// A reversible mapping from text to numbers below `vocabularySize`.
public protocol Tokenizer: Sendable {
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
  /// Byte-level byte pairs, the tokenizer of a published model.
  case byteLevel(ByteLevelTokenizer)

  private var content: any Tokenizer {
    switch self {
    case .characters(let tokenizer): tokenizer
    case .bytePairs(let tokenizer): tokenizer
    case .words(let tokenizer): tokenizer
    case .byteLevel(let tokenizer): tokenizer
    }
  }

  /// The number of tokens of the tokenizer inside.
  public var vocabularySize: Int { content.vocabularySize }

  /// Encodes with the tokenizer inside; throws `CorpusError` if it has no token for a part of the text.
  public func encode(_ text: String) throws -> [Int] { try content.encode(text) }

  /// The token that ends a text; nil if the tokenizer has none, like those of this book.
  public var endOfText: Int? { if case .byteLevel(let tokenizer) = self { tokenizer.endOfText } else { nil } }

  /// Whether a token is a signal to the model and not a part of the text; false for the tokenizers of this book.
  public func isSpecial(_ id: Int) -> Bool {
    if case .byteLevel(let tokenizer) = self { tokenizer.isSpecial(id) } else { false }
  }

  /// Decodes with the tokenizer inside.
  public func decode(_ ids: [Int]) -> String { content.decode(ids) }
}
