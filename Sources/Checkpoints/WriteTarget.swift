// # Where a file is written
//
// A path can lead to a link, a device or a folder. Here we find the file that is meant, and open a temporary file
// beside it.
//
// A killed run leaves its temporary file behind, and the next write to the same target removes it. It must not
// remove the file of a writer that is still working, in this process or another. Process numbers cannot tell the two
// cases apart (in containers they repeat). A lock can: the writer holds one on its temporary file, and the system
// releases it when the writer dies, however it dies. So a temporary file that can be locked has no owner.
//
// Read before: `CheckpointError.swift`. Read next: `AtomicFile.swift`.

import Foundation

/// The file to be written, and its temporary file.
struct WriteTarget {
  let path: String
  let directory: String
  private let prefix: String

  /// The path of a file, in a directory that is made if it is missing.
  init(_ link: URL) throws {
    let url = try WriteTarget.named(by: link)
    path = url.path
    directory = url.deletingLastPathComponent().path
    prefix = ".\(url.lastPathComponent).tmp-"
    guard url.isFileURL else {
      throw CheckpointError(
        file: url.absoluteString, problem: "this is not the address of a file", remedy: "give a path")
    }
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue {
      throw CheckpointError(
        file: path, problem: "a directory has the name of the file that is to be written",
        remedy: "choose another name or move the directory away")
    }
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    } catch {
      throw CheckpointError(
        file: path, problem: "the directory \(directory) cannot be made (\(error.localizedDescription))",
        remedy: "choose a directory in which you may write")
    }
  }

  /// The file that a path leads to: links are followed, even to a file that does not exist yet.
  private static func named(by link: URL) throws -> URL {
    var url = link
    for _ in 0..<32 {
      var status = stat()
      guard url.isFileURL, lstat(url.path, &status) == 0 else { return url }
      switch status.st_mode & S_IFMT {
      case S_IFREG, S_IFDIR: return url
      case S_IFLNK:
        guard let next = try? FileManager.default.destinationOfSymbolicLink(atPath: url.path) else { return url }
        url = URL(filePath: next, relativeTo: url.deletingLastPathComponent()).absoluteURL
      default:
        throw CheckpointError(
          file: link.path, problem: "this is a device or a pipe, and only files are written",
          remedy: "give the name of a file")
      }
    }
    throw CheckpointError(
      file: link.path, problem: "this link leads to itself", remedy: "give the name of a file")
  }

  /// The error for a step that has just failed.
  func failure(_ attempt: String) -> CheckpointError { .system(errno, attempt, file: path) }

  /// A new file beside the target, open and locked, and its path.
  func openTemporary() throws -> (descriptor: Int32, path: String) {
    while true {
      let digits = String(UInt64.random(in: .min ... .max), radix: 16)
      let temporary = directory + "/" + prefix + String(repeating: "0", count: 16 - digits.count) + digits
      let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { throw failure("making a temporary file in the directory \(directory)") }
      _ = flock(descriptor, LOCK_EX)
      // Between making and locking, another writer may have taken it for a leftover and removed it.
      var status = stat()
      if fstat(descriptor, &status) == 0, status.st_nlink > 0 { return (descriptor, temporary) }
      close(descriptor)
    }
  }

  /// Removes the temporary files of writers that have died.
  func removeLeftovers() {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    for entry in entries where entry.hasPrefix(prefix) {
      let digits = entry.dropFirst(prefix.count)
      guard digits.count == 16, digits.allSatisfy(\.isHexDigit) else { continue }
      let leftover = directory + "/" + entry
      let descriptor = open(leftover, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(leftover) }
      close(descriptor)
    }
  }

  /// Forces the new name to disk. Some file systems refuse this for directories, which costs only durability.
  func synchroniseDirectory() {
    let descriptor = open(directory, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
