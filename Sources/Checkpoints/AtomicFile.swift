// # Files that are complete or absent
//
// A run can be killed at any moment, even while it saves. A file written in place would then be half new and half
// gone. Here the bytes go to a temporary file beside the target and are forced to disk; only then does the file take
// the target's name. Renaming is atomic in the file system: a reader finds the old file or the new one.
//
// Read before: `CheckpointError.swift`, `WriteTarget.swift`. Read next: `JSONFile.swift`, `Checkpoint.swift`.

import Foundation

/// Writes files that are never incomplete: temporary file, fsync, rename, fsync of the directory.
public enum AtomicFile {
  /// Replaces the contents of a file, and makes missing directories.
  ///
  /// Throws `CheckpointError`; the file is then unchanged.
  public static func write(_ data: Data, to url: URL) throws {
    try write(to: url) { try $0.write(data) }
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

  /// Writes a file unless it already exists, even if another process writes it at the same moment; returns whether it
  /// was written.
  package static func writeNew(_ data: Data, to url: URL) throws -> Bool {
    try write(to: url, replacing: false) { try $0.write(data) }
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
    let target = try WriteTarget(url)
    target.removeLeftovers()
    let (descriptor, temporary) = try target.openTemporary()
    defer { close(descriptor) }
    do {
      let output = Output(descriptor: descriptor, path: target.path)
      try body(output)
      try output.flush()
      guard fsync(descriptor) == 0 else { throw target.failure("forcing the bytes to the disk") }
      if !replacing {
        // A hard link is made only if the name is free.
        if link(temporary, target.path) == 0 {
          unlink(temporary)
          target.synchroniseDirectory()
          return true
        }
        if errno == EEXIST {
          unlink(temporary)
          return false
        }
        // Some file systems have no hard links; there the file is replaced.
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

  /// The open temporary file of a write. Small pieces, such as the norms of a model, are buffered, so that one system
  /// call writes many of them.
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

    /// Passes bytes to the system.
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

    /// Appends bytes.
    public func write(_ data: Data) throws { try data.withUnsafeBytes { try write($0) } }
  }
}

/// The system's `write`, which the methods of that name would hide.
private func systemWrite(_ descriptor: Int32, _ start: UnsafeRawPointer, _ count: Int) -> Int {
  write(descriptor, start, count)
}
