// # The options of the chapter
//
// Read next: `Job.swift`, which makes a plan of work from them.

import ArgumentParser
import Notebook
import Book
import Foundation

/// The options of this chapter.
struct RealModelOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The model: a folder with config.json, or a .gguf file.", valueName: "path"),
    transform: path)
  var model: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The layers whose attention is replaced: 0-14,20; all by default.", valueName: "list"))
  var layers: LayerList?

  @Option(parsing: .unconditional, help: ArgumentHelp("Layers that keep their attention: 7,15.", valueName: "list"))
  var keep: LayerList?

  @Option(
    name: .customLong("N"), parsing: .unconditional,
    help: ArgumentHelp("The state size of a head.", valueName: "size"))
  var N: Int?

  @Option(
    name: .customLong("T"), parsing: .unconditional,
    help: ArgumentHelp("The tokens of a window.", valueName: "tokens"))
  var T: Int?

  @Option(parsing: .unconditional, help: "The tokens that the student sees in all stages together.")
  var tokens: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How much the first token of a window counts in stage 2, where every other counts 1.", valueName: "weight"))
  var firstToken: Double?

  @Flag(help: "Run the arms of the study and nothing else: hours, kept and continued.")
  var study = false

  @Option(parsing: .unconditional, help: "How many seeds the study runs.")
  var seeds = 2

  func validate() throws {
    func within(_ name: String, _ value: Int?, _ range: ClosedRange<Int>) throws {
      guard let value, !range.contains(value) else { return }
      throw ValidationError("--\(name) \(value): give a number from \(range.lowerBound) to \(range.upperBound).")
    }
    try within("N", N, 1...1024)
    try within("T", T, 8...65_536)
    try within("tokens", tokens, 1...1_000_000_000)
    if let firstToken, !(firstToken > 0 && firstToken <= 1e6) {
      throw ValidationError("--first-token \(firstToken): give a number above 0, up to 1000000.")
    }
    try StudyOptions.validate(seeds: seeds)
    if let model, !FileManager.default.fileExists(atPath: model) {
      throw ValidationError("--model \(model): there is no such folder or file.")
    }
  }
}

/// Layers by number, from 0: "0-14,20".
struct LayerList: ExpressibleByArgument {
  let layers: [Int]

  init?(argument: String) {
    var layers: Set<Int> = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
        first >= 0, first <= last, last < 10_000
      else { return nil }
      layers.formUnion(first...last)
    }
    self.layers = layers.sorted()
  }
}
