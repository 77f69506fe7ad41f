// # Where models are made once and found again
//
// Chapters build on one another: stage 2 needs the student of stage 1, and all need the teacher. A
// chapter that needs a model asks the store, which takes it from the results folder or makes it
// first. So any chapter can be run before any other.
//
// Read before: `Experiment+Students.swift`. Read next: `ModelStore+Folders.swift`, `ModelStore+Models.swift`.

import Checkpoints
import Communication
import Corpora
import Foundation
import Models
import Training

/// A model, and how it was trained.
public struct TrainedModel {
  /// The model, with the weights it ended with.
  public let model: LanguageModel
  /// The record of its last training run.
  public let history: History

  /// The model without a tape: for running, measuring and writing.
  public var frozen: FrozenModel { model.frozen }
}

/// The models of an experiment, in the folder of its results.
@dynamicMemberLookup
public struct ModelStore {
  /// What the models depend on.
  public let experiment: Experiment
  /// The folder of all results.
  public let out: URL
  /// The ranks that make the models together; all of them ask for the same models in the same order.
  public let ranks: any RankGroup
  let progress: BeginProgress
  let onReuse: @Sendable (_ folder: URL) -> Void

  /// - Parameters:
  ///   - out: the folder of all results; if there are several ranks, on a disk that all of them see
  ///   - ranks: with whom the models are made; rank 0 writes them
  ///   - progress: where training shows its progress
  ///   - onReuse: called with the folder of each model that is used again
  public init(
    _ experiment: Experiment, in out: URL, sharedAmong ranks: any RankGroup = SingleRank(),
    progress: @escaping BeginProgress = NoProgress.begin,
    onReuse: @escaping @Sendable (_ folder: URL) -> Void = { _ in }
  ) {
    (self.experiment, self.out, self.progress, self.onReuse) = (experiment, out, progress, onReuse)
    self.ranks = ranks
  }

  /// What the experiment knows: its recipe, its text, its seed.
  public subscript<Value>(dynamicMember property: KeyPath<Experiment, Value>) -> Value {
    experiment[keyPath: property]
  }

  /// The same store for another seed.
  public func with(seed: UInt64) -> ModelStore {
    with(experiment.with(seed: seed))
  }

  /// The same store for a language; see `Experiment.speaking`.
  public func speaking(_ grammar: Grammar, from file: URL, recipe: Recipe? = nil) throws -> ModelStore {
    with(try experiment.speaking(grammar, from: file, recipe: recipe))
  }

  /// The same store with its teachers in a folder of another chapter; see `Experiment.keepingTeachers`.
  public func keepingTeachers(in chapter: String, as name: String) -> ModelStore {
    with(experiment.keepingTeachers(in: chapter, as: name))
  }

  private func with(_ experiment: Experiment) -> ModelStore {
    ModelStore(experiment, in: out, sharedAmong: ranks, progress: progress, onReuse: onReuse)
  }

  /// A student with the weights that all arms of this seed begin with.
  public func newStudent() -> LanguageModel { experiment.newStudent() }

  /// Where results of studies are kept.
  public var studyFolder: URL { out.appending(path: "study") }

  /// Shows how far a run is, from its first step to its last.
  func follow(_ name: String, from first: Int, _ settings: TrainingSettings) -> Experiment.OnStep {
    let (total, tokens) = (settings.schedule.steps, settings.tokensPerUpdate)
    if first == total { return { _, _ in } }
    let report = progress("\(name), seed \(experiment.seed)", total, first)
    return { steps, loss in
      report.update(steps, .loss(loss), tokens: (steps - first) * tokens)
      if steps == total { report.finish() }
    }
  }
}
