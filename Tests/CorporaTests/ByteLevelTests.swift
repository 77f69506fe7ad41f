// # Byte-level byte pairs
//
// Against a slow twin, and against what Hugging Face's library gives for the tokenizers in `Golden`. The arrays that
// a GGUF file would give are taken from those files as well.

import Corpora
import Foundation
import Tensors
import TestSupport
import Testing

/// One of the tokenizers that `make_tokenizers.py` wrote, and what Hugging Face's library gives for some texts.
struct GoldenTokenizer {
  struct Row: Decodable {
    let text: String
    let ids: [Int]
    let decoded: String

    init(from decoder: any Decoder) throws {
      var items = try decoder.unkeyedContainer()
      text = try items.decode(String.self)
      ids = try items.decode([Int].self)
      decoded = try items.decode(String.self)
    }
  }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")
  static let names = ["plain", "digits", "prefix", "lookup"]

  let url: URL
  let rows: [Row]
  /// The contents of the file.
  let object: [String: Any]

  init(_ name: String) throws {
    url = GoldenTokenizer.folder.appending(path: "\(name)/tokenizer.json")
    let tokens = try Data(contentsOf: GoldenTokenizer.folder.appending(path: "tokens.json"))
    rows = try #require(try JSONDecoder().decode([String: [Row]].self, from: tokens)[name])
    object = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
  }

  func tokenizer() throws -> ByteLevelTokenizer {
    guard case .byteLevel(let tokenizer) = try AnyTokenizer(contentsOf: url) else {
      throw CorpusError(url.path, problem: "this is one of ours", remedy: "make it again")
    }
    return tokenizer
  }

  var model: [String: Any] { object["model"] as! [String: Any] }
  var merges: [String] {
    (model["merges"] as! [Any]).map { $0 as? String ?? ($0 as! [String]).joined(separator: " ") }
  }
  /// The tokens by id; only for a vocabulary without gaps.
  var tokens: [String] { (model["vocab"] as! [String: Int]).sorted { $0.value < $1.value }.map(\.key) }
}

@Suite("byte-level byte pairs") struct ByteLevelTests {
  @Test(arguments: GoldenTokenizer.names) func theTokensAreThoseOfHuggingFace(name: String) throws {
    let golden = try GoldenTokenizer(name)
    let tokenizer = try golden.tokenizer()
    #expect(golden.rows.count > 80)
    var missing = 0
    for row in golden.rows {
      do {
        let ids = try tokenizer.encode(row.text)
        #expect(ids == row.ids, "\(String(reflecting: row.text))")
        #expect(areIdentical(tokenizer.decode(ids), row.decoded))
      } catch let error as CorpusError {
        // Characters that that library leaves out.
        missing += 1
        #expect(error.description.contains("U+0004") || error.description.contains("U+0006"), "\(error)")
        #expect(row.decoded != row.text)
      }
    }
    #expect(missing <= (name == "digits" ? 9 : 0))
  }

  @Test(arguments: [false, true]) func theTwinAgrees(digitsAlone: Bool) throws {
    let golden = try GoldenTokenizer("plain")
    let tokens = golden.tokens
    let tokenizer = try ByteLevelTokenizer(
      tokens: tokens, merges: golden.merges, specialTokens: [], digitsAlone: digitsAlone, endOfText: nil,
      name: "the arrays")
    let twin = SlowByteLevel(
      merges: golden.merges.map {
        let parts = $0.split(separator: " ").map(String.init)
        return (parts[0], parts[1])
      }, digitsAlone: digitsAlone)
    var random = SeededGenerator(seed: 4)
    let texts =
      (0..<150).map { _ in randomText(count: 30, using: &random) }
      + (0..<20).map { _ in randomWords(count: 30, using: &random) }
      + ["the cat's cat and they'll", String(repeating: "the", count: 40), String(repeating: "a", count: 99)]
    for text in texts {
      let ids = try tokenizer.encode(text)
      #expect(ids.map { tokens[$0] } == twin.tokens(text), "\(String(reflecting: text))")
      #expect(areIdentical(tokenizer.decode(ids), text))
    }
  }

  @Test(arguments: [
    // A merge can make one of lower rank possible, which then comes first: one pair at a time.
    (["a a", "aa a", "aaa aa"], "aaaaa", ["aa", "aaa"]), (["aa a", "a a"], "aaaaa", ["aaa", "aa"]),
    (["ab c", "b c", "a b"], "abc", ["a", "bc"]), (["b a", "a b"], "aba", ["a", "ba"]),
    (["a b"], "", []), (["a b"], "ababc", ["ab", "ab", "c"]),
  ])
  func mergesGoByRankFromTheLeft(merges: [String], text: String, expected: [String]) throws {
    let tokens = ["a", "b", "c", "aa", "aaa", "aaaaa", "ab", "abc", "bc", "ba"]
    let tokenizer = try ByteLevelTokenizer(
      tokens: tokens, merges: merges, specialTokens: [], digitsAlone: false, endOfText: nil, name: "the arrays")
    #expect(try tokenizer.encode(text).map { tokens[$0] } == expected)
  }

  @Test func specialTokensComeFirst() throws {
    let tokens = ["a", "Ġ", "<e>", "<e>a", "é b"]
    let tokenizer = try ByteLevelTokenizer(
      tokens: tokens, merges: [], specialTokens: [2, 3, 4], textTokens: [4], digitsAlone: true, endOfText: 2,
      name: "the arrays")
    #expect(try tokenizer.encode("a<e> <e>aaé b<e>") == [0, 2, 1, 3, 0, 4, 2])
    #expect(tokenizer.decode([0, 2, 1, 3, 0, 4, 2]) == "a<e> <e>aaé b<e>")
    #expect((-1..<6).map { tokenizer.isSpecial($0) } == [false, false, false, true, true, false, false])
    #expect(tokenizer.endOfText == 2 && tokenizer.vocabularySize == 5)
    #expect(tokenizer.id(of: "<e>") == 2 && tokenizer.id(of: "Ġ") == 1 && tokenizer.id(of: "e") == nil)
    #expect(tokenizer.decode([-1, 5, 0]) == "\u{FFFD}\u{FFFD}a")
    let error = try #require(throws: CorpusError.self) { try tokenizer.encode("a\u{7}") }
    expectSentence(error)
    #expect(error.description.contains("U+0007") && error.description.contains("offset 1"), "\(error)")
    let prefixed = try ByteLevelTokenizer(
      tokens: ["a"], merges: [], specialTokens: [], digitsAlone: false, addsPrefixSpace: true, endOfText: nil,
      name: "the arrays")
    let space = try #require(throws: CorpusError.self) { try prefixed.encode("a") }
    #expect(space.description.contains("a space is to be added"))
  }

  @Test func numbersWithoutATokenAreNoText() throws {
    let golden = try GoldenTokenizer("lookup")
    let tokenizer = try golden.tokenizer()
    let highest = try #require(tokenizer.id(of: "don"))
    #expect(tokenizer.vocabularySize == highest + 1)
    #expect(tokenizer.decode([highest, highest - 1, highest + 1]) == "don\u{FFFD}\u{FFFD}")
  }

  @Test func theEndOfATextIsNamedBesideTheFile() throws {
    let ends = try GoldenTokenizer.names.map { try GoldenTokenizer($0).tokenizer().endOfText }
    #expect(ends == [0, 1, nil, nil])
    #expect(try GoldenTokenizer("plain").tokenizer().isSpecial(0))
    let plain = try GoldenTokenizer("plain").tokenizer()
    #expect(!plain.isSpecial(try #require(plain.id(of: "    "))))
  }

  @Test(arguments: GoldenTokenizer.names) func itIsWrittenAndReadAgain(name: String) throws {
    let golden = try GoldenTokenizer(name)
    let tokenizer = try golden.tokenizer()
    try withTemporaryFolder { folder in
      let files = AnyTokenizer.byteLevel(tokenizer).files
      for (name, data) in files { try data.write(to: folder.appending(path: name)) }
      let read = try AnyTokenizer(contentsOf: folder.appending(path: "tokenizer.json"))
      #expect(read == .byteLevel(tokenizer) && read.files == files)
    }
  }

  @Test(arguments: GoldenTokenizer.names) func tokensStreamAsText(name: String) throws {
    let golden = try GoldenTokenizer(name)
    let tokenizer = AnyTokenizer.byteLevel(try golden.tokenizer())
    for row in golden.rows {
      var stream = TextStream(tokenizer)
      let pieces = row.ids.map { stream.append($0) }
      #expect(areIdentical(pieces.joined() + stream.end(), tokenizer.decode(row.ids)))
    }
    #expect(tokenizer.alphabet == "every text" + (name == "digits" ? " without the characters U+0004 U+0006" : ""))
  }

  // Without the heap, and the memory of words, this would take minutes.
  @Test func endlessWordsTakeNoTime() throws {
    let tokenizer = try GoldenTokenizer("digits").tokenizer()
    for part in ["a", " ", "1", "漢字", "the", "\n", "<|end|>"] {
      let text = String(repeating: part, count: 100_000)
      #expect(areIdentical(tokenizer.decode(try tokenizer.encode(text)), text))
    }
  }
}
