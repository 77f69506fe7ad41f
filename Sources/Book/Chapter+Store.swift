// # A chapter's models
//
// Where the book and its experiments meet: the options of a chapter say which experiment it is, and
// what takes long is shown as a progress bar.
//
// Read before: `Notebook/Chapter.swift`, `Experiments/ModelStore.swift`.

import Experiments
import Foundation
import Notebook

extension Chapter {
  /// The store of models that the chapter's options ask for; ends the program with a sentence if the text cannot be
  /// read or is too short.
  public func openModelStore() -> ModelStore {
    exitOnError {
      let model = (options as? any TakesModel)?.model.map { URL(filePath: $0) }
      if model != nil, bytePairs != nil {
        throw CommandError(
          "--byte-pairs goes not with --model: a model has a tokenizer of its own; leave one of them out")
      }
      let settings = ExperimentSettings(
        isQuick: isQuick, seed: seed, corpus: corpus, bytePairs: bytePairs, model: model)
      return modelStore(try Experiment(settings))
    }
  }

  /// The store of an experiment in the folder of results: progress and what is used again show on standard error.
  ///
  /// - Parameter plan: the pieces of the chapter's work, if its bars tell the time that is left for all of them
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
  /// Moves the bar to `step`, with the loss or the number of the arm beside it.
  public func update(_ step: Int, _ note: ProgressNote, tokens: Int?) {
    update(step, note: note.text ?? "", tokens: tokens)
  }
}

extension ProgressNote {
  /// What stands beside a bar; nil for nothing.
  var text: String? {
    switch self {
    case .loss(let loss): "loss \(number(loss, digits: 4))"
    case .arm(let number, let count): "arm \(number) of \(count)"
    case .none: nil
    }
  }
}
