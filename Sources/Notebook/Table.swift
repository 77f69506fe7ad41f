// # A table, twice
//
// The same rows are printed to the terminal, with columns that line up, and written to report.md as a Markdown table.
// A column of numbers is right-aligned, so that digits of equal weight stand below each other.
//
// Read before: `Formatting.swift`. Read next: `Entry.swift`.

import Foundation

/// Rows of text under column titles.
public struct Table: Codable, Equatable, Sendable {
  /// The column titles.
  public let columns: [String]
  /// The rows, each with one cell for each column.
  public let rows: [[String]]

  /// A table. A short row is filled with empty cells; one with more cells than titles stops the program.
  public init(_ columns: [String], rows: [[String]]) {
    for row in rows {
      precondition(row.count <= columns.count, "a row of \(row.count) cells under \(columns.count) titles: \(row)")
    }
    self.columns = columns
    self.rows = rows.map { $0 + Array(repeating: "", count: columns.count - $0.count) }
  }

  /// Whether each column holds numbers only. Empty cells and dashes count as missing numbers.
  public var isNumeric: [Bool] {
    columns.indices.map { column in
      let cells = rows.map { $0[column] }
      return cells.contains(where: looksNumeric) && cells.allSatisfy { isAbsent($0) || looksNumeric($0) }
    }
  }

  // A number may be followed by its unit and preceded by the tilde of an approximate one: `~3.1e-16`, `43.2 %`,
  // `1.2 ± 0.1`.
  private func looksNumeric(_ cell: String) -> Bool {
    let bare = cell.drop { "~+-−<>≤≥ ".contains($0) }
    // More than two words, a number and its unit, are prose that begins with a digit.
    guard bare.split(separator: " ").count <= 2 || bare.contains("±") else { return false }
    return bare.first?.isNumber == true || ["NaN", "inf"].contains(bare)
  }

  private func isAbsent(_ cell: String) -> Bool { ["", "-", "–", "—"].contains(cell) }
}

// ## To the terminal

extension Table {
  /// The lines of the table: titles, a rule, the rows.
  package var printed: [String] {
    let widths = columns.indices.map { column in
      ([columns] + rows).map { max($0[column].count, 3) }.max() ?? 3
    }
    func line(_ cells: [String]) -> String {
      let padded = zip(zip(cells, widths), isNumeric).map { cell, right in cell.0.padded(to: cell.1, right: right) }
      return padded.joined(separator: "   ").trimmingTrailingSpaces
    }
    let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "   ")
    return [line(columns), rule] + rows.map(line)
  }
}

extension String {
  /// The text without the spaces at its end.
  package var trimmingTrailingSpaces: String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}

// ## To the report

extension Table {
  /// The table in Markdown.
  public var markdown: String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
    let rule = "|" + isNumeric.map { $0 ? "---:|" : "---|" }.joined()
    return ([line(columns), rule] + rows.map(line)).joined(separator: "\n")
  }
}
