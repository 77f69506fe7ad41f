// # Runs that ranks share
//
// The ranks of this chapter are threads of one process, each with models of its own. What they know of each other they
// send, through the operations that MPI has too, so that bits and bytes are those of as many machines
// (`Communication/RankThreads.swift`). Only the times are not: all threads share the cores and the memory of one machine.
//
// Each kind of work is trained as the stages define it. A rank returns what must not depend on their number, the sum of
// all weights, and what must: the bytes that it has sent, and its times.
//
// Read before: `main.swift`, `Distillation/Stage.swift`, `Distillation/LayerShares.swift`. Read next: `Clock.swift`.

import Checkpoints
import Communication
import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Models
import Tensors
import Training

/// What ranks can share.
nonisolated enum Work: String, CaseIterable, Sendable {
  case teacher, orientation, alignment, alignmentByEachRank, distillation

  var name: String {
    switch self {
    case .teacher: "teacher"
    case .orientation: "stage 1, handed on"
    case .alignment: "stage 2, handed on"
    case .alignmentByEachRank: "stage 2, by each rank"
    case .distillation: "stage 3"
    }
  }

  /// Whether ranks take layers; otherwise they take micro-batches.
  var isByLayer: Bool { self != .teacher && self != .distillation }
  /// Whether the teacher's states go from rank to rank.
  var handsOn: Bool { self == .orientation || self == .alignment }
}

/// What all ranks begin with.
nonisolated struct Setting: Sendable {
  let recipe: Recipe
  let corpus: Corpus
  let sizes: ModelSizes
  let microBatches: Int
  let seed: UInt64
  /// The teacher's weights; nil for new ones.
  var teacherWeights: [Tensor]?

  func draw(_ random: inout SeededGenerator) -> Batch { corpus.randomBatch(B: recipe.B, T: recipe.T, using: &random) }

  /// The teacher, and a new student of it.
  func models() -> (teacher: LanguageModel, student: LanguageModel) {
    var random = SeededGenerator(seed: seed)
    let configuration = recipe.teacher(V: sizes.V)
    let teacher = LanguageModel(configuration, using: &random)
    for (parameter, value) in zip(teacher.parameters, teacherWeights ?? []) { parameter.value = value }
    let student = LanguageModel(
      student: configuration.student(recipe.studentMixer), of: teacher.frozen, using: &random)
    return (teacher, student)
  }

  func settings(_ work: Work, steps: Int) -> TrainingSettings {
    let rate =
      switch work {
      case .teacher: recipe.teacherRate
      case .orientation: recipe.orientationRate
      case .alignment, .alignmentByEachRank: recipe.alignmentRate
      case .distillation: Way.all.lastRate(recipe)
      }
    var settings = TrainingSettings(
      steps: steps, learningRate: rate, tokensPerUpdate: recipe.tokensPerUpdate, seed: seed)
    settings.microBatches = microBatches
    return settings
  }
}

// ## A run as one rank sees it

/// What a rank returns.
nonisolated struct Outcome: Sendable {
  /// The sum of all weights, and the weights.
  let sum: String
  let weights: [Tensor]
  /// The bytes that it sent in each step, and in all.
  let bytesPerStep, bytes: Int
  /// The bytes of a step as the run itself counts them; 0 by layers.
  let counted: Int
  /// The mean seconds of a step, without the first.
  let seconds: Double
}

/// What a rank had sent after each step, and when.
private nonisolated final class Marks {
  private var times: [ContinuousClock.Instant] = []
  private var sent: [Int] = []
  private let ranks: any RankGroup

  init(_ ranks: any RankGroup) { self.ranks = ranks }

  func add() {
    times.append(.now)
    sent.append(ranks.sentBytes)
  }

  /// Bytes and seconds of a step; 0 for a rank that had nothing to do.
  var perStep: (bytes: Int, seconds: Double) {
    guard sent.count > 1 else { return (0, 0) }
    let steps = sent.count - 1
    return ((sent[steps] - sent[0]) / steps, (times[steps] - times[0]) / .seconds(1) / Double(steps))
  }
}

extension Setting {
  /// Does some steps of a kind of work, as one of some ranks.
  nonisolated func run(_ work: Work, steps: Int, _ ranks: any RankGroup) throws -> Outcome {
    let (teacher, student) = models()
    let (settings, marks) = (self.settings(work, steps: steps), Marks(ranks))
    var counted = 0
    func together(_ stage: some Stage) throws {
      var run: TrainingRun?
      _ = try Distillation.train(stage, as: work.name, settings, on: draw, sharedAmong: ranks) {
        run = $0
        $0.onStep = { _ in marks.add() }
      }
      counted = run?.bytesPerStep ?? 0
    }
    func apart(_ stage: some LayerwiseStage) throws {
      _ = try trainLayers(
        stage, as: work.name, settings, on: draw, sideBySide: 1, sharedAmong: ranks,
        teacherPass: work.handsOn ? .handedOn : .byEachRank, onStep: { _, _ in marks.add() })
    }
    switch work {
    case .teacher: try together(TokenPrediction(of: teacher))
    case .orientation: try apart(MatrixOrientation(from: teacher.frozen, to: student))
    case .alignment, .alignmentByEachRank: try apart(HiddenStateAlignment(from: teacher.frozen, to: student))
    case .distillation: try together(KnowledgeDistillation(from: teacher.frozen, to: student))
    }
    let weights = (work == .teacher ? teacher : student).parameters.map(\.value)
    var sum = Checksum()
    for weight in weights { sum.add(weight) }
    let step = marks.perStep
    return Outcome(
      sum: String(sum.value, radix: 16), weights: weights, bytesPerStep: step.bytes, bytes: ranks.sentBytes,
      counted: counted, seconds: step.seconds)
  }

  /// The same on `count` ranks that are threads; what each of them returns.
  nonisolated func run(_ work: Work, steps: Int, ranks count: Int) throws -> [Outcome] {
    try withRankThreads(count) { try run(work, steps: steps, $0) }
  }
}

// ## The counts of section 1

extension Setting {
  /// The bytes that all ranks together send in each step, by the law: the sums of gradients and the new weights, or a
  /// state from each rank with layers to the next.
  nonisolated func law(_ work: Work, ranks: Int) -> Int {
    if work.isByLayer {
      return work.handsOn
        ? (min(ranks, sizes.L) - 1) * recipe.tokensPerUpdate * sizes.D * MemoryLayout<Scalar>.size : 0
    }
    let numbers = work == .teacher ? sizes.teacherNumbers : sizes.studentNumbers
    let tree = SummationTree(leaves: microBatches)
    let sums = shares(of: microBatches, among: ranks).reduce(0) { $0 + tree.subtrees(of: $1).count }
    return (sums + ranks) * (ranks - 1) * numbers / ranks * MemoryLayout<Scalar>.size
  }
}

// ## The clock

extension Setting {
  /// The seconds of a step on so many ranks, a core each: the slowest rank's, in the fastest of some runs.
  func measured(_ work: Work, ranks: Int, steps: Int, runs: Int) throws -> Double {
    try (0..<runs).map { _ in try onOneCore { try run(work, steps: steps, ranks: ranks) }.map(\.seconds).max()! }
      .min()!
  }
}
