// # What was found before
//
// `sites.tsv` holds, for each file, how many functions, sites and mutants there are, and how many places were left
// out; below, the reasons, the functions that pullbacks call and that are not mutated, and the sample, one mutant of
// each file. It is committed, so that a change that hides a pullback from the mutants shows in the diff:
//
//     fewer than recorded, or a file that is gone    an error, until `make mutants-record` writes
//                                                    the smaller number down
//     more than recorded                             reported, but no error
//
// Files are known by their names without folders: moving one loses nothing. A mutant of the sample stays in it as
// long as there is one with its text; a file without one gets the mutant with the smallest hash.
//
// Read before: `../CountMutants/main.swift`.

import Foundation
import MutationSites

struct SiteTable {
  private struct Row {
    let file: String
    /// functions, sites, mutants
    let counts: [Int]
    let leftOut: Int
    var name: Substring { file.split(separator: "/").last ?? "" }
  }
  private struct Chosen {
    let file, function, text: String
    func names(_ mutant: Mutant) -> Bool {
      mutant.text == text && mutant.function == function
        && mutant.file.split(separator: "/").last == file.split(separator: "/").last
    }
  }
  private static let file = "Tools/Mutants/sites.tsv"
  private static let titles = ["functions", "sites", "mutants"]

  private let rows: [Row]
  private let general: [String]
  /// One mutant of each file.
  let sample: [Mutant]
  private let recordedSample: [Chosen]
  /// How many places were left out, by reason.
  private(set) var leftOut: [String: Int] = [:]

  /// What is found now; the sample has none of the `explained`.
  init(of sites: Sites, without explained: [Equivalent]) throws {
    rows = sites.findings.map { source, findings in
      Row(
        file: source.name, counts: [findings.functions, findings.sites.count, findings.mutants.count],
        leftOut: findings.leftOut.values.reduce(0, +))
    }
    general = sites.general
    recordedSample = []
    let recorded = try SiteTable.recorded().recordedSample
    sample = sites.findings.compactMap { _, findings in
      let candidates = findings.mutants.filter { mutant in !explained.contains { $0.explains(mutant) } }
      return candidates.first { mutant in recorded.contains { $0.names(mutant) } }
        ?? candidates.min { $0.hash < $1.hash }
    }
    for (_, findings) in sites.findings { leftOut.merge(findings.leftOut, uniquingKeysWith: +) }
  }

  private init(reading text: String) {
    var (rows, general, sample): ([Row], [String], [Chosen]) = ([], [], [])
    for line in text.split(separator: "\n") {
      let cells = line.split(separator: "\t").map(String.init)
      let numbers = cells.dropFirst().compactMap { Int($0) }
      if cells.first == "not mutated", cells.count == 2 {
        general.append(cells[1])
      } else if cells.first == "sample", cells.count == 4 {
        sample.append(Chosen(file: cells[1], function: cells[2], text: cells[3]))
      } else if numbers.count == 4 {
        rows.append(Row(file: cells[0], counts: Array(numbers[..<3]), leftOut: numbers[3]))
      }
    }
    (self.rows, self.general, recordedSample, self.sample) = (rows, general, sample, [])
  }

  private static func recorded() throws -> SiteTable {
    guard FileManager.default.fileExists(atPath: file) else { return SiteTable(reading: "") }
    return SiteTable(reading: try String(contentsOfFile: file, encoding: .utf8))
  }

  private var text: String {
    let head = (["file"] + SiteTable.titles + ["left out"]).joined(separator: "\t")
    let lines = rows.map { ([$0.file] + ($0.counts + [$0.leftOut]).map(String.init)).joined(separator: "\t") }
    let reasons = leftOut.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
      "left out\t\($0.value)\t\($0.key)"
    }
    let others = general.map { "not mutated\t\($0)" }
    let samples = sample.map { ["sample", $0.file, $0.function, $0.text].joined(separator: "\t") }
    return ([head] + lines + [""] + reasons + [""] + others + [""] + samples).joined(separator: "\n") + "\n"
  }

  func write() throws {
    try text.write(toFile: SiteTable.file, atomically: true, encoding: .utf8)
    say("wrote \(SiteTable.file)")
  }

  /// Whether everything that was recorded is still found.
  func check() throws -> Bool {
    let recorded = try SiteTable.recorded()
    if recorded.rows.isEmpty { throw CommandError("\(SiteTable.file) has no rows") }
    var missing: [String] = []
    var grown: [String] = []
    for old in recorded.rows {
      guard let new = rows.first(where: { $0.file == old.file }) ?? rows.first(where: { $0.name == old.name }) else {
        missing.append("\(old.file): had \(old.counts[2]) mutants and is gone, or has none")
        continue
      }
      for (title, (before, now)) in zip(SiteTable.titles, zip(old.counts, new.counts)) {
        if now < before { missing.append("\(new.file): \(now) \(title), \(before) recorded") }
        if now > before { grown.append("\(new.file): \(now) \(title), \(before) recorded") }
      }
      if new.leftOut > old.leftOut { grown.append("\(new.file): \(new.leftOut) left out, \(old.leftOut) recorded") }
    }
    let known = Set(recorded.rows.map(\.name))
    for new in rows where !known.contains(new.name) { grown.append("\(new.file): new, \(new.counts[2]) mutants") }
    for name in general where !recorded.general.contains(name) {
      grown.append("\(name): called by pullbacks, not mutated")
    }
    if !grown.isEmpty {
      say("not recorded yet (make mutants-record):\n  \(grown.joined(separator: "\n  "))")
    }
    if !missing.isEmpty {
      say("fewer than \(SiteTable.file) has:\n  \(missing.joined(separator: "\n  "))")
      say("If the sources have less to mutate now: make mutants-record, and say why in the commit.")
    }
    say(
      "\(rows.count) files, \(rows.reduce(0) { $0 + $1.counts[0] }) functions: "
        + (missing.isEmpty ? "every site that is recorded was found" : "sites are missing"))
    return missing.isEmpty
  }
}

extension Mutant {
  fileprivate var hash: UInt64 {
    (function + text).utf8.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
  }
}
