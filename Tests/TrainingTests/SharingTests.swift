// # The same bits on any number of ranks
//
// One run, alone and shared among threads: weights, moments, records and random state are the same to the last bit,
// whatever the number of ranks, also if it changes on the way. And the bytes that are sent are those that the model of
// a step counts.
//
// Read before: `Problem.swift`, `Sources/Training/TrainingRun+Sharing.swift`.

import Checkpoints
import Communication
import Foundation
import Gradients
import Tensors
import TestSupport
import Testing
import Training

/// A run on 13 points in each step, cut into micro-batches, on one of some ranks.
private struct SharedProblem {
  let problem = Problem()
  let run: TrainingRun
  static let points = 13

  init(_ ranks: any RankGroup, _ settings: TrainingSettings, checkpoint: URL? = nil, every interval: Int = 3) throws {
    // Pieces of four numbers: parameters are cut, and ranks have pieces of several.
    run = try TrainingRun(
      "toy", of: problem.trained, settings: settings, checkpoint: checkpoint, every: interval, sharedAmong: ranks,
      inPiecesOf: 4)
  }

  func step(_ loss: (Int, Tensor) -> Variable) throws {
    let x = Tensor.normal([Self.points, 3], using: &run.random)
    let parts = shares(of: Self.points, among: run.settings.microBatches!)
    try run.descend(overMicroBatches: parts.map { Double($0.count) / Double(Self.points) }) { index in
      let value = loss(index, x.sliced(parts[index]))
      return (value, [("half", Double(value.value.scalar) / 2)])
    }
  }

  func train(stop: Int = .max) throws -> Outcome {
    var done = 0
    while done < stop, run.next() != nil {
      try step { problem.loss(at: $1) }
      done += 1
    }
    return Outcome(problem, run)
  }
}

private func settings(_ microBatches: Int?, clip: Double? = 0.5) -> TrainingSettings {
  var settings = Problem.settings()
  settings.microBatches = microBatches
  settings.optimiser.clip = clip
  return settings
}

private func contents(_ file: URL) throws -> [String: [UInt64]] {
  try Checkpoint(contentsOf: file).tensors.mapValues { bits($0) }
}

@Suite("runs that ranks share", .tallied) struct SharingTests {
  static let ranks = [1, 2, 3, 4, 8]

  @Test(arguments: [1, 2, 5, 8, 13], ranks) func theNumberOfRanksChangesNoBit(microBatches: Int, count: Int) throws {
    let settings = settings(microBatches)
    let expected = try SharedProblem(SingleRank(), settings).train()
    #expect(expected.records.count == 11 && expected.records.contains { $0.gradientNorm > 0.5 })
    let outcomes = try withRankThreads(count) { try SharedProblem($0, settings).train() }
    for (rank, outcome) in outcomes.enumerated() { #expect(outcome == expected, "rank \(rank) of \(count)") }
  }

  // Without a limit of the norm, one micro-batch is the whole batch, to the bit. The norm differs: here it is that of
  // what is trained, there the gradient of the other rows counts too.
  @Test func oneMicroBatchIsTheBatch() throws {
    let shared = try SharedProblem(SingleRank(), settings(1, clip: nil))
    let outcome = try shared.train()
    let whole = Problem()
    let run = try TrainingRun("toy", of: whole.trained, settings: settings(nil, clip: nil))
    for _ in run {
      let loss = whole.loss(at: .normal([SharedProblem.points, 3], using: &run.random))
      try run.descend(loss, details: [("half", Double(loss.value.scalar) / 2)])
    }
    #expect(outcome.weights == Outcome(whole, run).weights && outcome.random == run.random)
    for (mine, theirs) in zip(outcome.records, run.records) {
      #expect(mine.loss == theirs.loss && mine.details == theirs.details && mine.learningRate == theirs.learningRate)
      #expect(mine.gradientNorm < theirs.gradientNorm)
    }
  }

  @Test(arguments: [1, 2, 3, 8], [1, 2, 4]) func aRunGoesOnWithOtherRanks(first: Int, second: Int) throws {
    try withTemporaryFolder { folder in
      let (whole, cut) = (folder.appending(path: "whole"), folder.appending(path: "cut"))
      let settings = settings(5)
      let expected = try SharedProblem(SingleRank(), settings, checkpoint: whole).train()
      for stop in [1, 4] {
        _ = try withRankThreads(first) {
          _ = try SharedProblem($0, settings, checkpoint: cut, every: 2).train(stop: stop)
        }
      }
      let outcomes = try withRankThreads(second) {
        try SharedProblem($0, settings, checkpoint: cut, every: 2).train()
      }
      for outcome in outcomes { #expect(outcome == expected) }
      #expect(try contents(cut) == contents(whole))
    }
  }

  @Test(arguments: [1, 3, 8, 13], ranks) func theBytesAreThoseOfTheModel(microBatches: Int, count: Int) throws {
    let sent = try withRankThreads(count) { group -> (model: Int, counted: Int) in
      let shared = try SharedProblem(group, settings(microBatches))
      _ = try shared.train(stop: 1)
      let before = group.sentBytes
      _ = try shared.train(stop: 1)
      return (shared.run.bytesPerStep, group.sentBytes - before)
    }
    for (rank, bytes) in sent.enumerated() { #expect(bytes.counted == bytes.model, "rank \(rank) of \(count)") }
    // All ranks together, counted by hand: 15 trained numbers (3 rows of 3, 5 and 1) in 3 + 2 + 1 pieces.
    let (P, others, M) = (15, count - 1, microBatches)
    let sums = shares(of: M, among: count).reduce(0) { $0 + SummationTree(leaves: M).subtrees(of: $1).count }
    let total = sent.reduce(0) { $0 + $1.counted }
    // A rank with sums sends them for all numbers but its own.
    let doubles = others * (6 + 2 * M + 1)
    let most = MemoryLayout<Scalar>.stride * (sums * P + others * P) + 8 * doubles
    #expect(total <= most && (count == 1) == (total == 0))
    if count == 1 { #expect(SummationTree(leaves: M).subtrees(of: 0..<M).count == 1) }
  }

  @Test(arguments: [1, 2, 5]) func aLossThatIsNotFiniteStopsAllRanks(count: Int) throws {
    let stopped = try withRankThreads(count) { group -> Bool in
      let shared = try SharedProblem(group, settings(5))
      _ = try shared.train(stop: 2)
      let before = shared.problem.parameters.map { bits($0.value) }
      do {
        try shared.step { index, x in index == 3 ? .nan * shared.problem.loss(at: x) : shared.problem.loss(at: x) }
      } catch let error as TrainingError {
        #expect("\(error)".hasPrefix("toy: the loss is nan at step 2"), "\(error)")
        return shared.problem.parameters.map { bits($0.value) } == before
      }
      return false
    }
    #expect(stopped == Array(repeating: true, count: count))
  }

  @Test func whatCannotBeSharedIsRefused() throws {
    #expect(throws: TrainingError.batchInOnePiece(run: "toy", ranks: 2)) {
      _ = try withRankThreads(2) { _ = try SharedProblem($0, settings(nil)) }
    }
    try withTemporaryFolder { folder in
      let heard = Lock<[String]>([])
      _ = try withRankThreads(3) { group in
        let problem = Problem()
        if group.rank == 2 { problem.bias.value = .ones([5]) }
        do {
          _ = try TrainingRun(
            "toy", of: problem.trained, settings: settings(3), checkpoint: folder.appending(path: "run"),
            sharedAmong: group)
        } catch { heard.withLock { $0.append("\(error)") } }
      }
      let expected = "rank 2: its state before the first step differs from what rank 0 has"
      #expect(heard.withLock { $0.count { $0.hasPrefix(expected) } } == 3)
    }
  }

  // A disk that rank 0 cannot write to stops all.
  @Test func aCheckpointThatCannotBeWrittenStopsAllRanks() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "a file/run")
      try Data("x".utf8).write(to: folder.appending(path: "a file"))
      let heard = Lock<[String]>([])
      _ = try withRankThreads(3) { group in
        do { _ = try SharedProblem(group, settings(5), checkpoint: file, every: 2).train() } catch {
          heard.withLock { $0.append("\(error)") }
        }
      }
      let all = heard.withLock { $0 }
      #expect(all.count == 3 && all.allSatisfy { $0.contains(file.deletingLastPathComponent().path) }, "\(all)")
      #expect(all.count { $0.hasPrefix("rank 0: ") } == 2)
    }
  }
}
