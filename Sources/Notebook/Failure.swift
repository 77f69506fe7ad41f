// # When something goes wrong
//
// An error that escapes the top-level code of a Swift program ends in a trap and a stack trace, which tells the
// reader of a chapter nothing. So a chapter writes `let teacher = exitOnError { try Teacher(from: file) }` where a
// library module throws: the error becomes one line on standard error and the exit status 1.
//
// Read before: `Notebook.swift`. Read next: `Chapter.swift`.

import Foundation

/// The result of `body`; if it throws, the error is printed as `error: …` and the program ends with exit status 1.
@MainActor
public func exitOnError<Result>(_ body: () throws -> Result) -> Result {
  do { return try body() } catch { stop(because: error) }
}

/// Prints `error: …` on standard error, unless the reader of standard output went away, and ends the program with
/// exit status 1. Folders that this run made and left empty are removed.
@MainActor
public func stop(because error: any Error) -> Never {
  Screen.shared.erase()
  Ranks.stop(because: error)
  let isQuiet = (error as? StandardOutput.Failure)?.isReaderGone ?? false
  if !isQuiet { Screen.shared.write("error: \(description(of: error))\n") }
  OutputFolder.removeIfEmpty()
  leave(1)
}

/// Ends the program with this status, at once. All that is printed here goes straight to the system, so nothing waits
/// to be flushed; and `exit` would wait for the threads that OpenBLAS has begun, where a thread that gets no memory
/// never ends.
package func leave(_ status: Int32) -> Never { _exit(status) }

/// A problem that has no error type of its own: what was wrong, where, and what to do, in one sentence.
public struct CommandError: Error, CustomStringConvertible {
  /// The sentence that is printed after `error: `.
  public let description: String

  /// An error with this sentence.
  public init(_ description: String) { self.description = description }
}

/// What to tell the reader about an error: its own description if it has one.
package func description(of error: any Error) -> String {
  if let words = (error as? any LocalizedError)?.errorDescription { return words }
  // Foundation's own errors would print their dictionary.
  if error is CocoaError || error is POSIXError || type(of: error) == NSError.self {
    let error = error as NSError
    let path = error.userInfo[NSFilePathErrorKey] as? String
    return (path.map { "\($0): " } ?? "") + (systemReason(of: error) ?? error.localizedDescription)
  }
  return "\(error)"
}

/// The operating system's words for a Foundation error: "Permission denied"; nil if the error did not come from the
/// system.
package func systemReason(of error: any Error) -> String? {
  let error = error as NSError
  if error.domain == NSPOSIXErrorDomain { return String(cString: strerror(Int32(error.code))) }
  return (error.userInfo[NSUnderlyingErrorKey] as? any Error).flatMap(systemReason)
}

// ## The folder for the results

/// The folder out/NN-name of a chapter.
package enum OutputFolder {
  /// The folders that this run has made, deepest first.
  @MainActor private static var made: [URL] = []

  /// Makes the folder and those above it, and tests whether a file can be written there. If not, removes the folders
  /// that it has made and throws `CommandError`.
  @MainActor
  package static func prepare(_ folder: URL) throws {
    var above = folder.standardizedFileURL
    while above.path != "/", !FileManager.default.fileExists(atPath: above.path) {
      made.append(above)
      above.deleteLastPathComponent()
    }
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      // Permission bits are not enough: the user may be root, the disk full or read-only. So we write a file.
      let probe = folder.appending(path: ".probe-\(UUID().uuidString)")
      defer { unlink(probe.path) }
      try Data("probe".utf8).write(to: probe)
      try FileManager.default.removeItem(at: probe)
    } catch {
      removeIfEmpty()
      let reason = obstacle(on: folder.path) ?? systemReason(of: error) ?? error.localizedDescription
      throw CommandError(
        "cannot write into \(folder.relativePath): \(reason); give another folder with --out DIR, or make this one"
          + " writable")
    }
  }

  /// What stands in the way of a folder, other than permissions: a file, or a link that leads nowhere.
  private static func obstacle(on path: String) -> String? {
    var (above, status) = (URL(filePath: path).standardizedFileURL, stat())
    while lstat(above.path, &status) != 0, above.path != "/" { above.deleteLastPathComponent() }
    let isLink = status.st_mode & S_IFMT == S_IFLNK
    if isLink, stat(above.path, &status) != 0 { return "\(above.path) is a link that leads nowhere" }
    return status.st_mode & S_IFMT == S_IFDIR ? nil : "\(above.path) is not a folder"
  }

  /// Writes a text into the folder, whole or not at all; throws `CommandError`.
  package static func write(_ text: String, to file: URL) throws {
    do {
      try Data(text.utf8).write(to: file, options: .atomic)
    } catch {
      throw CommandError(
        "cannot write \(file.relativePath): \(systemReason(of: error) ?? error.localizedDescription); remove what is in"
          + " the way, or give another folder with --out DIR")
    }
  }

  /// Removes the folders that this run has made, unless they contain something.
  @MainActor
  package static func removeIfEmpty() {
    for folder in made where rmdir(folder.path) != 0 { break }
    made = []
  }
}
