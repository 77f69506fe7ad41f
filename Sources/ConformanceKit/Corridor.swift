// # Loss corridors
//
// A reader who trains sees his loss long before he compares a tensor. What should it do? For each stage we ran the
// standard recipe with several seeds, each with a teacher, a student and batches of its own, and kept the loss of the
// first 300 steps as means over windows of a few steps. A run by another seed lies within
//
//     mean ± t · s √(1 + 1/n)           s the deviation of n runs, t the 99.5 % quantile of Student's distribution
//
// in 99 of 100 windows. Neighbouring windows leave the band together, so a run counts as outside when three windows
// in a row are.
//
// Beside the band the file has the loss of runs with planted mistakes. A run that leaves the band and stays near one
// of them was probably made by that mistake.
//
// Read before: `FaultyStage.swift`, `Statistics/PairedDifference.swift`. Chapter: 16-conformance.

import Checkpoints
import Foundation
import Statistics

/// What the loss of a stage does over its first steps.
public struct Corridor: Codable, Equatable, Sendable {
  /// The model: "book" for the standard recipe, or the name of a published one.
  public let model: String
  /// 1, 2 or 3.
  public let stage: Int
  /// The recipe in a sentence.
  public let words: String
  /// The steps of a window.
  public let window: Int
  /// The number of runs behind mean and deviation.
  public let runs: Int
  /// The mean over runs of each window's mean loss, and the deviation of the runs.
  public let mean, deviation: [Double]
  /// The same means for runs with a planted mistake, by the mistake's name.
  public let faults: [String: [Double]]

  /// A corridor of right runs, and the runs with mistakes.
  ///
  /// - Parameters:
  ///   - curves: the losses of at least two right runs, step by step, equally long
  ///   - planted: the losses of runs with a mistake
  public init(
    model: String, stage: Int, words: String, window: Int = 5, curves: [[Double]], planted: [(Fault, [Double])] = []
  ) {
    (self.model, self.stage, self.words, self.window) = (model, stage, words, window)
    runs = curves.count
    let means = curves.map { Corridor.windows($0, of: window) }
    let estimates = means[0].indices.map { place in Estimate(means.map { $0[place] }) }
    let count = Double(runs)
    mean = estimates.map { Corridor.short($0.mean) }
    deviation = estimates.map { Corridor.short($0.standardError * count.squareRoot()) }
    faults = Dictionary(
      uniqueKeysWithValues: planted.map { ($0.rawValue, Corridor.windows($1, of: window).map(Corridor.short)) })
  }

  /// The steps that the corridor covers.
  public var steps: Int { mean.count * window }

  /// The means of the windows of a curve; steps that do not fill a window are left out.
  public static func windows(_ curve: [Double], of window: Int) -> [Double] {
    (0..<(curve.count / window)).map { Estimate(Array(curve[($0 * window)..<(($0 + 1) * window)])).mean }
  }

  /// Five digits: more say nothing about a run by another seed.
  private static func short(_ x: Double) -> Double { Double(String(format: "%.5g", x)) ?? x }

  /// How far a right run may be from the mean, in each window.
  public var halfWidths: [Double] {
    let t = studentQuantile(0.995, degrees: runs - 1)
    // Where all runs begin with the same number, the last digit is no mistake.
    return zip(mean, deviation).map { t * max($1, 1e-3 * abs($0)) * (1 + 1 / Double(runs)).squareRoot() }
  }
}

// ## A run beside the corridor

extension Corridor {
  /// Where a run is.
  public struct Verdict: Equatable, Sendable {
    /// The first step of the first three windows in a row that are outside; nil if there are none.
    public let outsideFrom: Int?
    /// Whether the run is above the corridor there.
    public let isAbove: Bool
    /// The mean distance from the corridor's mean, in half widths of the band.
    public let distance: Double
    /// The planted mistakes whose loss is nearest to the run's, nearest first, with their distance in half widths; only
    /// those that are much nearer than the corridor.
    public let resembles: [Resemblance]

    /// A planted mistake whose loss is like the run's.
    public struct Resemblance: Equatable, Sendable {
      /// The mistake.
      public let fault: Fault
      /// The mean distance of the two losses, in half widths of the band.
      public let distance: Double
    }
  }

  /// The windows in a row that must be outside.
  static let inARow = 3

  /// Whether a run is inside, and if not, since when and like what.
  ///
  /// - Parameter curve: the losses step by step, at least three windows of them; a loss that is not finite is outside
  public func verdict(on curve: [Double]) -> Verdict {
    let own = Array(Corridor.windows(curve, of: window).prefix(mean.count))
    let widths = halfWidths
    let outside = own.indices.map { !(abs(own[$0] - mean[$0]) <= widths[$0]) }
    let first = outside.indices.first { place in
      place + Corridor.inARow <= own.count && outside[place..<(place + Corridor.inARow)].allSatisfy(\.self)
    }
    func distance(_ other: [Double]) -> Double {
      Estimate(own.indices.map { abs(own[$0] - other[$0]) / widths[$0] }).mean
    }
    let mine = distance(mean)
    let near = faults.compactMap { name, curve in
      Fault(rawValue: name).map { Verdict.Resemblance(fault: $0, distance: distance(curve)) }
    }
    return Verdict(
      outsideFrom: first.map { $0 * window }, isAbove: first.map { own[$0] > mean[$0] } ?? false, distance: mine,
      resembles: first == nil
        ? [] : near.filter { $0.distance < mine / 2 && $0.distance < 3 }.sorted { $0.distance < $1.distance })
  }
}

// ## In files

extension Corridor {
  /// The corridors in a kit's folder.
  ///
  /// Throws `CheckpointError` if the file is missing or is none of ours.
  public static func all(in folder: URL) throws -> [Corridor] {
    let file = folder.appending(path: "corridors.json")
    let corridors = try readJSON([Corridor].self, from: file)
    for corridor in corridors {
      let count = corridor.mean.count
      let lists = [corridor.deviation] + corridor.faults.values
      let isCounted = (2...1_000_000).contains(corridor.runs) && (1...1_000_000).contains(corridor.window)
      guard isCounted, count >= inARow, lists.allSatisfy({ $0.count >= count }) else {
        throw CheckpointError(
          file: file.path, problem: "the corridor of \(corridor.model), stage \(corridor.stage), is not whole",
          remedy: "take the file of the kit")
      }
    }
    return corridors
  }

  /// The losses of a run from a CSV file with a column named loss, such as a chapter's metrics.csv.
  ///
  /// Throws `CheckpointError` with the line at fault.
  public static func curve(contentsOf file: URL) throws -> [Double] {
    func error(_ problem: String, _ remedy: String) -> CheckpointError {
      CheckpointError(file: file.path, problem: problem, remedy: remedy)
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder), !isFolder.boolValue else {
      throw error(
        isFolder.boolValue ? "this is a folder" : "there is no such file", "give a CSV file with a column loss")
    }
    guard let data = FileManager.default.contents(atPath: file.path),
      let text = String(validating: data, as: UTF8.self)
    else { throw error("it cannot be read as text", "give a CSV file with a column loss") }
    let lines = text.split(whereSeparator: \.isNewline)
    func cells(_ line: Substring) -> [String] {
      line.split(separator: ",", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces).trimmingCharacters(in: ["\""]) }
    }
    guard let columns = lines.first.map(cells), let place = columns.firstIndex(where: { $0.lowercased() == "loss" })
    else { throw error("its first line names no column loss", "begin it with a line such as step,loss") }
    return try lines.dropFirst().enumerated().map { number, line in
      let cells = cells(line)
      guard place < cells.count, let loss = Double(cells[place]) else {
        throw error("line \(number + 2) has no number under loss", "write one line for each step")
      }
      return loss
    }
  }
}
