// # The store
//
// Chapters build on one another: stage 2 needs the student of stage 1, and all need the teacher.
// Whoever needs a model asks the store. It takes the model from the results folder, or makes it
// first, so that any chapter can be run before any other.
//
// Beside each model lies a note of what it was made from: recipe, seed, text, number type. A model
// whose note differs from what is asked for is neither used nor overwritten.
//
// Read before: `Arm.swift`. Read next: `ModelStore+Models.swift`.

import Checkpoints
import Corpora
import Foundation
import Models
import Notebook
import Tensors
import Training

/// A model, and how it was trained.
public struct TrainedModel {
  public let model: LanguageModel
  public let history: History
}

/// What a chapter may ask for in place of the main job.
public struct ModelStoreSettings: Sendable {
  /// Takes the quick recipe.
  public var isQuick: Bool
  public var seed: UInt64
  /// The text; nil for data/kjv.txt, which is made if it is absent.
  public var corpus: URL?
  /// The number of tokens of a byte-pair encoding; nil for characters.
  public var bytePairs: Int?
  /// The folder of all results.
  public var out: URL
  /// The steps of the teacher; nil for those of the recipe.
  public var teacherSteps: Int?

  public init(
    isQuick: Bool, seed: UInt64 = 0, corpus: URL? = nil, bytePairs: Int? = nil, out: URL, teacherSteps: Int? = nil
  ) {
    (self.isQuick, self.seed, self.corpus, self.bytePairs, self.out) = (isQuick, seed, corpus, bytePairs, out)
    self.teacherSteps = teacherSteps
  }

  /// Whether this is the experiment that the book reports: only then do its figures have to come out.
  var isReference: Bool { !isQuick && corpus == nil && bytePairs == nil }
}

extension Chapter {
  /// The store that the chapter's options ask for.
  public func openModelStore() -> ModelStore {
    exitOnError {
      try ModelStore(ModelStoreSettings(isQuick: isQuick, seed: seed, corpus: corpus, bytePairs: bytePairs, out: out))
    }
  }
}

/// Where models are made once and found again.
public struct ModelStore {
  public private(set) var recipe: Recipe
  public let corpus: Corpus
  /// The language whose documents are read in place of the corpus, if there is one.
  public private(set) var grammar: Grammar?
  public private(set) var seed: UInt64
  /// The unit of a loss: "nats per character" or "nats per token".
  public let unit: String
  /// Whether this is the experiment that the book reports: only then do its figures have to come out.
  public let isReference: Bool
  private let settings: ModelStoreSettings
  private var tokenizer: AnyTokenizer
  private var corpusName: String

  /// Throws if the text can not be read or is shorter than the recipe needs.
  public init(_ settings: ModelStoreSettings) throws {
    recipe = settings.isQuick ? .quick : .standard
    recipe.teacherSteps = settings.teacherSteps ?? recipe.teacherSteps
    (self.settings, seed, isReference) = (settings, settings.seed, settings.isReference)
    let file = try settings.corpus ?? standardCorpus()
    let text = try Corpus.text(contentsOf: file)
    if let count = settings.bytePairs {
      tokenizer = .bytePairs(try BytePairTokenizer(trainedOn: text, vocabularySize: count))
    } else {
      tokenizer = .characters(CharacterTokenizer(trainedOn: text))
    }
    unit = settings.bytePairs == nil ? "nats per character" : "nats per token"
    let encoding = settings.bytePairs.map { "\($0) byte pairs" } ?? "characters"
    corpusName = "\(file.lastPathComponent), \(text.utf8.count) bytes, sum \(checksum(text)), \(encoding)"
    corpus = try Corpus(text: text, tokenizer: tokenizer).validated(forWindow: recipe.T)
    _ = try heldOut
  }

  /// The same store for another seed.
  public func with(seed: UInt64) -> ModelStore {
    var copy = self
    copy.seed = seed
    return copy
  }

  /// The same store for a language: its documents are the text, in training and held out.
  ///
  /// - Parameter file: its name, and where it stands
  public func speaking(_ grammar: Grammar, from file: URL) throws -> ModelStore {
    var copy = self
    copy.grammar = grammar
    copy.recipe = settings.isQuick ? .quickRecall : .recall
    copy.recipe.T = grammar.T
    copy.tokenizer = .words(grammar.tokenizer)
    copy.corpusName = "\(file.lastPathComponent), sum \(checksum(try Corpus.text(contentsOf: file)))"
    return copy
  }

  /// The size of the vocabulary.
  public var V: Int { grammar?.V ?? corpus.tokenizer.vocabularySize }

  /// A batch to train on.
  func draw(using random: inout SeededGenerator) -> Batch {
    if let grammar { return grammar.randomBatch(B: recipe.B, using: &random).batch }
    return corpus.randomBatch(B: recipe.B, T: recipe.T, using: &random)
  }

  /// Documents of the language that no training draws, with their answers; the second half is for choosing rates.
  public var heldOutDocuments: (reported: [RecallBatch], choosing: [RecallBatch])? {
    guard let grammar else { return nil }
    var random = SeededGenerator(seed: checksum("held-out documents"))
    return (
      grammar.batches(count: recipe.windows, B: recipe.B, using: &random),
      grammar.batches(count: recipe.windows, B: recipe.B, using: &random)
    )
  }

  /// Held-out windows, the same for all: those that are reported, and as many others for choosing learning rates.
  public var heldOut: (reported: [Batch], choosing: [Batch]) {
    get throws {
      if let documents = heldOutDocuments {
        return (documents.reported.map(\.batch), documents.choosing.map(\.batch))
      }
      let all = try corpus.heldOutBatches(count: 2 * recipe.windows, B: recipe.B, T: recipe.T)
      let numbered = all.enumerated()
      return (
        numbered.filter { $0.offset.isMultiple(of: 2) }.map(\.element),
        numbered.filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
      )
    }
  }

  /// What every figure depends on beside what is asked for: recipe, text and number type.
  struct Origin: Codable, Equatable {
    var recipe: Recipe
    var corpus: String
    var scalar: String
  }

  var origin: Origin { Origin(recipe: recipe, corpus: corpusName, scalar: scalarName) }

  /// Where results of studies are kept.
  public var studyFolder: URL { settings.out.appending(path: "study") }

  /// A seed for one purpose, so that no two runs draw the same numbers.
  func seed(for purpose: String) -> UInt64 { checksum("\(purpose) \(seed)") }
}

// ## Made once

extension ModelStore {
  /// What a model was made from.
  private struct Note: Codable, Equatable {
    var recipe: Recipe
    var seed: UInt64
    var corpus: String
    var scalar: String
    var details: String
  }

  /// The model of a name in a chapter's folder, made by `make` if it is not there.
  ///
  /// - Parameters:
  ///   - details: what else it depends on
  ///   - make: makes it; gets a place for the checkpoint of its last run
  ///
  /// Throws if the model that is there was made from something else.
  func made(
    _ name: String, in chapter: String, details: String = "", _ make: (_ checkpoint: URL) throws -> TrainedModel
  ) throws -> TrainedModel {
    let folder = settings.out.appending(path: chapter).appending(
      path: "\(name)-\(settings.isQuick ? "quick-" : "")seed\(seed)")
    let (noteFile, historyFile) = (folder.appending(path: "made-from.json"), folder.appending(path: "history.json"))
    let note = Note(recipe: recipe, seed: seed, corpus: corpusName, scalar: scalarName, details: details)
    if FileManager.default.fileExists(atPath: noteFile.path) {
      guard try readJSON(Note.self, from: noteFile) == note else {
        throw CheckpointError(
          file: folder.path, problem: "the model there was made from another recipe, text or number type",
          remedy: "remove the folder, or choose another --out")
      }
      return TrainedModel(
        model: try LanguageModel(contentsOf: folder), history: try readJSON(History.self, from: historyFile))
    }
    let checkpoint = folder.appending(path: "training.safetensors")
    let made = try make(checkpoint)
    // The note is written last: a folder without one is made again.
    try made.model.write(to: folder)
    try writeJSON(tokenizer, to: folder.appending(path: "tokenizer.json"))
    try writeJSON(made.history, to: historyFile)
    try writeJSON(note, to: noteFile)
    try? FileManager.default.removeItem(at: checkpoint)
    return made
  }

  /// Goes through a run, with a progress bar.
  func complete(_ run: TrainingRun, _ step: (TrainingRun) throws -> Void) throws -> History {
    let first = run.records.count
    let bar = ProgressBar("\(run.name), seed \(seed)", total: run.settings.schedule.steps, from: first)
    run.onStep = { record in
      bar.update(
        record.step + 1, note: "loss \(number(record.loss, digits: 4))",
        tokens: (record.step + 1 - first) * run.settings.tokensPerUpdate)
    }
    for _ in run { try step(run) }
    bar.finish()
    return run.history
  }
}

// ## The text

/// data/kjv.txt, exported from Debian's package bible-kjv if it is absent.
private func standardCorpus() throws -> URL {
  let file = URL(filePath: "data/kjv.txt")
  if FileManager.default.fileExists(atPath: file.path) { return file }
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = ["make", "data/kjv.txt"]
  process.standardOutput = FileHandle.standardError
  try? process.run()
  process.waitUntilExit()
  guard FileManager.default.fileExists(atPath: file.path) else {
    throw CorpusError(
      "data/kjv.txt", problem: "the King James Bible is not there and could not be made",
      remedy: "run `make data/kjv.txt` in the project's folder, or name a text with --corpus FILE")
  }
  return file
}

/// FNV-1a of a text's bytes.
func checksum(_ text: String) -> UInt64 {
  checksum(text.utf8.lazy.map { UInt64($0) })
}
