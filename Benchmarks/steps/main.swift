// # bench-steps
//
// One optimiser step of each kind (`../exercise/Exercise.swift`), to be timed beside the same step in
// PyTorch.
//
// The program answers lines, so that ../compare.py can let two programs take turns:
//
//     about               what is timed, as JSON
//     export FOLDER       writes the weights and tokens that every kind begins with; "done"
//     KIND COUNT          makes COUNT steps: the milliseconds of each
//     losses KIND COUNT   makes COUNT steps from the beginning: loss and gradient norm of each
//     quit
//
// KIND is teacher, stage1, stage2 or stage3.
//
// Read before: `../exercise/Exercise.swift`. Read next: `../steps.py`, `../compare.py`.

import Exercise
import Foundation
import Notebook
import Tensors

// ## The lines

struct Bench {
  private var steppers: [Kind: Stepper] = [:]

  init() throws {
    for kind in Kind.allCases { steppers[kind] = try Stepper(kind) }
  }

  /// What is timed.
  private struct About: Encodable {
    let program = "mohawk, \(scalarName)"
    let threads = ProcessInfo.processInfo.activeProcessorCount
    /// The number of numbers that change in each kind of step.
    let trained: [Kind: Int]
    let teacher: Int
    let student: Int
  }

  /// The answer to a line.
  func answer(_ line: String) throws -> String {
    let words = line.split(separator: " ").map(String.init)
    func kind(_ index: Int) throws -> Kind {
      guard words.indices.contains(index), let kind = Kind(rawValue: words[index]) else {
        throw CommandError("'\(line)' names none of \(Kind.allCases.map(\.rawValue))")
      }
      return kind
    }
    func count(_ index: Int) throws -> Int {
      guard words.indices.contains(index), let count = Int(words[index]), count > 0 else {
        throw CommandError("'\(line)' names no number of steps")
      }
      return count
    }
    func joined(_ numbers: [Double]) -> String { numbers.map { "\($0)" }.joined(separator: " ") }

    switch words.first {
    case "about":
      let exercise = Exercise()
      let about = About(
        trained: steppers.mapValues { $0.trained.reduce(0) { $0 + $1.count } },
        teacher: exercise.teacher.parameterCount, student: exercise.student.parameterCount)
      return String(decoding: try JSONEncoder().encode(about), as: UTF8.self)
    case "export":
      guard words.count == 2 else { throw CommandError("'\(line)' names no folder") }
      try Exercise().export(to: URL(filePath: words[1]))
      return "done"
    case "losses":
      let stepper = try Stepper(kind(1))
      _ = try stepper.time(count(2))
      return joined(stepper.record)
    default:
      return try joined(steppers[kind(0)]!.time(count(1)))
    }
  }
}

do {
  let bench = try Bench()
  while let line = readLine(), line != "quit" {
    FileHandle.standardOutput.write(Data((try bench.answer(line) + "\n").utf8))
  }
} catch {
  FileHandle.standardError.write(Data("bench-steps: \(error)\n".utf8))
  exit(1)
}
