// # The table of stages
//
// A row for the loss of each stage, stage 2 in both its forms, and for each kind of student. What a
// row lists as parameters is what the stage trains: the promise of the leaves then says that its
// loss reaches all of that, and nothing of the teacher or of what is frozen. In stage 1 a part of
// the rows of a parameter is trained; every row is nudged, and those of x and z have slope 0 both
// ways.
//
// Smaller than the pairs of the other tests, for here every number is nudged. The loss is taken
// tenfold, a sum over the ten tokens where it is a mean, so that the smallest slopes are well above
// Float's tolerance.
//
// Read before: `TestSupport/LayerCase.swift`, `Support.swift`. Read next: `StageTableTests.swift`.

import Distillation
import Gradients
import Models
import Tensors
import TestSupport

extension LayerCase {
  static let stages = Stage.allCases.flatMap { stage in
    Student.allCases.map { student in
      LayerCase(stage.type, "\(stage), \(student)") { _ in
        let begun = stage.between(tiny(student))
        try begun.begin()
        return Subject(begun.trained.map(\.parameter)) { _ in 10 * begun.loss(tinyTokens).total }
      }
    }
  }

  /// A frozen teacher of two blocks and a student; the hybrid keeps the attention of the second.
  static func tiny(_ student: Student) -> Pair {
    let configuration = ModelConfiguration(
      V: 7, D: 6, H: 2, feedForward: 8, mixers: [.attention, .attention], T: 5, rotaryFraction: 0.7, N: 4, K: 3, Q: 2)
    let pair = Pair(student, configuration)
    // Where a row is nearly level, a norm bends too sharply for any difference.
    var random = SeededGenerator(for: "\(student)")
    for model in [pair.teacher, pair.student] {
      randomise(model.embedding.parameters, deviation: 4, using: &random)
    }
    return pair
  }

  /// Two rows of five tokens, among which all seven occur.
  static let tinyTokens = Tokens([3, 6, 0, 1, 5, 2, 4, 4, 0, 3], B: 2, T: 5)
}

extension Stage {
  /// The type that computes its loss.
  var type: any DistillationStage.Type {
    switch self {
    case .matrices: MatrixOrientation.self
    case .mixerOutputs, .blockOutputs: HiddenStateAlignment.self
    case .distributions: KnowledgeDistillation.self
    }
  }
}
