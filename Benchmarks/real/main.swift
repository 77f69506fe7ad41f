// # bench-real
//
// One optimiser step of stages 2 and 3 at the sizes of a real model (`../exercise/RealExercise.swift`), to be timed
// beside the same step in PyTorch. One of these makes the exercise, and writes it to a folder when it gets the line
// `export FOLDER`, which takes a minute:
//
//     bench-real --model data/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
//     bench-real                  # random weights of the same sizes
//     bench-real --quick          # a tiny model, to see that everything works
//
// From then on the exercise is read by
//
//     bench-real --exercise FOLDER
//
// The lines that the program answers are in `../exercise/LineProgram.swift`.
//
// Read before: `../exercise/RealExercise.swift`. Read next: `../real.py`, `../compare.py`.

import ArgumentParser
import Exercise
import Foundation
import Models
import Notebook

struct Command: ParsableCommand {
  @Option(
    parsing: .unconditional,
    help: "The teacher: the folder of a Llama, or a .gguf file. Without one it has random weights.",
    transform: path)
  var model: String?

  @Flag(help: "Make a tiny teacher, where none is given.")
  var quick = false

  @Option(parsing: .unconditional, help: "An exercise that was exported into this folder.", transform: path)
  var exercise: String?

  @Option(
    parsing: .unconditional,
    help: "Keep the teacher's passes in this folder, as a study of a large model does. There are eight texts.",
    transform: path)
  var passes: String?

  static let configuration = CommandConfiguration(
    commandName: "bench-real", abstract: "Answers lines about optimiser steps at the sizes of a real model.",
    discussion: LineProgram.help)

  /// Gives the exercise at its beginning at each call; the teacher, which no step changes, is read once.
  func exercises() throws -> () throws -> any TimedExercise {
    if let exercise {
      let folder = URL(filePath: exercise)
      let teacher = try RealExercise.teacher(in: folder)
      return { remembering(try RealExercise(contentsOf: folder, teacher: teacher)) }
    }
    let teacher =
      try model.map { try LanguageModel(contentsOf: URL(filePath: $0)) } ?? RealExercise.randomTeacher(quick: quick)
    return { remembering(try RealExercise(of: teacher)) }
  }

  private func remembering(_ exercise: RealExercise) -> RealExercise {
    var exercise = exercise
    exercise.passes = passes.map { RememberedPasses(room: .max, in: URL(filePath: $0)) }
    return exercise
  }
}

let command = Command.ofCommandLine()
exitOnError {
  var program = LineProgram(try command.exercises())
  try program.run()
}
