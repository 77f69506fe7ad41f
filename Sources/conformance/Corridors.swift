// # A run beside the corridor
//
// Read before: `ConformanceKit/Corridor.swift`.

import ArgumentParser
import Checkpoints
import ConformanceKit
import Foundation
import Notebook

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "corridor", abstract: "Compares the loss of a training run with that of right runs.",
    discussion: "The exit status is 0 if the run is inside the corridor, and 1 if it is not.")
  @Argument(help: "A CSV file with a column named loss and a line for each step.", transform: path) var history:
    String
  @Option(help: "The stage: 1, 2 or 3.") var stage: Int
  @Option(help: "The model: book for the standard recipe, or the name of a published model.") var model = "book"
  @Option(help: "The folder of the kit.", transform: path) var kit = "data/conformance"
}

/// Compares a run with its corridor; returns whether it is inside.
func compare(_ command: Compare) throws -> Bool {
  let corridors = try Corridor.all(in: URL(filePath: command.kit))
  guard let corridor = corridors.first(where: { $0.model == command.model && $0.stage == command.stage }) else {
    let known = corridors.map { "\($0.model), stage \($0.stage)" }.joined(separator: "; ")
    throw CommandError(
      "--model \(command.model) --stage \(command.stage): there is no such corridor; there are \(known)")
  }
  let curve = try Corridor.curve(contentsOf: URL(filePath: command.history))
  let least = 3 * corridor.window
  if curve.count < least {
    throw CommandError("\(command.history): it has \(curve.count) steps; give at least \(least)")
  }
  let verdict = corridor.verdict(on: curve)
  var lines = ["stage \(corridor.stage) of \(corridor.model): \(corridor.words)"]
  let steps = min(curve.count, corridor.steps)
  if let step = verdict.outsideFrom {
    lines.append(
      "Outside from step \(step) on: \(verdict.isAbove ? "above" : "below") the corridor of \(corridor.runs) right runs."
        + " Over \(steps) steps it is \(number(verdict.distance, digits: 2)) half widths from their mean.")
    lines += verdict.resembles.prefix(3).map {
      "It is like the run with this mistake, at \(number($0.distance, digits: 2)) half widths: \($0.fault.words.title)."
    }
    if verdict.resembles.isEmpty { lines.append("No planted mistake has a loss like this.") }
    lines.append("A loss says where to look; conformance check says what it is.")
  } else {
    lines.append(
      "Inside over \(steps) steps, \(number(verdict.distance, digits: 2)) half widths from the mean of \(corridor.runs)"
        + " right runs. Not every mistake shows in a loss: chapter 16 has two that do not.")
  }
  try StandardOutput.write(lines.joined(separator: "\n") + "\n")
  return verdict.outsideFrom == nil
}
