// # Where GPT-2 cuts a text
//
// The rule is a regular expression, and every program for these models has a copy of it:
//
//     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// In words: an English ending after an apostrophe; a run of letters, of numbers, or of other characters, with the one
// space before it; a run of white space, without its last character if something follows it. A regular-expression
// engine tries the alternatives at every place, and takes longer than all the rest of the encoding. Written out as a
// loop, the rule looks at each character once.
//
// Letters and numbers are Unicode's general categories L and N, white space its property White_Space. A character
// that became a letter in a later version of Unicode is cut differently by programs that know an earlier version.
//
// Read before: `Words.swift`, which has a rule of its own. Read next: `ByteLevelTokenizer+Encoding.swift`.

/// The kinds of characters that GPT-2's pattern tells apart.
enum ByteLevelKind {
  case letter, number, space, other

  /// The kind of a character.
  init(_ scalar: Unicode.Scalar) {
    let properties = scalar.properties
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
    case .decimalNumber, .letterNumber, .otherNumber: self = .number
    default: self = properties.isWhitespace ? .space : .other
    }
  }

  /// The kind of the character that begins at a place in UTF-8, and the place after it.
  @inline(__always)
  static func at(_ place: Int, of bytes: ArraySlice<UInt8>) -> (kind: ByteLevelKind, end: Int) {
    let byte = bytes[place]
    switch byte {
    case 0x41...0x5A, 0x61...0x7A: return (.letter, place + 1)
    case 0x20, 0x09...0x0D: return (.space, place + 1)
    case 0x30...0x39: return (.number, place + 1)
    case 0..<0x80: return (.other, place + 1)
    default:
      // The leading ones of the first byte count the bytes.
      let end = place + (~byte).leadingZeroBitCount
      var value = UInt32(byte & (0xFF >> UInt8(end - place + 1)))
      for byte in bytes[(place + 1)..<end] { value = value << 6 | UInt32(byte & 0x3F) }
      return (Unicode.Scalar(value).map(ByteLevelKind.init) ?? .other, end)
    }
  }
}

/// The words of a text by GPT-2's pattern, as UTF-8 bytes; concatenated they are the text.
struct ByteLevelWords: Sequence, IteratorProtocol {
  private let bytes: ArraySlice<UInt8>
  private var start: Int

  /// - Parameter bytes: whole characters
  init(_ bytes: ArraySlice<UInt8>) { (self.bytes, start) = (bytes, bytes.startIndex) }

  mutating func next() -> ArraySlice<UInt8>? {
    guard start < bytes.endIndex else { return nil }
    let end = endOfWord()
    defer { start = end }
    return bytes[start..<end]
  }

  private func endOfWord() -> Int {
    if bytes[start] == UInt8(ascii: "'"), let end = endOfContraction() { return end }
    var (kind, end) = ByteLevelKind.at(start, of: bytes)
    // A single space belongs to the run after it.
    if bytes[start] == 0x20, end < bytes.endIndex {
      let after = ByteLevelKind.at(end, of: bytes)
      if after.kind != .space { (kind, end) = after }
    }
    var last = start
    while end < bytes.endIndex {
      let next = ByteLevelKind.at(end, of: bytes)
      if next.kind != kind {
        // White space leaves its last character to what follows, if it has more than one.
        return kind == .space && last > start ? last : end
      }
      (last, end) = (end, next.end)
    }
    return end
  }

  private func endOfContraction() -> Int? {
    let rest = bytes[(start + 1)...]
    switch rest.first.map({ Unicode.Scalar($0) }) {
    case "s", "t", "m", "d": return start + 2
    case "r" where rest.dropFirst().first == UInt8(ascii: "e"), "v" where rest.dropFirst().first == UInt8(ascii: "e"),
      "l" where rest.dropFirst().first == UInt8(ascii: "l"):
      return start + 3
    default: return nil
    }
  }
}

// ## Digits that stand alone
//
// Merges treat numbers unevenly: one number of several digits is a single token, another is cut into parts. So many
// tokenizers give each digit a token of its own. They cut the text around every digit before they apply GPT-2's
// pattern to each piece. A space before a digit is then the end of its piece, and a word by itself.

/// The pieces of a text in which every character of the category N is alone; concatenated they are the text.
struct PiecesAroundDigits: Sequence, IteratorProtocol {
  private let bytes: ArraySlice<UInt8>
  private var start: Int

  /// - Parameter bytes: whole characters
  init(_ bytes: ArraySlice<UInt8>) { (self.bytes, start) = (bytes, bytes.startIndex) }

  mutating func next() -> ArraySlice<UInt8>? {
    guard start < bytes.endIndex else { return nil }
    var end = start
    while end < bytes.endIndex {
      let next = ByteLevelKind.at(end, of: bytes)
      if next.kind == .number {
        if end == start { end = next.end }
        break
      }
      end = next.end
    }
    defer { start = end }
    return bytes[start..<end]
  }
}
