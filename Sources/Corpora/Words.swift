// # Where text is cut before pairs are counted
//
// Without cuts, byte pairs would join the end of one word to the beginning of the next, and “of the” would fill the
// vocabulary with phrases. So a text is first cut into words, and no token reaches across a cut. A word is
//
//     a run of letters, of digits, or of other marks, with the one space before it;
//     a run of white space, without the last space where that belongs to the word that follows.
//
// Bytes above 127 count as letters: they are parts of letters in most scripts, and a character is never torn. Texts
// without spaces (Chinese, or a file of one letter) would give one word of the length of the text, and the
// work per word grows with the square of its length; so a word ends after 64 bytes.
//
// Read before: `Tokenizer.swift`. Read next: `BytePairTokenizer.swift`.

/// The words of a text, as bytes in UTF-8; put together they are the text.
struct Words: Sequence, IteratorProtocol {
  /// Beyond this number of bytes a word ends with the next character.
  static let longest = 64

  private let bytes: [UInt8]
  private var start = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  private enum Kind { case space, letter, digit, mark }

  private static func kind(_ byte: UInt8) -> Kind {
    switch byte {
    case 0x20, 0x09...0x0D: .space
    case 0x30...0x39: .digit
    case 0x41...0x5A, 0x61...0x7A, 0x80...: .letter
    default: .mark
    }
  }

  mutating func next() -> ArraySlice<UInt8>? {
    guard start < bytes.count else { return nil }
    var end = start
    var kind = Words.kind(bytes[end])
    // A single space joins the run after it, whatever that is.
    if bytes[end] == 0x20, end + 1 < bytes.count {
      end += 1
      kind = Words.kind(bytes[end])
    }
    end += 1
    while end < bytes.count, Words.kind(bytes[end]) == kind {
      let isInsideCharacter = bytes[end] & 0xC0 == 0x80
      if end - start >= Words.longest, !isInsideCharacter { break }
      end += 1
    }
    // White space before a word leaves its last space to that word.
    if kind == .space, end < bytes.count, end - start > 1, bytes[end - 1] == 0x20, Words.kind(bytes[end]) != .space {
      end -= 1
    }
    defer { start = end }
    return bytes[start..<end]
  }
}
