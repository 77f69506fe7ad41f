// # Counting what was recalled
//
// Logits that are right at chosen answers, and the counts that have to come out.

import Corpora
import Foundation
import Tensors
import Testing

/// Logits [B, T, V] that rank a chosen token first at each place.
private func logits(_ batch: RecallBatch, V: Int, first: (_ b: Int, _ t: Int, _ target: Int) -> Int) -> Tensor {
  let targets = batch.batch.targets
  var result = Tensor.zeros([targets.B, targets.T, V])
  for b in 0..<targets.B {
    for (t, target) in targets.row(b).enumerated() { result[b, t, first(b, t, target)] = 1 }
  }
  return result
}

@Suite struct RecallTallyTests {
  @Test func hitsAreCountedByDistance() throws {
    // Two rows of five tokens; the answers' distances are chosen, not those of the words.
    let batch = RecallBatch([
      Document(
        tokens: [0, 1, 2, 3, 4, 5],
        recalls: [
          Recall(position: 2, sinceFact: 9, sinceMention: 1), Recall(position: 5, sinceFact: 3, sinceMention: 3),
        ]),
      Document(tokens: [6, 5, 4, 3, 2, 1], recalls: [Recall(position: 1, sinceFact: 4, sinceMention: 4)]),
    ])
    // Right at the first answer of row 0 and in row 1, wrong at the second, wrong or right elsewhere.
    let given = logits(batch, V: 7) { b, t, target in b == 0 && (t == 4 || t == 0) ? 6 : target }
    var mentions = RecallTally(upTo: [2, 3, 4, 20])
    mentions.add(given, batch)
    #expect(mentions.bins.map(\.distances) == [1...2, 3...3, 4...4, 5...20])
    #expect(mentions.bins.map(\.hits) == [1, 0, 1, 0])
    #expect(mentions.bins.map(\.count) == [1, 1, 1, 0])
    #expect(mentions.bins[0].accuracy == 1 && mentions.bins[1].accuracy == 0 && mentions.bins[3].accuracy.isNaN)
    #expect(mentions.total.hits == 2 && mentions.total.count == 3 && mentions.total.distances == 1...20)
    var facts = RecallTally(upTo: [3, 20], from: .fact)
    facts.add(given, batch)
    facts.add(given, batch)
    #expect(facts.bins.map(\.hits) == [0, 4] && facts.bins.map(\.count) == [2, 4])
  }

  @Test func theIdealReaderRecallsEverything() throws {
    let grammar = try worldGrammar()
    var random = SeededGenerator(seed: 41)
    for batch in grammar.batches(count: 12, B: 5, using: &random) {
      let (B, T) = (batch.batch.inputs.B, batch.batch.inputs.T)
      let rows: [Scalar] = (0..<B).flatMap { b in
        var reader = IdealReader(grammar)
        return batch.batch.inputs.row(b).flatMap { token in
          reader.read(token)
          return reader.distribution.map { Scalar(log(max($0, 1e-30))) }
        }
      }
      let logits = Tensor(rows, shape: [B, T, grammar.V])
      for origin in Recall.Origin.allCases {
        var tally = RecallTally(upTo: [8, 32, grammar.T], from: origin)
        tally.add(logits, batch)
        #expect(tally.total.count == batch.recalls.reduce(0) { $0 + $1.count })
        #expect(tally.total.hits == tally.total.count && tally.total.count > 0)
      }
      // The same logits one token later are about other tokens.
      var late = RecallTally(upTo: [grammar.T])
      late.add(Tensor(Array(rows[grammar.V...]) + rows[..<grammar.V], shape: [B, T, grammar.V]), batch)
      #expect(late.total.hits == 0)
    }
  }

  @Test func guessingOnePlaceIsRightAsOftenAsThatPlaceIs() throws {
    let grammar = try worldGrammar()
    var random = SeededGenerator(seed: 42)
    let batch = grammar.randomBatch(B: 40, using: &random)
    let place = grammar.places.lowerBound
    var tally = RecallTally(upTo: [grammar.T])
    tally.add(logits(batch, V: grammar.V) { _, _, _ in place }, batch)
    let expected = batch.recalls.enumerated().reduce(0) { sum, row in
      sum + row.element.count { Array(batch.batch.targets.row(row.offset))[$0.position - 1] == place }
    }
    #expect(tally.total.hits == expected && expected > 0 && expected < tally.total.count)
  }
}

/// What stops the program, since otherwise it would be lost or misread in silence.
@Suite struct RecallLimitTests {
  static let limits: [(complaint: String, violate: @Sendable () throws -> Void)] = [
    (
      "in none of the bins",
      {
        var tally = RecallTally(upTo: [3], from: .fact)
        let document = Document(tokens: [0, 1], recalls: [Recall(position: 1, sinceFact: 4, sinceMention: 1)])
        tally.add(.zeros([1, 1, 2]), RecallBatch([document]))
      }
    ),
    ("ascending order, not [8, 8]", { _ = RecallTally(upTo: [8, 8]) }),
    ("ascending order, not [0, 8]", { _ = RecallTally(upTo: [0, 8]) }),
    ("ascending order, not []", { _ = RecallTally(upTo: []) }),
    (
      "the logits",
      {
        var tally = RecallTally(upTo: [3])
        tally.add(.zeros([1, 2, 2]), RecallBatch([Document(tokens: [0, 1], recalls: [])]))
      }
    ),
    (
      "the same length",
      {
        _ = RecallBatch([Document(tokens: [0, 1], recalls: []), Document(tokens: [0, 1, 2], recalls: [])])
      }
    ),
    ("at least one document", { _ = RecallBatch([]) }),
    (
      "“took” cannot occur here",
      {
        let grammar = try worldGrammar()
        _ = IdealReader.losses(of: [0, 0].map { $0 + grammar.tokenizer.id(of: "took")! }, in: grammar)
      }
    ),
  ]

  @Test(arguments: limits.indices) func whatWouldBeLostStopsTheProgram(number: Int) async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [number] in
      try RecallLimitTests.limits[number].violate()
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    let sentence = message.split(separator: "\n").first { $0.contains("Fatal error") } ?? ""
    #expect(sentence.contains(RecallLimitTests.limits[number].complaint))
  }
}
