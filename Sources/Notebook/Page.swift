// # The page that a run writes
//
// All output of a chapter goes through one page, which prints it at once and keeps it for report.md. A process has
// one page, `Page.current`, so that the functions of `Notebook.swift` need no argument for it, and modules below a
// chapter can print too. It belongs to the main actor, where the top-level code of a chapter runs.
//
// Standard output carries the transcript and nothing else. Progress and errors go to standard error.
//
// Read before: `Entry.swift`. Read next: `Notebook.swift`.

import Foundation

/// What a run has printed so far.
@MainActor
public final class Page {
  /// The page of this process, which prints to standard output.
  public static let current = Page { text in
    Screen.shared.erase()
    // A reader behind a pipe sees each line when it is written.
    exitOnError { try StandardOutput.write(text + "\n") }
  }

  /// The entries, in order, and where they were printed.
  public private(set) var entries: [(entry: Entry, place: SourcePlace)] = []
  private let put: (String) -> Void

  /// An empty page that passes its lines to `put`, one per call.
  package init(put: @escaping (String) -> Void) { self.put = put }

  /// Prints an entry and keeps it.
  public func add(_ entry: Entry, at place: SourcePlace) {
    if entry.isSeparated(from: entries.last { !$0.entry.isForPageAlone }?.entry) { put("") }
    entry.printed(at: place).forEach(put)
    entries.append((entry, place))
  }

  /// The number of checks that hold; observations do not count.
  public var passed: Int { checks.count(where: \.holds) }
  /// The number of checks that do not hold: with any, the chapter ends with status 1.
  public var failed: Int { checks.count - passed }

  /// "12 checks passed, 0 failed".
  public var summary: String { "\(passed) \(passed == 1 ? "check" : "checks") passed, \(failed) failed" }

  private var checks: [Verdict] {
    entries.compactMap { entry, _ in
      if case .verdict(let verdict) = entry, verdict.kind == .check { verdict } else { nil }
    }
  }
}

// ## report.md

extension Page {
  /// The report: all that is not volatile, the command, and links to `files`. Equal runs give equal reports.
  package func report(command: String, files: [String]) -> String {
    var text = ""
    var previous: Entry?
    for (entry, place) in entries {
      guard let markdown = entry.markdown(at: place) else { continue }
      text += (previous != nil && entry.isSeparatedInMarkdown(from: previous) ? "\n" : "") + markdown + "\n"
      previous = entry
    }
    let fence = Entry.fence(around: command, atLeast: 1)
    let blank = fence.count == 1 ? "" : " "
    text += "\nMade by \(fence)\(blank)\(command)\(blank)\(fence): \(summary)."
    if !files.isEmpty {
      text += " The numbers behind it: " + files.map { "[\($0)](\($0))" }.joined(separator: ", ") + "."
    }
    return text + "\n"
  }
}
