// # Checks and observations
//
// A chapter makes claims, of two kinds that must not be confused:
//
// - a check must hold if the code is right: the recurrence equals the quadratic form to roundoff, a loss that we
//   minimise is lower afterwards. A failed check makes the exit status of the chapter 1.
// - an observation is an order that the paper reports and that a small model may or may not reproduce. It is
//   printed with its numbers and with `so here` or `not so here`, and nothing fails: we report what we see.
//
// Both are a `Verdict`. Every comparison with NaN is false in IEEE arithmetic, and each relation below is written
// so that false means "not shown": a NaN fails every check.
//
// Read before: `Formatting.swift`. Read next: `Notebook.swift`, whose functions make verdicts.

import Foundation

/// The outcome of one claim.
public struct Verdict: Codable, Equatable, Sendable {
  /// The kind of a claim: a check must hold, an observation is only reported.
  public enum Kind: String, Codable, Sendable { case check, observation }

  /// Whether the claim must hold or is only reported.
  public let kind: Kind
  /// The claim: "recurrent = quadratic".
  public let claim: String
  /// The numbers that decide it, "~3.1e-16 ≤ 1e-12", or an explanation; may be empty.
  public let evidence: String
  /// Whether the claim holds; false if a NaN leaves it undecided.
  public let holds: Bool

  /// A verdict whose outcome is known.
  package init(_ kind: Kind, _ claim: String, evidence: String, holds: Bool) {
    (self.kind, self.claim, self.evidence, self.holds) = (kind, claim, evidence, holds)
  }

  /// The verdict as a line of output, with its place in the source, if it is known and a check has failed.
  package func text(at place: SourcePlace?) -> String {
    let statement = evidence.isEmpty ? claim : "\(claim): \(evidence)"
    switch (kind, holds) {
    case (.check, true): return "✓ \(statement)"
    case (.check, false): return "✗ \(statement), does not hold\(place.map { " (\($0.text))" } ?? "")"
    case (.observation, true): return "· \(statement), so here"
    case (.observation, false): return "· \(statement), not so here"
    }
  }
}

// ## What can be compared

/// A number that a chapter prints and compares: an integer, a `Double` or a `Float`.
public protocol Quantity: Sendable {
  /// The number as a `Double`, which decides comparisons.
  var measure: Double { get }
  /// The number in print; an integer is printed in full, whatever `digits` says.
  func text(digits: Int) -> String
}

extension Int: Quantity {
  /// Exact up to 2⁵³.
  public var measure: Double { Double(self) }
  /// All digits; `digits` has no effect.
  public func text(digits: Int) -> String { "\(self)" }
}

extension Double: Quantity {
  /// The number itself.
  public var measure: Double { self }
  /// Formatted by `number(_:digits:)`.
  public func text(digits: Int) -> String { number(self, digits: digits) }
}

extension Float: Quantity {
  /// Exact: a `Double` holds every `Float`.
  public var measure: Double { Double(self) }
  /// Formatted by `number(_:digits:)`.
  public func text(digits: Int) -> String { number(self, digits: digits) }
}

// ## The relations

/// An order between two numbers.
package enum Relation: String {
  case less = "<"
  case greater = ">"
  case atMost = "≤"
  case atLeast = "≥"

  /// Whether the relation holds between a and b; never if one of them is NaN.
  package func holds(_ a: Double, _ b: Double) -> Bool {
    switch self {
    case .less: a < b
    case .greater: a > b
    case .atMost: a <= b
    case .atLeast: a >= b
    }
  }
}

extension Verdict {
  /// The verdict on `value relation other`.
  package init<Q: Quantity>(
    _ kind: Kind, _ claim: String, _ value: Q, _ relation: Relation, _ other: Q, digits: Int
  ) {
    self.init(
      kind, claim,
      evidence: "\(value.text(digits: digits)) \(relation.rawValue) \(other.text(digits: digits))",
      holds: relation.holds(value.measure, other.measure))
  }

  /// The verdict on |value| ≤ bound. The value is a roundoff error, which differs from processor to processor, so it
  /// is printed with the tilde that excludes it from comparisons of transcripts.
  package init<Q: Quantity>(_ claim: String, _ value: Q, within bound: Q) {
    let exact = "\(bound)"
    self.init(
      .check, claim,
      evidence: "~\(value.text(digits: 2)) ≤ \(exact.count <= 8 ? exact : bound.text(digits: 4))",
      holds: abs(value.measure) <= bound.measure)
  }
}
