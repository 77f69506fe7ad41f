// # Numbers for other programs
//
// What a chapter measures step by step it also writes to a CSV file, for a spreadsheet or a script. The rows stay in
// memory and the file is replaced as a whole, every few seconds and at the end, so that no row on disk is ever
// incomplete. Numbers are written with all their digits.
//
// Read before: `Formatting.swift`. Read next: `Chapter.swift`.

import Foundation

/// One CSV file of a chapter. Rows can be added from any thread.
public final class Metrics: @unchecked Sendable {
  /// Where the file is written.
  public let url: URL
  /// The titles of the columns.
  public let columns: [String]
  private let lock = NSLock()
  private var text: String
  private var lastFlush = ContinuousClock.now

  /// A file with a line of titles and no rows. Nothing is written before `flush`, or an `add` some seconds later.
  package init(url: URL, columns: [String]) {
    self.url = url
    self.columns = columns
    text = Metrics.line(columns)
  }

  /// Adds a row, one value for each column; stops the program if there are more or fewer.
  public func add(_ values: any LosslessStringConvertible...) { add(row: values.map(\.description)) }

  /// Adds a row of cells, one for each column. Every few seconds the file is written.
  public func add(row: [String]) {
    precondition(row.count == columns.count, "\(url.lastPathComponent): \(row.count) values under \(columns)")
    lock.withLock {
      text += Metrics.line(row)
      guard ContinuousClock.now - lastFlush > .seconds(5) else { return }
      // A full disk is reported by the last flush; the chapter's loop goes on.
      try? writeAll()
    }
  }

  /// Writes all rows added so far, atomically.
  public func flush() throws { try lock.withLock(writeAll) }

  private func writeAll() throws {
    lastFlush = .now
    try OutputFolder.write(text, to: url)
  }

  private static func line(_ cells: [String]) -> String {
    cells.map { cell in
      let isPlain = !cell.contains { ",\"\n\r".contains($0) }
      return isPlain ? cell : "\"\(cell.replacing("\"", with: "\"\""))\""
    }.joined(separator: ",") + "\n"
  }
}
