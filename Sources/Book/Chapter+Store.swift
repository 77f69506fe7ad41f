// # A chapter's models
//
// Here the book and its experiments meet: a chapter's options say which experiment it is, and long work shows a
// progress bar.
//
// Read before: `Notebook/Chapter.swift`, `Experiments/ModelStore.swift`.

import Communication
import Experiments
import Foundation
import Notebook

extension Chapter {
  /// The store of models that the chapter's options ask for; ends the program with an error if the text cannot be
  /// read or is too short.
  public func openModelStore() -> ModelStore {
    exitOnError {
      let model = (options as? any TakesModel)?.model.map { URL(filePath: $0) }
      if model != nil, bytePairs != nil {
        throw CommandError(
          "--byte-pairs cannot be combined with --model: a model has its own tokenizer; leave one of them out")
      }
      let settings = ExperimentSettings(
        isQuick: isQuick, seed: seed, corpus: corpus, bytePairs: bytePairs, model: model, microBatches: microBatches)
      let experiment = try Experiment(settings)
      let (rows, parts) = (experiment.recipe.B, microBatches ?? 1)
      if parts > rows {
        throw CommandError(
          "--micro-batches \(parts): a batch of this recipe has \(rows) rows; ask for \(rows) at most")
      }
      if let job = Ranks.job, microBatches == nil, rows > 1 {
        throw CommandError(
          "\(job.ranks.count) ranks were started, but batches are in one piece, which one rank can train on; add"
            + " --micro-batches \(rows), or start one rank")
      }
      return modelStore(experiment)
    }
  }

  /// The store of an experiment in the folder of results; progress, and each folder that is used again, show on
  /// standard error.
  ///
  /// - Parameter plan: the pieces of the chapter's work, if its progress bars show the time left for all of them
  ///
  /// If mpirun has started several ranks, they share its work, and rank 0 alone shows progress, as far as its own part
  /// of the work is. Ends the program with an error if the ranks have different texts or recipes.
  public func modelStore(_ experiment: Experiment, plan: WorkPlan? = nil) -> ModelStore {
    let job = Ranks.job
    exitOnError { try job?.compare(experiment.facts) }
    return ModelStore(experiment, in: out, sharedAmong: job?.ranks ?? SingleRank()) { title, total, first in
      let bar: any ProgressReport =
        plan?.bar(title, total: total, from: first) ?? ProgressBar(title, total: total, from: first)
      return job.map { NotingProgress(bar: bar, job: $0, title: title, total: total) } ?? bar
    } onReuse: { place in
      Screen.shared.erase()
      Screen.shared.write("used again: \(place.relativePath)\n")
    }
  }
}

/// Progress that the job knows as well, for the sentence about a rank that ends.
private struct NotingProgress: ProgressReport {
  let bar: any ProgressReport
  let job: Job
  let title: String
  let total: Int

  func update(_ step: Int, _ note: ProgressNote, tokens: Int?) {
    job.note("\(title), step \(step) of \(total)")
    bar.update(step, note, tokens: tokens)
  }
  func finish() {
    job.note("after \(title)")
    bar.finish()
  }
}

extension ProgressBar: ProgressReport {
  /// Moves the bar to `step`, with the loss or the number of the arm as its note.
  public func update(_ step: Int, _ note: ProgressNote, tokens: Int?) {
    update(step, note: note.text ?? "", tokens: tokens)
  }
}

extension ProgressNote {
  /// What stands beside the bar; nil for nothing.
  var text: String? {
    switch self {
    case .loss(let loss): "loss \(number(loss, digits: 4))"
    case .arm(let number, let count): "arm \(number) of \(count)"
    case .none: nil
    }
  }
}
