// # Tables from kept runs
//
// README.md, RESULTS.md and the pages in docs show what full runs printed. Nobody types it: data/results holds the records
// of those runs, and a document says which part it wants, between two comments that a reader of Markdown does not see:
//
//     <!-- kept: 11-ablations / 2. Claims / table 1 -->
//     …
//     <!-- end -->
//
// Between the comments everything is replaced. After the name of a record stands the beginning of a section's title,
// then what of the section: `all`, `table 1` (the first of its tables), `verdicts`, `findings`, or `values`; more than one with
// `+` between them. `<!-- kept: 11-ablations / run -->` says what the run was. Times and other volatile lines are in no
// record.
//
// Read before: `Notebook/RunRecord.swift`.

import Foundation
import Notebook

/// The records of full runs, in a folder.
public struct KeptRuns {
  let folder: URL

  /// The records in a folder, NAME.json each.
  public init(in folder: URL) { self.folder = folder }

  /// Keeps the record of a run: without figures, what only a page shows, and times, unless the run is about them.
  ///
  /// Throws a sentence if there is no such record, or if it is that of a quick run.
  public func keep(_ run: URL, as name: String, withTimes: Bool = false) throws {
    var record = try KeptRuns.record(in: run)
    if record.isQuick { throw WeavingError("\(run.relativePath) is a quick run; keep a full one") }
    record.lines.removeAll { line in
      switch line.entry {
      case .volatile, .finding(_, isVolatile: true): !withTimes
      case .figure, .exploration, .sample, .title: true
      default: false
      }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try (encoder.encode(record) + Data("\n".utf8)).write(to: folder.appending(path: "\(name).json"))
  }

  private static func record(in file: URL) throws -> RunRecord {
    guard let data = try? Data(contentsOf: file) else { throw WeavingError("there is no \(file.relativePath)") }
    do { return try JSONDecoder().decode(RunRecord.self, from: data) } catch {
      throw WeavingError("\(file.relativePath) is no record of a run")
    }
  }

  // MARK: - Filling

  /// A document with everything between its comments as the records have it. Throws a sentence that names the comment
  /// which asks for something that is not there.
  public func filled(_ markdown: String) throws -> String {
    var result: [String] = []
    var open: String?
    for line in markdown.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      if line.hasPrefix("<!-- kept: "), line.hasSuffix(" -->") {
        if let open { throw WeavingError("\(open) has no <!-- end --> before \(line)") }
        open = line
        let content = try wanted(String(line.dropFirst(11).dropLast(4)))
        result += [line, "", content, ""]
      } else if line == "<!-- end -->" {
        guard open != nil else { throw WeavingError("an <!-- end --> that ends nothing") }
        open = nil
        result.append(line)
      } else if open == nil {
        result.append(line)
      }
    }
    if let open { throw WeavingError("\(open) has no <!-- end -->") }
    return result.joined(separator: "\n")
  }

  /// The Markdown that a comment asks for.
  private func wanted(_ request: String) throws -> String {
    let parts = request.components(separatedBy: " / ")
    let record = try KeptRuns.record(in: folder.appending(path: "\(parts[0]).json"))
    if parts.count == 2, parts[1] == "run" { return sentence(about: record) }
    guard parts.count == 3 else { throw WeavingError("kept: \(request): expected NAME / SECTION / WHAT") }
    let entries = section(parts[1], of: record)
    guard !entries.isEmpty else {
      throw WeavingError("kept: \(request): the run has no section that begins with \(parts[1])")
    }
    let texts = try parts[2].components(separatedBy: " + ").map { what in
      let chosen = try self.entries(what, in: entries, request)
      if chosen.isEmpty { throw WeavingError("kept: \(request): the section has no \(what)") }
      return markdown(chosen)
    }
    return texts.joined(separator: "\n\n")
  }

  private func section(_ title: String, of record: RunRecord) -> [Entry] {
    let start = record.lines.firstIndex { line in
      if case .heading(let heading) = line.entry { heading.hasPrefix(title) } else { false }
    }
    guard let start else { return [] }
    return record.lines[(start + 1)...].map(\.entry).prefix { if case .heading = $0 { false } else { true } }
  }

  private func entries(_ what: String, in entries: [Entry], _ request: String) throws -> [Entry] {
    func numbered(_ word: String, _ isOne: (Entry) -> Bool) -> [Entry]? {
      guard what.hasPrefix(word), let number = Int(what.dropFirst(word.count)) else { return nil }
      let all = entries.filter(isOne)
      return number > 0 && number <= all.count ? [all[number - 1]] : []
    }
    if let table = numbered("table ", { if case .table = $0 { true } else { false } }) { return table }
    if let times = numbered("times ", { if case .volatile = $0 { true } else { false } }) { return times }
    return try entries.filter { entry in
      switch (what, entry) {
      case ("all", _), ("verdicts", .verdict), ("findings", .finding), ("values", .value): true
      case ("verdicts", _), ("findings", _), ("values", _): false
      default:
        throw WeavingError("kept: \(request): \(what) is none of all, table K, times K, verdicts, findings, values")
      }
    }
  }

  private func markdown(_ entries: [Entry]) -> String {
    var text = ""
    var previous: Entry?
    for entry in entries {
      guard let markdown = entry.markdown() ?? times(entry) else { continue }
      if previous != nil { text += entry.isSeparatedInMarkdown(from: previous) ? "\n\n" : "\n" }
      text += markdown
      previous = entry
    }
    return text
  }

  /// Volatile lines as they were printed: a table of times is kept as text.
  private func times(_ entry: Entry) -> String? {
    if case .volatile(let text) = entry { "```text\n\(text)\n```" } else { nil }
  }

  // Not how long it took: a run that goes on from kept results is short, and one beside others long.
  private func sentence(about record: RunRecord) -> String {
    """
    Printed by `\(record.command)` on \(record.date), on \(record.machine.cores) cores (\(record.machine.processor)), \
    with numbers of type \(record.numbers); seed \(record.seed).
    """
  }
}
