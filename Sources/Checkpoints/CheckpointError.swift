// # What went wrong with a file
//
// A checkpoint that cannot be read ends a run of hours, often long after the file was written. So every error of this
// module is one sentence with three parts: where (file, tensor, byte), what was wrong, what to do about it.
//
// Read next: `AtomicFile.swift`, `Checkpoint.swift`.

import Foundation
import Tensors

/// Why a file could not be read or written: where, what was wrong, and what to do.
public struct CheckpointError: Error, Equatable {
  /// The path of the file, or "a checkpoint in memory".
  public let file: String
  /// The name of the tensor at fault, if there is one.
  public let tensor: String?
  /// The offset in the file at which the flaw was noticed, if there is one.
  public let byte: Int?
  /// What was wrong.
  public let problem: String
  /// What to do about it.
  public let remedy: String

  /// An error from its parts; problem and remedy are fragments without a full stop.
  public init(file: String, tensor: String? = nil, byte: Int? = nil, problem: String, remedy: String) {
    self.file = file
    self.tensor = tensor
    self.byte = byte
    self.problem = problem
    self.remedy = remedy
  }
}

extension CheckpointError: CustomStringConvertible, LocalizedError {
  /// The error as one line: "file, tensor "name", byte 8: problem; remedy".
  public var description: String {
    var place = file
    if let tensor { place += ", tensor \(quoted(tensor))" }
    if let byte { place += ", byte \(byte)" }
    return oneLine("\(place): \(problem); \(remedy)")
  }

  /// The same line, which Foundation shows as `localizedDescription`.
  public var errorDescription: String? { description }
}

/// The result of `body`; a `CheckpointError` that it throws is passed on with this remedy in place of its own.
package func withRemedy<Value>(_ remedy: String, _ body: () throws -> Value) throws -> Value {
  do {
    return try body()
  } catch let error as CheckpointError {
    throw CheckpointError(
      file: error.file, tensor: error.tensor, byte: error.byte, problem: error.problem, remedy: remedy)
  }
}

/// A name in quotation marks for a message: control characters escaped, the middle of a very long one left out.
package func quoted(_ name: String) -> String {
  guard name.unicodeScalars.count > 120 else { return String(reflecting: name) }
  let scalars = name.unicodeScalars
  return String(reflecting: String(scalars.prefix(60)) + "…" + String(scalars.suffix(40)))
}

/// The first few of some names for a message, and how many more there are.
package func listed(_ names: [String]) -> String {
  let some = names.prefix(6).map(quoted).joined(separator: ", ")
  return names.count > 6 ? "\(some) and \(names.count - 6) more" : some
}

extension CheckpointError {
  /// The error for a system call that has just failed, from its error number.
  static func system(_ number: Int32, _ attempt: String, file: String) -> CheckpointError {
    let remedy =
      switch number {
      case ENOENT: "check the path"
      case EACCES, EPERM, EROFS: "choose a place where you may write and read, or change the permissions"
      case ENOSPC, EDQUOT: "free some space or choose another disk, then run again"
      case ENAMETOOLONG: "choose a shorter name"
      case EISDIR, ENOTDIR: "check which part of the path is a directory"
      default: "check the disk or choose another place"
      }
    return CheckpointError(
      file: file, problem: "\(attempt) failed (\(String(cString: strerror(number))))", remedy: remedy)
  }
}
