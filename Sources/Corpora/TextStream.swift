// # Text that comes token by token
//
// Who writes to a terminal wants to show each token as it is drawn. Its text alone may be no text:
// a byte-pair token can end within a character, whose other bytes come with the next token, and the
// space between two words belongs to neither. So a stream keeps what is not whole yet:
//
//     tokens       226   130   172
//     append       ""    ""    "€"            € is the bytes 226 130 172
//
// The first byte of a character says how many follow, and no other byte looks like a first one. So
// only the last three bytes have to be looked at, and however the tokens come, the pieces together
// are what `decode` gives for all of them at once.
//
// Read before: `Tokenizer.swift`, `BytePairTokenizer.swift`.

/// The text of tokens that come one after the other, in whole characters.
public struct TextStream: Sendable {
  private let tokenizer: AnyTokenizer
  /// Whether nothing has come before.
  private var isAtBeginning: Bool
  /// The bytes of a character that is not whole yet, at most three.
  public private(set) var unfinished: [UInt8]

  /// A stream from the beginning of a text.
  public init(_ tokenizer: AnyTokenizer) {
    (self.tokenizer, isAtBeginning, unfinished) = (tokenizer, true, [])
  }

  /// A stream that goes on with a text, from what its first part has left in `unfinished`.
  public init(_ tokenizer: AnyTokenizer, goingOnFrom unfinished: [UInt8]) {
    (self.tokenizer, isAtBeginning, self.unfinished) = (tokenizer, false, unfinished)
  }

  /// Takes a token; returns the characters that are whole with it, often its own text.
  public mutating func append(_ token: Int) -> String {
    defer { isAtBeginning = false }
    switch tokenizer {
    case .characters: return tokenizer.decode([token])
    case .words: return (isAtBeginning ? "" : " ") + tokenizer.decode([token])
    case .bytePairs(let tokenizer):
      unfinished += tokenizer.bytes(of: token)
      let whole = unfinished.count - lengthOfUnfinishedEnd(unfinished)
      defer { unfinished.removeFirst(whole) }
      return String(decoding: unfinished[..<whole], as: UTF8.self)
    }
  }

  /// Ends the text: half a character becomes U+FFFD, as in `decode`.
  public mutating func end() -> String {
    defer { unfinished = [] }
    return String(decoding: unfinished, as: UTF8.self)
  }
}

/// The number of bytes at the end of UTF-8 that begin a character and miss its rest, 0 … 3.
private func lengthOfUnfinishedEnd(_ bytes: [UInt8]) -> Int {
  for (index, byte) in bytes.reversed().prefix(3).enumerated() where byte & 0b1100_0000 != 0b1000_0000 {
    // The first byte of the last character: its leading ones count the bytes.
    let wanted = (~byte).leadingZeroBitCount
    return index + 1 < wanted ? index + 1 : 0
  }
  return 0
}

// ## What a vocabulary has
//
// Who is told that a character is unknown wants to know which are not.

extension AnyTokenizer {
  /// What a text may consist of, in a few words for a message.
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
    }
  }
}
