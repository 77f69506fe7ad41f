// # A program that answers lines
//
// It lets `../compare.py` have two programs take turns. What a kind of step needs is made when it is first asked for,
// so a program that is asked for one kind takes the memory of one.
//
// Read before: `Stepper.swift`. Read next: `../steps/main.swift`, `../real/main.swift`, `../compare.py`.

import Foundation
import Gradients
import Notebook
import Tensors

/// Answers lines about an exercise.
package struct LineProgram {
  /// The lines that can be asked, as `--help` shows them.
  package static let help = """
    about               what is timed, as JSON
    export FOLDER       writes the weights and tokens that every kind begins with; "done"
    KIND COUNT          makes COUNT steps: the milliseconds of each
    losses KIND COUNT   makes COUNT steps from the beginning: loss and gradient norm of each
    quit

    KIND is teacher, stage1, stage2 or stage3, as far as the exercise has it.
    """

  private let make: () throws -> any TimedExercise
  private var steppers: [Kind: Stepper] = [:]

  /// - Parameter make: the exercise at its beginning, a new one at each call
  package init(_ make: @escaping () throws -> any TimedExercise) { self.make = make }

  /// Answers line by line, up to the last line or `quit`.
  package mutating func run() throws {
    while let line = readLine(), line != "quit" {
      try StandardOutput.write(answer(line) + "\n")
    }
  }

  /// What is timed.
  private struct About: Encodable {
    let program = "mohawk, \(scalarName)"
    let threads = WorkerPool.shared.threads
    /// How many numbers change in each kind of step.
    let trained: [Kind: Int]
    let teacher: Int
    let student: Int

    init(_ exercise: any TimedExercise) {
      let counts = exercise.kinds.map { ($0, exercise.stage($0).trained.reduce(0) { $0 + $1.count }) }
      trained = Dictionary(uniqueKeysWithValues: counts)
      (teacher, student) = (exercise.teacher.parameterCount, exercise.student.parameterCount)
    }
  }

  /// The answer to a line.
  private mutating func answer(_ line: String) throws -> String {
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
      return String(decoding: try JSONEncoder().encode(About(try make())), as: UTF8.self)
    case "export":
      guard words.count == 2 else { throw CommandError("'\(line)' names no folder") }
      try make().export(to: URL(filePath: words[1]))
      return "done"
    case "losses":
      let stepper = try stepper(kind(1))
      _ = try stepper.time(count(2))
      return joined(stepper.record)
    default:
      let kind = try kind(0)
      let stepper = try steppers[kind] ?? stepper(kind)
      steppers[kind] = stepper
      return try joined(stepper.time(count(1)))
    }
  }

  private func stepper(_ kind: Kind) throws -> Stepper {
    let exercise = try make()
    guard exercise.kinds.contains(kind) else {
      throw CommandError("there is no \(kind), only \(exercise.kinds.map(\.rawValue))")
    }
    return try Stepper(kind, of: exercise)
  }
}
