// # Texts for tests
//
// Random Unicode, random words, and a tokenizer whose tokens are their own places.

import Corpora
import Foundation
import Testing

/// A text of up to `count` random scalars from every plane, with a preference for white space, marks and combining
/// signs.
func randomText(count: Int, using random: inout some RandomNumberGenerator) -> String {
  let ranges: [ClosedRange<UInt32>] = [
    0...0x7F, 0x20...0x2F, 0x61...0x65, 0x09...0x0D, 0x80...0x7FF, 0x300...0x36F, 0x800...0xD7FF, 0xE000...0xFFFF,
    0x1F300...0x1FAFF, 0x10000...0x10FFFF,
  ]
  var scalars = String.UnicodeScalarView()
  for _ in 0..<Int.random(in: 0...count, using: &random) {
    let value = UInt32.random(in: ranges.randomElement(using: &random)!, using: &random)
    if let scalar = Unicode.Scalar(value) { scalars.append(scalar) }
  }
  return String(scalars)
}

/// Words of few letters, so that pairs repeat and tie, between spaces, marks and line ends.
func randomWords(count: Int, using random: inout some RandomNumberGenerator) -> String {
  let gaps = [" ", " ", " ", "  ", "\n", "\n\n ", ", ", ".", "-", " 12", "0 ", "\t", " \n"]
  return (0..<count).map { _ in
    let letters = (0..<Int.random(in: 1...6, using: &random)).map { _ in "aabcéß".randomElement(using: &random)! }
    return String(letters) + gaps.randomElement(using: &random)!
  }.joined()
}

/// Whether two texts agree in every byte; `==` would take composed and decomposed letters for equal.
func areIdentical(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

/// Tokens 0, 1, 2, …: the token is the place in the text.
struct PlaceTokenizer: Tokenizer {
  var vocabularySize = Int.max
  func encode(_ text: String) -> [Int] { Array(0..<text.utf8.count) }
  func decode(_ ids: [Int]) -> String { ids.map(String.init).joined(separator: " ") }
}

/// Whether an error is one line in our own words, not in those of Swift's decoder.
func expectSentence(_ error: CorpusError) {
  let text = error.description
  #expect(!text.contains("\n"), "\(text)")
  for word in ["keyNotFound", "CodingKeys", "debugDescription", "typeMismatch", "dataCorrupted", "DecodingError"] {
    #expect(!text.contains(word), "\(text)")
  }
}
