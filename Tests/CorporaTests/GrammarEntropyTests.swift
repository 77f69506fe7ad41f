// # The floor under the loss
//
// Three ways to the same number: the weighted entropies of the library, a list of all documents of small grammars
// with their probabilities (which knows nothing of sentences, only of strings of tokens), and a reader of many
// documents.

import Corpora
import Foundation
import Tensors
import TestSupport
import Testing

/// All strings of T + 1 tokens of a grammar with their probabilities; the same string by two ways counts once.
private func allDocuments(_ grammar: Grammar) -> [[Int]: Double] {
  var result: [[Int]: Double] = [:]

  func sentence(_ tokens: [Int], _ places: [Int: Int], _ p: Double) {
    let known = places.keys.sorted()
    let unknown = grammar.objects.filter { places[$0] == nil }
    let q = known.isEmpty ? 0 : unknown.isEmpty ? 1 : grammar.question.probability
    for object in known where q > 0 {
      words(grammar.question.symbols[...], tokens, object, places[object]!, places, p * q / Double(known.count))
    }
    for object in unknown where q < 1 {
      for place in grammar.places {
        let each = p * (1 - q) / Double(unknown.count * grammar.places.count)
        words(grammar.statement.symbols[...], tokens, object, place, places.merging([object: place]) { $1 }, each)
      }
    }
  }

  func words(
    _ symbols: ArraySlice<Grammar.Symbol>, _ tokens: [Int], _ object: Int, _ place: Int, _ places: [Int: Int],
    _ p: Double
  ) {
    if tokens.count == grammar.T + 1 {
      result[tokens, default: 0] += p
      return
    }
    guard let first = symbols.first else { return sentence(tokens, places, p) }
    let ids: [Int] =
      switch first {
      case .word(let id): [id]
      case .anyOf(let ids): Array(ids)
      case .object: [object]
      case .place: [place]
      }
    for id in ids { words(symbols.dropFirst(), tokens + [id], object, place, places, p / Double(ids.count)) }
  }

  sentence([], [:], 1)
  return result
}

private func entropy(_ probabilities: some Sequence<Double>) -> Double {
  probabilities.reduce(0) { $0 - $1 * log($1) }
}

/// Records an issue unless two numbers agree to twelve digits.
private func expectEqual(
  _ a: Double, _ b: Double, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  let error = abs(a - b) / max(1, abs(b))
  Tally.count(1, name, worst: error)
  #expect(error < 1e-12, "\(name): \(a), expected \(b)", sourceLocation: sourceLocation)
}

@Suite(.tallied) struct GrammarEntropyTests {
  @Test(arguments: 0..<6) func entropiesAreThoseOfAllDocuments(index: Int) throws {
    let grammar = try variousGrammars()[index]
    let documents = allDocuments(grammar)
    expectEqual(documents.values.reduce(0, +), 1, "grammar \(index): all probabilities")
    #expect(documents.count > 3)
    // H(X[t] | X[0] … X[t−1]) is how much the entropy of a beginning grows with its last token.
    var before = 0.0
    for t in 0...grammar.T {
      var beginnings: [ArraySlice<Int>: Double] = [:]
      for (tokens, p) in documents { beginnings[tokens[...t], default: 0] += p }
      let whole = entropy(beginnings.values)
      expectEqual(grammar.entropies[t], whole - before, "grammar \(index): token \(t)")
      before = whole
    }
    let asked = before - grammar.entropies[0]
    expectEqual(grammar.lossFloor, asked / Double(grammar.T), "grammar \(index): floor")
  }

  @Test(arguments: 0..<6) func theReaderKnowsEveryDocument(index: Int) throws {
    let grammar = try variousGrammars()[index]
    for (tokens, p) in allDocuments(grammar) {
      let losses = IdealReader.losses(of: tokens, in: grammar)
      expectEqual(losses.reduce(0, +), -log(p), "grammar \(index): reader")
    }
  }

  @Test(arguments: 0..<6) func theReadersDistributionsAreWhole(index: Int) throws {
    let grammar = try variousGrammars()[index]
    var random = SeededGenerator(seed: 31)
    for _ in 0..<20 {
      var reader = IdealReader(grammar)
      for token in grammar.document(using: &random).tokens {
        expectEqual(reader.distribution.reduce(0, +), 1, "grammar \(index): distribution")
        #expect(reader.distribution[token] > 0)
        reader.read(token)
      }
    }
  }

  @Test func theGeneratorsDocumentsAreAsLikelyAsTheyShouldBe() throws {
    let grammar = try variousGrammars()[2]
    var random = SeededGenerator(seed: 32)
    let (documents, count) = (allDocuments(grammar), 60_000)
    var counts: [[Int]: Int] = [:]
    for _ in 0..<count { counts[grammar.document(using: &random).tokens, default: 0] += 1 }
    #expect(Set(counts.keys).isSubset(of: documents.keys))
    // Pearson's statistic: its mean is the number of documents less one, its variance twice that.
    let statistic = documents.reduce(0.0) { sum, document in
      let expected = document.value * Double(count)
      return sum + (Double(counts[document.key] ?? 0) - expected) * (Double(counts[document.key] ?? 0) - expected)
        / expected
    }
    let freedom = Double(documents.count - 1)
    #expect(abs(statistic - freedom) < 4 * (2 * freedom).squareRoot())
  }

  /// Many documents: the reader's mean loss is the floor, and answers are as frequent as expected.
  @Test func manyDocumentsComeOutAtTheFloor() throws {
    let grammar = try worldGrammar()
    var random = SeededGenerator(seed: 33)
    var (losses, shares) = ([Double](), [Double]())
    for _ in 0..<12_000 {
      let document = grammar.document(using: &random)
      losses.append(
        IdealReader.losses(of: document.tokens, in: grammar).dropFirst().reduce(0, +) / Double(grammar.T))
      shares.append(Double(document.recalls.count) / Double(grammar.T))
    }
    for (samples, expected) in [(losses, grammar.lossFloor), (shares, grammar.answerShare)] {
      let mean = samples.reduce(0, +) / Double(samples.count)
      let variance = samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(samples.count - 1)
      let error = (variance / Double(samples.count)).squareRoot()
      #expect(abs(mean - expected) < 3 * error, "\(mean) ± \(error), expected \(expected)")
      // Tight enough to see an error of a hundredth.
      #expect(error < 0.003 * expected, "\(error)")
    }
  }

  @Test func theFirstTokensAreCountedByHand() throws {
    let grammar = try worldGrammar()
    let h = grammar.entropies
    // anna took the key barn . : 8 names, 16 objects, 16 places; then h(0.7) + 0.3 log 8.
    let first = [log(8.0), 0, 0, log(16.0), log(16.0), 0, -0.7 * log(0.7) - 0.3 * log(0.3) + 0.3 * log(8.0)]
    for (t, expected) in first.enumerated() { expectEqual(h[t], expected, "by hand: token \(t)") }
    // A question's object is the only one; a statement's second word is fixed.
    expectEqual(h[7], 0, "by hand: token 7")
    #expect(h.count == grammar.T + 1 && h.allSatisfy { $0 >= 0 })
    expectEqual(grammar.lossOfGuessing - grammar.lossFloor, grammar.answerShare * log(16), "guessing")
  }

  @Test(arguments: 0..<6) func answersAreThoseOfAllDocuments(index: Int) throws {
    let grammar = try variousGrammars()[index]
    let question = grammar.question.symbols.firstIndex(of: .place)!
    // Cut into sentences by their first words, and counted where a question has its place.
    var expected = 0.0
    for (tokens, p) in allDocuments(grammar) {
      var t = 0
      while t < tokens.count {
        let symbols = [grammar.statement, grammar.question].first { canBegin($0, tokens[t], grammar) }!.symbols
        if symbols == grammar.question.symbols, t + question <= grammar.T { expected += p }
        t += symbols.count
      }
    }
    expectEqual(grammar.answerShare, expected / Double(grammar.T), "grammar \(index): answers")
  }

  private func canBegin(_ production: Grammar.Production, _ token: Int, _ grammar: Grammar) -> Bool {
    switch production.symbols[0] {
    case .word(let id): id == token
    case .anyOf(let ids): ids.contains(token)
    case .object: grammar.objects.contains(token)
    case .place: grammar.places.contains(token)
    }
  }
}
