// # Single heads, and answers that stay
//
// A head that is silenced through the output projection gives what it gives with values of zero. Own answers are
// compared with those that are found by full passes over the text so far.

import Corpora
import Distillation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite("heads and own answers", .tallied) struct HeadsTests {
  private static let places = [[(0, 0)], [(0, 1)], [(1, 0), (2, 1)], [(2, 0), (2, 1)]].map { places in
    places.map { HeadPlace(layer: $0.0, head: $0.1) }
  }

  @Test(arguments: places) func aSilentHeadIsOneWithoutValues(heads: [HeadPlace]) {
    let (teacher, changed) = (Pair(.mamba).teacher, Pair(.mamba).teacher)
    let before = teacher.parameters.map(\.value.elements)
    for place in heads {
      let values = (changed.blocks[place.layer].mixer as! CausalAttention).values
      for parameter in values.parameters {
        let rest = Array(parameter.value.shape.array.dropFirst())
        parameter.update { $0.assign(.zeros(Shape([5] + rest)), at: place.head * 5) }
      }
    }
    let silent = teacher.frozen.silencing(heads)
    expectClose(silent(tokens), changed(tokens).value, within: Tolerance.loss, "\(heads) silent")
    // The model itself stays as it was.
    #expect(teacher.parameters.map(\.value.elements) == before)
  }

  @Test func withNoHeadSilentTheModelIsTheSame() {
    let teacher = Pair(.mamba).teacher.frozen
    #expect(teacher.silencing([])(tokens).elements == teacher(tokens).elements)
  }

  @Test func headsHaveAnOrderAndAName() {
    let heads = [(2, 0), (0, 1), (0, 0)].map { HeadPlace(layer: $0.0, head: $0.1) }
    #expect(heads.sorted().map(\.description) == ["0.0", "0.1", "2.0"])
  }

  // MARK: - Own answers

  private static let grammar = try! Grammar(
    """
    tokens 23
    NAME = anna ben
    OBJECT = key cup hat
    PLACE = mill barn
    statement 0.4 = NAME took the OBJECT PLACE .
    question 0.6 = the OBJECT PLACE .
    """, file: "small.grammar")

  private static let configuration: ModelConfiguration = {
    let attention = CausalAttentionSizes(D: 10, H: 2)
    return ModelConfiguration(
      V: grammar.V, D: 10, T: 23, block: ParallelBlockSizes(feedForward: 7), mixers: [attention, attention],
      layout: .phi)
  }()

  /// The answers that a model writes if each is found by a full pass over the text so far.
  private func slowly(_ model: LanguageModel, _ documents: [RecallBatch]) -> OwnAnswers {
    var answers = OwnAnswers()
    for batch in documents {
      for (row, recalls) in batch.recalls.enumerated() {
        var text = Array(batch.batch.inputs.row(row)) + [batch.batch.targets.row(row).last!]
        for recall in recalls.sorted(by: { $0.position < $1.position }) {
          let logits = model(Tokens(Array(text[..<recall.position]))).value
          let own = indicesOfLargest(logits.sliced((recall.position - 1)..<recall.position, along: 1))[0]
          answers.count += 1
          if own == text[recall.position] { answers.right += 1 }
          text[recall.position] = own
        }
      }
    }
    return answers
  }

  @Test(arguments: 0..<6) func ownAnswersAreThoseOfFullPasses(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let documents = Self.grammar.batches(count: 7, B: 3, using: &random)
    for model in [
      Pair.model(Self.configuration, seed: seed), Pair.model(Self.configuration.student(Pair.mamba), seed: seed),
    ] {
      let answers = ownAnswers(of: model.frozen, on: documents)
      #expect(answers == slowly(model, documents))
      #expect(answers.count == documents.flatMap(\.recalls).reduce(0) { $0 + $1.count })
    }
  }

  @Test func aFractionNeedsAnAnswer() {
    #expect(OwnAnswers(right: 3, count: 4).fraction == 0.75 && OwnAnswers().fraction.isNaN)
  }
}
