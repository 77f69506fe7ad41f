// # What went wrong with a text
//
// Texts come from people: a misspelt path, a file in an old encoding, a page where a book is needed. Each error is
// one sentence: where, what was wrong, what to do.
//
// Read next: `Corpus.swift`.

import Foundation

/// Why a text, or a vocabulary for it, could not be used: where, what was wrong, and what to do.
public struct CorpusError: Error, Equatable {
  /// The path of the file, or a name such as "the text".
  public let place: String
  /// What was wrong.
  public let problem: String
  /// What to do about it.
  public let remedy: String

  /// An error from its three parts, fragments without a full stop: they are joined as "place: problem; remedy".
  public init(_ place: String, problem: String, remedy: String) {
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }
}

extension CorpusError: CustomStringConvertible, LocalizedError {
  /// The error as one line: "place: problem; remedy".
  public var description: String { "\(place): \(problem); \(remedy)" }
  /// The same line, which Foundation shows as `localizedDescription`.
  public var errorDescription: String? { description }
}

/// The bytes of a file that exists, is no directory and is not empty.
func contents(of url: URL) throws -> Data {
  let place = url.isFileURL ? url.path : url.absoluteString
  var isDirectory: ObjCBool = false
  guard url.isFileURL, FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) else {
    throw CorpusError(
      place, problem: "there is no such file", remedy: "check the path, or run the step that makes it")
  }
  guard !isDirectory.boolValue else {
    throw CorpusError(place, problem: "this is a directory", remedy: "give the path of a file inside it")
  }
  let data: Data
  do {
    data = try Data(contentsOf: url)
  } catch {
    throw CorpusError(
      place, problem: "the file cannot be read (\(error.localizedDescription))",
      remedy: "check its permissions and the disk")
  }
  guard !data.isEmpty else {
    throw CorpusError(place, problem: "the file is empty", remedy: "give another, or make it again")
  }
  return data
}
