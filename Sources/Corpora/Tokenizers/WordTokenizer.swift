// # A token for every word
//
// A vocabulary for a language whose words can be listed. A text consists of such words with single
// spaces between them and of nothing else, so that decoding returns it exactly.
//
// Read before: `Tokenizer.swift`. Read next: `Grammar.swift`.

/// One token for each word of a list, in the order of the list.
public struct WordTokenizer: Tokenizer, Equatable {
  /// The words; the index of a word is its token.
  public let words: [String]
  /// The tokens by the bytes of their words: as texts, two ways to type “é” would be the same key.
  private let ids: [[UInt8]: Int]

  /// The tokenizer of a list of words, or nil if a word is empty, occurs twice or contains white space.
  public init?(words: [String]) {
    let spellings = words.map { Array($0.utf8) }
    let isWord = { (word: String) in !word.isEmpty && !word.unicodeScalars.contains(where: \.properties.isWhitespace)
    }
    guard Set(spellings).count == words.count, words.allSatisfy(isWord) else { return nil }
    self.words = words
    ids = Dictionary(uniqueKeysWithValues: zip(spellings, 0...))
  }

  /// The number of words in the list.
  public var vocabularySize: Int { words.count }

  /// The token of a word, or nil if the word is not in the list.
  public func id(of word: String) -> Int? { ids[Array(word.utf8)] }

  /// One token for each word between single spaces; none for an empty text.
  ///
  /// Throws `CorpusError` with the first word that is not in the list, and its place.
  public func encode(_ text: String) throws -> [Int] {
    guard !text.isEmpty else { return [] }
    let words = Array(text.utf8).split(separator: 0x20, omittingEmptySubsequences: false)
    return try words.enumerated().map { place, word in
      guard let id = ids[Array(word)] else {
        throw CorpusError(
          "the text",
          problem: "word \(place + 1), “\(String(decoding: word, as: UTF8.self))”, is not among the \(vocabularySize)"
            + " words of the vocabulary",
          remedy: "write known words with single spaces between them")
      }
      return id
    }
  }

  /// The words with single spaces between them; U+FFFD for a number outside the vocabulary.
  public func decode(_ ids: [Int]) -> String {
    ids.map { words.indices.contains($0) ? words[$0] : "\u{FFFD}" }.joined(separator: " ")
  }
}
