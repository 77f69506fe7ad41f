// # The wording of progress and of errors
//
// Read before: `Sources/Notebook/ProgressBar.swift`, `Sources/Notebook/Failure.swift`.

import Foundation
import Notebook
import Testing

@Suite struct ProgressTests {
  private func state(
    step: Int, from: Int = 0, seconds: Double, note: String = "", tokens: Int? = nil
  ) -> ProgressState {
    var state = ProgressState(title: "teacher", total: 3000, unit: "step", from: from)
    (state.step, state.seconds, state.note, state.tokens) = (step, seconds, note, tokens)
    return state
  }

  @Test func theLineOfALogFile() {
    let state = state(step: 1200, seconds: 60, note: "loss 1.432", tokens: 738_000)
    #expect(state.line == "teacher: step 1200 of 3000 (40 %), 1 min 30 s left, 12.3 k tokens/s, loss 1.432")
  }

  @Test func atTheBeginningNothingIsKnown() {
    #expect(state(step: 0, seconds: 0).line == "teacher: step 0 of 3000 (0 %)")
    #expect(ProgressState(title: "none", total: 0, unit: "step").line == "none: step 0 of 0 (100 %)")
  }

  @Test func aResumedRunIsMeasuredFromWhereItBegan() {
    #expect(state(step: 2000, from: 1000, seconds: 10).line == "teacher: step 2000 of 3000 (66 %), 10 s left")
    #expect(state(step: 3000, from: 1000, seconds: 10).closingLine == "teacher: 2000 steps in 10.0 s")
  }

  @Test func theBarFitsTheTerminal() {
    let state = state(step: 1500, seconds: 60, note: "loss 1.432", tokens: 600)
    let bar = "teacher ██████████░░░░░░░░░░ 1500/3000  1 min 00 s left  10 tokens/s  loss 1.432"
    #expect(state.bar(width: 100) == bar)
    #expect(state.bar(width: 40).count == 39)
  }

  @Test func aBarMayBeUpdatedFromManyThreads() {
    let bar = ProgressBar("threads", total: 1000)
    DispatchQueue.concurrentPerform(iterations: 1000) { bar.update($0, note: "\($0)", tokens: $0) }
  }
}

@Suite struct FailureTests {
  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self/status")))
  func peakMemoryIsRead() throws {
    #expect(try #require(peakMemory()) > 1_000_000)
  }

  private struct Named: Error, CustomStringConvertible { let description = "the teacher is gone" }
  private struct Localized: LocalizedError { let errorDescription: String? = "in other words" }

  @Test func errorsSpeakForThemselves() {
    #expect(description(of: Named()) == "the teacher is gone")
    #expect(description(of: Localized()) == "in other words")
    let missing = #expect(throws: (any Error).self) { try Data(contentsOf: URL(filePath: "/no/such/file")) }
    #expect(description(of: missing!) == "/no/such/file: No such file or directory")
  }

  @Test func anErrorEndsTheProgramWithStatus1() async {
    let result = await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
      await MainActor.run {
        exitOnError { throw POSIXError(.ENOSPC) }
      }
    }
    let said = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(said.contains("error: No space left on device\n"))
  }
}
