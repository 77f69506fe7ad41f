// # Running the suite against a mutant
//
// A mutant is dead as soon as one test records an issue, so we do not wait for the rest of the run. A crash, a failed
// precondition and a run that takes ten times as long as it should kill it too. A mutant lives only if a run passes
// as many tests as the original.
//
// Read before: `ScratchCopy.swift`. Read next: `Equivalents.swift`.

import Foundation
import MutationSites
import Synchronization

/// How a run of the tests ended.
enum Outcome: Sendable {
  case survived, failed, crashed, timedOut
}

/// A program that holds tests, and the suites to run.
struct TestRun: Sendable {
  let program: String
  let suites: [String]
  /// What counts as hanging, in seconds.
  var limit = 600.0
  /// The closing line of a run of the original, without its duration.
  var closing = ""

  /// Runs the suites against one mutant; also returns the closing line and the duration.
  func outcome(of mutant: Int) throws -> (Outcome, closing: String, seconds: Double) {
    let start = Date()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = [
      "--testing-library", "swift-testing", "--filter", "^(\(suites.joined(separator: "|")))\\.", "--skip",
      skippedTests,
    ]
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["MUTANT": "\(mutant)", "SWIFT_BACKTRACE": "enable=no"]) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let id = process.processIdentifier
    let isLate = Mutex(false)
    let alarm = DispatchWorkItem {
      isLate.withLock { $0 = true }
      kill(id, SIGKILL)
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + limit, execute: alarm)

    var output = ""
    var hasFailed = false
    while case let data = pipe.fileHandleForReading.availableData, !data.isEmpty {
      if hasFailed { continue }
      output += String(decoding: data, as: UTF8.self)
      if output.contains("recorded an issue") {
        hasFailed = true
        kill(id, SIGKILL)
      }
    }
    process.waitUntilExit()
    alarm.cancel()
    let seconds = Date().timeIntervalSince(start)
    if hasFailed { return (.failed, "", seconds) }
    if isLate.withLock({ $0 }) { return (.timedOut, "", seconds) }
    if process.terminationReason == .uncaughtSignal { return (.crashed, "", seconds) }
    let line = output.split(separator: "\n").last { $0.contains("Test run with") } ?? ""
    let found = line.split(separator: " after ").first.map(String.init) ?? ""
    let hasPassed =
      process.terminationStatus == 0 && found.contains("passed") && (closing.isEmpty || found == closing)
    return (hasPassed ? .survived : .failed, found, seconds)
  }

  /// This run with the limit and the closing line of the original; throws if the original does not pass.
  func calibrated() throws -> TestRun {
    let (outcome, closing, seconds) = try outcome(of: 0)
    let names = suites.joined(separator: ", ")
    if outcome != .survived {
      throw CommandError("without any mutant \(names) do not pass (\(outcome)): nothing can be counted")
    }
    // A filter that matches nothing passes too.
    if closing.contains("with 0 tests") { throw CommandError("\(names): there are no such tests") }
    say("the original: \(names): \(closing), \(String(format: "%.1f", seconds)) s")
    var result = self
    (result.closing, result.limit) = (closing, 20 + 10 * seconds)
    return result
  }
}

/// The outcome for each mutant, in their order, two at a time.
func outcomes(of mutants: [Mutant], under run: TestRun, title: String) throws -> [Outcome] {
  let start = Date()
  let results = Mutex<[Int: Outcome]>([:])
  let problem = Mutex<String?>(nil)
  let queue = Mutex(mutants.indices.map { $0 }[...])
  let lastReport = Mutex(start)
  DispatchQueue.concurrentPerform(iterations: min(2, mutants.count)) { _ in
    while let index = queue.withLock({ $0.popFirst() }) {
      do {
        let outcome = try run.outcome(of: mutants[index].number).0
        if outcome == .survived {
          say("  alive so far: \(mutants[index].file):\(mutants[index].line) \(mutants[index].text)")
        }
        let (done, alive) = results.withLock { results in
          results[index] = outcome
          return (results.count, results.values.count { $0 == .survived })
        }
        lastReport.withLock { last in
          guard Date().timeIntervalSince(last) > 10 || done == mutants.count else { return }
          last = Date()
          let left = Date().timeIntervalSince(start) / Double(done) * Double(mutants.count - done)
          say("\(title): \(done) of \(mutants.count), \(alive) alive, \(minutes(left)) left")
        }
      } catch {
        problem.withLock { $0 = "\(error)" }
        queue.withLock { $0 = [] }
      }
    }
  }
  if let problem = problem.withLock({ $0 }) { throw CommandError(problem) }
  return results.withLock { results in mutants.indices.map { results[$0]! } }
}

func minutes(_ seconds: Double) -> String {
  let whole = Int(seconds.rounded())
  return whole < 60 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
}
