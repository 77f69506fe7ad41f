// # Reading a grammar
//
// The project's file is read as it is written, and every mistake that a reader can make is reported with line, column
// and word.

import Corpora
import Foundation
import Tensors
import TestSupport
import Testing

/// A mistake, where it is, and what the message must mention.
struct Mistake: CustomTestStringConvertible {
  let name: String
  let text: String
  /// Line and column; nil if the error is about something missing.
  let place: String?
  let mentions: [String]
  var testDescription: String { name }

  init(_ name: String, _ text: String, at place: String?, _ mentions: String...) {
    (self.name, self.text, self.place, self.mentions) = (name, text, place, mentions)
  }

  static let sentence = "NAME took the OBJECT PLACE ."
  static let all = [
    Mistake("unknown line", grammarText() + "\nnames anna", at: "line 8, column 1", "“names”", "statement"),
    Mistake("indented", grammarText() + "\n  \tnames anna", at: "line 8, column 4", "“names”"),
    Mistake("no number", grammarText().replacing("tokens 11", with: "tokens many"), at: "line 2, column 8", "“many”"),
    Mistake("two numbers", grammarText().replacing("tokens 11", with: "tokens 1 1"), at: "line 2, column 8", "“1 1”"),
    Mistake(
      "nothing behind tokens", grammarText().replacing("tokens 11", with: "tokens"), at: "line 2, column 1", "“”"),
    Mistake("no tokens", grammarText(tokens: 0), at: "line 2, column 8", "“0”", "from 1"),
    Mistake("too many", grammarText(tokens: 100_001), at: "line 2, column 8", "to 100000"),
    Mistake("beyond integers", grammarText().replacing("11", with: "99999999999999999999"), at: "line 2", "99999"),
    Mistake("above one", grammarText(statement: "1.2"), at: "line 6, column 11", "“1.2”", "statement", "0 to 1"),
    Mistake("below zero", grammarText(question: "-0.1"), at: "line 7, column 10", "“-0.1”", "question"),
    Mistake("not a number", grammarText(question: "nan"), at: "line 7, column 10", "“nan”"),
    Mistake("often", grammarText(question: "often"), at: "line 7, column 10", "“often”", "question"),
    Mistake("no probability", grammarText(question: ""), at: "line 7, column 11", "“=”", "question"),
    Mistake("sum", grammarText(question: "0.6"), at: "line 7, column 10", "0.3", "0.6", "add up to 1"),
    Mistake("no equals sign", grammarText().replacing("NAME =", with: "NAME"), at: "line 3, column 6", "NAME", "="),
    Mistake("no space", grammarText().replacing("NAME =", with: "NAME="), at: "line 3, column 1", "“NAME=”"),
    Mistake("no words", grammarText(objects: ""), at: "line 4, column 1", "OBJECT has no words"),
    Mistake("second equals sign", grammarText(objects: "key = cup"), at: "line 4, column 14", "second ="),
    Mistake("no sentence", grammarText(told: ""), at: "line 6, column 1", "statement has no words"),
    Mistake("twice in a list", grammarText(objects: "key cup key"), at: "line 4, column 18", "“key”", "line 4"),
    Mistake("in two lists", grammarText(places: "barn mill ben"), at: "line 5, column 19", "“ben”", "NAME", "line 3"),
    Mistake(
      "list and sentence", grammarText(told: "anna took the OBJECT PLACE ."), at: "line 6, column 17", "“anna”",
      "NAME"),
    Mistake("symbol in a list", grammarText(objects: "key CUP"), at: "line 4, column 14", "CUP", "OBJECT"),
    Mistake(
      "unknown symbol", grammarText(told: "NAME took the OBJECT PLACE TIME ."), at: "line 6, column 44", "TIME"),
    Mistake("unused symbol", grammarText(told: "he took the OBJECT PLACE ."), at: "line 3, column 1", "NAME"),
    Mistake(
      "no object", grammarText(told: "NAME sat in PLACE ."), at: "line 6, column 1", "statement", "OBJECT 0 times"),
    Mistake("no place", grammarText(asked: "the OBJECT ?"), at: "line 7, column 1", "question", "PLACE 0 times"),
    Mistake("two places", grammarText(asked: "the OBJECT PLACE PLACE"), at: "line 7, column 33", "PLACE 2 times"),
    Mistake("answer first", grammarText(asked: "PLACE has the OBJECT"), at: "line 7, column 16", "before"),
    Mistake("same first word", grammarText(told: "the OBJECT PLACE of NAME"), at: "line 7, column 16", "same word"),
    Mistake("same first symbol", grammarText(asked: "NAME lost OBJECT PLACE"), at: "line 7, column 16", "same word"),
    Mistake("one place", grammarText(places: "barn"), at: "line 5, column 1", "one place"),
    Mistake("too short", grammarText(tokens: 7), at: "line 2, column 1", "7 tokens", "8 or more"),
    Mistake("twice", grammarText() + "\nPLACE = shed", at: "line 8, column 1", "PLACE", "line 5"),
    Mistake("tokens twice", grammarText() + "\ntokens 12", at: "line 8, column 1", "tokens", "line 2"),
    Mistake("two statements", grammarText() + "\nstatement 1 = \(sentence)", at: "line 8", "statement", "line 6"),
    Mistake("two questions", grammarText() + "\r\n\r\nquestion 1 = x", at: "line 9", "question", "line 7"),
    Mistake("empty", "# nothing\n", at: nil, "no line for tokens", "`tokens"),
    Mistake("without statement", without("statement"), at: nil, "no line for statement"),
    Mistake("without question", without("question"), at: nil, "no line for question"),
    Mistake("without objects", without("OBJECT"), at: nil, "no line for OBJECT"),
    Mistake("without places", without("PLACE"), at: nil, "no line for PLACE"),
  ]

  /// The grammar for tests without the line that begins with `key`.
  static func without(_ key: String) -> String {
    grammarText().split(separator: "\n").filter { !$0.hasPrefix(key) }.joined(separator: "\n")
  }
}

@Suite struct GrammarParsingTests {
  @Test func theFileOfTheProjectIsRead() throws {
    let grammar = try worldGrammar()
    #expect(grammar.T == 128)
    #expect(grammar.objects.count == 16 && grammar.places.count == 16)
    #expect(grammar.question.probability == 0.7 && grammar.statement.probability == 0.3)
    #expect(grammar.V == 8 + 16 + 16 + ["took", "the", "."].count)
    #expect(Set(grammar.tokenizer.words).count == grammar.V)
  }

  @Test func symbolsStandFirstInTheVocabulary() throws {
    let grammar = try Grammar("\u{FEFF}" + grammarText().replacing("\n", with: " \r\n"))
    let words = ["anna", "ben", "key", "cup", "hat", "barn", "mill", "took", "the", "."]
    #expect(grammar.tokenizer.words == words)
    #expect(grammar.objects == 2..<5 && grammar.places == 5..<7 && grammar.T == 11)
    #expect(grammar.statement.symbols == [.anyOf(0..<2), .word(7), .word(8), .object, .place, .word(9)])
    #expect(grammar.question.symbols == [.word(8), .object, .place, .word(9)])
  }

  @Test func anOtherOrderIsTheSameLanguage() throws {
    let lines = grammarText().split(separator: "\n")
    let grammar = try Grammar(lines.reversed().joined(separator: "\n"))
    #expect(Set(grammar.tokenizer.words) == Set(try Grammar(grammarText()).tokenizer.words))
    #expect(abs(grammar.lossFloor - (try Grammar(grammarText()).lossFloor)) < 1e-12)
  }

  @Test(arguments: Mistake.all) func mistakesAreNamed(mistake: Mistake) throws {
    let error = try #require(throws: CorpusError.self) { try Grammar(mistake.text, file: "my.grammar") }
    #expect(error.place.hasPrefix("my.grammar"), "\(error)")
    if let place = mistake.place {
      // "line 2" must not be taken for "line 21".
      #expect((error.place + ",").contains(" \(place),"), "\(error)")
    } else {
      #expect(error.place == "my.grammar", "\(error)")
    }
    for mention in mistake.mentions { #expect(error.description.contains(mention), "\(error)") }
    #expect(!error.remedy.isEmpty)
  }

  @Test func theShortestDocumentIsEnough() throws {
    let grammar = try Grammar(grammarText(tokens: 8, statement: "0", question: "1"))
    var random = SeededGenerator(seed: 3)
    for _ in 0..<20 { #expect(grammar.document(using: &random).recalls.map(\.position) == [8]) }
  }

  @Test func filesAreNamed() throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("a.grammar")
      try Data(grammarText().utf8).write(to: url)
      #expect(try Grammar(contentsOf: url) == Grammar(grammarText()))
      let files: [(String, [UInt8], String)] = [
        ("latin", [0x23, 0xE9, 0x0A], "byte 1"), ("empty", [], "empty"),
        ("wrong", Array("x".utf8), "line 1, column 1"),
      ]
      for (name, bytes, mention) in files {
        let url = directory.appendingPathComponent(name)
        try Data(bytes).write(to: url)
        let error = try #require(throws: CorpusError.self) { try Grammar(contentsOf: url) }
        #expect(error.description.contains(mention) && error.place.hasPrefix(url.path), "\(error)")
      }
      for (url, mention) in [(directory, "directory"), (directory.appendingPathComponent("no"), "no such file")] {
        let error = try #require(throws: CorpusError.self) { try Grammar(contentsOf: url) }
        #expect(error.description.contains(mention) && error.place == url.path, "\(error)")
      }
    }
  }
}
