// # compare-transcripts EXPECTED ACTUAL
//
// Compares what a chapter printed with what it is expected to print. Exit status: 0 if they agree, 1
// if they differ or cannot be read.
//
// Read before: `Notebook/Transcript.swift`, which says what counts as equal.

import Foundation
import Notebook

func transcript(inFile path: String) throws -> Transcript {
  guard let data = FileManager.default.contents(atPath: path) else {
    throw CommandError("\(path): no such file, or it cannot be read")
  }
  return Transcript(String(decoding: data, as: UTF8.self))
}

exitOnError {
  let files = try commandLineWords()
  guard files.count == 2, let expected = files.first, let actual = files.last else {
    throw CommandError("two files are needed: compare-transcripts EXPECTED ACTUAL")
  }
  let differences = try transcript(inFile: actual).differences(fromExpected: transcript(inFile: expected))
  if !differences.isEmpty {
    throw CommandError("\(actual) is not as expected\n" + differences.joined(separator: "\n"))
  }
}
