// # The table of blocks and models
//
// The blocks of hybrids, one with attention and one with a state space mixer, and every kind of model under the two
// losses that they are trained with: the cross-entropy of the actual tokens, and of another model's distributions. A
// row's output is the loss of each token, which the check weights at random: a plain mean could hide an exchange of
// two. We take it fourfold, so that the smallest slopes, those of the queries' biases, are well above Float's
// tolerance.
//
// The models are smaller than those of the other tests, because every number is nudged here.
//
// Read before: `Tests/TestSupport/LayerCase.swift`. Read next: `ModelTableTests.swift`.

import Gradients
import Layers
import Models
import Tensors
import TestSupport

extension LayerCase {
  static let all = blocks + models

  // ## Blocks

  static let blocks = parallelBlocks + sequentialBlocks

  private static let sequentialBlocks = [(0, "mamba"), (1, "attention")].map { index, kind in
    LayerCase(SequentialBlock.self, "\(kind)") { random in
      let block = tiny(.llamaHybrid, using: &random).blocks[index]
      return Subject(block.parameters, at: [state(using: &random)]) { block($0[0]) }
    }
  }

  private static let parallelBlocks = [(0, "mamba"), (1, "attention")].flatMap { index, kind in
    [
      LayerCase(ParallelBlock.self, "\(kind)") { random in
        let block = tiny(.hybrid, using: &random).blocks[index]
        return Subject(block.parameters, at: [state(using: &random)]) { block($0[0]) }
      },
      // All that a trace keeps.
      LayerCase(ParallelBlock.self, "\(kind), trace") { random in
        let block = tiny(.hybrid, using: &random).blocks[index]
        return Subject(block.parameters, at: [state(using: &random)]) {
          let trace = block.trace($0[0])
          let kept = [trace.mixerInput, trace.matrix!, trace.mixerOutput, trace.output]
          return Variable.concatenated(kept.map { $0.reshaped(to: [$0.shape.count]) })
        }
      },
    ]
  }

  // ## Models

  private static let models = Kind.allCases.flatMap { kind in
    [
      LayerCase(LanguageModel.self, "\(kind), tokens") { random in
        let model = tiny(kind, using: &random)
        let (tokens, targets) = (tokens(using: &random), tokens(using: &random))
        return Subject(model.parameters) { _ in 4 * crossEntropy(model(tokens), targets: targets) }
      },
      LayerCase(LanguageModel.self, "\(kind), distributions") { random in
        let model = tiny(kind, using: &random)
        let tokens = tokens(using: &random)
        let distributions = Tensor.random([2, 5, 7], .distribution, using: &random)
        return Subject(model.parameters) { _ in 4 * crossEntropy(model(tokens), distributions: distributions) }
      },
      // Two rows of the head are not among the subset.
      LayerCase(LanguageModel.self, "\(kind), a subset of the tokens") { random in
        let model = tiny(kind, using: &random)
        let (tokens, subset) = (tokens(using: &random), TokenSubset(of: [6, 0, 3, 5, 2]))
        return Subject(model.parameters) { _ in 4 * model.logits(tokens, among: subset) as Variable }
      },
      LayerCase(LanguageModel.self, "\(kind), logits from the last state") { random in
        let model = tiny(kind, using: &random)
        return Subject(model.finalNorm.parameters + model.head.parameters, at: [state(using: &random)]) {
          model.logits(fromLastState: $0[0])
        }
      },
    ]
  }

  // ## What they are made of

  /// A model of two blocks with random numbers in every parameter; the hybrid has its attention in the second.
  static func tiny(_ kind: Kind, using random: inout SeededGenerator) -> LanguageModel {
    let attention = CausalAttentionSizes(D: 6, H: 2, rotaryFraction: 0.7)
    let mamba = DiscreteMamba2Sizes(D: 6, H: 2, N: 4, K: 3, Q: 2)
    let teacher = ModelConfiguration(
      V: 7, D: 6, T: 5, block: ParallelBlockSizes(feedForward: 8), mixers: [attention, attention], layout: .phi)
    let shared = CausalAttentionSizes(D: 6, H: 2, G: 1, convention: .llama)
    let llama = ModelConfiguration(
      V: 7, D: 6, T: 5, block: SequentialBlockSizes(feedForward: 8, epsilon: 0.3), mixers: [shared, shared],
      hasTiedHead: true,
      layout: .llama)
    let configuration =
      switch kind {
      case .teacher: teacher
      case .student: teacher.student(mamba)
      case .hybrid: teacher.student(mamba, keeping: [1])
      case .llama: llama
      case .llamaStudent: llama.student(mamba)
      case .llamaHybrid: llama.student(mamba, keeping: [1])
      }
    let model = LanguageModel(configuration, using: &random)
    randomise(model.parameters, deviation: 0.3, using: &random)
    // Where the numbers of a row are nearly equal, a norm curves too sharply for differences. An embedding that is
    // also the head gets smaller numbers, since the loss curves sharply for large logits; its norms have a large ε
    // instead.
    randomise(model.embedding.parameters, deviation: configuration.hasTiedHead ? 0.6 : 4, using: &random)
    return model
  }

  /// A state that enters a block, with widely different numbers in each row, for the sake of the norm.
  static func state(using random: inout SeededGenerator) -> Tensor { .random([2, 5, 6], .wide, using: &random) }

  static func tokens(using random: inout SeededGenerator) -> Tokens {
    randomTokens(B: 2, T: 5, V: 7, using: &random)
  }
}
