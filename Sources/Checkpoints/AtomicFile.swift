// # Files that are complete or absent
//
// A run may be killed at any moment, even while it saves. A file written in place would then be half new and half
// gone. Here the bytes go to a temporary file beside the target, are forced to disk, and only then take the target's
// name. Renaming is atomic in the file system: a reader finds the old file or the new one.
//
// Read before: `CheckpointError.swift`. Read next: `JSONFile.swift`, `Checkpoint.swift`.

import Foundation

/// Writes files that are never incomplete: temporary file, fsync, rename, fsync of the directory.
public enum AtomicFile {
  /// Replaces the contents of a file, and makes missing directories.
  ///
  /// Throws `CheckpointError`; the file is then unchanged.
  public static func write(_ data: Data, to url: URL) throws {
    try write(to: url) { output in try data.withUnsafeBytes { try output.write($0) } }
  }

  /// Replaces the contents of a file with a text in UTF-8; the file is unchanged if this throws.
  public static func write(_ text: String, to url: URL) throws { try write(Data(text.utf8), to: url) }

  /// Replaces the contents of a file with what `body` writes piece by piece; the whole need not fit into memory.
  ///
  /// If `body` throws, the file is unchanged, and the error is passed on.
  ///
  /// A symbolic link stays, and the file that it names is replaced; a device or a pipe is refused.
  public static func write(to url: URL, _ body: (Output) throws -> Void) throws {
    _ = try write(to: url, replacing: true, body)
  }

  /// Writes a file unless there is one already, also if another process writes it at the same moment; returns whether
  /// it did.
  package static func writeNew(_ data: Data, to url: URL) throws -> Bool {
    try write(to: url, replacing: false) { output in try data.withUnsafeBytes { try output.write($0) } }
  }

  private static func write(to url: URL, replacing: Bool, _ body: (Output) throws -> Void) throws -> Bool {
    for _ in 0..<3 {
      do { return try writeOnce(to: url, replacing: replacing, body) } catch is FolderIsGone {}
    }
    throw CheckpointError(
      file: url.path, problem: "its folder was removed again and again while it was written",
      remedy: "let only one process work in this folder")
  }

  /// Another process removed the folder.
  private struct FolderIsGone: Error {}

  private static func writeOnce(to url: URL, replacing: Bool, _ body: (Output) throws -> Void) throws -> Bool {
    let target = try Target(url)
    target.removeLeftovers()
    let (descriptor, temporary) = try target.openTemporary()
    defer { close(descriptor) }
    do {
      let output = Output(descriptor: descriptor, path: target.path)
      try body(output)
      try output.flush()
      guard fsync(descriptor) == 0 else { throw target.failure("forcing the bytes to the disk") }
      if !replacing {
        // A second name is given only if nobody has it.
        if link(temporary, target.path) == 0 {
          unlink(temporary)
          target.synchroniseDirectory()
          return true
        }
        if errno == EEXIST {
          unlink(temporary)
          return false
        }
        // Some file systems give no second names; there the file is replaced.
      }
      guard rename(temporary, target.path) == 0 else {
        if errno == ENOENT { throw FolderIsGone() }
        throw target.failure("renaming the finished file")
      }
    } catch {
      unlink(temporary)
      throw error
    }
    target.synchroniseDirectory()
    return true
  }

  /// The open temporary file of a write. Small pieces, such as the norms of a model, are gathered: one call of the
  /// system writes many of them.
  public final class Output {
    private let descriptor: Int32
    private let path: String
    private var gathered: [UInt8] = []
    private static let piece = 1 << 20

    fileprivate init(descriptor: Int32, path: String) { (self.descriptor, self.path) = (descriptor, path) }

    /// Appends bytes. Throws `CheckpointError` if the disk is full or fails.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
      if gathered.count + bytes.count > Output.piece { try flush() }
      if bytes.count > Output.piece { try pass(bytes) } else { gathered += bytes }
    }

    fileprivate func flush() throws {
      try gathered.withUnsafeBytes { try pass($0) }
      gathered.removeAll(keepingCapacity: true)
    }

    /// Gives bytes to the system.
    private func pass(_ bytes: UnsafeRawBufferPointer) throws {
      var rest = bytes
      while let start = rest.baseAddress, !rest.isEmpty {
        let written = systemWrite(descriptor, start, min(rest.count, 1 << 30))
        if written < 0 {
          if errno == EINTR { continue }
          throw CheckpointError.system(errno, "writing", file: path)
        }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
      }
    }

    /// Appends the bytes of an array.
    public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }
  }
}

/// The system's `write`, which the methods of that name would hide.
private func systemWrite(_ descriptor: Int32, _ start: UnsafeRawPointer, _ count: Int) -> Int {
  write(descriptor, start, count)
}

// ## The temporary file
//
// A killed run leaves its temporary file behind, and the next write to the same target removes it. It must not
// remove the file of a writer that is still working, in this process or another. Process numbers cannot tell the two
// cases apart (in containers they repeat). A lock can: the writer holds one on its temporary file, and the system
// releases it when the writer dies, however it dies. So a temporary file that can be locked has no owner.

private struct Target {
  let path: String
  let directory: String
  let prefix: String

  /// The path of a file, in a directory that is made if it is missing.
  init(_ link: URL) throws {
    let url = try Target.named(by: link)
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

  /// The file that a path means: what its link names, and that of another link, also if nothing is there yet.
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
