// # How good a student is
//
// Its losses on held-out text beside the teacher's, what both models write, and what a token costs them.

import Book
import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Layers
import Models
import Notebook
import Statistics
import Tensors

extension Job {
  /// A student beside its teacher on held-out windows, measured once.
  func evaluation(of model: FrozenModel, _ name: String, on batches: [Batch], _ text: String) throws -> Evaluation {
    struct Key: Encodable {
      var name, text: String
      var windows: Int
      var arm: Arm
    }
    let key = Key(name: name, text: text, windows: batches.count, arm: arm)
    return try store.result("evaluation", in: chapter.name, of: key) {
      let bar = work.bar("\(name) on \(text)", total: batches.count)
      defer { bar.finish() }
      return evaluate(model, against: teacher, on: batches) { bar.update($0, .none, tokens: nil) }
    }
  }

  /// How far students write what their teacher writes, if each model always takes the token that it ranks first.
  func reportContinuations(of students: [NamedModel]) {
    let count = chapter.isQuick ? 8 : 32
    let beginnings = prompts(from: store.heldOut.reported.prefix(windows.few), length: store.recipe.T / 2)
    struct Key: Encodable {
      var students: [String]
      var prompts, count: Int
      var arm: Arm
    }
    let key = Key(students: students.map(\.name), prompts: beginnings.count, count: count, arm: arm)
    let matches = exitOnError {
      try store.result("continuations", in: chapter.name, of: key) {
        let theirs = try continuations(of: teacher, after: beginnings, count: count)
        return try students.map {
          try continuationMatch(of: $0.model, against: theirs, after: beginnings, count: count)
        }
      }
    }
    show("texts that are continued", beginnings.count)
    chapter.tabulate(
      "continuations", ["model"] + matches[0].lengths.map { "first \($0) the same" },
      rows: zip(students, matches).map { student, match in
        [student.name] + match.lengths.map { number(match.exactMatch($0).mean, decimals: 2) }
      })
  }

  /// How a model continues the beginning of the held-out text.
  func sample(_ name: String, _ model: FrozenModel) {
    let prompt = Array(store.corpus.heldOut.prefix(24))
    var random = SeededGenerator(seed: chapter.seed)
    var sampler = Sampler(temperature: 0.7)
    sampler.vocabulary = store.corpus.tokenizer.vocabularySize
    let text = exitOnError {
      try store.result("sample", in: chapter.name, of: SampleKey(name: name, arm: arm, model: modelName)) {
        try model.continuation(of: prompt, count: chapter.isQuick ? 24 : 60, sampler, using: &random)
      }
    }
    Notebook.sample(name, store.corpus.tokenizer.decode(prompt + text))
  }

  /// Time and memory of the next token of some models.
  func reportCosts(of models: [NamedModel]) {
    let contexts = chapter.isQuick ? [32, 64] : [128, 512, 2048, 4096].filter { $0 <= teacher.configuration.T }
    let text = store.corpus.heldOutTokens((contexts.last ?? 0) + 80)
    struct Key: Encodable {
      var models: [String]
      var contexts: [Int]
      var arm: Arm
    }
    let key = Key(models: models.map(\.name), contexts: contexts, arm: arm)
    let costs = exitOnError {
      try store.result("generation", in: chapter.name, of: key) {
        measureDecoding(models, on: text, contexts: contexts, tokens: chapter.isQuick ? 16 : 32)
      }
    }
    table(
      ["context"] + models.map { "\($0.name) keeps" },
      rows: zip(contexts, costs).map { context, cost in ["\(context)"] + cost.map { bytes($0.bytes) } })
    volatileTable(
      ["context"] + models.map { "\($0.name), tokens/s" },
      rows: zip(contexts, costs).map { context, cost in
        ["\(context)"] + cost.map { number(1 / $0.seconds, decimals: 1) }
      })
    let file = chapter.metrics("generation", columns: ["context", "model", "seconds", "bytes", "peak"])
    for (context, cost) in zip(contexts, costs) {
      for (model, c) in zip(models, cost) { file.add(context, model.name, c.seconds, c.bytes, c.peak) }
    }
    chapter.plot(decodingCosts(models.map(\.name), contexts: contexts, costs: costs), "token")
    let student = costs.map { $0[1].bytes }
    if kept.isEmpty {
      check("the student's state has one size, whatever the context", Set(student).count == 1, bytes(student[0]))
    }
    check("the teacher's grows with each token", costs.last![0].bytes, greaterThan: costs[0][0].bytes)
  }

  /// The losses of two models on a few windows.
  func losses(of models: [FrozenModel]) throws -> (Double, Double) {
    let few = Array(store.heldOut.reported.prefix(windows.few))
    let found = try store.result("broken", in: chapter.name, of: "\(modelName), \(few.count)") {
      models.map { crossEntropy(of: $0, on: few).mean }
    }
    return (found[0], found[1])
  }

  /// The teacher with the rows of its queries and keys in pairs, as in GGUF files, but read as if they were in halves.
  func withRowsInPairs(_ teacher: FrozenModel) -> FrozenModel {
    var random = SeededGenerator(seed: 0)
    let layers = teacher.configuration.mixers
    let copy = LanguageModel(
      student: teacher.configuration, of: teacher, replacing: Array(layers.indices), using: &random)
    for (mine, theirs) in zip(copy.blocks, teacher.blocks) {
      for (target, source) in zip(mine.mixer.parameters, theirs.mixer.parameters) {
        target.value = source.value
      }
      guard let mixer = mine.mixer as? CausalAttention else { continue }
      let P = mixer.sizes.P
      for projection in [mixer.queries, mixer.keys] {
        let rows = projection.weight.value.shape[0]
        let order = (0..<rows).map { row in row / P * P + (row % P) % (P / 2) * 2 + (row % P) / (P / 2) }
        // Each row in halves goes to its place among pairs.
        var inverse = Array(repeating: 0, count: rows)
        for (row, place) in order.enumerated() { inverse[place] = row }
        projection.weight.value = projection.weight.value.gathered(inverse)
      }
    }
    return copy.frozen
  }
}

private struct SampleKey: Encodable {
  var name: String
  var arm: Arm
  var model: String
}

/// A row for each model and text.
@MainActor
func tabulateEvaluations(
  _ rows: [(name: String, text: String, evaluation: Evaluation)], file: String = "results"
) {
  chapter.tabulate(
    file, ["model", "text", "loss", "teacher's loss", "difference", "95 % interval", "KL", "agreement"],
    rows: rows.map { name, text, e in
      let gap = PairedDifference(zip(e.losses, e.teacherLosses).map { $0 - $1 })
      return [name, text]
        + [e.crossEntropy.mean, e.teacherCrossEntropy.mean, gap.mean].map { number($0, decimals: 3) }
        + [gap.intervalText(decimals: 3)] + [e.divergence.mean, e.agreement.mean].map { number($0, decimals: 3) }
    })
}

/// The mean of the last tenth of some losses, at least of one.
func lastMean(_ losses: [Double]) -> Double { Estimate(Array(losses.suffix(max(1, losses.count / 10)))).mean }
