// # Text from a model
//
// The most probable token at temperature 0; otherwise as often as the model says; and never more
// context than the model was trained on.

import Models
import Tensors
import TestSupport
import Testing

@Suite("sampling") struct SamplingTests {
  @Test(arguments: Kind.allCases) func atTemperatureZeroTheMostProbableTokenComes(kind: Kind) throws {
    var random = SeededGenerator(seed: 14)
    let state = random
    let model = kind.model().frozen
    // Longer than the 17 tokens that the model sees.
    let text = try model.continuation(of: [3, 5], count: 23, .greedy, using: &random)
    #expect(text.count == 23)
    var all = [3, 5]
    for token in text {
      let seen = Array(all.suffix(17))
      let logits = model(Tokens(seen)).elements.suffix(11)
      #expect(token == logits.indices.max { logits[$0] < logits[$1] }! - logits.startIndex)
      all.append(token)
    }
    #expect(random == state, "nothing is drawn")
    #expect(try model.continuation(of: [3, 5], count: 0, using: &random).isEmpty)
  }

  @Test(arguments: [0.5, 1, 2]) func tokensComeAsOftenAsTheModelSays(temperature: Double) throws {
    var random = SeededGenerator(seed: 15)
    let model = Kind.student.model().frozen
    let prompt = [1, 7, 2]
    let logits = model(Tokens(prompt)).sliced(2..<3, along: 1)
    let expected = Naive.softmax(logits, scale: Scalar(1 / temperature)).elements
    let draws = 4000
    var counts = [Int](repeating: 0, count: 11)
    for _ in 0..<draws {
      try counts[model.continuation(of: prompt, count: 1, Sampler(temperature: temperature), using: &random)[0]] += 1
    }
    // Five deviations of a binomial count.
    for (count, probability) in zip(counts, expected.map { Double($0) }) {
      let deviation = (Double(draws) * probability * (1 - probability)).squareRoot()
      #expect(abs(Double(count) - Double(draws) * probability) < 5 * deviation + 1)
    }
  }
}
