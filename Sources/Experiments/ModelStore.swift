// # Where models are made once and found again
//
// Chapters build on one another: stage 2 needs the student of stage 1, and all need the teacher. A
// chapter that needs a model asks the store, which takes it from the results folder or makes it
// first. So any chapter can be run before any other.
//
// Beside each model lies a note of what it was made from: recipe, seed, text, number type, version of
// the program. It is written before the first step, and the run's checkpoint holds it too, so that a
// run that was killed is bound to it as a finished model is. What was made from something else is
// neither used nor overwritten, and nor is a folder that no chapter has made.
//
// Read before: `Experiment+Students.swift`. Read next: `ModelStore+Models.swift`.

import Checkpoints
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
  let progress: BeginProgress
  let onReuse: @Sendable (_ folder: URL) -> Void

  /// - Parameters:
  ///   - progress: where training shows how far it is
  ///   - onReuse: called with the folder of each model that was there already
  public init(
    _ experiment: Experiment, in out: URL, progress: @escaping BeginProgress = NoProgress.begin,
    onReuse: @escaping @Sendable (_ folder: URL) -> Void = { _ in }
  ) {
    (self.experiment, self.out, self.progress, self.onReuse) = (experiment, out, progress, onReuse)
  }

  /// What the experiment knows: its recipe, its text, its seed.
  public subscript<Value>(dynamicMember property: KeyPath<Experiment, Value>) -> Value {
    experiment[keyPath: property]
  }

  /// The same store for another seed.
  public func with(seed: UInt64) -> ModelStore {
    ModelStore(experiment.with(seed: seed), in: out, progress: progress, onReuse: onReuse)
  }

  /// The same store for a language; see `Experiment.speaking`.
  public func speaking(_ grammar: Grammar, from file: URL) throws -> ModelStore {
    ModelStore(try experiment.speaking(grammar, from: file), in: out, progress: progress, onReuse: onReuse)
  }

  /// A student with the weights that all arms of this seed begin with.
  public func newStudent() -> LanguageModel { experiment.newStudent() }

  /// Where results of studies are kept.
  public var studyFolder: URL { out.appending(path: "study") }
}

/// The record of a run in a file, with a checksum: steps that were cut off or edited are not taken for the run's.
private struct KeptHistory: Codable {
  let history: History
  /// Nil in files that are older than this.
  private let checksum: String?

  private enum Key: CodingKey { case checksum }

  init(_ history: History) throws { (self.history, checksum) = (history, try Experiments.checksum(of: history)) }

  init(from decoder: any Decoder) throws {
    history = try History(from: decoder)
    checksum = try decoder.container(keyedBy: Key.self).decodeIfPresent(String.self, forKey: .checksum)
  }

  func encode(to encoder: any Encoder) throws {
    try history.encode(to: encoder)
    var keys = encoder.container(keyedBy: Key.self)
    try keys.encode(checksum, forKey: .checksum)
  }

  /// Whether it has steps, all of those that were written.
  var isWhole: Bool {
    get throws {
      try !history.records.isEmpty && (checksum == nil || checksum == Experiments.checksum(of: history))
    }
  }
}

// ## Made once

extension ModelStore {
  /// Where a model lies.
  struct Place {
    /// The folder of the chapter that tells about it.
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
    /// The arm as JSON, of a student whose place does not say what it is; nil for the others.
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

  /// The model that lies in a place, finished; nil if there is none.
  ///
  /// Throws if what is there was made from something else, or is no such model.
  ///
  /// - Parameter configuration: what it must have
  func kept(_ place: Place, _ configuration: ModelConfiguration) throws -> TrainedModel? {
    let folder = folder(place)
    try requireOwn(place)
    let history = folder.appending(path: "history.json")
    // Also a link that leads nowhere is something that was put there.
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
    try keepTokenizer(in: folder)
    return TrainedModel(model: model, history: record.history)
  }

  /// Writes those files of the tokenizer that a folder lacks; throws if one is there that is another tokenizer's.
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

  /// What helps where a place is taken by what cannot be used.
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
    // What a write leaves that was killed is no reason to refuse.
    if !contents.contains(where: { !$0.hasPrefix(".") }) { return }
    let file = folder.appending(path: noteName)
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw refuse(
        "there are files which no chapter has made, or without the note \(noteName) of what they were made from")
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

  /// The model that lies in a place, made by `make` if there is none.
  ///
  /// - Parameters:
  ///   - configuration: what it has
  ///   - make: makes it; gets a place for the checkpoint of its run, and what the run is made from
  ///
  /// Throws if the one that is there was made from something else.
  func made(
    _ place: Place, _ configuration: ModelConfiguration,
    _ make: (_ checkpoint: URL, _ origin: String) throws -> TrainedModel
  ) throws -> TrainedModel {
    if let kept = try kept(place, configuration) { return kept }
    let (folder, note) = (folder(place), note(place))
    let checkpoint = folder.appending(path: "training.safetensors")
    // Of two that begin at the same moment one writes the note, and the other has to be the same.
    if !(try writeNewJSON(note, to: folder.appending(path: noteName))) { try requireOwn(place) }
    let made = try make(checkpoint, String(decoding: sortedJSON(note), as: UTF8.self))
    // The history is written last: a folder without one is made again.
    try made.model.write(to: folder)
    for (name, data) in experiment.tokenizer.files { try AtomicFile.write(data, to: folder.appending(path: name)) }
    try writeJSON(KeptHistory(made.history), to: folder.appending(path: "history.json"))
    try? FileManager.default.removeItem(at: checkpoint)
    return made
  }

  private var noteName: String { "made-from.json" }

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
