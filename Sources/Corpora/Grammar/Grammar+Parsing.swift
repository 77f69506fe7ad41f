// # Reading a grammar
//
// The file is meant to be edited by readers of the book, so its errors matter as much as its format:
// each gives line and column, what was wrong, and what to do. The format, line by line:
//
//     # a comment                          also at the end of any other line
//     tokens 128                           T
//     NAME = anna ben …                    a symbol and its words; OBJECT and PLACE are required
//     statement 0.3 = NAME took the OBJECT PLACE .
//     question 0.7 = the OBJECT PLACE .
//
// A word in capitals only is a symbol; anything else is a word of the language. Reading takes two
// steps: this file cuts lines into words and sorts them, and `Grammar+Checking.swift` checks that
// they define a language.
//
// Read before: `Grammar.swift`. Read next: `Grammar+Checking.swift`.

import Foundation

/// A word of the file and its position.
struct GrammarWord {
  let text: String
  let line: Int
  let column: Int

  /// Whether it is written in capital letters only.
  var isSymbol: Bool { text.allSatisfy { $0.isLetter && $0.isUppercase } }
}

/// What the lines of a grammar say, sorted.
struct GrammarLines {
  /// The name of the file, for errors.
  let file: String
  var length: (key: GrammarWord, T: Int)?
  /// In the order of the file.
  var symbols: [(key: GrammarWord, words: [GrammarWord])] = []
  var statement: (key: GrammarWord, probability: GrammarWord, sentence: [GrammarWord])?
  var question: (key: GrammarWord, probability: GrammarWord, sentence: [GrammarWord])?

  /// An error at a word.
  func error(at word: GrammarWord, _ problem: String, remedy: String) -> CorpusError {
    CorpusError("\(file), line \(word.line), column \(word.column)", problem: problem, remedy: remedy)
  }

  init(_ text: String, file: String) throws {
    self.file = file
    let content = text.first == "\u{FEFF}" ? text.dropFirst() : text[...]
    for (index, line) in content.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let words = GrammarLines.words(of: line, number: index + 1)
      if let key = words.first { try add(key, Array(words.dropFirst())) }
    }
  }

  /// The words of a line before its comment.
  private static func words(of line: Substring, number: Int) -> [GrammarWord] {
    // Columns are counted from word to word; counted from the beginning each time, a long line would take for ever.
    var (column, counted) = (1, line.startIndex)
    return line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map { word in
      column += line.distance(from: counted, to: word.startIndex)
      counted = word.startIndex
      return GrammarWord(text: String(word), line: number, column: column)
    }
  }

  private mutating func add(_ key: GrammarWord, _ rest: [GrammarWord]) throws {
    switch key.text {
    case "tokens":
      try expectNew(key, before: length?.key)
      length = (key, try wholeNumber(key, rest))
    case "statement":
      try expectNew(key, before: statement?.key)
      statement = (key, try probability(key, rest), try list(key, rest.dropFirst()))
    case "question":
      try expectNew(key, before: question?.key)
      question = (key, try probability(key, rest), try list(key, rest.dropFirst()))
    case _ where key.isSymbol:
      try expectNew(key, before: symbols.first { $0.key.text == key.text }?.key)
      symbols.append((key, try list(key, rest[...])))
    default:
      throw error(
        at: key, "a line cannot begin with “\(key.text)”",
        remedy: "begin it with tokens, statement, question, a symbol in capitals such as NAME, or # for a comment")
    }
  }

  private func expectNew(_ key: GrammarWord, before: GrammarWord?) throws {
    if let before {
      throw error(at: key, "\(key.text) was given before, on line \(before.line)", remedy: "remove one of the two")
    }
  }

  private func wholeNumber(_ key: GrammarWord, _ rest: [GrammarWord]) throws -> Int {
    guard rest.count == 1, let T = Int(rest[0].text), (1...GrammarLines.longest).contains(T) else {
      let given = rest.map(\.text).joined(separator: " ")
      throw error(
        at: rest.first ?? key, "“\(given)” is not a number of tokens",
        remedy: "write one whole number from 1 to \(GrammarLines.longest)")
    }
    return T
  }

  /// More tokens than any model of this book could read: a larger number is surely a typing error, and would fill the
  /// memory.
  static let longest = 100_000

  private func probability(_ key: GrammarWord, _ rest: [GrammarWord]) throws -> GrammarWord {
    guard let word = rest.first, let number = Double(word.text), (0...1).contains(number) else {
      throw error(
        at: rest.first ?? key, "“\(rest.first?.text ?? "")” is not the probability of the \(key.text)",
        remedy: "write a number from 0 to 1 after \(key.text), then =, then the sentence")
    }
    return word
  }

  /// The words after an equals sign.
  private func list(_ key: GrammarWord, _ rest: ArraySlice<GrammarWord>) throws -> [GrammarWord] {
    guard rest.first?.text == "=" else {
      throw error(
        at: rest.first ?? key, "there is no = before the words of \(key.text)",
        remedy: "put = there, with a space on both sides")
    }
    let words = Array(rest.dropFirst())
    guard !words.isEmpty else {
      throw error(at: key, "\(key.text) has no words", remedy: "write them after the =, on the same line")
    }
    if let second = words.first(where: { $0.text == "=" }) {
      throw error(at: second, "there is a second = on this line", remedy: "begin a new line for what it belongs to")
    }
    return words
  }
}

extension Grammar {
  /// The grammar that a text describes.
  ///
  /// - Parameter file: the name of the text in error messages
  ///
  /// Throws `CorpusError` with line and column if the text does not describe one.
  public init(_ text: String, file: String = "the grammar") throws {
    self = try GrammarLines(text, file: file).grammar()
  }

  /// Reads a grammar from a file in UTF-8.
  ///
  /// Throws `CorpusError` if the file cannot be read as text (see `Corpus.text(contentsOf:)`), or does not
  /// describe a grammar.
  public init(contentsOf url: URL) throws {
    self = try Grammar(try Corpus.text(contentsOf: url), file: url.path)
  }
}
