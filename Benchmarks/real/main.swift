// # bench-real
//
// One optimiser step of stages 2 and 3 at the sizes of a real model (`../exercise/RealExercise.swift`),
// to be timed beside the same step in PyTorch:
//
//     bench-real --model data/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
//     bench-real                  # random weights of the same sizes
//     bench-real --quick          # a tiny model, to try that all works
//
// The lines that the program answers stand in `../exercise/LineProgram.swift`.
//
// Read before: `../exercise/RealExercise.swift`. Read next: `../real.py`, `../compare.py`.

import ArgumentParser
import Exercise
import Foundation
import Models
import Notebook

struct Command: ParsableCommand {
  @Option(help: "The teacher: the folder of a Llama, or a .gguf file. Without one it has random weights.")
  var model: String?

  @Flag(help: "Make a tiny teacher, where none is given.")
  var quick = false

  static let configuration = CommandConfiguration(
    commandName: "bench-real", abstract: "Answers lines about optimiser steps at the sizes of a real model.")
}

let command = Command.parseOrExit()
exitOnError {
  let teacher =
    try command.model.map { try LanguageModel(contentsOf: URL(filePath: $0)) }
    ?? RealExercise.randomTeacher(quick: command.quick)
  if let problem = RealExercise.problem(of: teacher) {
    throw CommandError("\(command.model ?? "the teacher"): \(problem)")
  }
  var program = LineProgram { RealExercise(of: teacher) }
  try program.run()
}
