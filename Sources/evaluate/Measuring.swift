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
    let name = name.padding(toLength: 24, withPad: " ", startingAt: 0)
    let error = number(estimate.standardError, decimals: 4)
    try StandardOutput.write("\(name)\(number(estimate.mean, decimals: 4)) ± \(error) \(unit)\n")
  }
  try StandardOutput.write(
    "\(command.windows) windows of \(T) tokens from the last \(corpus.heldOut.count) of \(command.corpus)\n")
  guard let teacher else {
    try line("cross-entropy", crossEntropy(of: saved.model, on: batches), "nats per token")
    return
  }
  let evaluation = evaluate(saved.model, against: teacher.model, on: batches)
  try line("cross-entropy", evaluation.crossEntropy, "nats per token")
  try line("the teacher's", evaluation.teacherCrossEntropy, "nats per token")
  try line("KL (teacher ‖ model)", evaluation.divergence, "nats per token")
  try line("agreement", evaluation.agreement, "of the tokens")
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
