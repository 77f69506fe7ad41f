// # Text that comes token by token
//
// On a terminal each token should appear as soon as it is drawn. But the text of one token can be incomplete: a
// byte-pair token can end inside a character, whose other bytes come with the next token, and the space between two
// words belongs to neither. So a stream holds back what is not yet complete:
//
//     tokens       226   130   172
//     append       ""    ""    "€"            € is the bytes 226 130 172
//
// The first byte of a character says how many follow, and no other byte looks like a first one. So
// only the last three bytes need to be examined. Concatenated, the pieces are what `decode` returns
// for all the tokens at once.
//
// Read before: `Tokenizer.swift`, `BytePairTokenizer.swift`.

/// The text of tokens that arrive one at a time, in whole characters.
public struct TextStream: Sendable {
  private let tokenizer: AnyTokenizer
  /// Whether no token has come yet.
  private var isAtBeginning: Bool
  /// The bytes of a character that is not complete yet, at most three.
  public private(set) var unfinished: [UInt8]

  /// A stream from the beginning of a text.
  public init(_ tokenizer: AnyTokenizer) {
    (self.tokenizer, isAtBeginning, unfinished) = (tokenizer, true, [])
  }

  /// Whether these bytes can be what a stream holds back: none, or the beginning of one character.
  public static func isUnfinished(_ bytes: [UInt8]) -> Bool { lengthOfUnfinishedEnd(bytes) == bytes.count }

  /// A stream that continues a text, from the `unfinished` bytes of its first part.
  public init(_ tokenizer: AnyTokenizer, goingOnFrom unfinished: [UInt8]) {
    (self.tokenizer, isAtBeginning, self.unfinished) = (tokenizer, false, unfinished)
  }

  /// Takes a token; returns the characters that it completes, often just its own text, sometimes none.
  public mutating func append(_ token: Int) -> String {
    defer { isAtBeginning = false }
    switch tokenizer {
    case .characters: return tokenizer.decode([token])
    case .words: return (isAtBeginning ? "" : " ") + tokenizer.decode([token])
    case .bytePairs(let tokenizer): return append(tokenizer.bytes(of: token))
    case .byteLevel(let tokenizer): return append(tokenizer.bytes(of: token))
    }
  }

  private mutating func append(_ bytes: [UInt8]) -> String {
    unfinished += bytes
    let whole = unfinished.count - lengthOfUnfinishedEnd(unfinished)
    defer { unfinished.removeFirst(whole) }
    return String(decoding: unfinished[..<whole], as: UTF8.self)
  }

  /// Ends the text and returns what was held back: half a character as U+FFFD, as in `decode`.
  public mutating func end() -> String {
    defer { unfinished = [] }
    return String(decoding: unfinished, as: UTF8.self)
  }
}

/// How many bytes at the end of some UTF-8 begin a character without completing it, 0 … 3.
private func lengthOfUnfinishedEnd(_ bytes: [UInt8]) -> Int {
  for (index, byte) in bytes.reversed().prefix(3).enumerated() where byte & 0b1100_0000 != 0b1000_0000 {
    // The first byte of the last character: its leading ones count the bytes.
    let wanted = (~byte).leadingZeroBitCount
    return index + 1 < wanted ? index + 1 : 0
  }
  return 0
}

// ## What a vocabulary contains
//
// An error about an unknown character lists the known ones.

extension AnyTokenizer {
  /// What a text can consist of, for an error message: the first 200 characters, the first 40 words, or "every text".
  public var alphabet: String {
    switch self {
    case .characters:
      let all = (0..<vocabularySize).map { decode([$0]) }.joined()
      let shown = String(String.UnicodeScalarView(all.unicodeScalars.prefix(200)))
      return "the characters \(String(reflecting: shown))\(shown == all ? "" : " and more")"
    case .words(let tokenizer):
      let shown = tokenizer.words.prefix(40)
      return "the words \(shown.joined(separator: " "))\(shown.count == tokenizer.words.count ? "" : " and more")"
    case .bytePairs: return "every text"
    case .byteLevel(let tokenizer): return tokenizer.alphabet
    }
  }
}
