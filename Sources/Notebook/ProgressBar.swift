// # Progress
//
// A long loop reports its steps to a progress bar. On a terminal the bar is redrawn in place; elsewhere a plain line
// is printed every few seconds, so that a log file stays readable. Both go to standard error: standard output is the
// transcript of the chapter, which is compared.
//
// The bar can be updated from any thread. It is called `ProgressBar` because Foundation has a class `Progress`.
//
// Read before: `Formatting.swift`. Read next: `Chapter.swift`.

import Foundation

/// The progress of one loop, on standard error. Can be updated from any thread.
public final class ProgressBar: @unchecked Sendable {
  private let lock = NSLock()
  private var state: ProgressState
  private let start = ContinuousClock.now
  private var lastReport = ContinuousClock.now

  /// A bar for `total` steps.
  ///
  /// - Parameters:
  ///   - title: what is being done: "teacher".
  ///   - total: the step at which the loop ends.
  ///   - unit: the word for one step.
  ///   - from: the step at which it begins, for a run that is resumed; the speed is measured from there.
  public init(_ title: String, total: Int, unit: String = "step", from: Int = 0) {
    state = ProgressState(title: title, total: total, unit: unit, from: from)
  }

  /// Reports that `step` steps are done, counted from 0 even in a resumed run. Redraws at most ten times a second.
  ///
  /// - Parameters:
  ///   - note: what to add: "loss 1.432".
  ///   - tokens: the tokens that this run has seen so far, from which the speed is computed.
  ///   - work: the part of the work that is done, 0 … 1, from which the time left is computed; nil if all steps take
  ///     equally long.
  public func update(_ step: Int, note: String = "", tokens: Int? = nil, work: Double? = nil) {
    lock.withLock {
      state.step = step
      state.work = work
      state.note = note
      state.tokens = tokens
      let now = ContinuousClock.now
      guard (now - lastReport) >= (Screen.shared.isTerminal ? .milliseconds(100) : .seconds(5)) else { return }
      lastReport = now
      state.seconds = (now - start).seconds
      if Screen.shared.isTerminal {
        Screen.shared.redraw(state.bar(width: Screen.shared.width))
      } else {
        Screen.shared.write(state.line + "\n")
      }
    }
  }

  /// Replaces the bar with one line that says how long the loop took.
  public func finish() {
    lock.withLock {
      state.seconds = (ContinuousClock.now - start).seconds
      Screen.shared.erase()
      Screen.shared.write(state.closingLine + "\n")
    }
  }
}

// ## What it shows

/// The numbers of a progress bar and their wording.
package struct ProgressState: Sendable {
  package var title: String
  package var total: Int
  package var unit: String
  package var from: Int
  package var step = 0
  package var seconds = 0.0
  package var note = ""
  package var tokens: Int?
  package var work: Double?

  package init(title: String, total: Int, unit: String, from: Int = 0) {
    (self.title, self.total, self.unit, self.from) = (title, total, unit, from)
    step = from
  }

  /// The part that is done, between 0 and 1.
  private var fraction: Double { total > 0 ? min(max(Double(step) / Double(total), 0), 1) : 1 }

  /// Remaining time, speed and note, if they are known.
  private var details: [String] {
    var details: [String] = []
    if step > from, step < total {
      let done = work ?? Double(step - from) / Double(total - from)
      let left = done > 0 ? (seconds * (1 - done) / done).rounded(.up) : .infinity
      if left.isFinite { details.append((left < 60 ? "\(Int(left)) s" : duration(seconds: left)) + " left") }
    }
    return details + speed + (note.isEmpty ? [] : [note])
  }

  private var speed: [String] {
    guard let tokens, seconds > 0 else { return [] }
    let perSecond = Double(tokens) / seconds
    let rate = perSecond < 999.5 ? number(perSecond, decimals: 0) : scaled(perSecond, units: ["", "k", "M", "G"])
    return ["\(rate) tokens/s"]
  }

  /// `teacher: step 1200 of 3000 (40 %), 41 s left, 12.3 k tokens/s, loss 1.432`
  package var line: String {
    let percent = Int((fraction * 100).rounded(.down))
    return "\(title): " + (["\(unit) \(step) of \(total) (\(percent) %)"] + details).joined(separator: ", ")
  }

  /// `teacher ████████░░░░░░░░░░░░ 1200/3000  41 s left  12.3 k tokens/s  loss 1.432`, cut at `width`.
  package func bar(width: Int) -> String {
    let cells = 20
    let full = Int((fraction * Double(cells)).rounded(.down))
    let bar = String(repeating: "█", count: full) + String(repeating: "░", count: cells - full)
    let text = "\(title) \(bar) " + (["\(step)/\(total)"] + details).joined(separator: "  ")
    return String(text.prefix(max(width - 1, 20)))
  }

  /// `teacher: 3000 steps in 1 min 43 s, 12.3 k tokens/s, loss 1.432`
  package var closingLine: String {
    let done = step - from
    let steps = "\(done) \(unit)\(done == 1 ? "" : "s") in \(duration(seconds: seconds))"
    return "\(title): " + ([steps] + speed + (note.isEmpty ? [] : [note])).joined(separator: ", ")
  }
}

// ## Where it is drawn

/// Standard error: a terminal with one line that can be redrawn, or a file.
package final class Screen: @unchecked Sendable {
  package static let shared = Screen()

  /// Whether standard error is a terminal that understands the sequences for redrawing.
  package let isTerminal = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  private let lock = NSLock()
  private var (isDrawn, isSilent) = (false, false)

  /// Writes nothing from now on: another rank of the same job does.
  func silence() { lock.withLock { isSilent = true } }

  /// Writes text as it is. Errors are ignored: there is nowhere else to report them.
  package func write(_ text: String) { lock.withLock { put(text) } }

  /// Replaces the line on the terminal.
  package func redraw(_ line: String) {
    lock.withLock {
      put("\r\u{1B}[K" + line)
      isDrawn = true
    }
  }

  /// Erases the line before something else is written.
  package func erase() {
    lock.withLock {
      if isDrawn { put("\r\u{1B}[K") }
      isDrawn = false
    }
  }

  /// The width of the terminal in characters; 80 if it is unknown.
  package var width: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  private func put(_ text: String) {
    if isSilent { return }
    StandardOutput.begin()
    var text = text
    text.withUTF8 { _ = Foundation.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
