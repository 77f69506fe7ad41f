// # A model as a few sizes
//
// What a step sends and computes follows from how many numbers a model has, and these follow from its sizes. So nothing
// has to be allocated: a model of 1.4 billion parameters is counted as fast as a small one. The counts are checked
// against models that are really made, small ones of both layouts.
//
// Read before: `main.swift`, `Models/ModelConfiguration.swift`. Read next: `Growth.swift`.

import Experiments
import Layers
import Models
import Tensors

/// Teacher and student, counted.
nonisolated struct ModelSizes: Sendable {
  let name: String
  /// The size of the vocabulary, and the hidden width of the feed-forward.
  let V, F: Int
  /// The number of layers.
  let L: Int
  /// The teacher's mixer.
  let attention: CausalAttentionSizes
  /// The student's.
  let mixer: DiscreteMamba2Sizes
  /// Whether the head's matrix is the embedding's.
  let hasTiedHead: Bool

  /// The width.
  var D: Int { attention.D }
  private var isLlama: Bool { attention.convention == .llama }

  /// The numbers of the teacher's attention in a layer: four maps, in Phi with biases.
  var attentionNumbers: Int {
    let shared = attention.G * attention.P
    return 2 * D * (D + shared) + (isLlama ? 0 : 2 * (D + shared))
  }

  /// The numbers beside the mixer in a layer: feed-forward and norms.
  var besideMixer: Int { isLlama ? 3 * D * F + 2 * D : 2 * D * F + F + D + 2 * D }

  /// The numbers of the student's mixer in a layer: two maps, the convolution with its bias, the gate's bias, the skip.
  var mixerNumbers: Int {
    mixer.projected * D + D * D + (mixer.K + 1) * mixer.channels + D + mixer.H
  }

  /// The numbers of the embedding, of the head, and of the norm before it; a tied head is counted once.
  var ends: Int {
    let head = hasTiedHead ? 0 : V * D
    return V * D + head + (isLlama ? D : V + 2 * D)
  }

  /// The parameters of the teacher and of the student.
  var teacherNumbers: Int { L * (attentionNumbers + besideMixer) + ends }
  var studentNumbers: Int { L * (mixerNumbers + besideMixer) + ends }
}

// ## The models

extension ModelSizes {
  /// SmolLM2-135M, with mixers of N = 64. Source of the sizes: its config.json.
  static let small = ModelSizes(
    name: "135M", V: 49152, F: 1536, L: 30, attention: CausalAttentionSizes(D: 576, H: 9, G: 3, convention: .llama),
    mixer: DiscreteMamba2Sizes(D: 576, H: 9, N: 64), hasTiedHead: true)

  /// Phi-1.5, with the mixers of Phi-Mamba. Source of the sizes: the config.json of both.
  static let large = ModelSizes(
    name: "1.5B", V: 51200, F: 8192, L: 24, attention: CausalAttentionSizes(D: 2048, H: 32),
    mixer: DiscreteMamba2Sizes(D: 2048, H: 32, N: 64), hasTiedHead: false)

  /// The teacher and student of a recipe.
  init(_ name: String, _ recipe: Recipe, V: Int) {
    self.init(
      name: name, V: V, F: 4 * recipe.D, L: recipe.L, attention: CausalAttentionSizes(D: recipe.D, H: recipe.H),
      mixer: recipe.studentMixer, hasTiedHead: false)
  }

  /// A Llama so small that it can be made, with sizes that are all different.
  static let tinyLlama = ModelSizes(
    name: "tiny", V: 23, F: 17, L: 3, attention: CausalAttentionSizes(D: 20, H: 10, G: 5, convention: .llama),
    mixer: DiscreteMamba2Sizes(D: 20, H: 10, N: 7), hasTiedHead: true)

  /// What is needed to make the teacher.
  var configuration: ModelConfiguration {
    ModelConfiguration(
      V: V, D: D, T: 8,
      block: isLlama ? SequentialBlockSizes(feedForward: F) : ParallelBlockSizes(feedForward: F),
      mixers: Array(repeating: attention, count: L), hasTiedHead: hasTiedHead, layout: isLlama ? .llama : .phi)
  }

  /// How many parameters a teacher and a student have that are really made.
  func made() -> (teacher: Int, student: Int) {
    var random = SeededGenerator(seed: 0)
    let teacher = LanguageModel(configuration, using: &random)
    return (teacher.parameterCount, LanguageModel(configuration.student(mixer), using: &random).parameterCount)
  }
}

// ## The paper's run

/// How many tokens each stage reads.
struct StageTokens {
  let matrices: Double
  let states: Double
  let predictions: Double
}

/// What the paper gives the stages of Phi-Mamba. Source: Bick et al.
let papersTokens = StageTokens(matrices: 80e6, states: 160e6, predictions: 2760e6)

// ## What is sent

/// The bytes of a number in the estimates; the chapters compute in this type too.
nonisolated let bytesOfNumber = MemoryLayout<Float>.size

extension ModelSizes {
  /// The bytes of the gradients of stage 3, in which all of the student is trained.
  var gradients: Int { bytesOfNumber * studentNumbers }
  /// The bytes of all mixers together, which ranks of stages 1 and 2 give one another at the end.
  var mixers: Int { bytesOfNumber * L * mixerNumbers }
  /// The bytes of the state of one token between two layers.
  var state: Int { bytesOfNumber * D }
  /// The tokens of a batch whose state has as many bytes as gradients that go out and weights that come back.
  var evenTokens: Int { 2 * gradients / state }
}
