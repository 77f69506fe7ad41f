// # Tokenizers give back what they took
//
// Round trips over random Unicode, vocabularies that survive a file, and errors that say which character.

import Corpora
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct TokenizerTests {
  @Test func charactersAreSortedScalars() throws {
    let tokenizer = CharacterTokenizer(trainedOn: "cabbage e\u{301}")
    #expect(tokenizer.vocabularySize == 7)
    #expect(try tokenizer.encode(" abceg\u{301}") == [0, 1, 2, 3, 4, 5, 6])
    #expect(try tokenizer.encode("") == [])
    #expect(areIdentical(tokenizer.decode([4, 6]), "e\u{301}"))
    #expect(tokenizer.decode([1, 99, -1, 2]) == "a\u{FFFD}\u{FFFD}b")
    #expect(CharacterTokenizer(trainedOn: "").vocabularySize == 0)
  }

  @Test func anUnknownCharacterIsNamed() throws {
    let tokenizer = CharacterTokenizer(trainedOn: "abc")
    let error = try #require(throws: CorpusError.self) { try tokenizer.encode("abé") }
    for mention in ["é", "U+00E9", "offset 2", "3 of the vocabulary"] {
      #expect(error.description.contains(mention), "\(error)")
    }
    let wide = try #require(throws: CorpusError.self) { try tokenizer.encode("🙂") }
    #expect(wide.description.contains("U+1F642"))
    let control = try #require(throws: CorpusError.self) { try tokenizer.encode("\n") }
    #expect(control.description.contains("U+000A") && !control.description.contains("\n"))
    #expect(error.localizedDescription == error.description)
  }

  @Test func wordsAreTheirPlacesInTheList() throws {
    let tokenizer = try #require(WordTokenizer(words: ["the", "key", "é", "."]))
    #expect(tokenizer.vocabularySize == 4)
    #expect(try tokenizer.encode("key the . key é") == [1, 0, 3, 1, 2])
    #expect(try tokenizer.encode("") == [])
    #expect(tokenizer.decode([1, 0, 4, -1, 3]) == "key the \u{FFFD} \u{FFFD} .")
    #expect(tokenizer.id(of: "é") == 2 && tokenizer.id(of: "e") == nil)
    for text in ["the key", "é . é", "."] {
      #expect(areIdentical(tokenizer.decode(try tokenizer.encode(text)), text))
    }
    for (text, mention) in [
      ("the kea .", "word 2, “kea”"), ("the  key", "word 2, “”"), ("the key.", "word 2, “key.”"),
    ] {
      let error = try #require(throws: CorpusError.self) { try tokenizer.encode(text) }
      #expect(error.description.contains(mention) && error.description.contains("4 words"), "\(error)")
    }
    for words in [["a", "b", "a"], ["a", ""], ["a b"], ["a\n"]] { #expect(WordTokenizer(words: words) == nil) }
  }

  @Test func everyTextComesBack() throws {
    var random = SeededGenerator(seed: 5)
    let training = randomText(count: 3000, using: &random) + randomWords(count: 300, using: &random)
    let bytePairs = try BytePairTokenizer(trainedOn: training, vocabularySize: 400)
    #expect(bytePairs.vocabularySize > 300)
    var number = 0
    for _ in 0..<500 {
      let text = randomText(count: 200, using: &random)
      let characters = CharacterTokenizer(trainedOn: text)
      for tokenizer in [AnyTokenizer.characters(characters), .bytePairs(bytePairs)] {
        let ids = try tokenizer.encode(text)
        #expect(ids.allSatisfy { (0..<tokenizer.vocabularySize).contains($0) })
        if !areIdentical(tokenizer.decode(ids), text) {
          Issue.record("\(String(reflecting: text)) did not come back")
        }
        number += 1
      }
    }
    #expect(number == 1000)
  }

  @Test func vocabulariesAreSaved() throws {
    try withTemporaryFolder { directory in
      var random = SeededGenerator(seed: 6)
      let text =
        randomText(count: 500, using: &random) + "\u{0}\"\\/\u{2028}" + randomWords(count: 99, using: &random)
      let tokenizers = [
        AnyTokenizer.characters(CharacterTokenizer(trainedOn: text)),
        .bytePairs(try BytePairTokenizer(trainedOn: text, vocabularySize: 300)),
        .characters(CharacterTokenizer(trainedOn: "")),
        .bytePairs(try BytePairTokenizer(trainedOn: "", vocabularySize: 256)),
        .words(WordTokenizer(words: ["anna", "“é”", "\"", "\\"])!), .words(WordTokenizer(words: [])!),
      ]
      for (index, tokenizer) in tokenizers.enumerated() {
        let url = directory.appending(path: "tokenizer.json")
        for (name, data) in tokenizer.files { try data.write(to: directory.appending(path: name)) }
        let read = try AnyTokenizer(contentsOf: url)
        #expect(read == tokenizer)
        #expect(read.files == tokenizer.files)
        #expect(read.vocabularySize == tokenizer.vocabularySize)
        if index < 2 { #expect(try read.encode(text) == tokenizer.encode(text)) }
      }
    }
  }

  // What earlier versions of this book wrote.
  @Test(arguments: [
    (#"{"kind":"characters","characters":"\n abÅ\u212b\ud834\udd1e"}"#, "ab Å\u{212B}\n𝄞"),
    (#"{"words":["to","be","é"],"kind":"words"}"#, "be to é"),
    (#"{ "kind" : "bytePairs", "merges" : [ [116, 104], [256, 101] ] }"#, "the then, thin"),
  ])
  func theOldFormIsStillRead(file: String, text: String) throws {
    try withTemporaryFolder { directory in
      let url = directory.appending(path: "tokenizer.json")
      try Data(file.utf8).write(to: url)
      let tokenizer = try AnyTokenizer(contentsOf: url)
      #expect(areIdentical(tokenizer.decode(try tokenizer.encode(text)), text))
      #expect(tokenizer.vocabularySize == [7, 3, 258][file.contains("212b") ? 0 : file.contains("words") ? 1 : 2])
    }
  }

  @Test(arguments: [
    "", "{", "[]", "{}", "{\"kind\":\"\u{ff}", #"{"kind":"syllables"}"#, #"{"kind":3}"#, #"{"kind":"words"}"#,
    #"{"kind":"words","words":["a","a"]}"#, #"{"kind":"words","words":["a b"]}"#, #"{"kind":"characters"}"#,
    #"{"kind":"characters","characters":"ba"}"#,
    #"{"kind":"characters","characters":"aa"}"#, #"{"kind":"bytePairs"}"#, #"{"kind":"bytePairs","merges":[[1]]}"#,
    #"{"kind":"bytePairs","merges":[[1,2,3]]}"#, #"{"kind":"bytePairs","merges":[[1,256]]}"#,
    #"{"kind":"bytePairs","merges":[[-1,2]]}"#, #"{"kind":"bytePairs","merges":[[1,2],[1,2]]}"#,
    // Each merge would double the length of the last: 2^60 bytes.
    "{\"kind\":\"bytePairs\",\"merges\":[[1,1],\((256..<315).map { "[\($0),\($0)]" }.joined(separator: ","))]}",
  ])
  func damagedVocabulariesAreRefused(text: String) throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("tokenizer.json")
      try Data(text.utf8).write(to: url)
      let error = try #require(throws: CorpusError.self) { try AnyTokenizer(contentsOf: url) }
      expectSentence(error)
      #expect(error.description.contains(url.path), "\(error)")
    }
  }

  @Test func unusableFilesAreNamed() throws {
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("file")
      try Data("x".utf8).write(to: file)
      for url in [directory, file.appendingPathComponent("x.json"), directory.appendingPathComponent("absent")] {
        let error = try #require(throws: CorpusError.self) { try AnyTokenizer(contentsOf: url) }
        #expect(error.description.contains(url.path), "\(error)")
      }
    }
  }
}
