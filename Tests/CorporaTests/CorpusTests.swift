// # Reading a text and cutting it in two

import Corpora
import Foundation
import TestSupport
import Testing

@Suite struct CorpusTests {
  @Test func theEndIsHeldOut() throws {
    let corpus = try Corpus(text: String(repeating: "x", count: 1000), tokenizer: PlaceTokenizer())
    #expect(corpus.training == Array(0..<950))
    #expect(corpus.heldOut == Array(950..<1000))
    #expect(corpus.tokenizer.decode([1, 2]) == "1 2")
    let all = try Corpus(text: "abcdefg", tokenizer: PlaceTokenizer(), heldOutFraction: 0)
    #expect(all.training.count == 7 && all.heldOut.isEmpty)
    let third = try Corpus(text: "abcdefg", tokenizer: CharacterTokenizer(trainedOn: "abcdefg"), heldOutFraction: 0.3)
    #expect(third.training == [0, 1, 2, 3, 4] && third.heldOut == [5, 6])
  }

  @Test(arguments: [-0.1, 1, 1.5, .nan, .infinity]) func wrongFractionsAreErrors(fraction: Double) throws {
    let error = try #require(throws: CorpusError.self) {
      try Corpus(text: "abc", tokenizer: PlaceTokenizer(), heldOutFraction: fraction)
    }
    #expect(error.description.contains("\(fraction)"), "\(error)")
  }

  @Test func emptyAndUnknownTextsAreErrors() throws {
    let empty = try #require(throws: CorpusError.self) { try Corpus(text: "", tokenizer: PlaceTokenizer()) }
    #expect(empty.description.contains("empty"))
    #expect(throws: CorpusError.self) { try Corpus(text: "abc", tokenizer: CharacterTokenizer(trainedOn: "ab")) }
  }

  @Test func lengthsAreCheckedInTime() throws {
    let corpus = try Corpus(
      text: String(repeating: "x", count: 100), tokenizer: PlaceTokenizer(), heldOutFraction: 0.1)
    try corpus.validated(forWindow: 9)
    let short = try #require(throws: CorpusError.self) { try corpus.validated(forWindow: 10) }
    for mention in ["held-out", "10 tokens", "needs 11"] { #expect(short.description.contains(mention), "\(short)") }
    let shorter = try #require(throws: CorpusError.self) { try corpus.validated(forWindow: 90) }
    for mention in ["training", "90 tokens", "needs 91"] {
      #expect(shorter.description.contains(mention), "\(shorter)")
    }
  }

  @Test func filesAreReadAsTheyAre() throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("text.txt")
      let text = "\u{FEFF}e\u{301} é\r\n\u{0}🙂 "
      try Data(text.utf8).write(to: url)
      #expect(areIdentical(try Corpus.text(contentsOf: url), text))
    }
  }

  @Test func unusableFilesAreNamed() throws {
    try withTemporaryFolder { directory in
      let files: [(String, [UInt8], String)] = [
        ("latin", Array("K".utf8) + [0xF6] + Array("nig".utf8), "byte 1"),
        ("cut", Array("ab🙂".utf8).dropLast(), "byte 2"),
        ("surrogate", [0x61, 0x62, 0x63, 0xED, 0xA0, 0x80], "byte 3"),
        ("overlong", [0xC0, 0x80], "byte 0"),
        ("empty", [], "empty"),
      ]
      for (name, bytes, mention) in files {
        let url = directory.appendingPathComponent(name)
        try Data(bytes).write(to: url)
        let error = try #require(throws: CorpusError.self) { try Corpus.text(contentsOf: url) }
        #expect(error.description.contains(mention) && error.description.contains(url.path), "\(error)")
      }
      let others = [
        (directory, "directory"), (directory.appendingPathComponent("absent"), "no such file"),
        (URL(string: "https://example.org/x")!, "no such file"),
      ]
      for (url, mention) in others {
        let error = try #require(throws: CorpusError.self) { try Corpus.text(contentsOf: url) }
        #expect(error.description.contains(mention), "\(error)")
        #expect(error.description.contains(url.isFileURL ? url.path : url.absoluteString), "\(error)")
      }
    }
  }
}
