// # Do the lines define a language?
//
// Here we check, once, what the entropy and the generator assume. A word means one thing; otherwise a reader could
// not tell an object from a place. The first word of a sentence reveals its kind; otherwise the entropy would have to
// average over what a reader does not know. A question names its object before the place; otherwise nobody could
// answer it. And a document has room for an answer.
//
// Read before: `Grammar+Parsing.swift`.

extension GrammarLines {
  /// The grammar that the lines describe. Throws `CorpusError` for the first mistake.
  func grammar() throws -> Grammar {
    let (T, statement, question) = (
      try length ?? { throw missing("tokens", "tokens 128") }(),
      try statement ?? { throw missing("statement", "statement 0.3 = NAME took the OBJECT PLACE .") }(),
      try question ?? { throw missing("question", "question 0.7 = the OBJECT PLACE .") }()
    )
    for name in ["OBJECT", "PLACE"] where !symbols.contains(where: { $0.key.text == name }) {
      throw missing(name, "\(name) = …")
    }
    var vocabulary = try Vocabulary(self)
    let (told, asked) = (
      try sentence(statement.sentence, of: statement.key, &vocabulary),
      try sentence(question.sentence, of: question.key, &vocabulary)
    )
    for (key, _) in symbols where !(statement.sentence + question.sentence).contains(where: { $0.text == key.text }) {
      throw error(at: key, "no sentence has a \(key.text)", remedy: "put it into one, or remove the line")
    }
    let (p, q) = (Double(statement.probability.text)!, Double(question.probability.text)!)
    guard abs(p + q - 1) < 1e-9 else {
      throw error(
        at: question.probability,
        "the probabilities of statement and question are \(p) and \(q), which do not add up to 1",
        remedy: "write \(p) and \(1 - p), or others that do")
    }
    let grammar = Grammar(
      T: T.T, tokenizer: WordTokenizer(words: vocabulary.words)!, objects: vocabulary.ranges["OBJECT"]!,
      places: vocabulary.ranges["PLACE"]!, statement: Grammar.Production(probability: p, symbols: told),
      question: Grammar.Production(probability: q, symbols: asked))
    try check(grammar)
    return grammar
  }

  private func missing(_ name: String, _ example: String) -> CorpusError {
    CorpusError(file, problem: "there is no line for \(name)", remedy: "add one, for instance `\(example)`")
  }

  /// Checks that need the whole grammar.
  private func check(_ grammar: Grammar) throws {
    let (told, asked) = (grammar.statement.symbols, grammar.question.symbols)
    guard asked.firstIndex(of: .object)! < asked.firstIndex(of: .place)! else {
      throw error(
        at: question!.sentence[asked.firstIndex(of: .place)!],
        "the question gives the place before it names the object",
        remedy: "put OBJECT before PLACE, so that the place is an answer")
    }
    guard !grammar.tokens(of: told[0]).overlaps(grammar.tokens(of: asked[0])) else {
      throw error(
        at: question!.sentence[0], "statement and question can begin with the same word",
        remedy: "let the first word tell them apart, as “\(grammar.tokenizer.words[0])” and “the” would")
    }
    guard grammar.places.count > 1 else {
      throw error(
        at: symbols.first { $0.key.text == "PLACE" }!.key, "with one place every answer is known beforehand",
        remedy: "give two or more")
    }
    let needed = told.count + asked.firstIndex(of: .place)!
    guard grammar.T >= needed else {
      throw error(
        at: length!.key, "a document of \(grammar.T) tokens is too short for a statement and an answer",
        remedy: "give \(needed) or more")
    }
  }

  /// The symbols of a sentence; adds its words to the vocabulary.
  private func sentence(
    _ words: [GrammarWord], of key: GrammarWord, _ vocabulary: inout Vocabulary
  ) throws -> [Grammar.Symbol] {
    for name in ["OBJECT", "PLACE"] {
      let places = words.filter { $0.text == name }
      guard places.count == 1 else {
        throw error(
          at: places.dropFirst().first ?? key, "the \(key.text) has \(name) \(places.count) times",
          remedy: "write it once; other symbols may be repeated")
      }
    }
    return try words.map { word in
      switch word.text {
      case "OBJECT": .object
      case "PLACE": .place
      case let text where word.isSymbol:
        if let range = vocabulary.ranges[text] {
          .anyOf(range)
        } else {
          throw error(
            at: word, "the symbol \(text) is not known",
            remedy: "add a line `\(text) = …` with its words, or write it in small letters if it is a word")
        }
      default: .word(try vocabulary.token(of: word, in: self))
      }
    }
  }
}

/// The words so far, and which of them belong to each symbol.
private struct Vocabulary {
  private(set) var words: [String] = []
  /// The tokens of each symbol.
  private(set) var ranges: [String: Range<Int>] = [:]
  private var tokens: [String: Int] = [:]

  /// The words of the symbols.
  init(_ lines: GrammarLines) throws {
    var owners: [String: (symbol: String, word: GrammarWord)] = [:]
    for (key, list) in lines.symbols {
      for word in list {
        if word.isSymbol {
          throw lines.error(
            at: word, "\(word.text) among the words of \(key.text) is written like a symbol",
            remedy: "write words with a small letter, or begin a new line")
        }
        if let (symbol, first) = owners.updateValue((key.text, word), forKey: word.text) {
          throw lines.error(
            at: word, "“\(word.text)” is a word of \(symbol) already, on line \(first.line)",
            remedy: "remove one of the two, so that a word means one thing")
        }
      }
      ranges[key.text] = words.count..<(words.count + list.count)
      words += list.map(\.text)
    }
  }

  /// The token of a word in a sentence; a new word gets a new token.
  mutating func token(of word: GrammarWord, in lines: GrammarLines) throws -> Int {
    if let (symbol, _) = ranges.first(where: { words[$0.value].contains(word.text) }) {
      throw lines.error(
        at: word, "“\(word.text)” in a sentence is also a word of \(symbol)",
        remedy: "write the symbol, or another word")
    }
    if let token = tokens[word.text] { return token }
    tokens[word.text] = words.count
    words.append(word.text)
    return words.count - 1
  }
}
