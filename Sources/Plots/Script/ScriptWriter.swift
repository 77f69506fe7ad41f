// # Through gnuplot-iostream into a file
//
// The parts of a script go through the C++ stream of gnuplot-iostream, which knows how gnuplot wants its numbers. The
// file is written under another name beside the final one, and renamed when it is whole: renaming is a single step,
// so a reader finds the old script or the new one and never half of one. Read before: Script.swift. Read after:
// Gnuplot.swift.

import CGnuplot
import Foundation

/// Writes files that are whole or absent.
enum WholeFile {
  /// Lets `body` write a file under a temporary name in `directory`, then gives it its name.
  ///
  /// When `body` throws, the temporary file is removed and the old file stays.
  static func write(_ name: String, in directory: URL, _ body: (URL) throws -> Void) throws {
    let partial = directory.appendingPathComponent(".plot-\(UUID().uuidString).partial")
    defer { unlink(partial.path) }
    try body(partial)
    let target = directory.appendingPathComponent(name)
    guard rename(partial.path, target.path) == 0 else {
      throw PlotError(
        "the finished file cannot be renamed: \(String(cString: strerror(errno)))", at: target.path,
        remedy: "check whether a directory of this name is in the way")
    }
  }

  /// Makes `directory` if need be, and checks that files can be written there.
  static func prepare(_ directory: URL) throws {
    do {
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    } catch {
      throw PlotError(
        "the directory cannot be made: \(error.localizedDescription)", at: directory.path,
        remedy: "choose another directory")
    }
    guard access(directory.path, W_OK | X_OK) == 0 else {
      throw PlotError(
        "the directory cannot be written to: \(String(cString: strerror(errno)))", at: directory.path,
        remedy: "choose another directory or change its permissions")
    }
  }
}

extension Script {
  /// Writes the script to `file`. Throws a `PlotError` when that fails; the file may then be incomplete.
  func write(to file: URL) throws {
    func succeed(_ message: UnsafeMutablePointer<CChar>?) throws {
      guard let message else { return }
      defer { free(message) }
      throw PlotError(
        "the script cannot be written: \(String(cString: message))", at: file.deletingLastPathComponent().path,
        remedy: "check whether the directory is writable and the disk has room")
    }

    var message: UnsafeMutablePointer<CChar>?
    guard let stream = cgnuplot_open(file.path, &message) else { return try succeed(message) }
    do {
      for part in parts { try succeed(part.send(to: stream)) }
    } catch {
      free(cgnuplot_close(stream))
      throw error
    }
    try succeed(cgnuplot_close(stream))
  }
}

extension ScriptPart {
  /// Appends the part to a stream; returns gnuplot-iostream's message when that fails.
  fileprivate func send(to stream: OpaquePointer) -> UnsafeMutablePointer<CChar>? {
    switch self {
    case .line(let text):
      return cgnuplot_text(stream, text + "\n")
    case .data(let name, let comment, let blocks):
      if let message = cgnuplot_text(stream, "\n# \(comment)\n") { return message }
      let values = blocks.flatMap { $0.joined() }
      let columns = blocks.first?.first?.count ?? 0
      if let message = cgnuplot_data(stream, name, values, columns, blocks.map(\.count), blocks.count) {
        return message
      }
      return nil
    }
  }
}
