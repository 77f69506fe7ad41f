// # Help for tests of models
//
// The kinds of models, tiny, with sizes that are all different, so that no two axes can be
// taken for one another; and with random numbers in every parameter, so that no branch is idle.

import Foundation
import Gradients
import Layers
import Models
import Tensors
import TestSupport

extension Tolerance {
  /// A whole model against the same model computed in another way.
  static let model: Scalar = isDouble ? 1e-12 : 1e-4
}

/// A kind of model: which mixer each of its blocks has.
enum Kind: String, CaseIterable, Sendable {
  case teacher, student, hybrid
  /// Of Llama's parts, with queries that share keys and values, and a head that is the embedding.
  case llama, llamaStudent, llamaHybrid

  /// The mixer of the student.
  static let mamba = DiscreteMamba2Sizes(D: 10, H: 2, N: 3, Q: 5)

  var configuration: ModelConfiguration {
    let attention = CausalAttentionSizes(D: 10, H: 2)
    let teacher = ModelConfiguration(
      V: 11, D: 10, T: 17, block: ParallelBlockSizes(feedForward: 13), mixers: [attention, attention, attention],
      layout: .phi)
    let shared = CausalAttentionSizes(D: 10, H: 5, G: 1, rotaryBase: 500, convention: .llama)
    let llama = ModelConfiguration(
      V: 11, D: 10, T: 17, block: SequentialBlockSizes(feedForward: 13, epsilon: 1e-6),
      mixers: [shared, shared, shared], hasTiedHead: true, layout: .llama)
    return switch self {
    case .teacher: teacher
    case .llama: llama
    case .llamaStudent: llama.student(Kind.mamba)
    case .llamaHybrid: llama.student(Kind.mamba, keeping: [1])
    case .student: teacher.student(Kind.mamba)
    case .hybrid: teacher.student(Kind.mamba, keeping: [1])
    }
  }

  /// A model of this kind with random numbers in every parameter; those of a norm's scale are near 1.
  func model(seed: UInt64 = 1) -> LanguageModel {
    var random = SeededGenerator(seed: seed)
    let model = LanguageModel(configuration, using: &random)
    randomise(model.parameters, deviation: 0.3, using: &random)
    return model
  }
}
