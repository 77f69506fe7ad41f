// # What was compared
//
// A parameterised test counts as one however many rows its table has. So each suite keeps a tally:
// instances (calls of `expectClose` and its kind), single comparisons, and the worst error with the
// name of its case. The trait `.tallied` prints it when the suite is done:
//
//     softmax in Double: 31 instances, 2482 comparisons, worst 4.4e-16 at causal [2, 3, 7]
//
// With `.talliedByGroup` there is a table with a line for each group, which is what stands before a
// colon in a case's name. The tally travels as a task-local value, so that no test has to pass it on.
//
// Read before: `Comparing.swift`.

import Foundation
import Tensors
import Testing

/// The counts of one suite.
public final class Tally: Sendable {
  private struct Counts {
    var instances = 0
    var comparisons = 0
    var worst = 0.0
    var place = ""

    mutating func add(_ more: Int, worst error: Double, _ name: String) {
      instances += 1
      comparisons += more
      if !(error <= worst) { (worst, place) = (error, name) }
    }

    var summary: String {
      let errors = worst == 0 ? "all exact" : String(format: "worst %.1e at ", worst) + place
      return "\(instances) instances, \(comparisons) comparisons, \(errors)"
    }
  }

  @TaskLocal static var current: Tally?
  private let total = Lock(Counts())
  private let groups = Lock<[String: Counts]>([:])

  /// Adds one instance to the tally of the suite that runs.
  public static func count(_ comparisons: Int, _ name: String, worst: Double = 0) {
    guard let current else { return }
    current.total.withLock { $0.add(comparisons, worst: worst, name) }
    guard let colon = name.firstIndex(of: ":") else { return }
    current.groups.withLock {
      $0[String(name[..<colon]), default: Counts()].add(comparisons, worst: worst, name)
    }
  }

  /// What was compared and how far apart the worst was: one line, or a table below it.
  func report(_ title: String, byGroup: Bool) -> String {
    let heading = "  \(title) in \(scalarName): \(total.withLock { $0.summary })"
    guard byGroup else { return heading }
    let groups = groups.withLock { $0.sorted { $0.key < $1.key } }
    let cells =
      [["", "instances", "comparisons", "worst", "at"]]
      + groups.map { name, counts in
        [
          name, "\(counts.instances)", "\(counts.comparisons)",
          counts.worst == 0 ? "0" : String(format: "%.1e", counts.worst),
          String(counts.place.drop { $0 != ":" }.dropFirst(2)),
        ]
      }
    let widths = (0..<5).map { column in cells.map { $0[column].count }.max() ?? 0 }
    let lines = cells.map { row in
      let name = row[0].padding(toLength: widths[0], withPad: " ", startingAt: 0)
      let numbers = (1...3).map { String(repeating: " ", count: widths[$0] - row[$0].count) + row[$0] }
      return "    " + ([name] + numbers + [row[4]]).joined(separator: "  ")
    }
    return ([heading] + lines).joined(separator: "\n")
  }
}

/// Prints a suite's tally when it is done.
public struct TallyTrait: SuiteTrait, TestTrait, TestScoping {
  let byGroup: Bool

  /// Runs the suite with a tally of its own, and prints it.
  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let tally = Tally()
    try await Tally.$current.withValue(tally) { try await function() }
    print(tally.report(test.displayName ?? test.name, byGroup: byGroup))
  }
}

extension Trait where Self == TallyTrait {
  /// Counts the comparisons of a suite and prints them when it is done.
  public static var tallied: TallyTrait { TallyTrait(byGroup: false) }

  /// The same with a line for each group.
  public static var talliedByGroup: TallyTrait { TallyTrait(byGroup: true) }
}
