// # Windows
//
// The tokens of these corpora are their own places, so that a batch shows where its windows lie.

import Corpora
import Foundation
import Tensors
import Testing

private func corpus(_ count: Int, heldOut fraction: Double) throws -> Corpus {
  try Corpus(text: String(repeating: "x", count: count), tokenizer: PlaceTokenizer(), heldOutFraction: fraction)
}

/// Checks that each row is a run of places, with targets one place on; returns the first places.
private func starts(_ batch: Batch, B: Int, T: Int) -> [Int] {
  #expect(batch.inputs.B == B && batch.inputs.T == T && batch.targets.B == B && batch.targets.T == T)
  return (0..<B).map { b in
    let first = batch.inputs.row(b).first!
    #expect(Array(batch.inputs.row(b)) == Array(first..<(first + T)))
    #expect(Array(batch.targets.row(b)) == Array((first + 1)..<(first + 1 + T)))
    return first
  }
}

@Suite struct WindowsTests {
  @Test func randomWindowsStayInTheTrainingPart() throws {
    var random = SeededGenerator(seed: 11)
    for (count, B, T) in [(100, 3, 7), (20, 5, 2), (1000, 2, 499), (40, 1, 1)] {
      let corpus = try corpus(count, heldOut: 0.5)
      var seen: Set<Int> = []
      for _ in 0..<500 { seen.formUnion(starts(corpus.randomBatch(B: B, T: T, using: &random), B: B, T: T)) }
      let places = corpus.training.count - T
      #expect(seen.allSatisfy { (0..<places).contains($0) })
      // Every place is reached, the first and the last too.
      if places < 100 { #expect(seen == Set(0..<places)) }
    }
  }

  @Test func theOnlyWindowIsTaken() throws {
    var random = SeededGenerator(seed: 12)
    let corpus = try corpus(8, heldOut: 0)
    #expect(starts(corpus.randomBatch(B: 3, T: 7, using: &random), B: 3, T: 7) == [0, 0, 0])
  }

  @Test func equalSeedsGiveEqualBatches() throws {
    let corpus = try corpus(1000, heldOut: 0.1)
    var first = SeededGenerator(seed: 13)
    var second = SeededGenerator(seed: 13)
    var other = SeededGenerator(seed: 14)
    let batch = corpus.randomBatch(B: 5, T: 3, using: &first)
    #expect(batch == corpus.randomBatch(B: 5, T: 3, using: &second))
    #expect(first == second)
    #expect(batch != corpus.randomBatch(B: 5, T: 3, using: &other))
    #expect(batch != corpus.randomBatch(B: 5, T: 3, using: &first))
  }

  @Test(arguments: [3, 10, 50, 53, 200], [1, 2, 7]) func heldOutWindowsAreFixedAndApart(heldOut: Int, T: Int) throws {
    let corpus = try corpus(2 * heldOut, heldOut: 0.5)
    #expect(corpus.heldOut.count == heldOut)
    for count in 1...12 {
      guard heldOut >= T + count else {
        let error = try #require(throws: CorpusError.self) { try corpus.heldOutBatches(count: count, B: 3, T: T) }
        for mention in ["\(heldOut) tokens", "\(count) different", "need \(T + count)"] {
          #expect(error.description.contains(mention), "\(error)")
        }
        continue
      }
      for B in [1, 2, 5] {
        let batches = try corpus.heldOutBatches(count: count, B: B, T: T)
        #expect(try batches == corpus.heldOutBatches(count: count, B: B, T: T))
        let sizes = batches.map(\.inputs.B)
        #expect(sizes.reduce(0, +) == count && sizes.dropLast().allSatisfy { $0 == B } && sizes.last! <= B)
        let places = zip(batches, sizes).flatMap { starts($0, B: $1, T: T) }
        #expect(places.first == heldOut && places.allSatisfy { $0 + T < 2 * heldOut })
        if count > 1 { #expect(places.last == 2 * heldOut - T - 1) }
        let distances = zip(places.dropFirst(), places).map { $0 - $1 }
        #expect(distances.allSatisfy { $0 > 0 })
        if heldOut >= count * (T + 1) { #expect(distances.allSatisfy { $0 > T }) }
        if let least = distances.min(), let most = distances.max() { #expect(most - least <= 1) }
      }
    }
  }

  @Test(arguments: [[0, 2, 3], [2, 0, 3], [2, 2, 0], [-1, 2, 3]]) func noWindowsAreAnError(sizes: [Int]) throws {
    let corpus = try corpus(100, heldOut: 0.5)
    let error = try #require(throws: CorpusError.self) {
      try corpus.heldOutBatches(count: sizes[0], B: sizes[1], T: sizes[2])
    }
    #expect(error.description.contains("above 0"), "\(error)")
  }

  @Test func textBecomesBatches() throws {
    let text = "In the beginning God created the heaven and the earth."
    let corpus = try Corpus(text: text, tokenizer: CharacterTokenizer(trainedOn: text), heldOutFraction: 0.5)
    let batch = try corpus.heldOutBatches(count: 1, B: 1, T: 10)[0]
    #expect(corpus.tokenizer.decode(batch.inputs.ids) == "d the heav")
    #expect(corpus.tokenizer.decode(batch.targets.ids) == " the heave")
  }
}
