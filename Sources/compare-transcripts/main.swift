// # compare-transcripts EXPECTED ACTUAL
//
// Compares what a chapter printed with what it is expected to print. What counts as equal is said in
// Sources/Notebook/Transcript.swift. Exit status: 0 if they agree, 1 if they differ or can not be read.

import Foundation
import Notebook

struct Complaint: Error, CustomStringConvertible {
  let description: String
}

func transcript(inFile path: String) throws -> Transcript {
  guard let data = FileManager.default.contents(atPath: path) else {
    throw Complaint(description: "\(path): no such file, or it can not be read")
  }
  return Transcript(String(decoding: data, as: UTF8.self))
}

attempt {
  let files = CommandLine.arguments.dropFirst()
  guard files.count == 2, let expected = files.first, let actual = files.last else {
    throw Complaint(description: "two files are needed: compare-transcripts EXPECTED ACTUAL")
  }
  let differences = try transcript(inFile: actual).differences(fromExpected: transcript(inFile: expected))
  if !differences.isEmpty {
    throw Complaint(description: "\(actual) is not as expected\n" + differences.joined(separator: "\n"))
  }
}
