// # What the run has shown
//
// A row for each file, the survivors with their places, and the explanations that are not needed.
//
// Read before: `Equivalents.swift`.

import Foundation
import MutationSites

/// Prints a line at once, so that it stands before what the compiler or a later line says.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// Prints the table and the lists; returns whether each survivor is explained and each explanation needed.
func report(_ mutants: [Mutant], _ outcomes: [Outcome], killedBySecond: Int, _ explained: [Equivalent]) -> Bool {
  func isExplained(_ mutant: Mutant) -> Bool {
    explained.contains { $0.explains(mutant) }
  }
  let results = Array(zip(mutants, outcomes))
  let survivors = results.filter { $0.1 == .survived }.map(\.0)
  let open = survivors.filter { !isExplained($0) }

  func row(_ cells: [String]) {
    let padded = cells.dropFirst().map { String(repeating: " ", count: max(0, 11 - $0.count)) + $0 }
    say(cells[0].padding(to: 44) + padded.joined())
  }
  say("")
  row(["file", "mutants", "failing", "crash", "time-out", "explained", "alive"])
  func row(_ name: String, _ results: [(Mutant, Outcome)]) {
    let alive = results.filter { $0.1 == .survived }.map(\.0)
    let counts = [Outcome.failed, .crashed, .timedOut].map { outcome in results.count { $0.1 == outcome } }
    let explained = alive.count { isExplained($0) }
    row([name] + ([results.count] + counts + [explained, alive.count - explained]).map(String.init))
  }
  var names: [String] = []
  for mutant in mutants where names.last != mutant.file { names.append(mutant.file) }
  for name in names { row(name, results.filter { $0.0.file == name }) }
  row("all", results)
  if killedBySecond > 0 {
    say("\(killedBySecond) of the dead were noticed by \(furtherTests.joined(separator: ", ")) alone")
  }

  if !open.isEmpty { say("\nalive and not explained:") }
  for mutant in open {
    say("\(mutant.file):\(mutant.line) \(mutant.function)\n  \(mutant.original)\n  \(mutant.text)")
  }
  let idle = explained.filter { entry in
    !(entry.isByChance ? mutants : survivors).contains(where: entry.explains)
  }
  if !idle.isEmpty { say("\nexplained in equivalents.md, but no survivor looks so:") }
  for entry in idle { say("\(entry.file)\n  \(entry.text)") }
  return open.isEmpty && idle.isEmpty
}

extension String {
  fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
