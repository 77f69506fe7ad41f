// # The words of a chapter
//
// `show` a value, `check` a claim, `report` an observation, print a `table`, a `sample` or a `volatile` line, and
// `exitOnError` where something may fail. These are functions rather than methods, because a chapter calls them dozens
// of times. `show`, `check`, `report` and `table` record the line that called them, so that output can be placed
// under that line of the source.
//
//     show("loss before", loss, unit: "nats")             loss before:          1.234 nats
//     check("recurrent = quadratic", gap, within: 1e-12)  ✓ recurrent = quadratic: ~3.1e-16 ≤ 1e-12
//     report("stage 1 helps", with, lessThan: without)   · stage 1 helps: 1.213 < 1.198, does not hold
//
// Read before: `Verdict.swift`, `Page.swift`. Read next: `Chapter.swift`.

import Foundation

// ## Values

/// Prints a named number. With `about` it is printed with a tilde, and comparisons of transcripts ignore its value:
/// for roundoff and whatever else differs from processor to processor.
@MainActor
public func show(
  _ label: String, _ value: some Quantity, unit: String = "", digits: Int = 4, about: Bool = false, line: Int = #line
) {
  let text = (about ? "~" : "") + value.text(digits: digits) + (unit.isEmpty ? "" : " \(unit)")
  Page.current.add(.value(label: label, text: text, line: line))
}

/// Prints a named text: "tokens: characters".
@MainActor
public func show(_ label: String, _ text: String, line: Int = #line) {
  Page.current.add(.value(label: label, text: text, line: line))
}

/// Prints rows of cells under column titles; columns of numbers are right-aligned. Format cells with `number`.
@MainActor
public func table(_ columns: [String], rows: [[String]], line: Int = #line) {
  Page.current.add(.table(Table(columns, rows: rows), line: line))
}

/// Prints what differs from run to run, such as times and paths, after `~ `. It stays out of the report.
@MainActor
public func volatile(_ text: String) { Page.current.add(.volatile(text)) }

/// Prints rows of cells that differ from run to run, such as times, each line after `~ `; the report leaves them out.
@MainActor
public func volatileTable(_ columns: [String], rows: [[String]]) {
  volatile(Table(columns, rows: rows).printed.joined(separator: "\n"))
}

/// Prints text that a model wrote, under a title. Comparisons of transcripts ignore it; the report includes it.
@MainActor
public func sample(_ title: String, _ text: String) { Page.current.add(.sample(title: title, text: text)) }

// ## Checks: what has to be true
//
// A value and its bound are of one type. With two types the bound 1 / 3 of a `Double` would be an integer,
// and 0; so it is a third.

/// Checks |difference| ≤ bound. NaN fails, as in every check. Returns whether the check holds, as they all do.
@MainActor @discardableResult
public func check<Q: Quantity>(
  _ claim: String, _ difference: Q, within bound: Q, line: Int = #line
) -> Bool { record(Verdict(claim, difference, within: bound), line: line) }

/// Checks value < other.
@MainActor @discardableResult
public func check<Q: Quantity>(
  _ claim: String, _ value: Q, lessThan other: Q, digits: Int = 4, line: Int = #line
) -> Bool { record(Verdict(.check, claim, value, .less, other, digits: digits), line: line) }

/// Checks value > other.
@MainActor @discardableResult
public func check<Q: Quantity>(
  _ claim: String, _ value: Q, greaterThan other: Q, digits: Int = 4, line: Int = #line
) -> Bool { record(Verdict(.check, claim, value, .greater, other, digits: digits), line: line) }

/// Checks value ≤ other.
@MainActor @discardableResult
public func check<Q: Quantity>(
  _ claim: String, _ value: Q, atMost other: Q, digits: Int = 4, line: Int = #line
) -> Bool { record(Verdict(.check, claim, value, .atMost, other, digits: digits), line: line) }

/// Checks value ≥ other.
@MainActor @discardableResult
public func check<Q: Quantity>(
  _ claim: String, _ value: Q, atLeast other: Q, digits: Int = 4, line: Int = #line
) -> Bool { record(Verdict(.check, claim, value, .atLeast, other, digits: digits), line: line) }

/// Checks a condition; the explanation is printed after the claim.
@MainActor @discardableResult
public func check(_ claim: String, _ condition: Bool, _ explanation: String = "", line: Int = #line) -> Bool {
  record(Verdict(.check, claim, evidence: explanation, holds: condition), line: line)
}

// ## Observations: what may be true

/// Prints whether value < other. Nothing fails if it is not.
@MainActor @discardableResult
public func report<Q: Quantity>(
  _ claim: String, _ value: Q, lessThan other: Q, digits: Int = 4, line: Int = #line
) -> Bool { record(Verdict(.observation, claim, value, .less, other, digits: digits), line: line) }

/// Prints whether value > other. Nothing fails if it is not.
@MainActor @discardableResult
public func report<Q: Quantity>(
  _ claim: String, _ value: Q, greaterThan other: Q, digits: Int = 4, line: Int = #line
) -> Bool { record(Verdict(.observation, claim, value, .greater, other, digits: digits), line: line) }

/// Prints whether value ≤ other. Nothing fails if it is not.
@MainActor @discardableResult
public func report<Q: Quantity>(
  _ claim: String, _ value: Q, atMost other: Q, digits: Int = 4, line: Int = #line
) -> Bool { record(Verdict(.observation, claim, value, .atMost, other, digits: digits), line: line) }

/// Prints whether value ≥ other. Nothing fails if it is not.
@MainActor @discardableResult
public func report<Q: Quantity>(
  _ claim: String, _ value: Q, atLeast other: Q, digits: Int = 4, line: Int = #line
) -> Bool { record(Verdict(.observation, claim, value, .atLeast, other, digits: digits), line: line) }

/// Prints whether a condition holds, and the explanation after the claim. Nothing fails if it does not.
@MainActor @discardableResult
public func report(_ claim: String, _ condition: Bool, _ explanation: String = "", line: Int = #line) -> Bool {
  record(Verdict(.observation, claim, evidence: explanation, holds: condition), line: line)
}

@MainActor
private func record(_ verdict: Verdict, line: Int) -> Bool {
  Page.current.add(.verdict(verdict, line: line))
  return verdict.holds
}
