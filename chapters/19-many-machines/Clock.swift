// # The constants of the law, measured
//
// Six numbers are all that the law needs of a machine: the seconds of a micro-batch, of the update, of the teacher in a
// layer and of training in a layer; the latency and the bandwidth of a message. Each is measured by itself, far from
// any run of several ranks. What the law then says about such runs is a prediction.
//
// A rank has one core here. Cores that compute at the same time share the memory and often the clock, so that each of
// them is slower than one alone. We measure with one thread, and with as many as there are cores. Other programs only
// ever make a measurement longer, so that we keep the shortest of several.
//
// Read before: `Runs.swift`, `Messages.swift`, `Experiments/ClusterCost.swift`.

import Communication
import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Models
import Notebook
import Tensors
import Training

/// What a machine needs for the parts of a step, in seconds, on one core of `busy`.
struct Constants {
  let busy: Int
  /// A micro-batch of the teacher's training and of stage 3, forwards and backwards.
  let teacherBatch, distillationBatch: Double
  /// Clipping and AdamW over all of the teacher and all of the student.
  let teacherUpdate, distillationUpdate: Double
  /// The teacher in one layer, and the training of one mixer in stages 1 and 2; a whole batch.
  let teacherLayer, orientationLayer, alignmentLayer: Double
}

extension Setting {
  /// Measures the constants while `busy` threads do the same: the minimum of each thread, and the median of threads.
  func constants(busy: Int, repetitions: Int) throws -> Constants {
    let seconds = try withRankThreads(busy) { ranks in try parts(ranks, repetitions: repetitions) }
    let medians = seconds[0].indices.map { part in median(seconds.map { $0[part].min()! }) }
    return Constants(
      busy: busy, teacherBatch: medians[0], distillationBatch: medians[1], teacherUpdate: medians[2],
      distillationUpdate: medians[3], teacherLayer: medians[4], orientationLayer: medians[5],
      alignmentLayer: medians[6])
  }

  /// The seconds of each repetition of each part.
  private nonisolated func parts(_ ranks: any RankGroup, repetitions: Int) throws -> [[Double]] {
    let (teacher, student) = models()
    var random = SeededGenerator(seed: seed)
    let batch = draw(&random)
    let micro = batch.microBatches(microBatches)[0]
    func gradients(_ stage: some Stage) throws -> () -> [Tensor] {
      try stage.begin()
      return { Gradients.gradients(of: stage.loss(micro).total, withRespectTo: stage.trained.map(\.parameter)) }
    }
    func update(_ stage: some Stage) -> () -> Void {
      var optimiser = AdamW(stage.trained)
      let slopes = stage.trained.map { Tensor.zeros($0.parameter.value.shape) }
      return { optimiser.step(slopes, learningRate: 0, norm: gradientNorm(slopes)) }
    }
    func layer(_ stage: some LayerwiseStage) throws -> () throws -> Void {
      try stage.begin()
      let (last, settings) = (sizes.L - 1, self.settings(.alignment, steps: 1 << 20))
      let run = try TrainingRun(
        "layer", of: stage.trained(in: last), settings: settings.inOnePiece)
      let traces = teacher.frozen.trace(batch.inputs, keepingMatrices: stage.comparesMatrices)
      // The teacher's part of the trace is computed when it is first asked for.
      _ = stage.loss(of: last, traces[last])
      return { try run.descend(stage.loss(of: last, traces[last])) }
    }
    let (prediction, distillation) = (
      TokenPrediction(of: teacher), KnowledgeDistillation(from: teacher.frozen, to: student)
    )
    // Each begins when its turn comes: a stage decides what of a model is frozen.
    let makers: [() throws -> () throws -> Void] = [
      {
        let body = try gradients(prediction)
        return { _ = body() }
      },
      {
        let body = try gradients(distillation)
        return { _ = body() }
      },
      { update(prediction) }, { update(distillation) },
      { { let _: Tensor = teacher.lastState(batch.inputs) } },
      { try layer(MatrixOrientation(from: teacher.frozen, to: student)) },
      { try layer(HiddenStateAlignment(from: teacher.frozen, to: student)) },
    ]
    return try makers.enumerated().map { index, make in
      let body = try make()
      try body()
      try ranks.barrier()
      return try (0..<repetitions).map { _ in
        let start = ContinuousClock.now
        try body()
        return (ContinuousClock.now - start) / .seconds(1) / (index == 4 ? Double(sizes.L) : 1)
      }
    }
  }
}

extension TrainingSettings {
  /// The same for whole batches, as runs of single layers take them.
  fileprivate nonisolated var inOnePiece: TrainingSettings {
    var copy = self
    copy.microBatches = nil
    return copy
  }
}

// ## Predictions

/// A machine that is known: its constants for each number of busy cores, and its messages.
struct Machine {
  let cores: Int
  /// The constants by the number of cores that are busy.
  let constants: [Int: Constants]
  let exchange, handing: MeasuredNetwork

  /// The constants while some ranks compute.
  func constants(ranks: Int) -> Constants { constants[min(ranks, cores)]! }

  /// The seconds of a step by the law. Ranks beyond the cores share them.
  func predicted(_ work: Work, _ setting: Setting, ranks: Int) -> Double {
    let (c, crowding) = (constants(ranks: ranks), max(1, Double(ranks) / Double(cores)))
    let (sizes, recipe) = (setting.sizes, setting.recipe)
    if work.isByLayer {
      let jobs = LayerJobs(
        L: sizes.L, teacher: crowding * c.teacherLayer,
        training: crowding * (work == .orientation ? c.orientationLayer : c.alignmentLayer),
        states: Double(recipe.tokensPerUpdate * sizes.D * MemoryLayout<Scalar>.size))
      return jobs.seconds(ranks: ranks, work.handsOn ? .handedOn(handing.network) : .byEachRank)
    }
    let isTeacher = work == .teacher
    let numbers = isTeacher ? sizes.teacherNumbers : sizes.studentNumbers
    let batch = SharedBatch(
      microBatches: setting.microBatches, compute: crowding * (isTeacher ? c.teacherBatch : c.distillationBatch),
      gradients: Double(numbers * MemoryLayout<Scalar>.size),
      update: crowding * (isTeacher ? c.teacherUpdate : c.distillationUpdate))
    return batch.parts(ranks: ranks, exchange.network, sharded: true).total
  }
}

extension Machine {
  /// Measures this machine, for runs with these numbers of ranks.
  init(_ setting: Setting, ranks: [Int], repetitions: Int) throws {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    var constants: [Int: Constants] = [:]
    for busy in Set(ranks.map { min($0, cores) }).sorted() {
      constants[busy] = try onOneCore { try setting.constants(busy: busy, repetitions: repetitions) }
    }
    self.init(
      cores: cores, constants: constants, exchange: try measuredNetwork(.exchanged, repetitions: 10 * repetitions),
      handing: try measuredNetwork(.toTheNext, repetitions: 10 * repetitions))
  }
}

// ## For the tables

/// Seconds in milliseconds, with three digits.
func ms(_ seconds: Double) -> String { number(seconds * 1000, digits: 3) }

extension Machine {
  private var busiest: Int { constants.keys.max()! }
  /// The titles of `rows`.
  var columns: [String] { ["on one core, ms", "alone"] + (busiest > 1 ? ["\(busiest) at a time"] : []) }
  /// The constants, alone and with all cores busy.
  var rows: [[String]] {
    let parts: [(String, KeyPath<Constants, Double>)] = [
      ("c, a micro-batch of the teacher", \.teacherBatch), ("c, of stage 3", \.distillationBatch),
      ("u, the update of the teacher", \.teacherUpdate), ("u, of stage 3", \.distillationUpdate),
      ("f, the teacher in a layer", \.teacherLayer), ("g, a layer in stage 1", \.orientationLayer),
      ("g, in stage 2", \.alignmentLayer),
    ]
    return parts.map { name, part in
      [name] + Set([1, busiest]).sorted().map { ms(constants[$0]![keyPath: part]) }
    }
  }
}
