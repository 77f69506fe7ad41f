// # Mutants that change nothing
//
// Some changes cannot be seen by any test, because no result depends on them. They are listed in `equivalents.md`
// with the reason, file by file:
//
//     ## Tensors/Loops/Softmax.swift
//
//     - `let (S, T) = (shape[-1], causal ? shape[-2] : ⟦1 + 1⟧)`
//       The reason, in a sentence.
//
// An entry is identified by the text of the mutated line. An entry that no survivor matches is an error, so that the
// list cannot outlive what it explains; `--check` finds without a run whether there is such a mutant. Where a change
// lets two cores write to one place, a run may notice it or not; such a reason begins with “By chance:”, and the
// mutant may also be dead.

import Foundation
import MutationSites

struct Equivalent {
  let file: String
  let text: String
  let reason: String

  /// Whether the mutant dies in some runs and not in others.
  var isByChance: Bool { reason.hasPrefix("By chance:") }

  /// Whether this is the reason why a mutant lives. The folder of a file may have changed.
  func explains(_ mutant: Mutant) -> Bool {
    mutant.text == text && mutant.file.split(separator: "/").last == file.split(separator: "/").last
  }
}

/// Whether there is a mutant for each entry; prints those without one.
func entriesStand(_ entries: [Equivalent], among mutants: [Mutant]) -> Bool {
  let lost = entries.filter { entry in !mutants.contains(where: entry.explains) }
  if !lost.isEmpty { say("explained in equivalents.md, but there is no such mutant:") }
  for entry in lost { say("  \(entry.file)\n    \(entry.text)") }
  return lost.isEmpty
}

/// The entries of the list.
func equivalents(inFile path: String) throws -> [Equivalent] {
  var result: [Equivalent] = []
  var (file, text, reason): (String, String?, [String]) = ("", nil, [])
  func close() throws {
    guard let entry = text else { return }
    if reason.isEmpty { throw CommandError("\(path): no reason is given for \(file): \(entry)") }
    result.append(Equivalent(file: file, text: entry, reason: reason.joined(separator: " ")))
    (text, reason) = (nil, [])
  }
  for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
    if line.hasPrefix("## ") {
      try close()
      file = String(line.dropFirst(3))
    } else if line.hasPrefix("- `"), line.hasSuffix("`") {
      try close()
      text = String(line.dropFirst(3).dropLast())
    } else if line.hasPrefix("  "), text != nil {
      reason.append(String(line).trimmed)
    }
  }
  try close()
  return result
}
