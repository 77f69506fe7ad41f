// # A token for every character
//
// The simplest vocabulary: the distinct characters of a text, ordered by their Unicode numbers. It is small (63 for
// the King James Bible), sequences are long, and nothing has to be learned. A character here is a Unicode scalar: “é”
// is one token or two, depending on how it was typed, so that decoding returns the text exactly.
//
// Read before: `Tokenizer.swift`. Read next: `BytePairTokenizer.swift`.

/// One token for each Unicode scalar of the text it was made from, in ascending order.
public struct CharacterTokenizer: Tokenizer, Equatable {
  /// The character of each token.
  let characters: [Unicode.Scalar]
  private let ids: [Unicode.Scalar: Int]

  /// A vocabulary of the characters that occur in a text. A later text with any other character cannot be encoded.
  public init(trainedOn text: String) { self.init(sorted: Set(text.unicodeScalars).sorted()) }

  /// The tokenizer of these characters, or nil unless they are in ascending order, each once.
  init?(characters: [Unicode.Scalar]) {
    guard zip(characters, characters.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
    self.init(sorted: characters)
  }

  private init(sorted characters: [Unicode.Scalar]) {
    self.characters = characters
    ids = Dictionary(uniqueKeysWithValues: zip(characters, 0...))
  }

  /// The number of distinct characters; 0 for an empty text.
  public var vocabularySize: Int { characters.count }

  /// One token for each Unicode scalar.
  ///
  /// Throws `CorpusError` with the first character that is not in the vocabulary, and its offset.
  public func encode(_ text: String) throws -> [Int] {
    var result: [Int] = []
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      guard let id = ids[scalar] else {
        let code = String(scalar.value, radix: 16, uppercase: true)
        let number = String(repeating: "0", count: max(0, 4 - code.count)) + code
        throw CorpusError(
          "the text",
          problem: "the character \(String(reflecting: String(scalar))) (U+\(number)) at offset \(result.count)"
            + " is not among the \(vocabularySize) of the vocabulary",
          remedy: "remove it, or take the characters of a text that has it, or byte pairs")
      }
      result.append(id)
    }
    return result
  }

  /// The characters of the tokens; U+FFFD for a number outside the vocabulary.
  public func decode(_ ids: [Int]) -> String {
    var scalars = String.UnicodeScalarView()
    for id in ids { scalars.append(characters.indices.contains(id) ? characters[id] : "\u{FFFD}") }
    return String(scalars)
  }
}
