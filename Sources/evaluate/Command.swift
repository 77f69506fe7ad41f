// # The options of the command
//
// Read next: `Measuring.swift`.

import ArgumentParser
import Notebook

struct Command: ParsableCommand {
  @Option(
    parsing: .unconditional, help: "The folder of a model, such as out/05-teacher/teacher-seed0, or a .gguf file.",
    transform: path)
  var model: String

  @Option(
    parsing: .unconditional, help: "A teacher with the same tokenizer, for KL and agreement.", transform: path)
  var against: String?

  @Option(parsing: .unconditional, help: "A UTF-8 text.", transform: path)
  var corpus = "data/kjv.txt"

  @Option(
    parsing: .unconditional,
    help: "A language such as data/world.grammar in place of the text, to measure what is recalled.",
    transform: path)
  var grammar: String?

  @Option(parsing: .unconditional, help: "The part of the text, at its end, from which windows are taken.")
  var heldOut = 0.05

  @Option(parsing: .unconditional, help: "How many windows are read.")
  var windows = 64

  @Option(
    parsing: .unconditional, help: "The tokens of a window. (default: 128, or the model's length if that is less)")
  var length: Int?

  @Option(
    parsing: .unconditional,
    help: "With --against: how many tokens both write after the first half of each window, to be compared.")
  var continuations = 0

  @Flag(help: "Measure what each layer's mixer carries, by silencing it.")
  var knockOut = false

  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Measures a model on a text, alone or against its teacher.")

  func validate() throws {
    if !(1...1_000_000).contains(windows) {
      throw ValidationError("--windows \(windows): give a number from 1 to 1000000")
    }
    if let length, !(1...1_000_000).contains(length) {
      throw ValidationError("--length \(length): give a number from 1 to 1000000")
    }
    if !(0...100_000).contains(continuations) {
      throw ValidationError("--continuations \(continuations): give a number from 0 to 100000")
    }
    if continuations > 0 && against == nil {
      throw ValidationError("--continuations needs a teacher to compare with; name one with --against")
    }
    if grammar != nil && length != nil {
      throw ValidationError("--length cannot be combined with --grammar, whose documents have a length; leave it out")
    }
    if !(heldOut > 0 && heldOut < 1) {
      throw ValidationError("--held-out \(heldOut): give a part above 0 and below 1")
    }
  }
}
