// # Documents of a grammar
//
// A check of the rules that reads the words again and does not trust the generator: what is placed, what is asked,
// what was answered, and how far back.

import Corpora
import Tensors
import Testing

/// Reads a document of the form “NAME took the OBJECT PLACE .” and “the OBJECT PLACE .” and gives its answers.
private func answers(_ words: [String]) throws -> (recalls: [Recall], statements: Int, questions: Int) {
  var (facts, mentions, places) = ([String: Int](), [String: Int](), [String: String]())
  var (recalls, statements, questions, t) = ([Recall](), 0, 0, 0)
  while t < words.count {
    let isQuestion = words[t] == "the"
    let length = isQuestion ? 4 : 6
    let sentence = Array(words[t..<min(words.count, t + length)])
    defer { t += length }
    if isQuestion { questions += 1 } else { statements += 1 }
    // In a sentence that the end cuts off there is nothing more to check.
    guard sentence.count >= length - 1 else { continue }
    let (object, place, position) = (sentence[length - 3], sentence[length - 2], t + length - 2)
    if isQuestion {
      #expect(places[object] == place)
      recalls.append(
        Recall(
          position: position, sinceFact: position - (try #require(facts[object])),
          sinceMention: position - mentions[object]!))
    } else {
      #expect(places.updateValue(place, forKey: object) == nil, "\(object) was placed twice")
      #expect(sentence[1...2] == ["took", "the"])
      facts[object] = position
    }
    mentions[object] = position
    if sentence.count == length { #expect(sentence.last == ".") }
  }
  return (recalls, statements, questions)
}

@Suite struct GrammarDocumentTests {
  @Test func documentsKeepTheRules() throws {
    let grammar = try worldGrammar()
    var random = SeededGenerator(seed: 21)
    var (asked, told, seen) = (0, 0, Set<Int>())
    for _ in 0..<300 {
      let document = grammar.document(using: &random)
      #expect(document.tokens.count == grammar.T + 1)
      seen.formUnion(document.tokens)
      let words = document.tokens.map { grammar.tokenizer.words[$0] }
      let (recalls, statements, questions) = try answers(words)
      #expect(document.recalls == recalls)
      #expect(recalls.allSatisfy { 1...$0.sinceFact ~= $0.sinceMention })
      // Fewer statements than objects, so the kinds were drawn with the file's probability.
      #expect(statements < grammar.objects.count)
      asked += questions
      told += statements - 1
    }
    #expect(seen == Set(0..<grammar.V))
    let (n, p) = (Double(asked + told), grammar.question.probability)
    #expect(abs(Double(asked) / n - p) < 4 * (p * (1 - p) / n).squareRoot())
  }

  @Test func whenAllIsPlacedOnlyQuestionsFollow() throws {
    let grammar = try Grammar(grammarText(tokens: 60, statement: "1", question: "0"))
    var random = SeededGenerator(seed: 22)
    for _ in 0..<50 {
      let document = grammar.document(using: &random)
      let (recalls, statements, questions) = try answers(document.tokens.map { grammar.tokenizer.words[$0] })
      // Three statements of six tokens, then questions of four until 61 are full.
      #expect(statements == 3 && questions == 11 && recalls == document.recalls)
    }
  }

  @Test func batchesAreDocumentsTwice() throws {
    let grammar = try worldGrammar()
    var (random, same, other) = (SeededGenerator(seed: 23), SeededGenerator(seed: 23), SeededGenerator(seed: 24))
    let batch = grammar.randomBatch(B: 3, using: &random)
    let documents = (0..<3).map { _ in grammar.document(using: &same) }
    #expect(batch == RecallBatch(documents))
    #expect(batch != grammar.randomBatch(B: 3, using: &other))
    for (b, document) in documents.enumerated() {
      #expect(Array(batch.batch.inputs.row(b)) == Array(document.tokens.dropLast()))
      #expect(Array(batch.batch.targets.row(b)) == Array(document.tokens.dropFirst()))
      #expect(batch.recalls[b] == document.recalls)
    }
    let batches = grammar.batches(count: 7, B: 3, using: &random)
    #expect(batches.map(\.batch.inputs.B) == [3, 3, 1] && batches.allSatisfy { $0.batch.inputs.T == grammar.T })
  }
}
