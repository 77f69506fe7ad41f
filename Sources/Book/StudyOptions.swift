// # The command line of a study
//
// What scales a study up: more seeds, and more steps for every student.
//
// Read before: `Notebook/ChapterOptions.swift`. Read next: `Experiments/Study.swift`.

import ArgumentParser

/// The options of chapters that are studies.
public struct StudyOptions: ParsableArguments {
  /// The most seeds of a study.
  public static let mostSeeds = 1000

  /// `--seeds`, 1 … `mostSeeds`; nil for the default of `seedCount`.
  @Option(parsing: .unconditional, help: "How many seeds to run, each with a teacher of its own.")
  public var seeds: Int?

  /// `--budget`, above 0 and at most 100.
  @Option(parsing: .unconditional, help: "A factor on the students' budget: 2 for twice the steps in each stage.")
  public var budget = 1.0

  /// The defaults; the command line is read into them.
  public init() {}

  /// Throws `ValidationError` if a value is out of its range.
  public func validate() throws {
    if let seeds { try Self.validate(seeds: seeds) }
    if !(budget > 0 && budget <= 100) {
      throw ValidationError("--budget \(budget): give a factor above 0 and at most 100")
    }
  }

  /// Throws `ValidationError` if a study cannot have this many seeds.
  public static func validate(seeds: Int) throws {
    guard (1...mostSeeds).contains(seeds) else {
      throw ValidationError("--seeds \(seeds): give a number from 1 to \(mostSeeds), each a study by itself")
    }
  }

  /// The seeds to run: as asked for, or three, or two in a quick run.
  public func seedCount(isQuick: Bool) -> Int { seeds ?? (isQuick ? 2 : 3) }

  /// A number of steps times the factor, at least one; 0 stays 0.
  public func scaled(_ steps: Int) -> Int {
    steps == 0 ? 0 : max(1, Int((Double(steps) * budget).rounded()))
  }
}
