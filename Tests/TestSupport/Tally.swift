// # What was compared
//
// A parameterised test counts as one however many rows its table has. So each suite keeps a tally: instances (calls of `expectClose` and its
// kind), single comparisons, and the worst error with the name of its case. The trait `.tallied` prints it when the suite is done:
//
//     softmax: 31 instances, 2,482 comparisons, worst 4.4e-16 at causal [2, 3, 7]
//
// The tally travels as a task-local value, so that no test has to pass it on.
//
// Read before: `Comparing.swift`.

import Foundation
import Synchronization
import Tensors
import Testing

/// The counts of one suite.
public final class Tally: Sendable {
  private struct Counts {
    var instances = 0
    var comparisons = 0
    var worst = 0.0
    var place = ""
  }

  @TaskLocal static var current: Tally?
  private let counts = Mutex(Counts())

  /// Adds one instance to the tally of the suite that runs.
  static func count(comparisons: Int, worst: Double, _ name: String) {
    current?.counts.withLock { counts in
      counts.instances += 1
      counts.comparisons += comparisons
      if !(worst <= counts.worst) { (counts.worst, counts.place) = (worst, name) }
    }
  }

  /// Adds one instance for comparisons that a test makes on its own, without tensors.
  public static func count(_ comparisons: Int, _ name: String, worst: Double = 0) {
    count(comparisons: comparisons, worst: worst, name)
  }

  /// One line: what was compared and how far apart the worst was.
  var summary: String {
    counts.withLock { counts in
      let worst = counts.worst == 0 ? "all exact" : String(format: "worst %.1e at ", counts.worst) + counts.place
      return "\(counts.instances) instances, \(counts.comparisons) comparisons, \(worst)"
    }
  }
}

/// Prints a suite's tally when it is done.
public struct TallyTrait: SuiteTrait, TestTrait, TestScoping {
  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let tally = Tally()
    try await Tally.$current.withValue(tally) { try await function() }
    print("  \(test.displayName ?? test.name) in \(scalarName): \(tally.summary)")
  }
}

extension Trait where Self == TallyTrait {
  /// Counts the comparisons of a suite and prints them when it is done.
  public static var tallied: TallyTrait { TallyTrait() }
}
