// # What the command prints
//
// Read before: `Command.swift`, `ConformanceKit/Check.swift`.

import Checkpoints
import ConformanceKit
import Foundation
import Notebook

/// Writes the kit.
func emit(_ command: Emit) throws {
  try Kit.write(to: URL(filePath: command.folder))
  try StandardOutput.write("The kit, version \(Kit.version), is in \(command.folder).\n")
}

/// Compares an answer with the kit; returns whether all of it is right.
func check(_ command: CheckAnswer) throws -> Bool {
  let check = try Check(
    URL(filePath: command.answers), against: URL(filePath: command.folder), asFloat32: command.float32)
  try StandardOutput.write(command.json ? json(check) : text(check, all: command.all))
  return check.isRight
}

/// The most rows of a case that are printed without --all.
private let mostRows = 10

private func text(_ check: Check, all: Bool) -> String {
  var lines: [String] = []
  let wrong = check.findings.filter { all || $0.verdict != .agrees }
  let groups = Dictionary(grouping: wrong) { $0.name.split(separator: "/").first.map(String.init) ?? "" }
  // Large differences stand before those that 32 bits would excuse.
  let listed = groups.sorted { $0.key < $1.key }.flatMap { _, findings -> [Finding] in
    let ordered =
      all ? findings : findings.filter { $0.verdict != .coarse } + findings.filter { $0.verdict == .coarse }
    return all ? ordered : Array(ordered.prefix(mostRows))
  }
  if !listed.isEmpty {
    let rows = listed.map {
      [$0.name, $0.difference.map { String(format: "%.1e", $0) } ?? "", $0.verdict.words, $0.remark]
    }
    lines += Table(["tensor", "difference", "verdict", "remark"], rows: rows).printed
    if listed.count < wrong.count { lines.append("… and \(wrong.count - listed.count) more, which --all lists") }
    lines.append("")
  }
  let right = check.findings.count { $0.verdict == .agrees }
  let worst = check.findings.filter { $0.verdict == .agrees }.compactMap(\.difference).max()
  lines.append(
    "\(right) of \(check.findings.count) answered tensors agree"
      + (worst.map { String(format: " (largest difference %.1e)", $0) } ?? "") + "; the kit has \(check.count).")
  if !check.saysVersion {
    lines.append(
      "The file does not say which version of the kit it answers (metadata \"kit\"); this is \(Kit.version).")
  }
  for diagnosis in check.diagnoses { lines += [""] + diagnosis.sentences }
  return lines.joined(separator: "\n") + "\n"
}

/// The same as JSON.
private func json(_ check: Check) throws -> String {
  struct Item: Encodable { let name, verdict: String; let difference: Double?; let remark: String }
  struct Cause: Encodable { let fault, title, mistake, remedy: String }
  struct Case: Encodable {
    let name, first: String
    let wrong: Int
    let causes: [[Cause]]
    let unexplained: [String]
    let looks, missing: [String]
    let decisive, rightTo32BitsFrom: String?
  }
  struct Report: Encodable { let kit: String; let right: Bool; let tensors: [Item]; let cases: [Case] }
  let report = Report(
    kit: Kit.version, right: check.isRight,
    tensors: check.findings.map {
      // An infinite difference has no JSON form.
      Item(
        name: $0.name, verdict: $0.verdict.words, difference: $0.difference.flatMap { $0.isFinite ? $0 : nil },
        remark: $0.remark)
    },
    cases: check.diagnoses.map { diagnosis in
      Case(
        name: diagnosis.kit, first: diagnosis.first, wrong: diagnosis.wrong,
        causes: diagnosis.causes.map {
          $0.map {
            Cause(fault: $0.rawValue, title: $0.words.title, mistake: $0.words.mistake, remedy: $0.words.remedy)
          }
        },
        unexplained: diagnosis.unexplained, looks: diagnosis.looks, missing: diagnosis.missing,
        decisive: diagnosis.decisive, rightTo32BitsFrom: diagnosis.coarse)
    })
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
}

/// Lists the mistakes with the first tensor of each case that shows them.
func listFaults(_ command: Faults) throws {
  // A weight is named by its end: the table has to fit on a page.
  func short(_ name: String) -> String {
    guard let place = name.firstRange(of: "backbone.") else { return name }
    return name[..<place.lowerBound] + "…"
      + name[place.upperBound...].split(separator: ".").suffix(2).joined(separator: ".")
  }
  let rows = Fault.allCases.map { fault in
    [fault.words.title] + KitCase.all.map { Doctor.firstTensor(of: $0, showing: fault).map(short) ?? "–" }
  }
  let lines = Table(["mistake"] + KitCase.all.map(\.name), rows: rows).printed
  try StandardOutput.write(lines.joined(separator: "\n") + "\n")
}
