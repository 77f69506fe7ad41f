// # The words of a chapter
//
// `show` a value, `check` a claim, `report` an observation, print a `table`, a `finding`, a `sample` or a `volatile`
// line, and use `exitOnError` where something can fail. These are functions rather than methods, because a chapter
// calls them dozens of times. Each records the place that called it, so that its output can stand under that line of
// the source.
//
//     show("loss before", loss, unit: "nats")             loss before:          1.234 nats
//     check("recurrent = quadratic", gap, within: 1e-12)  ✓ recurrent = quadratic: ~3.1e-16 ≤ 1e-12
//     report("stage 1 helps", with, lessThan: without)    · stage 1 helps: 1.213 < 1.198, not so here
//
// Read before: `Verdict.swift`, `Page.swift`. Read next: `Chapter.swift`.

import Foundation

// ## Values

/// Prints a named number. With `about` it is printed with a tilde, and comparisons of transcripts ignore its value:
/// for roundoff and whatever else differs from processor to processor.
@MainActor
public func show(
  _ label: String, _ value: some Quantity, unit: String = "", digits: Int = 4, about: Bool = false,
  file: String = #fileID, line: Int = #line
) {
  let text = (about ? "~" : "") + value.text(digits: digits) + (unit.isEmpty ? "" : " \(unit)")
  Page.current.add(.value(label: label, text: text), at: SourcePlace(file, line))
}

/// Prints a named text: "tokens: characters".
@MainActor
public func show(_ label: String, _ text: String, file: String = #fileID, line: Int = #line) {
  Page.current.add(.value(label: label, text: text), at: SourcePlace(file, line))
}

/// Prints rows of cells under column titles; columns of numbers are right-aligned. Format cells with `number`.
@MainActor
public func table(_ columns: [String], rows: [[String]], file: String = #fileID, line: Int = #line) {
  Page.current.add(.table(Table(columns, rows: rows)), at: SourcePlace(file, line))
}

/// Prints what differs from run to run, such as times and paths, after `~ `. It stays out of the report.
@MainActor
public func volatile(_ text: String, file: String = #fileID, line: Int = #line) {
  Page.current.add(.volatile(text), at: SourcePlace(file, line))
}

/// Prints rows of cells that differ from run to run, such as times, each line after `~ `; the report leaves them out.
@MainActor
public func volatileTable(
  _ columns: [String], rows: [[String]], file: String = #fileID, line: Int = #line
) {
  volatile(Table(columns, rows: rows).printed.joined(separator: "\n"), file: file, line: line)
}

/// Prints a sentence about the result, with the numbers of this run: "The student is at 1.413, 0.02 above its
/// teacher". None of its numbers is typed in the source, and it says nothing that another run could contradict. With
/// `volatile` it is about times, which differ from run to run.
@MainActor
public func finding(_ text: String, volatile: Bool = false, file: String = #fileID, line: Int = #line) {
  let oneLine = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  Page.current.add(.finding(oneLine, isVolatile: volatile), at: SourcePlace(file, line))
}

/// Prints text that a model wrote, under a title. Comparisons of transcripts ignore it; the report includes it.
@MainActor
public func sample(_ title: String, _ text: String, file: String = #fileID, line: Int = #line) {
  Page.current.add(.sample(title: title, text: text), at: SourcePlace(file, line))
}

// ## Checks: what has to be true
//
// A value and its bound have the same type. With two types, the bound 1 / 3 for a `Double` would be computed with
// integers and be 0; with one type it is a third.

/// Checks |difference| ≤ bound. NaN fails, as in every check. Returns whether the check holds, as every check does.
@MainActor @discardableResult
public func check<Q: Quantity>(
  _ claim: String, _ difference: Q, within bound: Q, file: String = #fileID, line: Int = #line
) -> Bool { record(Verdict(claim, difference, within: bound), at: SourcePlace(file, line)) }

/// Checks value < other.
@MainActor @discardableResult
public func check<Q: Quantity>(
  _ claim: String, _ value: Q, lessThan other: Q, digits: Int = 4, file: String = #fileID, line: Int = #line
) -> Bool { record(Verdict(.check, claim, value, .less, other, digits: digits), at: SourcePlace(file, line)) }

/// Checks value > other.
@MainActor @discardableResult
public func check<Q: Quantity>(
  _ claim: String, _ value: Q, greaterThan other: Q, digits: Int = 4, file: String = #fileID, line: Int = #line
) -> Bool { record(Verdict(.check, claim, value, .greater, other, digits: digits), at: SourcePlace(file, line)) }

/// Checks value ≤ other.
@MainActor @discardableResult
public func check<Q: Quantity>(
  _ claim: String, _ value: Q, atMost other: Q, digits: Int = 4, file: String = #fileID, line: Int = #line
) -> Bool { record(Verdict(.check, claim, value, .atMost, other, digits: digits), at: SourcePlace(file, line)) }

/// Checks value ≥ other.
@MainActor @discardableResult
public func check<Q: Quantity>(
  _ claim: String, _ value: Q, atLeast other: Q, digits: Int = 4, file: String = #fileID, line: Int = #line
) -> Bool { record(Verdict(.check, claim, value, .atLeast, other, digits: digits), at: SourcePlace(file, line)) }

/// Checks a condition; the explanation is printed after the claim.
@MainActor @discardableResult
public func check(
  _ claim: String, _ condition: Bool, _ explanation: String = "", file: String = #fileID, line: Int = #line
) -> Bool {
  record(Verdict(.check, claim, evidence: explanation, holds: condition), at: SourcePlace(file, line))
}

// ## Observations: what may be true

/// Prints whether value < other. Nothing fails if it is not.
@MainActor @discardableResult
public func report<Q: Quantity>(
  _ claim: String, _ value: Q, lessThan other: Q, digits: Int = 4, file: String = #fileID, line: Int = #line
) -> Bool { record(Verdict(.observation, claim, value, .less, other, digits: digits), at: SourcePlace(file, line)) }

/// Prints whether value > other. Nothing fails if it is not.
@MainActor @discardableResult
public func report<Q: Quantity>(
  _ claim: String, _ value: Q, greaterThan other: Q, digits: Int = 4, file: String = #fileID, line: Int = #line
) -> Bool {
  record(Verdict(.observation, claim, value, .greater, other, digits: digits), at: SourcePlace(file, line))
}

/// Prints whether value ≤ other. Nothing fails if it is not.
@MainActor @discardableResult
public func report<Q: Quantity>(
  _ claim: String, _ value: Q, atMost other: Q, digits: Int = 4, file: String = #fileID, line: Int = #line
) -> Bool { record(Verdict(.observation, claim, value, .atMost, other, digits: digits), at: SourcePlace(file, line)) }

/// Prints whether value ≥ other. Nothing fails if it is not.
@MainActor @discardableResult
public func report<Q: Quantity>(
  _ claim: String, _ value: Q, atLeast other: Q, digits: Int = 4, file: String = #fileID, line: Int = #line
) -> Bool {
  record(Verdict(.observation, claim, value, .atLeast, other, digits: digits), at: SourcePlace(file, line))
}

/// Prints whether a condition holds, and the explanation after the claim. Nothing fails if it does not.
@MainActor @discardableResult
public func report(
  _ claim: String, _ condition: Bool, _ explanation: String = "", file: String = #fileID, line: Int = #line
) -> Bool {
  record(Verdict(.observation, claim, evidence: explanation, holds: condition), at: SourcePlace(file, line))
}

@MainActor
private func record(_ verdict: Verdict, at place: SourcePlace) -> Bool {
  Page.current.add(.verdict(verdict), at: place)
  return verdict.holds
}
