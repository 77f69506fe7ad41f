// # The tally of the tests as a kept run
//
// `make test-gradients` prints what each suite compared. That is no chapter, but its numbers stand in a document too. So
// its output becomes a record like a chapter's: a section for each suite, with a sentence and, where the suite has
// groups, a table.
//
// Read before: `KeptRuns.swift`, `Tests/TestSupport/Tally.swift`, which prints the lines that are read here.

import Foundation
import Notebook

extension KeptRuns {
  /// Keeps what the tests have counted.
  ///
  /// - Parameter command: what printed the text
  ///
  /// Throws a sentence if the text has no tally.
  public func keep(tally text: String, of command: String, as name: String) throws {
    // Suites end in another order each time: the sections are sorted by their titles.
    var sections: [(title: String, lines: [[String: Any]])] = []
    func add(_ entry: [String: Any]) {
      guard !sections.isEmpty else { return }
      sections[sections.count - 1].lines.append(["entry": entry, "place": ["file": "Tally.swift", "line": 1]])
    }
    var numbers = ""
    var rows: [[String]] = []
    func closeTable() {
      guard !rows.isEmpty else { return }
      add(["table": ["_0": ["columns": ["", "instances", "comparisons", "worst error"], "rows": rows]]])
      rows = []
    }
    let ofSuite = #/  (\S.*) in (\w+): (\d+) instances, (\d+) comparisons, (?:worst (\S+) at .*|all exact)/#
    let ofGroup = #/    (\S+)\s+(\d+)\s+(\d+)\s+(\S+)(?:\s+.*)?/#
    for line in text.split(separator: "\n") {
      if let heading = try ofSuite.wholeMatch(in: line) {
        closeTable()
        let (title, type, instances, comparisons, worst) = (
          String(heading.1), String(heading.2), Int(heading.3)!, Int(heading.4)!, heading.5.map(String.init) ?? "0"
        )
        numbers = type
        sections.append((title, []))
        add(["heading": ["_0": title]])
        let sentence =
          "\(grouped(instances)) instances, \(grouped(comparisons)) comparisons; the worst error is \(worst)."
        add(["finding": ["_0": sentence, "isVolatile": false]])
      } else if let row = try ofGroup.wholeMatch(in: line), !numbers.isEmpty {
        rows.append([String(row.1), String(row.2), String(row.3), String(row.4)])
      }
    }
    closeTable()
    let lines = sections.sorted { $0.title < $1.title }.flatMap(\.lines)
    guard !lines.isEmpty else { throw WeavingError("there is no tally in what \(command) printed") }
    let record: [String: Any] = [
      "chapter": name, "question": "", "command": command, "isQuick": false, "seed": 0, "numbers": numbers,
      "date": Date.now.formatted(.iso8601.year().month().day()), "seconds": 0, "lines": lines,
      "machine": ["processor": "any", "cores": 1, "system": ""],
    ]
    // What cannot be read back is not kept.
    let data = try JSONSerialization.data(
      withJSONObject: record, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    do { _ = try JSONDecoder().decode(RunRecord.self, from: data) } catch {
      throw WeavingError("the tally of \(command) is no record: \(error)")
    }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try (data + Data("\n".utf8)).write(to: folder.appending(path: "\(name).json"))
  }

  /// 127845 as "127,845".
  private func grouped(_ number: Int) -> String {
    number.formatted(.number.locale(Locale(identifier: "en_GB")).grouping(.automatic))
  }
}
