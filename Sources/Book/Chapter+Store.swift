// # A chapter's models
//
// Here the book and its experiments meet: a chapter's options say which experiment it is, and long work shows a
// progress bar.
//
// Read before: `Notebook/Chapter.swift`, `Experiments/ModelStore.swift`.

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
        isQuick: isQuick, seed: seed, corpus: corpus, bytePairs: bytePairs, model: model)
      return modelStore(try Experiment(settings))
    }
  }

  /// The store of an experiment in the folder of results; progress, and each folder that is used again, show on
  /// standard error.
  ///
  /// - Parameter plan: the pieces of the chapter's work, if its progress bars show the time left for all of them
  public func modelStore(_ experiment: Experiment, plan: WorkPlan? = nil) -> ModelStore {
    ModelStore(experiment, in: out) { title, total, first in
      plan?.bar(title, total: total, from: first) ?? ProgressBar(title, total: total, from: first)
    } onReuse: { place in
      Screen.shared.erase()
      Screen.shared.write("used again: \(place.relativePath)\n")
    }
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
