// # From the options to the numbers
//
// The models are read, the text is cut into windows, and the windows are read in batches that bound the memory of the
// logits, which are the largest tensor by far if the vocabulary is that of a real model.
//
// Read before: `Command.swift`.

import Corpora
import Distillation
import Experiments
import Foundation
import Layers
import Models
import Notebook
import Statistics
import Tensors

/// The most logits of a batch.
private let mostLogits = 1 << 25
/// The most logits of a window, and the most numbers in the attention matrices of one window.
private let (mostOfWindow, mostOfMatrices) = (1 << 29, 1 << 30)

/// Does what the command asks for; throws an error whose description is one sentence.
func measure(_ command: Command) throws {
  let saved = try SavedModel(contentsOf: URL(filePath: command.model))
  let teacher = try command.against.map { try SavedModel(contentsOf: URL(filePath: $0)) }
  if let teacher, teacher.tokenizer != saved.tokenizer {
    throw CommandError(
      "--against \(command.against!): its tokenizer differs from the model's; give a teacher with the same")
  }
  if let teacher, teacher.model.configuration.V != saved.model.configuration.V {
    throw CommandError(
      "--against \(command.against!): its vocabulary has \(teacher.model.configuration.V) tokens, the model's"
        + " \(saved.model.configuration.V); give a teacher with the same")
  }
  if let grammar = command.grammar { return try recall(saved, URL(filePath: grammar), windows: command.windows) }
  let T = command.length ?? min(128, saved.model.configuration.T)
  for model in [saved.model] + (teacher.map { [$0.model] } ?? []) {
    let longest = longestWindow(of: model.configuration)
    if T > longest {
      throw CommandError(
        "--length \(T): a window of this many tokens takes more memory than is reasonable with this model; give at"
          + " most \(longest)")
    }
  }
  let text = try Corpus.text(contentsOf: URL(filePath: command.corpus))
  let corpus = try Corpus(text: text, tokenizer: saved.tokenizer, heldOutFraction: command.heldOut)
  // Scores and weights of an attention are in memory at the same time, beside the logits.
  let matrices =
    2 * T * T * ([saved.model] + (teacher.map { [$0.model] } ?? [])).map { heads(of: $0.configuration) }.max()!
  let logits = 3 * T * saved.model.configuration.V
  if let available = MemoryStatistics.available, (matrices + logits) * MemoryLayout<Scalar>.size > available {
    throw CommandError(
      "--length \(T): a window needs some \(bytes((matrices + logits) * MemoryLayout<Scalar>.size)) of memory, but"
        + " only \(bytes(available)) is left; give a smaller length")
  }
  let B = max(1, min(8, mostLogits / logits, mostLogits / max(1, matrices)))
  let batches = try corpus.heldOutBatches(count: command.windows, B: B, T: T)

  func line(_ name: String, _ estimate: Estimate, _ unit: String) throws {
    if !estimate.mean.isFinite {
      throw CommandError(
        "\(name): it is not finite on these windows; a weight of a model is too large for \(scalarName), so look for the"
          + " largest, or for where it was trained too fast")
    }
    let name = name.padding(toLength: 28, withPad: " ", startingAt: 0)
    let error = number(estimate.standardError, decimals: 4)
    try StandardOutput.write("\(name)\(number(estimate.mean, decimals: 4)) ± \(error) \(unit)\n")
  }
  try StandardOutput.write(
    "\(command.windows) windows of \(T) tokens from the last \(corpus.heldOut.count) of \(command.corpus)\n")
  guard let teacher else {
    try line("cross-entropy", crossEntropy(of: saved.model, on: batches), "nats per token")
    if command.knockOut { try knockOut(saved.model, on: batches) }
    return
  }
  let evaluation = evaluate(saved.model, against: teacher.model, on: batches)
  try line("cross-entropy", evaluation.crossEntropy, "nats per token")
  try line("the teacher's", evaluation.teacherCrossEntropy, "nats per token")
  try line("KL (teacher ‖ model)", evaluation.divergence, "nats per token")
  try line("agreement", evaluation.agreement, "of the tokens")
  if command.continuations > 0 {
    let beginnings = batches.flatMap { prompts(from: [$0], length: max(1, $0.inputs.T / 2)) }
    let match = try continuationMatch(
      of: saved.model, with: teacher.model, after: beginnings, count: command.continuations)
    for n in match.lengths {
      try line("exact match, \(n) token\(n == 1 ? "" : "s")", match.exactMatch(n), "of the continuations")
    }
  }
  if command.knockOut { try knockOut(saved.model, on: batches) }
}

/// Prints what it costs to silence each path, with 95 % intervals over windows.
private func knockOut(_ model: FrozenModel, on batches: [Batch]) throws {
  for path in knockOuts(of: model, on: batches) {
    let name = "without \(path.name)".padding(toLength: 28, withPad: " ", startingAt: 0)
    let interval = path.cost.interval.map {
      " (\(number($0.lowerBound, decimals: 4)) … \(number($0.upperBound, decimals: 4)))"
    }
    try StandardOutput.write("\(name)\(number(path.cost.mean, decimals: 4))\(interval ?? "") nats per token more\n")
  }
}

/// Prints what a model of a language recalls, by the distance from the last mention.
private func recall(_ saved: SavedModel, _ file: URL, windows: Int) throws {
  let grammar = try Grammar(contentsOf: file)
  guard saved.tokenizer == .words(grammar.tokenizer) else {
    throw CommandError(
      "--grammar \(file.relativePath): the model does not have its words; give a model of this language")
  }
  var random = SeededGenerator(seed: 0)
  var tally = RecallTally(upTo: sequence(first: 4) { 2 * $0 }.prefix { $0 < grammar.T } + [grammar.T])
  for batch in grammar.batches(count: windows, B: 8, using: &random) {
    tally.add(saved.model(batch.batch.inputs), batch)
  }
  try StandardOutput.write("\(windows) documents of \(grammar.T) tokens from \(file.relativePath)\n")
  for bin in tally.bins + [tally.total] where bin.count > 0 {
    let (first, last) = (bin.distances.lowerBound, bin.distances.upperBound)
    let name = (bin == tally.total ? "recall, all" : "recall at \(first)–\(last)").padding(
      toLength: 28, withPad: " ", startingAt: 0)
    try StandardOutput.write("\(name)\(number(bin.accuracy, decimals: 4)) of \(bin.count) answers\n")
  }
}

/// The most tokens of a window: its logits, and the attention matrix of each head, must fit into memory.
private func longestWindow(of configuration: ModelConfiguration) -> Int {
  let heads = heads(of: configuration)
  let byMatrices = heads > 0 ? Int(Double(mostOfMatrices / heads).squareRoot()) : .max
  return min(byMatrices, max(1, mostOfWindow / configuration.V))
}

/// The most heads of any attention; 0 if there is none.
private func heads(of configuration: ModelConfiguration) -> Int {
  configuration.mixers.compactMap { ($0 as? CausalAttentionSizes)?.H }.max() ?? 0
}
