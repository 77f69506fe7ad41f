// # Running a study
//
// A job is an arm with a seed. Jobs are independent, so as many run at a time as there are cores, and each writes its
// result to out/study, under the hash of everything it depends on: arm, seed, recipe, text, number type. A study that
// is interrupted continues where it stopped, and repeats only the jobs that were under way; a study that is run again
// only reads. The jobs of a large model keep their state as well, and are continued instead of repeated.
//
// On several ranks, each takes every so many jobs. The results lie in one folder, where all ranks find them.
//
// Two students side by side have a core each, so that no step waits for another (`Tensors/Cores/WorkerPool.swift`);
// the numbers are the same, since what a kernel computes does not depend on how many threads there are.
//
// Arms that begin with the same stages go through them once (`SharedBeginnings.swift`), and a teacher reads a batch once
// for all arms of its seed, as far as there is room for what it made of it (`Models/RememberedPasses.swift`).
//
// Read before: `Arm.swift`, `ModelStore.swift`. Read next: `Study+Measuring.swift`, `SharedBeginnings.swift`,
// `RoomForPasses.swift`, `KeptResults.swift`, `RateSweep.swift`.

import Communication
import Corpora
import Distillation
import Foundation
import Models
import Tensors

/// Arms with seeds, run once.
public struct Study {
  /// An arm with a seed.
  public struct Job: Hashable, Sendable {
    /// How the student is made.
    public var arm: Arm
    /// The seed of teacher, student and batches; one of the study's.
    public var seed: UInt64
    /// A job; equal jobs are run once.
    public init(_ arm: Arm, seed: UInt64) { (self.arm, self.seed) = (arm, seed) }
  }

  /// Where teachers come from; results lie in its `studyFolder`.
  public let store: ModelStore
  /// The seeds of the study; each has a teacher of its own.
  public let seeds: [UInt64]
  /// The teachers, by seed.
  public let teachers: [UInt64: FrozenModel]
  /// A measure of one's own: numbers for a student, given its teacher, its arm and the reported windows.
  public typealias Measure =
    @Sendable (
      _ student: LanguageModel, _ teacher: FrozenModel, _ arm: Arm, _ heldOut: [Batch]
    ) -> [Double]
  /// Whether a result has the training loss of each step.
  public let keepsCurves: Bool
  private let alsoMeasures: Measure?
  private let beginnings = SharedBeginnings()
  private let placeOfPasses: URL?
  let results: KeptResults

  /// A study with `count` seeds, from the store's on, wrapping to 0 after the largest; makes the teachers that are
  /// missing.
  ///
  /// - Parameters:
  ///   - keepsCurves: whether a result has the training loss of each step
  ///   - measure: a further measure of each student; its curves are kept too
  ///   - folder: where such results are kept, inside the folder of studies: one for each measure, since the results of
  ///     other studies lack it
  ///   - room: where the teachers' passes are kept
  public init(
    in store: ModelStore, seeds count: Int, keepingCurves keepsCurves: Bool = false,
    alsoMeasuring measure: Measure? = nil, in folder: String = "curves", passes room: RoomForPasses = .inMemory
  ) throws {
    (self.store, self.keepsCurves, alsoMeasures) = (store, keepsCurves || measure != nil, measure)
    seeds = (0..<UInt64(count)).map { store.seed &+ $0 }
    (teachers, placeOfPasses) = try room.teachers(of: seeds, from: store)
    results = KeptResults(
      in: self.keepsCurves ? store.studyFolder.appending(path: folder) : store.studyFolder,
      origin: store.experiment.origin)
  }

  /// The cross-entropy of each seed's teacher on the reported windows.
  public var teacherLosses: [Double] {
    seeds.map { crossEntropy(of: teachers[$0]!, on: store.heldOut.reported).mean }
  }

  /// Removes the teachers' passes from the disk: when the study is complete, nobody needs them any more. To be called by
  /// all ranks.
  public func removePasses() throws {
    guard let placeOfPasses else { return }
    try store.ranks.onRoot {
      guard FileManager.default.fileExists(atPath: placeOfPasses.path) else { return }
      try FileManager.default.removeItem(at: placeOfPasses)
    }
  }

  /// The number of results in out/study.
  public var keptCount: Int { get throws { try results.count } }

  /// The results of an arm, one for each seed of the study.
  public func results(_ title: String, of arms: [Arm]) throws -> [[StudyResult]] {
    let all = try results(title, of: arms.flatMap { arm in seeds.map { Job(arm, seed: $0) } })
    return arms.indices.map { Array(all[($0 * seeds.count)..<(($0 + 1) * seeds.count)]) }
  }

  /// The results of jobs, in their order: read from out/study, or made on all cores.
  public func results(_ title: String, of jobs: [Job]) throws -> [StudyResult] {
    let ranks = store.ranks
    var known = try kept(of: jobs)
    // Of the ranks, one may have looked after another has finished a job: what rank 0 has seen counts.
    let all = jobs.uniqued()
    let open = try ranks.textOfRoot(
      all.indices.filter { known[all[$0]] == nil }.map(String.init).joined(separator: " ")
    ).split(separator: " ").map { all[Int($0)!] }
    if open.isEmpty { return jobs.map { known[$0]! } }
    let mine = open.indices.filter { $0 % ranks.count == ranks.rank }.map { open[$0] }
    let made = try ranks.onAll { mine.isEmpty ? [:] : try run(mine, title) }
    known.merge(ranks.count == 1 ? made : try kept(of: open)) { old, _ in old }
    return try jobs.map { job in
      guard let result = known[job] else {
        throw CommunicationError(
          rank: ranks.rank, problem: "it does not see the results of other ranks in \(store.studyFolder.path)",
          remedy: "let all ranks use one folder of results, on a disk that their machines share")
      }
      return result
    }
  }

  /// The results that are in the folder.
  private func kept(of jobs: [Job]) throws -> [Job: StudyResult] {
    var known: [Job: StudyResult] = [:]
    for job in Set(jobs) { known[job] = try results.result(of: job) }
    return known
  }

  // MARK: - On all cores

  private func run(_ jobs: [Job], _ title: String) throws -> [Job: StudyResult] {
    let jobs = jobs.alikeFarApart
    let report = store.progress(title, jobs.reduce(0) { $0 + $1.arm.steps }, 0)
    let state = Lock<(next: Int, steps: Int, results: [Job: StudyResult], error: (any Error)?)>((0, 0, [:], nil))
    // The models are not marked as safe to share: teachers are only read, and each student belongs to one thread.
    nonisolated(unsafe) let study = self
    onAllCores(min(jobs.count, WorkerPool.shared.threads)) { _ in
      while true {
        let index: Int? = state.withLock { state in
          guard state.next < jobs.count, state.error == nil else { return nil }
          state.next += 1
          return state.next - 1
        }
        guard let index else { return }
        do {
          let result = try study.run(jobs[index]) { count in
            let steps = state.withLock { state in
              state.steps += count
              return state.steps
            }
            report.update(steps, .arm(index + 1, of: jobs.count), tokens: nil)
          }
          try study.results.keep(result, of: jobs[index])
          state.withLock { $0.results[jobs[index]] = result }
        } catch {
          state.withLock { $0.error = $0.error ?? error }
        }
      }
    }
    report.finish()
    if let error = state.withLock({ $0.error }) { throw error }
    return state.withLock { $0.results }
  }

  /// Trains and measures one student.
  ///
  /// - Parameter onSteps: called with the number of steps done since the last call
  private func run(_ job: Job, onSteps: @escaping (Int) -> Void) throws -> StudyResult {
    let start = ContinuousClock.now
    let (arm, experiment, teacher) = (job.arm, store.experiment.with(seed: job.seed), teachers[job.seed]!)
    let student = experiment.newStudent(for: arm, of: teacher)
    let running = experiment.recipe.layersSideBySide == nil ? nil : try results.place(ofRunning: job)
    let origin = try results.origin(of: job)
    // Whoever keeps checkpoints of its own goes on from these.
    let known = running == nil ? beginnings.longest(of: job) : nil
    if let known {
      for (parameter, value) in zip(student.parameters, known.student.values) { parameter.value = value }
      onSteps(arm.stages.prefix(known.stages).reduce(0) { $0 + $1.steps })
    }
    var curves = known?.student.curves ?? []
    for index in arm.stages.indices.dropFirst(known?.stages ?? 0) {
      let name = arm.stages[index].kind.name
      let history = try experiment.train(
        student, through: index, of: arm, from: teacher, as: name,
        checkpoint: running?.appending(path: "\(index)-training.safetensors"), madeFrom: origin
      ) { _, first, _ in
        onSteps(first)
        return { _, _ in onSteps(1) }
      }
      curves.append(history.losses)
      if running == nil && index + 1 < arm.stages.count {
        let seconds = (known?.student.seconds ?? 0) + start.duration(to: .now) / .seconds(1)
        beginnings.keep(student, after: index + 1, of: job, curves: curves, seconds: seconds)
      }
    }
    // A student that has been through no end-to-end stage gets the teacher's weights before it is measured.
    if arm.transfersWeights && !arm.stages.contains(where: \.kind.isEndToEnd) {
      experiment.transferWeights(from: teacher, to: student, of: arm)
    }
    // What was taken over took its time elsewhere.
    let asIfWhole = start.advanced(by: .seconds(-(known?.student.seconds ?? 0)))
    var result = measure(student.frozen, of: arm, teacher, since: asIfWhole)
    if keepsCurves { result.curves = curves }
    result.alsoMeasured = alsoMeasures?(student, teacher, arm, store.heldOut.reported)
    return result
  }
}

extension Array where Element: Hashable {
  /// Each element once, in the order of first occurrence.
  fileprivate func uniqued() -> [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
