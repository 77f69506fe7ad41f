// # Byte pairs against a slow twin
//
// The twin cuts words with regular expressions, keeps all of the text, counts every pair anew before each merge,
// and encodes by applying all merges in turn. It shares nothing with the library but the definition.

import Corpora
import Foundation
import Tensors
import Testing

/// Byte pairs by the letter of the definition.
private struct SlowBytePairs {
  var merges: [[Int]] = []

  static func words(_ text: String) -> [[Int]] {
    let letter = #"A-Za-z\u{80}-\u{10FFFF}"#
    let space = #"\u{20}\u{9}-\u{D}"#
    let pattern =
      " ?[\(letter)]+| ?[0-9]+| ?[^\(letter)0-9\(space)]+|[\(space)]+(?= [^\(space)])|[\(space)]+"
    let expression = try! Regex(pattern).matchingSemantics(.unicodeScalar)
    return text.matches(of: expression).map { text[$0.range].utf8.map(Int.init) }
  }

  init(_ text: String, vocabularySize: Int) {
    var words = SlowBytePairs.words(text)
    while merges.count < vocabularySize - 256 {
      var counts: [[Int]: Int] = [:]
      for word in words {
        for place in word.indices.dropLast() { counts[[word[place], word[place + 1]], default: 0] += 1 }
      }
      let most = counts.values.max() ?? 0
      let candidates = counts.keys.filter { counts[$0] == most }
      guard most > 1, let best = candidates.min(by: { $0.lexicographicallyPrecedes($1) }) else { break }
      words = words.map { SlowBytePairs.apply(best, 256 + merges.count, to: $0) }
      merges.append(best)
    }
  }

  static func apply(_ pair: [Int], _ id: Int, to word: [Int]) -> [Int] {
    var word = word
    var place = 0
    while place + 1 < word.count {
      if word[place] == pair[0], word[place + 1] == pair[1] { word.replaceSubrange(place...(place + 1), with: [id]) }
      place += 1
    }
    return word
  }

  func encode(_ text: String) -> [Int] {
    SlowBytePairs.words(text).flatMap { word in
      merges.enumerated().reduce(word) { SlowBytePairs.apply($1.element, 256 + $1.offset, to: $0) }
    }
  }
}

/// The merges as they are saved: two names with a space between them, whose numbers are in the vocabulary.
private func merges(of tokenizer: BytePairTokenizer) throws -> [[Int]] {
  struct Saved: Decodable {
    struct Model: Decodable {
      let vocab: [String: Int]
      let merges: [String]
    }
    let model: Model
  }
  let data = try #require(AnyTokenizer.bytePairs(tokenizer).files["tokenizer.json"])
  let model = try JSONDecoder().decode(Saved.self, from: data).model
  return try model.merges.map { try $0.split(separator: " ").map { try #require(model.vocab[String($0)]) } }
}

@Suite struct BytePairTests {
  @Test(arguments: 0..<12) func theTwinAgrees(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let text = randomWords(count: 30 + 20 * Int(seed), using: &random)
    let size = [256, 257, 270, 300, 1000][Int(seed) % 5]
    let tokenizer = try BytePairTokenizer(trainedOn: text, vocabularySize: size)
    let twin = SlowBytePairs(text, vocabularySize: size)
    #expect(try merges(of: tokenizer) == twin.merges)
    #expect(tokenizer.vocabularySize == 256 + twin.merges.count)
    for other in [text, randomWords(count: 50, using: &random), randomText(count: 60, using: &random)] {
      #expect(tokenizer.encode(other) == twin.encode(other), "\(String(reflecting: other))")
    }
  }

  @Test(arguments: [
    ("In the beginning", "In| the| beginning"), ("a  b", "a| | b"), ("a\nb", "a|\n|b"), ("a \n  b ", "a| \n | b| "),
    ("god, and 12men", "god|,| and| 12|men"), (" ", " "), ("\n\n\n", "\n\n\n"), ("Kön’ge!?", "Kön’ge|!?"),
    ("\r\n\tx", "\r\n\t|x"), ("", ""),
  ])
  func wordsAreCutWhereWeSay(text: String, cut: String) throws {
    // Every pair that can be learned is learned, so that each word is one token.
    let words = cut.isEmpty ? [] : cut.components(separatedBy: "|")
    let tokenizer = try BytePairTokenizer(trainedOn: text + "\u{1}" + text, vocabularySize: 999)
    #expect(tokenizer.encode(text).map { tokenizer.decode([$0]) } == words)
    #expect(SlowBytePairs.words(text).map { String(decoding: $0.map(UInt8.init), as: UTF8.self) } == words)
  }

  @Test func tiesGoToTheSmallestPair() throws {
    // (a, b), (b, a), (c, d) and (d, c): twice each.
    let tokenizer = try BytePairTokenizer(trainedOn: "dcdc.abab.dc.ab", vocabularySize: 260)
    #expect(try merges(of: tokenizer) == [[97, 98], [100, 99]])
  }

  @Test func equalTextsGiveEqualTokens() throws {
    var random = SeededGenerator(seed: 8)
    let text = randomWords(count: 2000, using: &random)
    let first = try BytePairTokenizer(trainedOn: text, vocabularySize: 500)
    for _ in 0..<5 { #expect(try BytePairTokenizer(trainedOn: text, vocabularySize: 500) == first) }
  }

  @Test func trainingEndsWhenNothingRepeats() throws {
    let tokenizer = try BytePairTokenizer(trainedOn: "abcd", vocabularySize: 300)
    #expect(tokenizer.vocabularySize == 256)
    #expect(tokenizer.encode("é") == [0xC3, 0xA9])
    #expect(try BytePairTokenizer(trainedOn: "", vocabularySize: 300).vocabularySize == 256)
  }

  @Test func tooSmallAVocabularyIsAnError() throws {
    let error = try #require(throws: CorpusError.self) {
      try BytePairTokenizer(trainedOn: "abab", vocabularySize: 255)
    }
    #expect(error.description.contains("255") && error.description.contains("256"))
  }

  @Test func halfACharacterIsShownAsSuch() throws {
    let tokenizer = try BytePairTokenizer(trainedOn: "", vocabularySize: 256)
    #expect(tokenizer.decode([97, 0xC3]) == "a\u{FFFD}")
    #expect(tokenizer.decode([97, 256, -1]) == "a\u{FFFD}\u{FFFD}")
  }

  // Without a limit on the length of a word the work would grow with the square of these lengths.
  @Test func endlessWordsTakeNoTime() throws {
    let letters = String(repeating: "a", count: 300_000)
    let signs = String(repeating: "創世記", count: 30_000)
    let tokenizer = try BytePairTokenizer(trainedOn: letters + "\n" + signs, vocabularySize: 300)
    for text in [letters, signs, String(repeating: " ", count: 300_000)] {
      #expect(areIdentical(tokenizer.decode(tokenizer.encode(text)), text))
    }
    #expect(tokenizer.encode(letters).count < 300_000 / 32)
  }
}
