// # bench-steps
//
// One optimiser step of each kind (`../exercise/Exercise.swift`), to be timed beside the same step in PyTorch. The
// lines that the program answers are in `../exercise/LineProgram.swift`.
//
// Read before: `../exercise/Exercise.swift`. Read next: `../real/main.swift`, `../steps.py`, `../compare.py`.

import ArgumentParser
import Exercise
import Notebook

struct Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-steps", abstract: "Answers lines about one optimiser step of each kind.",
    discussion: LineProgram.help)
}

_ = Command.ofCommandLine()
exitOnError {
  var program = LineProgram { Exercise() }
  try program.run()
}
