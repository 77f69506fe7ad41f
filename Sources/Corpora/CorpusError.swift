// # What went wrong with a text
//
// Texts come from people: a misspelt path, a file in an old encoding, a page where a book is needed. Each error is
// one sentence: where, what was wrong, what to do.
//
// Read next: `Corpus.swift`.

import Foundation
import Tensors

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
  public var description: String { oneLine("\(place): \(problem); \(remedy)") }
  /// The same line, which Foundation shows as `localizedDescription`.
  public var errorDescription: String? { description }
}

/// The bytes of a file, which must be a regular file and not empty.
func contents(of url: URL) throws -> Data {
  let place = url.isFileURL ? url.path : url.absoluteString
  func wrong(_ problem: String, _ remedy: String) -> CorpusError {
    CorpusError(place, problem: problem, remedy: remedy)
  }
  var status = stat()
  guard url.isFileURL, stat(url.path, &status) == 0 else {
    guard !url.isFileURL || errno == ENOENT else {
      throw wrong("the file cannot be read (\(String(cString: strerror(errno))))", "check its path and permissions")
    }
    throw wrong("there is no such file", "check the path")
  }
  switch status.st_mode & S_IFMT {
  case S_IFREG: break
  case S_IFDIR: throw wrong("this is a directory", "give the path of a file inside it")
  // A pipe may have no writer, and a device no end.
  case S_IFIFO: throw wrong("this is a pipe", "write its output into a file, and give that")
  default: throw wrong("this is a device, not a file", "give the path of a file")
  }
  let data: Data
  do {
    data = try Data(contentsOf: url)
  } catch {
    throw wrong(
      "the file cannot be read (\(String(cString: strerror(errno))))", "check its permissions and the disk")
  }
  guard !data.isEmpty else { throw wrong("the file is empty", "give another") }
  return data
}
