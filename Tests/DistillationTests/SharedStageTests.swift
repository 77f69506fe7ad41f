// # Stages on any number of ranks
//
// Each stage, alone and shared among threads: by micro-batches, and stages 1 and 2 by layers too. Weights and records
// are the same to the last bit, also if the job is interrupted and goes on with another number of ranks.
//
// Read before: `Support.swift`, `LayerwiseTests.swift`, `Tests/TrainingTests/SharingTests.swift`.

import Communication
import Corpora
import Distillation
import Foundation
import Gradients
import Models
import Tensors
import TestSupport
import Testing
import Training

/// A way to train that ranks can share.
enum SharedWay: String, CaseIterable, Sendable {
  case teacher, matrices, mixerOutputs, blockOutputs, distributions, matricesByLayer, outputsByLayer,
    matricesHandedOn, outputsHandedOn

  /// Five steps; the micro-batches are no power of two, and of different sizes.
  var settings: TrainingSettings {
    var settings = DistillationTests.settings(steps: 5)
    settings.microBatches = 5
    settings.optimiser.clip = 0.5
    return settings
  }

  /// Trains from the beginning or from a checkpoint, and returns the bits of the model and the record.
  ///
  /// - Parameter stop: the steps after which the work ends, as that of a killed process does; by layers, with an error
  func run(_ ranks: any RankGroup, in folder: URL? = nil, stop: Int = .max) throws -> SharedOutcome {
    let pair = Pair(.hybrid)
    let (teacher, student) = (pair.teacher.frozen, pair.student)
    let file = folder?.appending(path: rawValue)
    let count = Lock(0)
    /// Other tokens in each step, six rows.
    func draw(_ random: inout SeededGenerator) -> Batch {
      count.withLock { $0 += 1 }
      func tokens() -> Tokens { Tokens((0..<42).map { _ in Int.random(in: 0..<11, using: &random) }, B: 6, T: 7) }
      return Batch(inputs: tokens(), targets: tokens())
    }
    func together(_ stage: some Stage) throws -> History {
      try stage.begin()
      let run = try TrainingRun(
        rawValue, of: stage.trained, settings: settings, checkpoint: file, every: 2, sharedAmong: ranks)
      for _ in run {
        if count.withLock({ $0 }) >= stop { break }
        try run.step(stage, on: draw(&run.random))
      }
      return run.history
    }
    func apart(_ stage: some LayerwiseStage, _ pass: TeacherPass) throws -> History {
      try trainLayers(
        Failing(stage: stage, call: stop), as: rawValue, settings, on: draw, checkpoints: file, every: 2,
        sideBySide: 1, sharedAmong: ranks, teacherPass: pass)
    }
    let history =
      switch self {
      case .teacher: try together(TokenPrediction(of: pair.teacher))
      case .matrices: try together(MatrixOrientation(from: teacher, to: student))
      case .mixerOutputs: try together(HiddenStateAlignment(from: teacher, to: student))
      case .blockOutputs: try together(HiddenStateAlignment(from: teacher, to: student, comparing: .blockOutput))
      case .distributions: try together(KnowledgeDistillation(from: teacher, to: student))
      case .matricesByLayer: try apart(MatrixOrientation(from: teacher, to: student), .byEachRank)
      case .outputsByLayer: try apart(HiddenStateAlignment(from: teacher, to: student), .byEachRank)
      case .matricesHandedOn: try apart(MatrixOrientation(from: teacher, to: student), .handedOn)
      case .outputsHandedOn: try apart(HiddenStateAlignment(from: teacher, to: student), .handedOn)
      }
    return SharedOutcome(self == .teacher ? pair.teacher : student, history, sent: ranks.sentBytes)
  }
}

/// A stage whose loss is NaN for each layer from one of its losses on, counted from 0.
private struct Failing<Base: LayerwiseStage>: LayerwiseStage {
  let stage: Base
  let call: Int
  let calls = Calls()

  final class Calls: Sendable {
    let made = Lock<[Int: Int]>([:])
    /// The number of earlier calls for this layer.
    func next(_ layer: Int) -> Int {
      made.withLock { made in
        made[layer, default: 0] += 1
        return made[layer]! - 1
      }
    }
  }

  var title: String { stage.title }
  var teacher: FrozenModel { stage.teacher }
  var student: LanguageModel { stage.student }
  var replaced: [Int] { stage.replaced }
  var comparesMatrices: Bool { stage.comparesMatrices }
  func trained(in layer: Int) -> [ParameterRows] { stage.trained(in: layer) }
  func loss(of layer: Int, _ trace: BlockTrace<Tensor>) -> Variable {
    let loss = stage.loss(of: layer, trace)
    return calls.next(layer) >= call ? .nan * loss : loss
  }
}

/// What must be the same on all ranks, and the bytes that a rank sent.
struct SharedOutcome: Equatable {
  let weights: [String: [UInt64]]
  let history: History
  let sent: Int

  init(_ model: LanguageModel, _ history: History, sent: Int) {
    weights = Dictionary(
      uniqueKeysWithValues: model.parameters.map { ($0.name, $0.value.elements.map { UInt64($0.bitPattern) }) })
    (self.history, self.sent) = (history, sent)
  }

  static func == (a: SharedOutcome, b: SharedOutcome) -> Bool { a.weights == b.weights && a.history == b.history }
}

@Suite("stages that ranks share", .tallied) struct SharedStageTests {
  static let ranks = [2, 3, 4, 8]

  @Test(arguments: SharedWay.allCases, ranks) func theNumberOfRanksChangesNoBit(way: SharedWay, count: Int) throws {
    let expected = try way.run(SingleRank())
    #expect(expected.history.records.count == 5)
    let outcomes = try withRankThreads(count) { try way.run($0) }
    for (rank, outcome) in outcomes.enumerated() { #expect(outcome == expected, "\(way), rank \(rank) of \(count)") }
  }

  @Test(arguments: SharedWay.allCases, [[1, 3], [4, 1], [2, 8]]) func aJobGoesOnWithOtherRanks(
    way: SharedWay, counts: [Int]
  ) throws {
    try withTemporaryFolder { folder in
      let expected = try way.run(SingleRank())
      do {
        let early = try withRankThreads(counts[0]) { try way.run($0, in: folder, stop: 3) }
        #expect(early.allSatisfy { $0.history.records.count == 3 })
      } catch let error as TrainingError {
        #expect("\(error)".contains("the loss is nan at step 3"))
      }
      let outcomes = try withRankThreads(counts[1]) { try way.run($0, in: folder) }
      for outcome in outcomes { #expect(outcome == expected, "\(way), \(counts)") }
    }
  }

  // By layers, ranks send what their layers have learned, the records, and nothing else.
  @Test(arguments: ranks) func layersAreSentOnce(count: Int) throws {
    let sent = try withRankThreads(count) { try SharedWay.outputsByLayer.run($0).sent }
    let mixers = Pair(.hybrid).student.blocks[0].mixer.parameters.reduce(0) { $0 + $1.value.count }
    let numbers = MemoryLayout<Scalar>.stride * mixers * (count - 1)
    // A record of five steps of a layer is a text of some hundred bytes for each.
    for (rank, bytes) in sent.enumerated() {
      let layers = count == 2 ? 1 : bytes > numbers ? 1 : 0
      #expect((0..<(4096 * (count - 1))).contains(bytes - layers * numbers), "rank \(rank) of \(count) sent \(bytes)")
    }
    #expect(sent.count { $0 > numbers } == 2)
  }

  // States that are handed on: one for each step and neighbour, and what is sent without them.
  @Test(arguments: [2, 3]) func aStateIsHandedOnInEachStep(count: Int) throws {
    let (with, without) = try (
      withRankThreads(count) { try SharedWay.outputsHandedOn.run($0).sent },
      withRankThreads(count) { try SharedWay.outputsByLayer.run($0).sent }
    )
    // Two layers are trained, so two ranks have some: the first sends 5 states of 6 rows, 7 tokens and 10 features.
    let states = MemoryLayout<Scalar>.stride * 5 * 6 * 7 * 10
    let difference = with.reduce(0, +) - without.reduce(0, +)
    #expect((states..<(states + 4096)).contains(difference), "\(difference)")
  }

  @Test func layersGoToRanksByTheirCost() {
    let pair = Pair(.mamba)
    let stage = HiddenStateAlignment(from: pair.teacher.frozen, to: pair.student)
    for pass in TeacherPass.allCases {
      #expect(stage.layers(ofRanks: 1, pass) == [[0, 1, 2]])
      #expect(stage.layers(ofRanks: 2, pass).map(\.count).sorted() == [1, 2])
      #expect(
        stage.layers(ofRanks: 5, pass).count == 5 && stage.layers(ofRanks: 5, pass).joined().elementsEqual(0..<3))
    }
    // The last layer needs the whole teacher: the first rank takes two.
    #expect(stage.layers(ofRanks: 2, .byEachRank) == [[0, 1], [2]])
  }

  @Test func aBatchOfFewRowsIsRefused() {
    let pair = Pair(.mamba)
    var settings = SharedWay.teacher.settings
    settings.microBatches = 7
    #expect(throws: TrainingError.tooFewRows(run: "few", rows: 6, microBatches: 7)) {
      _ = try train(TokenPrediction(of: pair.teacher), as: "few", settings) { _ in
        Batch(
          inputs: Tokens(Array(repeating: 1, count: 42), B: 6, T: 7),
          targets: Tokens(Array(repeating: 2, count: 42), B: 6, T: 7))
      }
    }
  }

  @Test(arguments: 1...6) func microBatchesAreTheBatch(count: Int) {
    let batch = Batch(
      inputs: Tokens(Array(0..<30), B: 6, T: 5), targets: Tokens(Array(1..<31), B: 6, T: 5))
    let parts = batch.microBatches(count)
    #expect(parts.count == count && parts.allSatisfy { $0.inputs.B > 0 && $0.inputs.T == 5 })
    #expect(parts.flatMap(\.inputs.ids) == batch.inputs.ids && parts.flatMap(\.targets.ids) == batch.targets.ids)
  }
}
