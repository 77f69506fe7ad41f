// # Running a study
//
// A job is an arm with a seed. Jobs have nothing to do with one another, so that as many run at a
// time as there are cores, and each writes its result to out/study, under the hash of all that it
// depends on: arm, seed, recipe, text, number type. A study that is interrupted takes up where it
// was, less the jobs that were under way; one that is run again only reads.
//
// Two students side by side have a core each, so that no step waits for another (`Tensors/Cores/WorkerPool.swift`); the
// numbers are the same, since what a kernel computes does not depend on how many threads there are.
//
// Read before: `StudyArm.swift`, `ModelStore.swift`. Read next: `RateSweep.swift`.

import Checkpoints
import Corpora
import Distillation
import Foundation
import Gradients
import Layers
import Models
import Notebook
import Synchronization
import Tensors
import Training

/// Arms with seeds, run once.
public struct Study {
  /// An arm with a seed.
  public struct Job: Hashable, Sendable {
    public var arm: StudyArm
    public var seed: UInt64
    public init(_ arm: StudyArm, seed: UInt64) { (self.arm, self.seed) = (arm, seed) }
  }

  public let store: ModelStore
  /// The seeds of the study; each has a teacher of its own.
  public let seeds: [UInt64]
  /// The teachers, frozen, by seed.
  public let teachers: [UInt64: LanguageModel]
  private let heldOut: (reported: [Batch], choosing: [Batch])
  /// The reported documents with their answers, if the text is a language with recall.
  private let documents: [RecallBatch]?

  /// A study with some seeds, counted from the store's; makes the teachers that are not there.
  public init(in store: ModelStore, seeds count: Int) throws {
    self.store = store
    seeds = (0..<UInt64(count)).map { store.seed + $0 }
    teachers = try Dictionary(
      uniqueKeysWithValues: seeds.map { ($0, try store.with(seed: $0).frozenTeacher()) })
    heldOut = try store.heldOut
    documents = store.heldOutDocuments?.reported
  }

  /// The cross-entropy of each seed's teacher on the reported windows.
  public var teacherLosses: [Double] { seeds.map { crossEntropy(of: teachers[$0]!, on: heldOut.reported).mean } }

  /// The results of an arm, one for each seed of the study.
  public func results(_ title: String, of arms: [StudyArm]) throws -> [[StudyResult]] {
    let all = try results(title, of: arms.flatMap { arm in seeds.map { Job(arm, seed: $0) } })
    return arms.indices.map { Array(all[($0 * seeds.count)..<(($0 + 1) * seeds.count)]) }
  }

  /// The results of jobs, in their order: read from out/study, or made on all cores.
  public func results(_ title: String, of jobs: [Job]) throws -> [StudyResult] {
    var known: [Job: StudyResult] = [:]
    for job in Set(jobs) { known[job] = try keptResult(of: job) }
    let open = jobs.filter { known[$0] == nil }.uniqued()
    if !open.isEmpty { try known.merge(run(open, title)) { old, _ in old } }
    return jobs.map { known[$0]! }
  }

  // MARK: - On all cores

  private func run(_ jobs: [Job], _ title: String) throws -> [Job: StudyResult] {
    let bar = ProgressBar(title, total: jobs.reduce(0) { $0 + $1.arm.steps })
    let state = Mutex<(next: Int, steps: Int, results: [Job: StudyResult], error: (any Error)?)>((0, 0, [:], nil))
    // The models are not marked as safe to share: teachers are only read, and each student is one thread's.
    nonisolated(unsafe) let study = self
    onAllCores(min(jobs.count, ProcessInfo.processInfo.activeProcessorCount)) { _ in
      while true {
        let index: Int? = state.withLock { state in
          guard state.next < jobs.count, state.error == nil else { return nil }
          state.next += 1
          return state.next - 1
        }
        guard let index else { return }
        do {
          let result = try study.run(jobs[index]) {
            let steps = state.withLock { state in
              state.steps += 1
              return state.steps
            }
            bar.update(steps, note: "arm \(index + 1) of \(jobs.count)")
          }
          try study.keep(result, of: jobs[index])
          state.withLock { $0.results[jobs[index]] = result }
        } catch {
          state.withLock { $0.error = $0.error ?? error }
        }
      }
    }
    bar.finish()
    if let error = state.withLock({ $0.error }) { throw error }
    return state.withLock { $0.results }
  }

  /// Trains and measures one student.
  private func run(_ job: Job, onStep: @escaping () -> Void) throws -> StudyResult {
    let start = ContinuousClock.now
    let (arm, store, teacher) = (job.arm, self.store.with(seed: job.seed), teachers[job.seed]!)
    let student = store.student(for: arm, of: teacher)
    var awaitsTransfer = arm.transfersWeights
    func transfer() {
      if awaitsTransfer { transferWeights(from: teacher, to: student) }
      awaitsTransfer = false
    }
    for stage in arm.stages {
      switch stage.kind {
      case .orientation: try store.pass(MatrixOrientation(from: teacher, to: student), stage, onStep)
      case .alignment: try store.pass(HiddenStateAlignment(from: teacher, to: student), stage, onStep)
      case .distillation:
        transfer()
        try store.pass(
          KnowledgeDistillation(from: teacher, to: student, training: arm.trainsMixersOnly ? .mixers : .everything),
          stage, onStep)
      case .tokens:
        transfer()
        student.setFrozen(false)
        try store.pass(student.parameters.map { ParameterRows($0) }, KnowledgeDistillation.title, stage, onStep) {
          mean(crossEntropy(student($0.inputs), targets: $0.targets))
        }
      }
    }
    transfer()
    student.setFrozen(true)
    return measure(student, teacher, last: arm.stages.last?.kind, since: start)
  }

  private func measure(
    _ student: LanguageModel, _ teacher: LanguageModel, last: StudyArm.Stage.Kind?,
    since start: ContinuousClock.Instant
  ) -> StudyResult {
    let evaluation = evaluate(student, against: teacher, on: heldOut.reported)
    var result = StudyResult(
      losses: evaluation.losses, choosingLoss: crossEntropy(of: student, on: heldOut.choosing).mean,
      divergence: evaluation.divergence.mean, agreement: evaluation.agreement.mean, seconds: 0)
    if last == .orientation || last == .alignment {
      // Distances vary little from window to window: a third of the windows is enough.
      func distances(_ batches: [Batch]) -> [LayerDistance] {
        let replaced = Set(student.configuration.replacedLayers)
        return layerDistances(of: student, from: teacher, on: Array(batches.prefix(max(1, batches.count / 3))))
          .filter { replaced.contains($0.layer) }
      }
      let (reported, choosing) = (distances(heldOut.reported), distances(heldOut.choosing))
      func pair(_ of: (LayerDistance) -> Double) -> StudyResult.Pair {
        StudyResult.Pair(reported: Estimate(reported.map(of)).mean, choosing: Estimate(choosing.map(of)).mean)
      }
      (result.matrixDistance, result.hiddenDistance) = (pair(\.matrix), pair(\.hidden))
    }
    if let documents { (result.recall, result.recallSinceFact) = recall(of: student, on: documents) }
    result.seconds = start.duration(to: .now) / .seconds(1)
    return result
  }

  /// What a seed's teacher recalls on the reported documents.
  public func teachersRecall(seed: UInt64) -> [StudyResult.Recalled]? {
    documents.map { recall(of: teachers[seed]!, on: $0).sinceMention }
  }

  /// The greatest distance of each class of distances, in tokens.
  static let recallBounds = [4, 8, 16, 32, 64, 128]

  private func recall(
    of model: LanguageModel, on documents: [RecallBatch]
  ) -> (sinceMention: [StudyResult.Recalled], sinceFact: [StudyResult.Recalled]) {
    var mention = RecallTally(upTo: Self.recallBounds, from: .mention)
    var fact = RecallTally(upTo: Self.recallBounds, from: .fact)
    for batch in documents {
      let logits = model(batch.batch.inputs).value
      mention.add(logits, batch)
      fact.add(logits, batch)
    }
    func classes(_ tally: RecallTally) -> [StudyResult.Recalled] {
      tally.bins.map { StudyResult.Recalled(distances: $0.distances, hits: $0.hits, count: $0.count) }
    }
    return (classes(mention), classes(fact))
  }

  // MARK: - Kept results

  /// What a result depends on.
  private struct Key: Codable, Equatable {
    var job: StudyArm
    var seed: UInt64
    var origin: ModelStore.Origin
  }

  private struct Kept: Codable {
    var key: Key
    var result: StudyResult
  }

  private func file(of key: Key) throws -> URL {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(key), as: UTF8.self)
    return store.studyFolder.appending(path: String(checksum(text), radix: 16) + ".json")
  }

  private func key(of job: Job) -> Key { Key(job: job.arm, seed: job.seed, origin: store.origin) }

  /// The number of results in out/study.
  public var keptCount: Int {
    get throws { try FileManager.default.contentsOfDirectory(atPath: store.studyFolder.path).count }
  }

  private func keptResult(of job: Job) throws -> StudyResult? {
    let file = try file(of: key(of: job))
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let kept = try readJSON(Kept.self, from: file)
    return kept.key == key(of: job) ? kept.result : nil
  }

  private func keep(_ result: StudyResult, of job: Job) throws {
    try writeJSON(Kept(key: key(of: job), result: result), to: try file(of: key(of: job)))
  }
}

extension Array where Element: Hashable {
  /// Each element once, in the order of first occurrence.
  fileprivate func uniqued() -> [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
