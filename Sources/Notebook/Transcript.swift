// # Comparing transcripts
//
// chapters/NN-name/expected.txt holds what `--quick` printed when the chapter was written. Comparing byte by byte
// would be too strict: another processor sums in another order, and after some steps of training the third digit
// differs. Comparing exit statuses alone would be too weak. So two lines are equal if
//
// - their words are equal, where any run of spaces counts as one and so does the rule of a table;
// - their integers are equal;
// - their other numbers differ by at most 3 %, or by one unit in the last digit that is printed;
// - numbers after a tilde (`~3.1e-16`, a roundoff) are in the same place.
//
// A finding (`» `) and its further lines are one line. A line that begins with `~ ` (times, paths) only has to exist,
// and lines that begin with `~| ` (text that a model wrote) are ignored. Used by the tool compare-transcripts.
//
// Read before: `Entry.swift`, which prints these lines.

import Foundation

/// The output of a chapter, in a form that can be compared.
public struct Transcript: Sendable {
  let lines: [Line]

  /// A transcript from the text that a chapter printed to standard output.
  public init(_ text: String) {
    var lines: [Line] = []
    // Git may have written the line ends of another system, which Swift reads as other characters.
    for (index, text) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      if text == "~|" || text.hasPrefix("~| ") { continue }
      // The lines of a finding are one: a longer number may break them elsewhere.
      if text.hasPrefix("  "), let last = lines.last, last.text.hasPrefix("» ") {
        lines[lines.count - 1] = Line(number: last.number, text: last.text + text.dropFirst())
      } else {
        lines.append(Line(number: index + 1, text: String(text)))
      }
    }
    while lines.last?.pieces.isEmpty == true { lines.removeLast() }
    self.lines = lines
  }

  /// The lines that differ, with their numbers, for a reader; empty if the transcripts agree. At most `limit` lines
  /// are listed, and a last one says how many more there are.
  public func differences(fromExpected expected: Transcript, limit: Int = 10) -> [String] {
    let changes = lines.difference(from: expected.lines) { $0.matches($1) }
    let described: [(number: Int, order: Int, text: String)] = changes.map { change in
      switch change {
      case .remove(_, let line, _): (line.number, 0, "expected, line \(line.number): \(line.text)")
      case .insert(_, let line, _): (line.number, 1, "  actual, line \(line.number): \(line.text)")
      }
    }
    let sorted = described.sorted { ($0.number, $0.order) < ($1.number, $1.order) }.map(\.text)
    return sorted.prefix(limit) + (sorted.count > limit ? ["and \(sorted.count - limit) more"] : [])
  }
}

// ## A line and its pieces

extension Transcript {
  struct Line: Sendable {
    let number: Int
    let text: String
    let pieces: [Piece]

    init(number: Int, text: String) {
      (self.number, self.text) = (number, text)
      pieces = text.hasPrefix("~ ") ? [.volatile] : Piece.pieces(of: text)
    }

    func matches(_ other: Line) -> Bool {
      pieces.count == other.pieces.count && zip(pieces, other.pieces).allSatisfy { $0.matches($1) }
    }
  }

  enum Piece: Equatable, Sendable {
    case volatile
    case words(String)
    case integer(String)
    /// A number with a point or an exponent, and the unit of its last digit.
    case decimal(Double, unit: Double, hasExponent: Bool)
    /// A number after a tilde.
    case about

    func matches(_ other: Piece) -> Bool {
      guard case .decimal(let a, let unitA, let exponentA) = self,
        case .decimal(let b, let unitB, let exponentB) = other
      else { return self == other }
      // Each number was rounded by up to half a unit. If both have exponents, the finer unit decides, or else 1e-12
      // and 1e-11 would be equal; 0.000 and 3e-17 count as equal.
      let unit = exponentA && exponentB ? min(unitA, unitB) : max(unitA, unitB)
      return abs(a - b) <= max(0.03 * max(abs(a), abs(b)), unit * 1.0001)
    }
  }
}

// ## Reading a line

extension Transcript.Piece {
  static func pieces(of line: String) -> [Transcript.Piece] {
    var pieces: [Transcript.Piece] = []
    var words = ""
    var rest = Substring(line.trimmingCharacters(in: .whitespaces))
    func closeWords() {
      if !words.isEmpty { pieces.append(.words(words)) }
      words = ""
    }
    while let first = rest.first {
      if first.isWhitespace {
        rest = rest.drop(while: \.isWhitespace)
        words += " "
      } else if "-─━═=".contains(first), rest.prefix(while: { $0 == first }).count >= 3 {
        rest = rest.drop { $0 == first }
        words.append(first)
      } else if !endsInName(words), let (piece, length) = number(at: rest) {
        closeWords()
        pieces.append(piece)
        rest = rest.dropFirst(length)
      } else {
        words.append(first)
        rest = rest.dropFirst()
      }
    }
    closeWords()
    return pieces
  }

  // A digit after a letter or a digit belongs to a name (`x86`); a sign there is a minus or a hyphen (`1-2`).
  private static func endsInName(_ words: String) -> Bool {
    words.last.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false
  }

  /// The number with which `text` begins, and the count of its characters.
  private static func number(at text: Substring) -> (Self, Int)? {
    // Most characters begin no number, and matching the pattern is slow.
    guard let first = text.first, first.isNumber || "~+-".contains(first),
      let match = text.prefixMatch(of: /(~?)([-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?)/)
    else { return nil }
    let (whole, tilde, digits, decimals, exponent) = match.output
    if !tilde.isEmpty { return (.about, whole.count) }
    guard decimals != nil || exponent != nil, let value = Double(digits) else {
      return (.integer(String(digits)), whole.count)
    }
    let power = (exponent.flatMap { Int($0.dropFirst()) } ?? 0) - max((decimals?.count ?? 0) - 1, 0)
    return (.decimal(value, unit: pow(10, Double(power)), hasExponent: exponent != nil), whole.count)
  }
}
