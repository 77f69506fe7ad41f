// # The exercise at the sizes of a real model
//
// One optimiser step of stage 2 and one of stage 3 for a published teacher, all of whose attentions are
// replaced; the settings are those that a real run wants:
//
//     stage 2    each layer's distance relative to its target, each layer's gradient clipped by itself
//     stage 3    the mixers alone are trained, and the next token is predicted among those of a text
//
// A batch is one window of 128 tokens. For SmolLM2-135M that is half of what a step costs: 106 million
// weights of the teacher and 50 of the mixers are read for 128 rows each, and the update of those 50
// million is a pass over 1.4 GB.
//
// The tokens are random: no time depends on which they are. The mixers are shaken, since fresh ones would
// hide mistakes (an identity convolution, a gate whose rows are zero).
//
// Read before: `Stepper.swift`, `Distillation/HiddenStateAlignment.swift`,
// `Distillation/KnowledgeDistillation.swift`. Read next: `../real/main.swift`, `../real.py`.

import Checkpoints
import Distillation
import Foundation
import Gradients
import Layers
import Models
import Tensors
import Training

/// A teacher of any size, a student of it, and eight windows.
package struct RealExercise: TimedExercise {
  package let teacher: LanguageModel
  package let student: LanguageModel
  package let tokens: Tensor
  /// The tokens that stage 3 predicts.
  private let subset: TokenSubset
  private let mixer: DiscreteMamba2Sizes

  /// Tokens of a window, and how many different ones a text uses: those of the King James Bible in SmolLM2's vocabulary.
  private static let (longest, tokensOfText) = (128, 9_809)

  /// The same student, tokens and subset for the same teacher; the student shares with it what it does not replace.
  package init(of teacher: LanguageModel) {
    let c = teacher.configuration
    let T = min(Self.longest, c.T)
    var random = SeededGenerator(seed: 1)
    self.teacher = teacher
    mixer = DiscreteMamba2Sizes(D: c.D, H: c.mixers[0].H, N: 64, Q: min(64, T / 2))
    student = LanguageModel(student: c.student(mixer), of: teacher.frozen, using: &random)
    for parameter in student.blocks.flatMap(\.mixer.parameters) { parameter.shake(using: &random) }
    let used = (0..<c.V).shuffled(using: &random).prefix(min(Self.tokensOfText, c.V / 2))
    subset = TokenSubset(of: used)
    let ids = (0..<(8 * (T + 1))).map { _ in Scalar(used.randomElement(using: &random)!) }
    tokens = Tensor(ids, shape: [8, 1, T + 1])
  }

  /// Why this exercise cannot be done with a teacher, in a sentence that goes on "the model: …"; nil if it can.
  package static func problem(of teacher: LanguageModel) -> String? {
    let c = teacher.configuration
    if c.layout != .llama { return "the program in PyTorch computes Llama's blocks, and this model has others" }
    return c.T < 4 || c.V < 4 ? "a window of 4 tokens among 4 is the least" : nil
  }

  package let kinds = [Kind.stage2, .stage3]

  package func stage(_ kind: Kind) -> any Stage {
    if kind == .stage2 { return HiddenStateAlignment(from: teacher.frozen, to: student, scale: .relative) }
    return KnowledgeDistillation(from: teacher.frozen, to: student, training: .mixers, among: subset)
  }

  package func settings(_ kind: Kind) -> TrainingSettings {
    var settings = TrainingSettings.constant(kind == .stage2 ? 2e-3 : 5e-4, tokensPerUpdate: tokens.shape[2] - 1)
    settings.optimiser.clipsGroups = kind == .stage2
    return settings
  }
}

// ## A teacher that no file is needed for

extension RealExercise {
  /// A Llama of SmolLM2-135M's sizes, or a tiny one, with random weights.
  package static func randomTeacher(quick: Bool) -> LanguageModel {
    let (V, D, T, H, G, hidden, L) = quick ? (96, 24, 32, 3, 1, 40, 3) : (49_152, 576, 128, 9, 3, 1536, 30)
    let attention = CausalAttentionSizes(D: D, H: H, G: G, rotaryBase: 100_000, convention: .llama)
    let configuration = ModelConfiguration(
      V: V, D: D, T: T, block: SequentialBlockSizes(feedForward: hidden),
      mixers: Array(repeating: attention, count: L), hasTiedHead: true, layout: .llama)
    var random = SeededGenerator(seed: 2)
    let model = LanguageModel(configuration, using: &random)
    // The head is the embedding: logits of a trained model's size.
    model.embedding.weight.value = model.embedding.weight.value * Tensor(1 / Scalar(D).squareRoot())
    for parameter in model.parameters { parameter.shake(using: &random) }
    return model
  }
}

extension Parameter {
  fileprivate func shake(using random: inout SeededGenerator) {
    value += Tensor.normal(value.shape, deviation: 0.02, using: &random)
  }
}

// ## For the other program

extension RealExercise {
  /// The settings in the words of `../real.py`.
  private struct Description: Encodable {
    struct Sizes: Encodable {
      let B, T, D, L, H, G, N, Q: Int
      let rotaryFraction, rotaryBase, epsilon: Double
    }
    let recipe: Sizes
    let rates: [Kind: Double]
    let optimiser: AdamWSettings
  }

  /// The teacher as a whole, and of the student the mixers: it has all else from the teacher.
  package func export(to folder: URL) throws {
    let c = teacher.configuration
    guard let attention = c.mixers[0] as? CausalAttentionSizes, let block = c.block as? SequentialBlockSizes else {
      preconditionFailure("\(Self.problem(of: teacher) ?? "no Llama")")
    }
    try teacher.write(to: folder.appending(path: "teacher"))
    let mixers = student.blocks.flatMap(\.mixer.parameters).map { ($0.name, $0.value) }
    try FileManager.default.createDirectory(
      at: folder.appending(path: "student"), withIntermediateDirectories: true)
    try Checkpoint(tensors: Dictionary(uniqueKeysWithValues: mixers))
      .write(to: folder.appending(path: "student/model.safetensors"))
    let numbers = Tensor(subset.tokens.map { Scalar($0) }, shape: [subset.count])
    try Checkpoint(tensors: ["tokens": tokens, "subset": numbers])
      .write(to: folder.appending(path: "tokens.safetensors"))
    let description = Description(
      recipe: Description.Sizes(
        B: 1, T: tokens.shape[2] - 1, D: c.D, L: c.L, H: mixer.H, G: attention.G, N: mixer.N, Q: mixer.Q,
        rotaryFraction: attention.rotaryFraction, rotaryBase: attention.rotaryBase, epsilon: block.epsilon),
      rates: Dictionary(uniqueKeysWithValues: kinds.map { ($0, settings($0).schedule.peak) }),
      optimiser: settings(.stage2).optimiser)
    try JSONEncoder().encode(description).write(to: folder.appending(path: "exercise.json"))
  }
}
