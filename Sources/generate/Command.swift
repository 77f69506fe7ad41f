// # The options of the command
//
// Combinations of options that make no sense end the command with status 64 and the usage, before any file is read.
//
// Read next: `Writing.swift`.

import ArgumentParser
import Notebook
import Models

/// The most texts that are written side by side; with a large model, memory sets a lower limit.
nonisolated private let mostCopies = 100_000

struct Command: ParsableCommand {
  @Option(
    parsing: .unconditional, help: "The folder of a model, such as out/05-teacher/teacher-seed0, or a .gguf file.",
    transform: path)
  var model: String

  @Option(
    parsing: .unconditionalSingleValue,
    help: "What the text begins with; several for several texts. After --resume: what is read first.")
  var prompt: [String] = []

  @Option(parsing: .unconditional, help: "The number of tokens to write.")
  var tokens = 200

  @Option(
    parsing: .unconditional,
    help: "What logits are divided by: below 1 more predictable, 0 always the most probable token. (default: 0.8)")
  var temperature: Double?

  @Option(parsing: .unconditional, help: "Draw from the K most probable tokens only.")
  var topK: Int?

  @Option(parsing: .unconditional, help: "Draw from the fewest tokens that together have this probability.")
  var topP: Double?

  @Option(parsing: .unconditional, help: "Equal seeds give equal texts. (default: 0)")
  var seed: UInt64?

  @Option(
    parsing: .unconditional,
    help: "End a text when this has been written; after --resume only what is written from then on counts.")
  var stop: String?

  @Option(name: .customLong("repeat"), parsing: .unconditional, help: "Write this many texts from one prompt.")
  var copies: Int?

  @Option(
    parsing: .unconditional, help: "Keep what the model remembers at the end in this file.", transform: path)
  var save: String?

  @Option(parsing: .unconditional, help: "Continue from a file written by --save.", transform: path)
  var resume: String?

  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Writes text with a model that a chapter has made.")

  func validate() throws {
    if prompt.isEmpty && resume == nil {
      throw ValidationError("nothing to begin with: give a --prompt, or --resume a text")
    }
    if prompt.contains("") {
      throw ValidationError("--prompt is empty: a model continues a text, so give at least one character")
    }
    if tokens < 0 { throw ValidationError("--tokens \(tokens): must be 0 or more") }
    if let problem = Sampler.problem(temperature: temperature ?? 0, topK: topK, topP: topP) {
      throw ValidationError(problem)
    }
    if let copies {
      if !(1...mostCopies).contains(copies) {
        throw ValidationError("--repeat \(copies): from 1 to \(mostCopies) texts can be written side by side")
      }
      if prompt.count != 1 || resume != nil {
        throw ValidationError(
          "--repeat copies one prompt; it cannot be combined with several prompts or with --resume")
      }
    }
    if stop == "" { throw ValidationError("--stop is empty: it would end every text at once; leave it out") }
    if resume != nil {
      if prompt.count > 1 {
        throw ValidationError("one --prompt can be read after --resume, by all texts, not \(prompt.count)")
      }
      if seed != nil {
        throw ValidationError(
          "--seed belongs to the beginning of a text; one that is resumed has its own random generator")
      }
    }
  }

  /// How tokens are drawn: the options given here, else those of the resumed text, else a temperature of 0.8.
  func sampler(resuming old: Sampler?) -> Sampler {
    Sampler(
      temperature: temperature ?? old?.temperature ?? 0.8, topK: topK ?? old?.topK, topP: topP ?? old?.topP)
  }
}
