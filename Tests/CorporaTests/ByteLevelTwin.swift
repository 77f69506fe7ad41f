// # Byte-level byte pairs, the slow way
//
// The twin of `ByteLevelTokenizer`. It cuts with GPT-2's regular expression as it is published, and merges by looking
// through the whole word for the best pair, again and again.

/// Byte-level byte pairs by the letter of the definition; tokens are texts in the byte alphabet.
struct SlowByteLevel {
  let merges: [(left: String, right: String)]
  let digitsAlone: Bool

  static func words(_ text: String, digitsAlone: Bool) -> [String] {
    let pattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    let words = try! Regex(pattern).matchingSemantics(.unicodeScalar)
    let pieces = try! Regex(digitsAlone ? #"\p{N}|\P{N}+"# : #"[\s\S]+"#).matchingSemantics(.unicodeScalar)
    return text.matches(of: pieces).flatMap { piece in
      // A text of its own: the pattern must not see what comes after.
      let piece = String(text.unicodeScalars[piece.range])
      return piece.matches(of: words).map { String(piece.unicodeScalars[$0.range]) }
    }
  }

  func tokens(_ text: String) -> [String] {
    SlowByteLevel.words(text, digitsAlone: digitsAlone).flatMap { word in
      var tokens = word.utf8.map { SlowByteLevel.alphabet[Int($0)] }
      while let best = merges.first(where: { merge in
        zip(tokens, tokens.dropFirst()).contains { $0 == merge.left && $1 == merge.right }
      }) {
        let place = tokens.indices.dropLast().first { tokens[$0] == best.left && tokens[$0 + 1] == best.right }!
        tokens.replaceSubrange(place...(place + 1), with: [best.left + best.right])
      }
      return tokens
    }
  }

  /// GPT-2's byte alphabet, as its program makes it.
  static let alphabet: [String] = {
    var visible = Array(UInt32(0x21)...0x7E) + Array(0xA1...0xAC) + Array(0xAE...0xFF)
    var characters = visible
    for byte in UInt32(0)...255 where !visible.contains(byte) {
      visible.append(byte)
      characters.append(0x100 + UInt32(visible.count - 189))
    }
    let pairs = Dictionary(uniqueKeysWithValues: zip(visible, characters))
    return (0...255).map { String(Unicode.Scalar(pairs[$0]!)!) }
  }()
}
