// # Text that comes token by token
//
// However tokens cut characters, the pieces are whole, and together they are what `decode` gives.

import Corpora
import Tensors
import Testing

@Suite("text stream") struct TextStreamTests {
  /// The pieces of some tokens, with the end as the last one.
  private func pieces(_ tokenizer: AnyTokenizer, _ ids: [Int]) -> [String] {
    var stream = TextStream(tokenizer)
    return ids.map { stream.append($0) } + [stream.end()]
  }

  private func bytePairs() throws -> AnyTokenizer {
    // Merges within and across the bytes of characters.
    .bytePairs(
      try BytePairTokenizer(trainedOn: String(repeating: "né € 𝄞 é€ 漢字 né ", count: 20), vocabularySize: 263))
  }

  @Test func aCharacterAppearsWhenItIsWhole() throws {
    let tokenizer = try bytePairs()
    #expect(pieces(tokenizer, [0xe2, 0x82, 0xac]) == ["", "", "€", ""])
    #expect(pieces(tokenizer, [0x61, 0xf0, 0x9d, 0x84, 0x9e, 0x62]) == ["a", "", "", "", "𝄞", "b", ""])
    #expect(pieces(tokenizer, [0xe2, 0x82]) == ["", "", "\u{FFFD}"])
    #expect(pieces(tokenizer, [0xe2, 0x61]) == ["", "\u{FFFD}a", ""])
  }

  @Test func thePiecesTogetherAreTheText() throws {
    let tokenizer = try bytePairs()
    var random = SeededGenerator(seed: 1)
    let starts = [0x61, 0xc3, 0xe2, 0xe6, 0xf0, 0x82, 0xac, 0xff, 0xed, 0xa0, 0xc0]
    for length in 0..<400 {
      // Mostly nonsense: bytes that begin, continue or are never there, merged tokens, unknown numbers.
      let ids = (0..<(length % 20)).map { _ in
        Bool.random(using: &random) ? starts.randomElement(using: &random)! : Int.random(in: 0..<265, using: &random)
      }
      let pieces = pieces(tokenizer, ids)
      #expect(pieces.joined() == tokenizer.decode(ids), "\(ids)")
      // And cut anywhere, with what is unfinished handed on.
      var first = TextStream(tokenizer)
      let begun = ids.prefix(length % 7).map { first.append($0) }.joined()
      #expect(first.unfinished.count <= 3)
      var second = TextStream(tokenizer, goingOnFrom: first.unfinished)
      let rest = ids.dropFirst(length % 7).map { second.append($0) }.joined()
      #expect(begun + rest + second.end() == tokenizer.decode(ids), "\(ids)")
    }
    let text = "né 漢字 € 𝄞!"
    #expect(pieces(tokenizer, try tokenizer.encode(text)).joined() == text)
    #expect(pieces(tokenizer, try tokenizer.encode(text)).allSatisfy { !$0.contains("\u{FFFD}") })
  }

  @Test func charactersAndWords() throws {
    let characters = AnyTokenizer.characters(CharacterTokenizer(trainedOn: "abc"))
    #expect(pieces(characters, [1, 0, 7]) == ["b", "a", "\u{FFFD}", ""])
    let words = AnyTokenizer.words(try #require(WordTokenizer(words: ["to", "be", "or"])))
    #expect(pieces(words, [0, 1, 2]) == ["to", " be", " or", ""])
    var later = TextStream(words, goingOnFrom: [])
    #expect(later.append(0) == " to")
  }

  @Test func anAlphabetSaysWhatThereIs() throws {
    #expect(AnyTokenizer.characters(CharacterTokenizer(trainedOn: "cab\n")).alphabet == "the characters \"\\nabc\"")
    #expect(AnyTokenizer.words(try #require(WordTokenizer(words: ["to", "be"]))).alphabet == "the words to be")
    let many = (0..<50).map { "word\($0)" }
    #expect(AnyTokenizer.words(try #require(WordTokenizer(words: many))).alphabet.hasSuffix("word39 and more"))
    let wide = String(String.UnicodeScalarView((0x4e00..<0x4e00 + 300).map { Unicode.Scalar($0)! }))
    #expect(AnyTokenizer.characters(CharacterTokenizer(trainedOn: wide)).alphabet.hasSuffix("and more"))
    #expect(try bytePairs().alphabet == "every text")
  }
}
