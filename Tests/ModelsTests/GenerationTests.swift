// # Writing
//
// The fast way writes what the slow one writes; a text does not depend on its neighbours; a text goes on from a file
// with the same tokens; and the sampler draws from the distribution that it states.

import Checkpoints
import Foundation
import Models
import Tensors
import TestSupport
import Testing

@Suite("generation") struct GenerationTests {
  let prompts = [[3, 5], [1], [7, 7, 2, 9, 0, 4, 1]]

  @Test(arguments: Kind.allCases) func theFastWayWritesWhatTheSlowOneWrites(kind: Kind) throws {
    let model = kind.model().frozen
    var random = SeededGenerator(seed: 1)
    // Prompt and text together have at most the 17 tokens that the slow way sees.
    let slow = try model.continuation(of: prompts[0], count: 15, .greedy, using: &random)
    #expect(try model.generate([prompts[0]], count: 15, .greedy) == [slow])
    var generation = Generation(model, prompts: [prompts[0]], seed: 5)
    var dice = generation.dice[0]
    let drawn = try (0..<15).map { _ in try generation.next()[0] }
    #expect(try drawn == model.continuation(of: prompts[0], count: 15, using: &dice))
  }

  @Test(arguments: Kind.allCases) func aTextDoesNotDependOnItsNeighbours(kind: Kind) throws {
    let model = kind.model().frozen
    // Different lengths, and ends at different times: a 4 ends a text.
    func ends(_ text: [Int]) -> Bool { text.last == 4 }
    var seen: [[Int]] = [[], [], []]
    let together = try model.generate(prompts, count: 20, seed: 8, until: ends) { seen[$0].append($1) }
    #expect(together == seen, "each token is shown once, in order")
    #expect(
      together.contains { $0.count < 20 } && Set(together.map(\.count)).count > 1, "some end early: \(together)")
    for text in together {
      #expect(text.count == 20 || text.last == 4)
      #expect(!text.dropLast().contains(4))
    }
    // The first row has the dice of a text that is written alone.
    #expect(try model.generate([prompts[0]], count: 20, seed: 8, until: ends)[0] == together[0])
    #expect(try model.generate(prompts, count: 20, seed: 8, until: ends) == together)
    #expect(try model.generate(prompts, count: 20, seed: 9, until: ends) != together)
    #expect(try model.generate(prompts, count: 0) == [[], [], []])
    #expect(try model.generate([], count: 3).isEmpty)
  }

  @Test(arguments: Kind.allCases) func aFileGoesOnWithTheSameTokens(kind: Kind) throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("text.safetensors")
      let model = kind.model().frozen
      var generation = Generation(
        model, prompts: prompts, sampler: Sampler(temperature: 0.8, topK: 9, topP: 0.95), seed: 2)
      for _ in 0..<6 { _ = try generation.next() }
      try generation.write(to: file)
      var other = try Generation(contentsOf: file, of: model)
      #expect(other.sampler == generation.sampler)
      for _ in 0..<12 { #expect(try other.next() == generation.next()) }
      generation.read([[1, 2], [3, 4], [5, 6]])
      other.read([[1, 2], [3, 4], [5, 6]])
      expectClose(other.state.logits!, generation.state.logits!, "\(kind)")
      #expect(other.state.positions == [2, 1, 7].map { $0 + 6 + 12 + 2 })
    }
  }

  @Test(arguments: Kind.allCases) func textsThatWereTakenApartGoOnTogether(kind: Kind) throws {
    var whole = Generation(kind.model().frozen, prompts: prompts, seed: 4)
    for _ in 0..<5 { _ = try whole.next() }
    var again = Generation.joined([whole.keeping([2, 0]), whole.keeping([1])])
    #expect(again.state.positions == [12, 7, 6])
    for _ in 0..<8 {
      let tokens = try whole.next()
      #expect(try again.next() == [tokens[2], tokens[0], tokens[1]])
    }
  }

  @Test func aFileOfAnotherKindOrModelIsRefused() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("text.safetensors")
      func message(_ model: FrozenModel) -> String {
        do {
          _ = try Generation(contentsOf: file, of: model)
          return "nothing"
        } catch { return "\(error)" }
      }
      let model = Kind.hybrid.model().frozen
      #expect(message(model).contains("no such file"))
      let generation = Generation(model, prompts: [[1, 2]])
      try generation.write(to: file)
      #expect(message(Kind.hybrid.model(seed: 2).frozen).contains("another model"))
      #expect(message(Kind.student.model().frozen).contains("another model"))
      try model.model.checkpoint.write(to: file)
      #expect(message(model).contains("not the state of a text"))
      for (word, value) in [
        ("positions", "x"), ("positions", "2 2"), ("positions", ""), ("dice", "1 2 3"), ("sampler", "hot"),
      ] {
        var checkpoint = generation.checkpoint
        checkpoint.metadata[word] = value
        try checkpoint.write(to: file)
        #expect(message(model).contains("metadata"), "\(word) = \(value)")
      }
      var checkpoint = generation.checkpoint
      checkpoint.tensors["layers.0.state"] = .zeros([1, 2, 3, 4])
      try checkpoint.write(to: file)
      #expect(message(model).contains("layers.0.state"))
      checkpoint.tensors["layers.0.state"] = generation.checkpoint.tensors["layers.0.state"].map { .infinity * $0 }
      try checkpoint.write(to: file)
      #expect(message(model).contains("has to be finite"))
      checkpoint.tensors["layers.0.state"] = nil
      try checkpoint.write(to: file)
      #expect(message(model).contains("layers.0.state"))
    }
  }
}

@Suite("sampler") struct SamplerTests {
  /// Probabilities 0.4, 0.3, 0.2, 0.1 for tokens 2, 0, 3, 1.
  let logits = Tensor([0.3, 0.1, 0.4, 0.2].map { Scalar(log($0)) })

  private func candidates(_ sampler: Sampler) -> [Int: Double] {
    Dictionary(uniqueKeysWithValues: sampler.candidates(logits).map { ($0.token, $0.probability) })
  }

  private func expect(_ sampler: Sampler, _ expected: [Int: Double], _ location: SourceLocation = #_sourceLocation) {
    let actual = candidates(sampler)
    #expect(Set(actual.keys) == Set(expected.keys), sourceLocation: location)
    for (token, probability) in expected {
      #expect(abs((actual[token] ?? 0) - probability) < 1e-6, "token \(token)", sourceLocation: location)
    }
  }

  @Test func whatMayBeDrawn() {
    expect(Sampler(), [2: 0.4, 0: 0.3, 3: 0.2, 1: 0.1])
    expect(.greedy, [2: 1])
    expect(Sampler(temperature: 1e-38), [2: 1, 0: 0, 3: 0, 1: 0])
    expect(Sampler(temperature: .leastNonzeroMagnitude), [2: 1, 0: 0, 3: 0, 1: 0])
    expect(Sampler(temperature: 1e30), [2: 0.25, 0: 0.25, 3: 0.25, 1: 0.25])
    expect(Sampler(temperature: 0.5), [2: 16 / 30, 0: 9 / 30, 3: 4 / 30, 1: 1 / 30])
    expect(Sampler(topK: 1), [2: 1])
    expect(Sampler(topK: 2), [2: 4 / 7, 0: 3 / 7])
    expect(Sampler(topK: 9), [2: 0.4, 0: 0.3, 3: 0.2, 1: 0.1])
    expect(Sampler(topP: 0.05), [2: 1])
    expect(Sampler(topP: 0.39), [2: 1])
    expect(Sampler(topP: 0.41), [2: 4 / 7, 0: 3 / 7])
    expect(Sampler(topP: 0.75), [2: 4 / 9, 0: 3 / 9, 3: 2 / 9])
    expect(Sampler(topP: 1), [2: 0.4, 0: 0.3, 3: 0.2, 1: 0.1])
    // Of the two that k leaves, 4/7 and 3/7, the first alone has half.
    expect(Sampler(topK: 2, topP: 0.5), [2: 1])
    expect(Sampler(topK: 2, topP: 0.6), [2: 4 / 7, 0: 3 / 7])
  }

  @Test func ofEqualLogitsTheFirstComes() {
    let equal = Tensor.zeros([4])
    #expect(Sampler(topK: 2).candidates(equal).map(\.token) == [0, 1])
    #expect(Sampler(topP: 0.5).candidates(equal).map(\.token) == [0, 1])
    #expect(Sampler.greedy.candidates(equal).map(\.token) == [0])
  }

  @Test func onlyWhatMayBeDrawnIsDrawnAndAsOften() throws {
    var random = SeededGenerator(seed: 4)
    let sampler = Sampler(topK: 3)
    var counts = [0, 0, 0, 0]
    let draws = 20_000
    for _ in 0..<draws { try counts[sampler.draw(from: logits, using: &random)] += 1 }
    for (token, probability) in [0: 3 / 9.0, 1: 0, 2: 4 / 9.0, 3: 2 / 9.0] {
      let deviation = (Double(draws) * probability * (1 - probability)).squareRoot()
      #expect(abs(Double(counts[token]) - Double(draws) * probability) <= 5 * deviation, "token \(token): \(counts)")
    }
    let before = random
    #expect(try Sampler.greedy.draw(from: logits, using: &random) == 2)
    #expect(random == before, "nothing is drawn at temperature 0")
  }

  @Test func fromWhatIsNoDistributionNothingIsDrawn() throws {
    var random = SeededGenerator(seed: 4)
    let bad: [([Scalar], token: Int)] = [
      ([0, .nan, 1], 1), ([0, 1, .infinity], 2), ([-.infinity, -.infinity], 0),
    ]
    for (numbers, token) in bad {
      for sampler in [Sampler(), .greedy] {
        let error = #expect(throws: SamplingError.self) { try sampler.draw(from: Tensor(numbers), using: &random) }
        #expect(error?.token == token)
      }
    }
    #expect(try Sampler.greedy.draw(from: Tensor([-.infinity, 0]), using: &random) == 1)
  }

  @Test func valuesOutOfRangeHaveAName() {
    #expect(Sampler.problem(temperature: 1, topK: 1, topP: 1) == nil)
    #expect(Sampler.problem(temperature: -1, topK: nil, topP: nil)?.contains("temperature") == true)
    #expect(Sampler.problem(temperature: .nan, topK: nil, topP: nil)?.contains("temperature") == true)
    #expect(Sampler.problem(temperature: .infinity, topK: nil, topP: nil)?.contains("temperature") == true)
    #expect(Sampler.problem(temperature: 1, topK: 0, topP: nil)?.contains("top k") == true)
    #expect(Sampler.problem(temperature: 1, topK: nil, topP: 0)?.contains("top p") == true)
    #expect(Sampler.problem(temperature: 1, topK: nil, topP: 1.1)?.contains("top p") == true)
  }
}
