// # The folder of a model
//
// Beside each model we write a note of what it was made from: recipe, seed, text, number type, version of the
// program. It is written before the first step, and the run's checkpoint holds it too, so that an interrupted run is
// bound to it just as a finished model is. A model that was made from something else is neither used nor overwritten,
// and neither is a folder that no chapter has made.
//
// Read before: `ModelStore.swift`. Read next: `ModelStore+Models.swift`.

import Checkpoints
import Corpora
import Foundation
import Models
import Training

extension ModelStore {
  /// Where a model is kept.
  struct Place {
    /// The folder of the chapter that explains it.
    var chapter: String
    var name: String
    /// The arm as JSON, if the name does not say what it is.
    var arm: String?
  }

  /// What a model was made from.
  private struct Note: Codable, Equatable {
    var recipe: Recipe
    var seed: UInt64
    var corpus: String
    var scalar: String
    /// See `Experiment.version`; nil in a note that is older than this number.
    var version: Int?
    /// The arm as JSON, for a student whose place does not say what it is; nil for other models.
    var arm: String?
  }

  private func note(_ place: Place) -> Note {
    let origin = experiment.origin
    return Note(
      recipe: origin.recipe, seed: experiment.seed, corpus: origin.corpus, scalar: origin.scalar,
      version: origin.version, arm: place.arm)
  }

  private func folder(_ place: Place) -> URL {
    let name = "\(place.name)-\(experiment.isQuick ? "quick-" : "")seed\(experiment.seed)"
    return out.appending(path: place.chapter).appending(path: name)
  }

  /// The finished model in a place; nil if there is none.
  ///
  /// Throws if what is there was made from something else, or is not the expected model.
  ///
  /// - Parameter configuration: the one that the model must have
  func kept(_ place: Place, _ configuration: ModelConfiguration) throws -> TrainedModel? {
    let folder = folder(place)
    try requireOwn(place)
    let history = folder.appending(path: "history.json")
    // A link that leads nowhere counts too: somebody has put it there.
    guard (try? FileManager.default.attributesOfItem(atPath: history.path)) != nil else { return nil }
    onReuse(folder)
    let (model, record) = try withRemedy(elsewhere) {
      (try LanguageModel(contentsOf: folder), try readJSON(KeptHistory.self, from: history))
    }
    guard model.configuration == configuration else {
      throw CheckpointError(
        file: folder.path,
        problem: "the model there has other sizes or other mixers than the one that was made there",
        remedy: elsewhere)
    }
    guard try record.isWhole else {
      throw CheckpointError(
        file: history.path, problem: "it has no steps, or not those that were written", remedy: elsewhere)
    }
    if ranks.isRoot { try keepTokenizer(in: folder) }
    return TrainedModel(model: model, history: record.history)
  }

  /// Writes the tokenizer's files that a folder lacks; throws if the folder holds another tokenizer.
  private func keepTokenizer(in folder: URL) throws {
    for (name, data) in experiment.tokenizer.files {
      let file = folder.appending(path: name)
      guard FileManager.default.fileExists(atPath: file.path) else {
        try AtomicFile.write(data, to: file)
        continue
      }
      // Earlier versions wrote the same tokenizer in another form.
      if name == "tokenizer.json", try withRemedy(elsewhere, { try mappedContents(of: file) }) != data,
        try AnyTokenizer(contentsOf: file) != experiment.tokenizer
      {
        throw CheckpointError(
          file: file.path, problem: "it is not the tokenizer of the text that the model has read", remedy: elsewhere)
      }
    }
  }

  /// The remedy where a place holds something that cannot be used.
  private var elsewhere: String { "choose another --out, or move the folder away" }

  /// Throws unless the folder of a place is empty or missing, or holds what was begun with the place's note.
  func requireOwn(_ place: Place) throws {
    let (folder, note) = (folder(place), note(place))
    func refuse(_ problem: String) -> CheckpointError {
      CheckpointError(file: folder.path, problem: problem, remedy: elsewhere)
    }
    var isFolder: ObjCBool = true
    if FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder), !isFolder.boolValue {
      throw refuse("a file is in the place of the model's folder")
    }
    let contents = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    // Hidden files, which a killed write leaves behind, are no reason to refuse.
    if !contents.contains(where: { !$0.hasPrefix(".") }) { return }
    let file = folder.appending(path: noteName)
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw refuse(
        "it holds files that no chapter has made, or has lost the note \(noteName) of what they were made from")
    }
    let (mine, theirs) = try withRemedy(elsewhere) { (try sortedJSON(note), try mappedContents(of: file)) }
    guard
      let differing = differingKeys(String(decoding: mine, as: UTF8.self), String(decoding: theirs, as: UTF8.self))
    else { throw refuse("its note \(noteName) is damaged") }
    if differing.isEmpty { return }
    let words = [
      "corpus": "text", "scalar": "number type", "arm": "set of options", "version": "version of the program",
    ]
    throw refuse(
      "the model there was made from another " + differing.map { words[$0] ?? $0 }.joined(separator: ", another "))
  }

  /// The model in a place; `make` makes it if there is none.
  ///
  /// - Parameters:
  ///   - configuration: the one that the model has
  ///   - make: makes it; gets the place for its run's checkpoint, and what the run is made from
  ///
  /// Throws if the model that is there was made from something else. If there are several ranks, all of them call it;
  /// rank 0 writes.
  func made(
    _ place: Place, _ configuration: ModelConfiguration,
    _ make: (_ checkpoint: URL, _ origin: String) throws -> TrainedModel
  ) throws -> TrainedModel {
    let kept = try ranks.onAll { () throws -> TrainedModel? in try self.kept(place, configuration) }
    let (folder, note) = (folder(place), note(place))
    try ranks.agree(
      on: [("folder \(folder.lastPathComponent)", kept == nil ? "no model" : "a finished model")],
      remedy: "let all ranks use one folder of results, on a disk that their machines share")
    if let kept { return kept }
    let checkpoint = folder.appending(path: "training.safetensors")
    // If two runs begin at the same moment, one writes the note, and the other must agree with it.
    try ranks.onRoot {
      if !(try writeNewJSON(note, to: folder.appending(path: noteName))) { try requireOwn(place) }
    }
    let made = try make(checkpoint, String(decoding: sortedJSON(note), as: UTF8.self))
    try ranks.onRoot {
      // The history is written last: a folder without one is made again.
      try made.model.write(to: folder)
      for (name, data) in experiment.tokenizer.files { try AtomicFile.write(data, to: folder.appending(path: name)) }
      try writeJSON(KeptHistory(made.history), to: folder.appending(path: "history.json"))
      try? FileManager.default.removeItem(at: checkpoint)
    }
    return made
  }

  private var noteName: String { "made-from.json" }
}
