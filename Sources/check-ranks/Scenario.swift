// # What is trained in the check
//
// A teacher of three layers and its students, with sizes that are all different: small enough that a run takes less
// than a second, with every kind of sharing in it. Each scenario gives a name and the bits that must not depend on how
// many ranks there are.

import Checkpoints
import Communication
import Corpora
import Distillation
import Foundation
import Gradients
import Layers
import Models
import Tensors
import Training

/// One way to train.
enum Scenario: String, CaseIterable {
  case teacher, matricesByLayer, outputsByLayer, outputsHandedOn, matrices, outputs, distributions

  static let configuration = ModelConfiguration(
    V: 11, D: 10, T: 7, block: ParallelBlockSizes(feedForward: 13),
    mixers: Array(repeating: CausalAttentionSizes(D: 10, H: 2), count: 3), layout: .phi)
  static let steps = 6
  static let rows = 12

  /// The settings: more micro-batches than ranks, and a number that is not a power of two.
  var settings: TrainingSettings {
    var settings = TrainingSettings(
      steps: Scenario.steps, learningRate: 0.01, tokensPerUpdate: Scenario.rows * 7, seed: 9)
    settings.optimiser.clip = 0.5
    settings.optimiser.clipsGroups = self == .matrices
    settings.microBatches = 11
    return settings
  }

  /// Trains, and returns the parameters of the model and its record.
  ///
  /// - Parameters:
  ///   - place: where checkpoints go, and from which a run goes on
  ///   - onStep: called after each step with the number of steps that are done
  func run(_ ranks: any RankGroup, in place: URL, onStep: @escaping (Int) -> Void) throws -> String {
    var random = SeededGenerator(seed: 5)
    let teacher = LanguageModel(Scenario.configuration, using: &random)
    let mamba = DiscreteMamba2Sizes(D: 10, H: 2, N: 3, Q: 5)
    let student = LanguageModel(Scenario.configuration.student(mamba), using: &random)
    let file = place.appending(path: rawValue)
    func together(_ stage: some Stage) throws -> History {
      try train(
        stage, as: rawValue, settings, on: draw, checkpoint: file, every: 1, sharedAmong: ranks,
        onBegin: { $0.onStep = { onStep($0.step + 1) } })
    }
    func apart(_ stage: some LayerwiseStage, _ pass: TeacherPass) throws -> History {
      try trainLayers(
        stage, as: rawValue, settings, on: draw, checkpoints: file, every: 1, sideBySide: 1, sharedAmong: ranks,
        teacherPass: pass, onStep: { step, _ in onStep(step) })
    }
    let (from, orientation) = (teacher.frozen, MatrixOrientation(from: teacher.frozen, to: student))
    let history =
      switch self {
      case .teacher: try together(TokenPrediction(of: teacher))
      case .matricesByLayer: try apart(orientation, .handedOn)
      case .outputsByLayer: try apart(HiddenStateAlignment(from: from, to: student), .byEachRank)
      case .outputsHandedOn: try apart(HiddenStateAlignment(from: from, to: student), .handedOn)
      case .matrices: try together(orientation)
      case .outputs: try together(HiddenStateAlignment(from: from, to: student))
      case .distributions: try together(KnowledgeDistillation(from: from, to: student))
      }
    var sum = Checksum()
    for parameter in (self == .teacher ? teacher : student).parameters { sum.add(parameter.value) }
    sum.add(String(decoding: try sortedJSON(history), as: UTF8.self))
    return String(sum.value, radix: 16)
  }

  /// Other tokens in each step.
  private func draw(_ random: inout SeededGenerator) -> Batch {
    func tokens() -> Tokens {
      Tokens((0..<(Scenario.rows * 7)).map { _ in Int.random(in: 0..<11, using: &random) }, B: Scenario.rows, T: 7)
    }
    return Batch(inputs: tokens(), targets: tokens())
  }
}
