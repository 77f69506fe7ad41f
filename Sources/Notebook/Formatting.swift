// # Numbers as text
//
// A chapter prints losses, differences, seconds and bytes. The same few functions format them everywhere, so that
// columns line up, a roundoff of 3e-17 is not printed as 0.000, and a NaN is printed as NaN.
//
// A number that was measured always carries a decimal point or an exponent, an integer never does. The comparison of
// transcripts (`Transcript.swift`) relies on that: integers must agree exactly, measured numbers nearly.
//
// Read next: `Table.swift`.

import Foundation

/// `value` with about `digits` significant digits: 0.001234, 1.234, 123.4; outside 1e-3 ..< 1e6 as 1.234e-5 or 1.234e6.
///
/// At least one decimal is printed, so 12345.678 with four digits is `12345.7`. Zero of either sign is `0.000`; NaN
/// and the infinities are `NaN`, `inf` and `-inf`.
public func number(_ value: some BinaryFloatingPoint, digits: Int = 4) -> String {
  let value = Double(value)
  guard value.isFinite else { return notFinite(value) }
  guard value != 0 else { return number(0.0, decimals: max(digits - 1, 1)) }
  guard (1e-3..<1e6).contains(abs(value)) else { return scientific(value, digits: digits) }
  let exponent = Int(log10(abs(value)).rounded(.down))
  return number(value, decimals: max(digits - 1 - exponent, 1))
}

/// `value` with a fixed number of decimals, for the columns of a table; -0.0004 with two of them is `0.00`.
public func number(_ value: some BinaryFloatingPoint, decimals: Int) -> String {
  let value = Double(value)
  guard value.isFinite else { return notFinite(value) }
  let text = String(format: "%.\(max(decimals, 0))f", value)
  return text.hasPrefix("-") && !text.contains(where: { ("1"..."9").contains($0) }) ? String(text.dropFirst()) : text
}

/// NaN and the infinities, by name.
private func notFinite(_ value: Double) -> String {
  value.isNaN ? "NaN" : value < 0 ? "-inf" : "inf"
}

/// C's notation without the plus sign and the zero in front of the exponent: `1.2e-5`, where C prints `1.2e-05`.
private func scientific(_ value: Double, digits: Int) -> String {
  let parts = String(format: "%.\(max(digits - 1, 0))e", value).split(separator: "e")
  return "\(parts[0])e\(Int(parts[1]) ?? 0)"
}

// ## Seconds and bytes

/// A length of time for a reader: `350 ms`, `12.3 s`, `1 min 05 s`, `2 h 05 min`; "unknown" if negative or not
/// finite.
public func duration(seconds: Double) -> String {
  guard seconds >= 0, seconds < 1e9 else { return "unknown" }
  if seconds < 0.0995 { return "\(number(seconds * 1000, decimals: 1)) ms" }
  if seconds < 0.9995 { return "\(number(seconds * 1000, decimals: 0)) ms" }
  if seconds < 59.95 { return "\(number(seconds, decimals: 1)) s" }
  let whole = Int(seconds.rounded())
  if whole < 3600 { return String(format: "%d min %02d s", whole / 60, whole % 60) }
  let minutes = Int((seconds / 60).rounded())
  return String(format: "%d h %02d min", minutes / 60, minutes % 60)
}

/// A length of time for a reader, formatted like `duration(seconds:)`.
public func duration(_ time: Duration) -> String { duration(seconds: time.seconds) }

extension Duration {
  /// The length in seconds.
  package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

/// A size in memory or on disk, in powers of ten: `917 B`, `4.40 MB`, `1.25 GB`.
public func bytes(_ count: Int) -> String {
  guard count >= 1000 else { return "\(count) B" }
  return scaled(Double(count), units: ["B", "kB", "MB", "GB", "TB"])
}

/// A value with three digits and the unit for its thousands.
package func scaled(_ value: Double, units: [String]) -> String {
  var (value, unit) = (value, 0)
  while value >= 999.5, unit + 1 < units.count { (value, unit) = (value / 1000, unit + 1) }
  let decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
  return "\(number(value, decimals: decimals)) \(units[unit])"
}

// ## Lines

/// The width at which prose is wrapped.
package let proseWidth = 88

/// `text` in lines of at most `width` characters. A line break in `text` counts as a space, a blank line separates
/// paragraphs; a word wider than a line gets a line of its own.
package func wrapped(_ text: String, at width: Int = proseWidth) -> [String] {
  var lines: [String] = []
  var words: [Substring] = []
  func closeLine() {
    lines.append(words.joined(separator: " "))
    words = []
  }
  for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
    let next = joiningPercent(line.split(whereSeparator: \.isWhitespace))
    if next.isEmpty {
      if !words.isEmpty { closeLine() }
      if let last = lines.last, !last.isEmpty { lines.append("") }
    }
    for word in next {
      if words.reduce(word.count, { $0 + $1.count + 1 }) > width, !words.isEmpty { closeLine() }
      words.append(word)
    }
  }
  if !words.isEmpty { closeLine() }
  while lines.last == "" { lines.removeLast() }
  return lines
}

/// A percent sign stays with its number.
private func joiningPercent(_ words: [Substring]) -> [Substring] {
  words.reduce(into: []) { joined, word in
    if word.hasPrefix("%"), let last = joined.popLast() {
      joined.append("\(last) \(word)")
    } else {
      joined.append(word)
    }
  }
}

/// Words as a sentence lists them: "loops, BLAS and blocks".
public func list(_ words: [String]) -> String {
  guard let last = words.last, words.count > 1 else { return words.first ?? "" }
  return words.dropLast().joined(separator: ", ") + " and " + last
}

extension String {
  /// The text, filled with spaces up to `width` characters; on the left if `right` is true.
  package func padded(to width: Int, right: Bool = false) -> String {
    let space = String(repeating: " ", count: max(width - count, 0))
    return right ? space + self : self + space
  }
}
