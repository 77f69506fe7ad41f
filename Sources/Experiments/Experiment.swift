// # An experiment
//
// Everything that a model made here depends on: the text, the recipe and the seed. An experiment
// knows what to draw and what to measure on; it has no folder and no screen.
//
// Read before: `Recipe.swift`, `Corpora/Windows.swift`. Read next: `Experiment+Students.swift`,
// `ModelStore.swift`.

import Checkpoints
import Corpora
import Foundation
import Models
import Tensors
import Training

/// What can be asked for in place of the main job.
public struct ExperimentSettings: Sendable {
  /// Takes the quick recipe.
  public var isQuick: Bool
  /// The seed of all random numbers: weights and batches.
  public var seed: UInt64
  /// The text; nil for data/kjv.txt.
  public var corpus: URL?
  /// The number of tokens of a byte-pair encoding; nil for characters.
  public var bytePairs: Int?
  /// The steps of the teacher; nil for those of the recipe.
  public var teacherSteps: Int?
  /// A model that takes the teacher's place: a folder or a .gguf file, with its tokenizer; nil for one that is trained.
  public var model: URL?
  /// The recipe; nil for the standard or the quick one.
  public var recipe: Recipe?
  /// Another text from which a part of the batches is drawn, and which is measured apart; nil for none.
  public var secondText: SecondText?
  /// Into how many micro-batches each batch is cut, for ranks to share; nil for what the recipe says.
  public var microBatches: Int?

  /// Settings; nil stands for what the main job takes.
  public init(
    isQuick: Bool, seed: UInt64 = 0, corpus: URL? = nil, bytePairs: Int? = nil, teacherSteps: Int? = nil,
    model: URL? = nil, recipe: Recipe? = nil, secondText: SecondText? = nil, microBatches: Int? = nil
  ) {
    (self.isQuick, self.seed, self.corpus, self.bytePairs) = (isQuick, seed, corpus, bytePairs)
    (self.teacherSteps, self.model, self.recipe, self.secondText) = (teacherSteps, model, recipe, secondText)
    self.microBatches = microBatches
  }
}

/// A text beside the first.
public struct SecondText: Sendable {
  /// A UTF-8 file.
  public var file: URL
  /// The part of the batches that come from it, 0 … 1.
  public var share: Double
  /// A text and its share of the batches.
  public init(_ file: URL, share: Double) { (self.file, self.share) = (file, share) }
}

/// A text, sizes and steps, and a seed.
public struct Experiment {
  /// Sizes, steps and learning rates.
  public private(set) var recipe: Recipe
  /// The text, tokenised; unused if there is a grammar.
  public let corpus: Corpus
  /// The language whose documents are read in place of the corpus, if there is one.
  public private(set) var grammar: Grammar?
  /// The seed from which each purpose derives one of its own.
  public private(set) var seed: UInt64
  /// Whether it is the small version.
  public let isQuick: Bool
  /// The unit of a loss: "nats per character" or "nats per token".
  public let unit: String
  /// Whether this is the experiment that the book reports: only then must its numbers come out.
  public let isReference: Bool
  /// Held-out windows, the same for all: those that are reported, and as many others for choosing learning rates.
  public private(set) var heldOut: (reported: [Batch], choosing: [Batch])
  /// Documents of the language that no training draws, with their answers; the second half is for choosing rates.
  public private(set) var heldOutDocuments: (reported: [RecallBatch], choosing: [RecallBatch])?
  /// The other text from which a part of the batches comes, if there is one.
  public let second: (corpus: Corpus, share: Double, heldOut: [Batch])?
  /// The chapter whose folder holds the teachers, and the beginning of their folders' names.
  private(set) var teachersPlace = (chapter: "05-teacher", name: "teacher")
  /// A model that takes the teacher's place; nil if the teacher is trained here.
  let givenTeacher: FrozenModel?
  /// The dictionary between text and tokens.
  private(set) var tokenizer: AnyTokenizer
  /// The text and how it is encoded, in words and sums.
  private(set) var corpusName: String

  /// Throws if the text cannot be read or is shorter than the recipe needs, or if a given model cannot be read.
  public init(_ settings: ExperimentSettings) throws {
    recipe = settings.recipe ?? (settings.isQuick ? .quick : .standard)
    recipe.teacherSteps = settings.teacherSteps ?? recipe.teacherSteps
    recipe.microBatches = settings.microBatches ?? recipe.microBatches
    (isQuick, seed) = (settings.isQuick, settings.seed)
    isReference =
      !settings.isQuick && settings.corpus == nil && settings.bytePairs == nil && settings.model == nil
      && settings.recipe == nil && settings.microBatches == nil
    let given = try settings.model.map { try SavedModel(contentsOf: $0) }
    let file = try settings.corpus ?? standardCorpus()
    let text = try Corpus.text(contentsOf: file)
    let encoding: String
    if let given {
      tokenizer = given.tokenizer
      encoding = "tokens of the model \(given.model.model.fingerprint)"
      let longest = given.model.configuration.T
      guard longest >= recipe.T else {
        throw CorpusError(
          settings.model!.path,
          problem: "the model is made for texts of up to \(longest) tokens, but windows of \(recipe.T) are read here",
          remedy: "give a model for longer texts")
      }
      recipe.takeSizes(of: given.model.configuration)
    } else if let count = settings.bytePairs {
      tokenizer = .bytePairs(try BytePairTokenizer(trainedOn: text, vocabularySize: count))
      encoding = "\(count) byte pairs"
    } else {
      tokenizer = .characters(CharacterTokenizer(trainedOn: text))
      encoding = "characters"
    }
    guard tokenizer.vocabularySize > 1 else {
      throw CorpusError(
        file.path, problem: "all its characters are the same, so there is nothing to learn",
        remedy: "give a text with at least two")
    }
    givenTeacher = given?.model
    if case .characters = tokenizer { unit = "nats per character" } else { unit = "nats per token" }
    func name(_ file: URL, _ text: String) -> String {
      "\(file.lastPathComponent), \(text.utf8.count) bytes, sum \(checksum(text))"
    }
    corpus = try Corpus(text: text, tokenizer: tokenizer).validated(forWindow: recipe.T)
    corpusName = "\(name(file, text)), \(encoding), sum \(corpus.checksum)"
    if let other = settings.secondText {
      let text = try Corpus.text(contentsOf: other.file)
      let corpus = try Corpus(text: text, tokenizer: tokenizer).validated(forWindow: recipe.T)
      second = (
        corpus, other.share, try corpus.heldOutBatches(count: recipe.windows, B: recipe.B, T: recipe.T)
      )
      corpusName += "; \(other.share) of the batches from \(name(other.file, text)), sum \(corpus.checksum)"
    } else {
      second = nil
    }
    let all = try corpus.heldOutBatches(count: 2 * recipe.windows, B: recipe.B, T: recipe.T).enumerated()
    heldOut = (
      all.filter { $0.offset.isMultiple(of: 2) }.map(\.element),
      all.filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
    )
  }

  /// The same experiment for another seed.
  public func with(seed: UInt64) -> Experiment {
    var copy = self
    copy.seed = seed
    return copy
  }

  /// The same experiment for a language: its documents are the text, in training and held out.
  ///
  /// - Parameters:
  ///   - file: the file of the language
  ///   - recipe: sizes, steps and rates; nil for those of chapter 13
  public func speaking(_ grammar: Grammar, from file: URL, recipe: Recipe? = nil) throws -> Experiment {
    var copy = self
    copy.grammar = grammar
    copy.recipe = recipe ?? (isQuick ? .quickRecall : .recall)
    copy.recipe.microBatches = copy.recipe.microBatches ?? self.recipe.microBatches
    copy.teachersPlace = ("13-hybrid", "teacher")
    copy.recipe.T = grammar.T
    copy.tokenizer = .words(grammar.tokenizer)
    copy.corpusName = "\(file.lastPathComponent), sum \(checksum(try Corpus.text(contentsOf: file)))"
    var random = SeededGenerator(seed: checksum("held-out documents"))
    func documents() -> [RecallBatch] {
      grammar.batches(count: copy.recipe.windows, B: copy.recipe.B, using: &random)
    }
    let (reported, choosing) = (documents(), documents())
    copy.heldOutDocuments = (reported, choosing)
    copy.heldOut = (reported.map(\.batch), choosing.map(\.batch))
    return copy
  }

  /// The same experiment with its teachers in a folder of another chapter: for a recipe of that chapter's own.
  public func keepingTeachers(in chapter: String, as name: String) -> Experiment {
    var copy = self
    copy.teachersPlace = (chapter, name)
    return copy
  }

  /// The size of the vocabulary.
  public var V: Int { givenTeacher?.configuration.V ?? grammar?.V ?? corpus.tokenizer.vocabularySize }

  /// The configuration of the teacher: of the given one, otherwise the recipe's.
  public var teacherConfiguration: ModelConfiguration { givenTeacher?.configuration ?? recipe.teacher(V: V) }

  /// A batch to train on.
  func draw(using random: inout SeededGenerator) -> Batch {
    if let grammar { return grammar.randomBatch(B: recipe.B, using: &random).batch }
    if let second, Double.random(in: 0..<1, using: &random) < second.share {
      return second.corpus.randomBatch(B: recipe.B, T: recipe.T, using: &random)
    }
    return corpus.randomBatch(B: recipe.B, T: recipe.T, using: &random)
  }

  /// A seed for one purpose, so that no two runs draw the same numbers.
  func seed(for purpose: String) -> UInt64 { checksum("\(purpose) \(seed)") }

  /// The tokens that occur in the texts: those that stage 3 needs to predict.
  public var tokensOfTexts: TokenSubset {
    var all = corpus.training + corpus.heldOut
    if let second { all += second.corpus.training + second.corpus.heldOut }
    return TokenSubset(of: all)
  }

  /// The settings of a run.
  ///
  /// - Parameter batches: what they are drawn for; runs with the same word here see the same batches
  func settings(_ batches: String, steps: Int, rate: Double) -> TrainingSettings {
    var settings = TrainingSettings(
      steps: steps, learningRate: rate, tokensPerUpdate: recipe.tokensPerUpdate,
      seed: seed(for: "batches of \(batches)"))
    settings.microBatches = recipe.microBatches
    return settings
  }
}

// ## The text

/// data/kjv.txt, which `make data/kjv.txt` exports from Debian's package bible-kjv.
///
/// Throws `CorpusError` if it is not there.
public func standardCorpus() throws -> URL {
  let file = URL(filePath: "data/kjv.txt")
  guard FileManager.default.fileExists(atPath: file.path) else {
    throw CorpusError(
      "data/kjv.txt", problem: "the King James Bible is missing",
      remedy: "run `make data/kjv.txt` in the project's folder, or name a text with --corpus FILE")
  }
  return file
}

extension Experiment {
  /// Throws unless the teacher has at least `least` layers, so that a chapter can say so before its work begins.
  public func requireLayers(_ least: Int) throws {
    if recipe.L >= least { return }
    throw CheckpointError(
      file: "the teacher", problem: "it has \(recipe.L) layer, but a hybrid needs at least \(least)",
      remedy: "give another with --model")
  }
}
