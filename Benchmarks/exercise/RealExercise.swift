// # The exercise at the sizes of a real model
//
// One optimiser step of stage 2 and one of stage 3 for a published teacher, with every attention replaced; the
// settings are those of a real run:
//
//     stage 2    each layer's distance relative to its target, each layer's gradient clipped by itself
//     stage 3    the mixers alone are trained, and the next token is predicted among those of a text
//
// A batch is one window of 128 tokens; they are random, since no time depends on which they are.
//
// The student has already gone through some steps of stage 2. A fresh student could not be compared: the states of
// SmolLM2 reach 25,000, and with mixers that fit nothing they grow until 32 bits leave three digits of a gradient.
// Nor would it show mistakes: its convolution is the identity, and the rows of its gate are zero.
//
// Making the exercise is slow, so it is made once and kept in a folder, from which both programs read it.
//
// Read before: `Stepper.swift`, `Distillation/HiddenStateAlignment.swift`,
// `Distillation/KnowledgeDistillation.swift`. Read next: `../real/main.swift`, `../real.py`.

import Checkpoints
import Distillation
import Foundation
import Gradients
import Layers
import Models
import Notebook
import Tensors
import Training

/// A teacher of any size, a student of it, and eight windows.
package struct RealExercise: TimedExercise {
  package let teacher: LanguageModel
  package let student: LanguageModel
  package let tokens: Tensor
  /// The tokens that stage 3 predicts.
  private let subset: TokenSubset
  /// Where the teacher's passes are kept; nil if each step computes its own.
  package var passes: RememberedPasses?

  /// Tokens of a window, and how many different ones a text uses: those of the King James Bible in SmolLM2's vocabulary.
  package static let (longest, tokensOfText) = (128, 9_809)
  /// The steps of stage 2 that the student has gone through.
  package static let stepsBefore = 16

  /// A new student of a teacher, after its first steps; it shares with the teacher what it does not replace.
  ///
  /// - Parameters:
  ///   - T: the tokens of a window, unless the teacher reads fewer
  ///   - stepsBefore: the steps of stage 2 that the student goes through
  package init(of teacher: LanguageModel, T longest: Int = Self.longest, stepsBefore: Int = Self.stepsBefore) throws {
    let c = teacher.configuration
    if let problem = Self.problem(of: c) { throw CommandError("a teacher that cannot be used here: \(problem)") }
    let T = min(longest, c.T)
    var random = SeededGenerator(seed: 1)
    let used = (0..<c.V).shuffled(using: &random).prefix(min(Self.tokensOfText, c.V / 2))
    let ids = (0..<(8 * (T + 1))).map { _ in Scalar(used.randomElement(using: &random)!) }
    self.init(
      teacher, LanguageModel(student: Self.student(of: c, T: T), of: teacher.frozen, using: &random),
      tokens: Tensor(ids, shape: [8, 1, T + 1]), subset: TokenSubset(of: used))
    _ = try Stepper(.stage2, of: self).time(stepsBefore)
  }

  private init(_ teacher: LanguageModel, _ student: LanguageModel, tokens: Tensor, subset: TokenSubset) {
    (self.teacher, self.student, self.tokens, self.subset) = (teacher, student, tokens, subset)
  }

  private static func student(of teacher: ModelConfiguration, T: Int) -> ModelConfiguration {
    teacher.student(DiscreteMamba2Sizes(D: teacher.D, H: teacher.mixers[0].H, N: 64, Q: min(64, T / 2)))
  }

  /// Why this exercise cannot be done with a teacher, in a sentence; nil if it can.
  private static func problem(of c: ModelConfiguration) -> String? {
    if c.layout != .llama { return "the program in PyTorch computes Llama's blocks, and it has others" }
    return c.T < 4 || c.V < 4 ? "it knows \(c.V) tokens and reads \(c.T), where 4 are the least" : nil
  }

  /// The tokens of a window.
  package var T: Int { tokens.shape[2] - 1 }

  /// The number of tokens among which stage 3 predicts.
  package var predicted: Int { subset.count }

  /// The sizes of the teacher's attention and blocks, and of the student's mixers.
  package var sizes: (attention: CausalAttentionSizes, block: SequentialBlockSizes, mixer: DiscreteMamba2Sizes) {
    let c = teacher.configuration
    guard let attention = c.mixers[0] as? CausalAttentionSizes, let block = c.block as? SequentialBlockSizes,
      let mixer = student.configuration.mixers[0] as? DiscreteMamba2Sizes
    else { preconditionFailure("a Llama and its student have other parts") }
    return (attention, block, mixer)
  }

  package let kinds = [Kind.stage2, .stage3]
  package let takesLayersApart = true

  package func stage(_ kind: Kind) -> any Stage {
    let teacher = passes.map(self.teacher.frozen.remembering) ?? self.teacher.frozen
    if kind == .stage2 { return HiddenStateAlignment(from: teacher, to: student, scale: .relative) }
    return KnowledgeDistillation(from: teacher, to: student, training: .mixers, among: subset)
  }

  package func settings(_ kind: Kind) -> TrainingSettings {
    var settings = TrainingSettings.constant(kind == .stage2 ? 2e-3 : 2e-5, tokensPerUpdate: tokens.shape[2] - 1)
    settings.optimiser.clipsGroups = kind == .stage2
    return settings
  }
}

// ## A teacher that needs no file

extension RealExercise {
  /// A Llama of SmolLM2-135M's sizes, or a tiny one, with random weights.
  ///
  /// - Parameter T: the tokens that it reads; nil for 32 of the tiny one and 128 of the other
  package static func randomTeacher(quick: Bool, T: Int? = nil) -> LanguageModel {
    let (V, D, H, G, hidden, L) = quick ? (96, 24, 3, 1, 40, 3) : (49_152, 576, 9, 3, 1536, 30)
    let T = T ?? (quick ? 32 : longest)
    let attention = CausalAttentionSizes(D: D, H: H, G: G, rotaryBase: 100_000, convention: .llama)
    let configuration = ModelConfiguration(
      V: V, D: D, T: T, block: SequentialBlockSizes(feedForward: hidden),
      mixers: Array(repeating: attention, count: L), hasTiedHead: true, layout: .llama)
    var random = SeededGenerator(seed: 2)
    let model = LanguageModel(configuration, using: &random)
    // The head is the embedding: this scale gives logits as large as a trained model's.
    model.embedding.weight.value = model.embedding.weight.value * Tensor(1 / Scalar(D).squareRoot())
    return model
  }
}

// ## In a folder

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

  private static func places(in folder: URL) -> (teacher: URL, mixers: URL, tokens: URL) {
    func place(_ path: String) -> URL { folder.appending(path: path) }
    return (place("teacher"), place("student/model.safetensors"), place("tokens.safetensors"))
  }

  /// Writes the whole teacher, but only the mixers of the student, which shares everything else with the teacher.
  package func export(to folder: URL) throws {
    let (c, places) = (teacher.configuration, Self.places(in: folder))
    let (attention, block, mixer) = sizes
    try teacher.write(to: places.teacher)
    try FileManager.default.createDirectory(
      at: places.mixers.deletingLastPathComponent(), withIntermediateDirectories: true)
    let values = student.blocks.flatMap(\.mixer.parameters).map { ($0.name, $0.value) }
    try Checkpoint(tensors: Dictionary(uniqueKeysWithValues: values)).write(to: places.mixers)
    let numbers = Tensor(subset.tokens.map { Scalar($0) }, shape: [subset.count])
    try Checkpoint(tensors: ["tokens": tokens, "subset": numbers]).write(to: places.tokens)
    let description = Description(
      recipe: Description.Sizes(
        B: 1, T: T, D: c.D, L: c.L, H: mixer.H, G: attention.G, N: mixer.N, Q: mixer.Q,
        rotaryFraction: attention.rotaryFraction, rotaryBase: attention.rotaryBase, epsilon: block.epsilon),
      rates: Dictionary(uniqueKeysWithValues: kinds.map { ($0, settings($0).schedule.peak) }),
      optimiser: settings(.stage2).optimiser)
    try JSONEncoder().encode(description).write(to: folder.appending(path: "exercise.json"))
  }

  /// The teacher of an exercise that was written into a folder.
  package static func teacher(in folder: URL) throws -> LanguageModel {
    try LanguageModel(contentsOf: places(in: folder).teacher)
  }

  /// An exercise that was written into a folder, at its beginning, with the teacher that was read from there.
  package init(contentsOf folder: URL, teacher: LanguageModel) throws {
    let places = Self.places(in: folder)
    let text = try Checkpoint(contentsOf: places.tokens)
    guard let tokens = text.tensors["tokens"], let subset = text.tensors["subset"] else {
      throw CommandError("\(places.tokens.path): it has no tokens and no subset; write the exercise again")
    }
    // The mixers are read, not drawn.
    var random = SeededGenerator.idle
    let configuration = Self.student(of: teacher.configuration, T: tokens.shape[2] - 1)
    self.init(
      teacher, LanguageModel(student: configuration, of: teacher.frozen, using: &random), tokens: tokens,
      subset: TokenSubset(of: subset.elements.map { Int($0) }))
    let values = try Checkpoint(contentsOf: places.mixers)
    for parameter in student.blocks.flatMap(\.mixer.parameters) {
      parameter.value = try values.tensor(parameter.name, shape: parameter.value.shape)
    }
  }
}
