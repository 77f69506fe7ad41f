// # Bytes that can be printed
//
// The files of byte-level tokenizers are texts, and most bytes are not text by themselves. GPT-2 gave each byte a
// printable character: the 188 visible ones of Latin-1 stand for themselves, and the other 68, in ascending order,
// get U+0100, U+0101, …. So a space is Ġ, a line end is Ċ, and “é”, two bytes, is Ã©.
//
// Read next: `ByteLevelTokenizer.swift`. Source: encoder.py of GPT-2.

/// GPT-2's character for each byte, and back.
enum ByteAlphabet {
  /// The character of each byte.
  static let characters: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (0...255).map { (byte: UInt32) in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)!
      default:
        defer { next += 1 }
        return Unicode.Scalar(next)!
      }
    }
  }()

  /// The byte of each character below U+0144; nil for a character that stands for none.
  private static let bytes: [UInt8?] = {
    var bytes = [UInt8?](repeating: nil, count: 0x144)
    for (byte, character) in characters.enumerated() { bytes[Int(character.value)] = UInt8(byte) }
    return bytes
  }()

  /// The bytes that a text in this alphabet stands for, or nil if it has another character.
  static func bytes(of text: String) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.utf8.count)
    for character in text.unicodeScalars {
      guard character.value < bytes.count, let byte = bytes[Int(character.value)] else { return nil }
      result.append(byte)
    }
    return result
  }

  /// The text that stands for some bytes.
  static func text(of bytes: some Sequence<UInt8>) -> String {
    var scalars = String.UnicodeScalarView()
    for byte in bytes { scalars.append(characters[Int(byte)]) }
    return String(scalars)
  }
}
