// # compare-transcripts EXPECTED ACTUAL
//
// Compares what a chapter printed with what it is expected to print. Exit status: 0 if they agree, 1
// if they differ or cannot be read.
//
// Read before: `Notebook/Transcript.swift`, which says what counts as equal.

import ArgumentParser
import Foundation
import Notebook

func transcript(inFile path: String) throws -> Transcript {
  guard let data = FileManager.default.contents(atPath: path) else {
    throw CommandError("\(path): no such file, or it cannot be read")
  }
  return Transcript(String(decoding: data, as: UTF8.self))
}

struct Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare-transcripts",
    abstract: "Compares what a chapter printed with what it is expected to print.",
    discussion: "The exit status is 0 if the two agree, and 1 if they differ or cannot be read.")

  @Argument(help: "The file with what is expected, such as chapters/01-attention/expected.txt.") var expected: String
  @Argument(help: "The file with what was printed.") var actual: String
}

let command = Command.ofCommandLine()
exitOnError {
  let differences = try transcript(inFile: command.actual).differences(
    fromExpected: transcript(inFile: command.expected))
  if !differences.isEmpty {
    throw CommandError("\(command.actual) is not as expected\n" + differences.joined(separator: "\n"))
  }
}
