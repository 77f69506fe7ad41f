// # bench-steps
//
// One optimiser step of each kind, to be timed beside the same step in PyTorch. Forward, backward,
// clipping, AdamW; in the stages the teacher's forward pass too. Sizes and learning rates are those
// of the standard recipe, the tokens are random, and nothing is read from a file.
//
// The program answers lines, so that ../compare.py can let two programs take turns:
//
//     about               what is timed, as JSON
//     export FOLDER       writes the weights and tokens that every kind begins with; "done"
//     KIND COUNT          makes COUNT steps: the milliseconds of each
//     losses KIND COUNT   makes COUNT steps from the beginning: loss and gradient norm of each
//     quit
//
// KIND is teacher, stage1, stage2 or stage3.
//
// Read before: `Recipes/Recipe.swift`. Read next: `../steps.py`, `../compare.py`.

import Checkpoints
import Distillation
import Foundation
import Gradients
import Models
import Notebook
import Recipes
import Tensors
import Training

/// Characters of the King James Bible.
let V = 63

/// The kinds of step.
enum Kind: String, CaseIterable, CodingKeyRepresentable, Encodable {
  case teacher, stage1, stage2, stage3
}

// ## The exercise
//
// Every kind begins with the same two models and goes through the same batches. Fresh weights would
// hide mistakes (an identity convolution, a gate whose rows are zero), so all of them are shaken.

struct Exercise {
  let recipe = Recipe.standard
  let teacher: LanguageModel
  let student: LanguageModel
  /// [batches, B, T + 1], token numbers
  let tokens: Tensor

  init(V: Int) {
    var random = SeededGenerator(seed: 1)
    teacher = LanguageModel(recipe.teacher(V: V), using: &random)
    student = LanguageModel(recipe.teacher(V: V).student(), using: &random)
    for parameter in teacher.parameters + student.parameters {
      parameter.value = parameter.value + Tensor.normal(parameter.value.shape, deviation: 0.05, using: &random)
    }
    transferWeights(from: teacher, to: student)
    let ids = (0..<(8 * recipe.B * (recipe.T + 1))).map { _ in Scalar(Int.random(in: 0..<V, using: &random)) }
    tokens = Tensor(ids, shape: [8, recipe.B, recipe.T + 1])
  }

  /// The tokens of a step, and those that follow them.
  func batch(_ step: Int) -> (inputs: Tokens, targets: Tokens) {
    let (B, T) = (recipe.B, recipe.T)
    let number = step % tokens.shape[0]
    let window = tokens.sliced(number..<(number + 1)).reshaped(to: [B, T + 1])
    func part(_ range: Range<Int>) -> Tokens {
      Tokens(window.sliced(range, along: 1).elements.map { Int($0) }, B: B, T: T)
    }
    return (part(0..<T), part(1..<(T + 1)))
  }

  /// What is trained in a kind of step, and at which rate.
  func settings(_ kind: Kind) -> TrainingSettings {
    let rate =
      switch kind {
      case .teacher: recipe.teacherRate
      case .stage1: recipe.orientationRate
      case .stage2: recipe.alignmentRate
      case .stage3: Arm.allStages.rate
      }
    var settings = TrainingSettings(
      steps: 1_000_000, learningRate: rate, tokensPerUpdate: recipe.tokensPerUpdate, seed: 0)
    // The same rate in each step.
    (settings.schedule.warmUp, settings.schedule.decay) = (0, 0)
    return settings
  }

  /// Writes models, tokens and settings for the other program.
  func export(to folder: URL) throws {
    struct Description: Encodable {
      let recipe: Recipe
      let rates: [Kind: Double]
      let optimiser: AdamWSettings
    }
    let rates = Dictionary(uniqueKeysWithValues: Kind.allCases.map { ($0, settings($0).schedule.peak) })
    try teacher.write(to: folder.appending(path: "teacher"))
    try student.write(to: folder.appending(path: "student"))
    try Checkpoint(tensors: ["tokens": tokens]).write(to: folder.appending(path: "tokens.safetensors"))
    let description = Description(recipe: recipe, rates: rates, optimiser: settings(.teacher).optimiser)
    try JSONEncoder().encode(description).write(to: folder.appending(path: "exercise.json"))
  }
}

// ## A kind of step, from its first on

final class Stepper {
  let trained: [Trainable]
  private let exercise: Exercise
  private let run: TrainingRun
  private let descend: (TrainingRun, _ inputs: Tokens, _ targets: Tokens) throws -> Void

  init(_ kind: Kind, V: Int) throws {
    let exercise = Exercise(V: V)
    let (teacher, student) = (exercise.teacher, exercise.student)
    func begin(_ stage: some DistillationStage) throws -> (
      [Trainable], (TrainingRun, Tokens, Tokens) throws -> Void
    ) {
      teacher.setFrozen(true)
      try stage.begin()
      return (
        stage.trained,
        { run, inputs, _ in
          let loss = stage.loss(inputs)
          try run.descend(loss.total, details: loss.parts)
        }
      )
    }
    (trained, descend) =
      switch kind {
      case .teacher:
        (
          teacher.parameters.map { Trainable($0) },
          { run, inputs, targets in try run.descend(mean(crossEntropy(teacher(inputs), targets: targets))) }
        )
      case .stage1: try begin(MatrixOrientation(from: teacher, to: student))
      case .stage2: try begin(HiddenStateAlignment(from: teacher, to: student))
      case .stage3: try begin(KnowledgeDistillation(from: teacher, to: student))
      }
    self.exercise = exercise
    run = try TrainingRun(kind.rawValue, of: trained, settings: exercise.settings(kind))
  }

  /// Makes some steps and gives the milliseconds of each; drawing the batch is not timed.
  func time(_ count: Int) throws -> [Double] {
    try (0..<count).map { _ in
      let batch = exercise.batch(run.records.count)
      let duration = try ContinuousClock().measure { try descend(run, batch.inputs, batch.targets) }
      return duration / .milliseconds(1)
    }
  }

  /// Loss and gradient norm of each step so far.
  var record: [Double] { run.records.flatMap { [$0.loss, $0.gradientNorm] } }
}

// ## The lines

struct Bench {
  private let V: Int
  private var steppers: [Kind: Stepper] = [:]

  init(V: Int) throws {
    self.V = V
    for kind in Kind.allCases { steppers[kind] = try Stepper(kind, V: V) }
  }

  /// What is timed.
  private struct About: Encodable {
    let program = "mohawk, \(scalarName)"
    let threads = ProcessInfo.processInfo.activeProcessorCount
    /// The number of numbers that change in each kind of step.
    let trained: [Kind: Int]
    let teacher: Int
    let student: Int
  }

  /// The answer to a line.
  func answer(_ line: String) throws -> String {
    let words = line.split(separator: " ").map(String.init)
    func kind(_ index: Int) throws -> Kind {
      guard words.indices.contains(index), let kind = Kind(rawValue: words[index]) else {
        throw Complaint("'\(line)' names none of \(Kind.allCases.map(\.rawValue))")
      }
      return kind
    }
    func count(_ index: Int) throws -> Int {
      guard words.indices.contains(index), let count = Int(words[index]), count > 0 else {
        throw Complaint("'\(line)' names no number of steps")
      }
      return count
    }
    func joined(_ numbers: [Double]) -> String { numbers.map { "\($0)" }.joined(separator: " ") }

    switch words.first {
    case "about":
      let exercise = Exercise(V: V)
      let about = About(
        trained: steppers.mapValues { $0.trained.reduce(0) { $0 + $1.count } },
        teacher: exercise.teacher.parameterCount, student: exercise.student.parameterCount)
      return String(decoding: try JSONEncoder().encode(about), as: UTF8.self)
    case "export":
      guard words.count == 2 else { throw Complaint("'\(line)' names no folder") }
      try Exercise(V: V).export(to: URL(filePath: words[1]))
      return "done"
    case "losses":
      let stepper = try Stepper(kind(1), V: V)
      _ = try stepper.time(count(2))
      return joined(stepper.record)
    default:
      return try joined(steppers[kind(0)]!.time(count(1)))
    }
  }
}

do {
  let bench = try Bench(V: V)
  while let line = readLine(), line != "quit" {
    FileHandle.standardOutput.write(Data((try bench.answer(line) + "\n").utf8))
  }
} catch {
  FileHandle.standardError.write(Data("bench-steps: \(error)\n".utf8))
  exit(1)
}
