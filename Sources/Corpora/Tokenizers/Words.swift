// # Where text is cut before pairs are counted
//
// Without cuts, byte pairs would join the end of one word to the beginning of the next, and the vocabulary would fill
// with phrases such as “of the”. So a text is first cut into words, and no token reaches across a cut. A word is
//
//     a run of letters, of digits, or of other marks, with the one space before it;
//     a run of white space, without its last space if that belongs to the next word.
//
// Bytes above 127 count as letters: in most scripts they are parts of letters, and this way no character is split. A
// text without spaces (Chinese, or a file of one letter) would be a single word, and the work per word grows with the
// square of its length; so a word ends after 64 bytes.
//
// Read before: `Tokenizer.swift`. Read next: `BytePairTokenizer.swift`.

/// The words of a text, as UTF-8 bytes; concatenated they are the text.
struct Words: Sequence, IteratorProtocol {
  /// After this many bytes a word ends at the next character.
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
    // A single space belongs to the run after it, whatever that is.
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
    // White space before a word leaves its last space to the word.
    if kind == .space, end < bytes.count, end - start > 1, bytes[end - 1] == 0x20, Words.kind(bytes[end]) != .space {
      end -= 1
    }
    defer { start = end }
    return bytes[start..<end]
  }
}
