// # The table of stages
//
// A row for the loss of each stage, with stage 2 in both its forms, and for each kind of student. A row lists as
// parameters what the stage trains; the promise of the leaves then says that its loss reaches all of them, and
// nothing of the teacher or of what is frozen. Stage 1 trains only some rows of a parameter; every row is nudged, and
// those of x and z have slope 0 both ways.
//
// The pairs are smaller than those of the other tests, because every number is nudged here. We take ten times the
// loss, which makes a mean over the ten tokens a sum, so that the smallest slopes are well above Float's tolerance.
//
// Read before: `Tests/TestSupport/LayerCase.swift`, `Support.swift`. Read next: `StageTableTests.swift`.

import Corpora
import Distillation
import Gradients
import Layers
import Models
import Tensors
import TestSupport

extension LayerCase {
  static let stages =
    [labels] + options + llama
    + StageForm.allCases.flatMap { stage in
      Student.allCases.map { student in
        LayerCase(stage.type, "\(stage), \(student)") { _ in
          let begun = stage.between(tiny(student))
          try begun.begin()
          return Subject(begun.trained.map(\.parameter)) { _ in 10 * begun.loss(tinyTokens).total }
        }
      }
    }

  /// The options that real models need: losses relative to the layer's norm or to each token's, a first token that counts
  /// for more, a first column that does not count, and a head for some of the tokens.
  private static let options: [LayerCase] = Student.allCases.flatMap { student in
    let forms: [(String, @Sendable (Pair) -> any DistillationStage)] = [
      (
        "relative matrices",
        { MatrixOrientation(from: $0.teacher.frozen, to: $0.student, replacing: $0.replaced, scale: .relative) }
      ),
      (
        "relative outputs",
        { HiddenStateAlignment(from: $0.teacher.frozen, to: $0.student, replacing: $0.replaced, scale: .relative) }
      ),
      (
        "relative to each head's matrix",
        { MatrixOrientation(from: $0.teacher.frozen, to: $0.student, replacing: $0.replaced, scale: .relativeEach) }
      ),
      (
        "without the first column, relative to each",
        {
          MatrixOrientation(
            from: $0.teacher.frozen, to: $0.student, replacing: $0.replaced, scale: .relativeEach,
            ignoringFirstColumn: true)
        }
      ),
      (
        "relative to each token",
        {
          HiddenStateAlignment(from: $0.teacher.frozen, to: $0.student, replacing: $0.replaced, scale: .relativeEach)
        }
      ),
      (
        "the first token counts threefold",
        {
          HiddenStateAlignment(
            from: $0.teacher.frozen, to: $0.student, comparing: .blockOutput, replacing: $0.replaced,
            firstTokenWeight: 3)
        }
      ),
      (
        "relative outputs, the first token counts fivefold",
        {
          HiddenStateAlignment(
            from: $0.teacher.frozen, to: $0.student, replacing: $0.replaced, scale: .relative, firstTokenWeight: 5)
        }
      ),
      (
        "among five tokens",
        {
          KnowledgeDistillation(
            from: $0.teacher.frozen, to: $0.student, replacing: $0.replaced, among: TokenSubset(of: [1, 2, 4, 5, 6]))
        }
      ),
    ]
    return forms.map { name, stage in
      LayerCase(Swift.type(of: stage(tiny(student))), "\(name), \(student)") { _ in
        let begun = stage(tiny(student))
        try begun.begin()
        return Subject(begun.trained.map(\.parameter)) { _ in 10 * begun.loss(tinyTokens).total }
      }
    }
  }

  /// A Llama teacher, whose head is its embedding and whose queries share keys and values, and a hybrid of it.
  private static let llama = StageForm.allCases.map { stage in
    LayerCase(stage.type, "\(stage), a hybrid of Llama") { _ in
      let attention = CausalAttentionSizes(D: 6, H: 2, G: 1, convention: .llama)
      let configuration = ModelConfiguration(
        V: 7, D: 6, T: 5, block: SequentialBlockSizes(feedForward: 8), mixers: [attention, attention],
        hasTiedHead: true, layout: .llama)
      let pair = Pair(.hybrid, configuration, mixer: DiscreteMamba2Sizes(D: 6, H: 2, N: 4, K: 3, Q: 2))
      var random = SeededGenerator(for: "Llama")
      // The embedding is the head as well: rows that differ, and logits that are not large.
      for model in [pair.teacher, pair.student] {
        randomise(model.embedding.parameters, deviation: 1, using: &random)
      }
      // The hybrid keeps block 1, so that block 0 alone is aligned.
      let begun = stage.between(pair)
      try begun.begin()
      return Subject(begun.trained.map(\.parameter)) { _ in 10 * begun.loss(tinyTokens).total }
    }
  }

  /// The stage without a teacher; the targets are not the tokens that were read.
  private static let labels = LayerCase(TokenPrediction.self, "a hybrid") { _ in
    let begun = TokenPrediction(of: tiny(.hybrid).student)
    try begun.begin()
    let targets = Tokens(tinyTokens.ids.reversed(), B: 2, T: 5)
    return Subject(begun.trained.map(\.parameter)) { _ in
      10 * begun.loss(Batch(inputs: tinyTokens, targets: targets)).total
    }
  }

  /// A teacher of two blocks and a student; the hybrid keeps the attention of the second.
  static func tiny(_ student: Student) -> Pair {
    let configuration = ModelConfiguration(
      V: 7, D: 6, T: 5, block: ParallelBlockSizes(feedForward: 8),
      mixers: Array(repeating: CausalAttentionSizes(D: 6, H: 2, rotaryFraction: 0.7), count: 2), layout: .phi)
    let pair = Pair(student, configuration, mixer: DiscreteMamba2Sizes(D: 6, H: 2, N: 4, K: 3, Q: 2))
    // Where the numbers of a row are nearly equal, a norm curves too sharply for differences.
    var random = SeededGenerator(for: "\(student)")
    for model in [pair.teacher, pair.student] {
      randomise(model.embedding.parameters, deviation: 4, using: &random)
    }
    return pair
  }

  /// Two rows of five tokens, among which all seven occur.
  static let tinyTokens = Tokens([3, 6, 0, 1, 5, 2, 4, 4, 0, 3], B: 2, T: 5)
}

extension StageForm {
  /// The type that computes its loss.
  var type: any DistillationStage.Type {
    switch self {
    case .matrices: MatrixOrientation.self
    case .mixerOutputs, .blockOutputs: HiddenStateAlignment.self
    case .distributions: KnowledgeDistillation.self
    }
  }
}
