// # Text that comes out as it went in
//
// A title may hold anything: x_t, {a}, @home, 100 %, quotes, a backslash. Three rules keep gnuplot from reading
// meaning into it. The terminals are `noenhanced`, so _ ^ { } @ are letters. Strings are in single quotes, where a
// backslash and a backquote are letters too and only the quote itself is doubled. Names of ticks double the per cent
// sign, which is a format there. A token of a sentence may be a space or a line end: what cannot be seen is shown by
// a sign.
// Read before: nothing. Read after: Script.swift.

import Foundation

/// A gnuplot string that shows `text` literally. Line ends and control characters become spaces.
///
/// gnuplot understands a doubled quote only after another letter. At the beginning, and where quotes meet, each becomes
/// a string of its own: ''."'".'tis' shows 'tis.
func quoted(_ text: String) -> String {
  let letters = Array(plain(text).unicodeScalars)
  var string = String.UnicodeScalarView("'".unicodeScalars)
  var isFirst = true
  for (index, letter) in letters.enumerated() {
    let standsAlone = letter == "'" && (isFirst || letters.dropFirst(index + 1).first == "'")
    if standsAlone {
      string += #"'."'".'"#.unicodeScalars
    } else {
      string += letter == "'" ? [letter, letter] : [letter]
    }
    isFirst = standsAlone
  }
  return String(string) + "'"
}

/// Several lines as one gnuplot string: only a double-quoted string can hold the line end.
func quoted(lines: [String]) -> String {
  lines.isEmpty ? "''" : lines.map { quoted($0) }.joined(separator: ".\"\\n\".")
}

/// The name of a tick, as a gnuplot string.
///
/// gnuplot cuts names of ticks after 49 bytes if there is a per cent sign in them; in long ones we write ％ (U+FF05).
func quotedTick(_ text: String) -> String {
  let sign = text.utf8.count < 50 ? "%%" : "％"
  let letters = text.unicodeScalars.map { $0 == "%" ? sign : String($0) }
  return quoted(letters.joined())
}

/// A token with signs for what cannot be seen: spaces at its ends, line ends, tabs, other control characters, nothing.
func visible(_ token: String) -> String {
  if token.isEmpty { return "“”" }
  let letters = Array(token.unicodeScalars)
  func isSpace(_ letter: Unicode.Scalar) -> Bool { letter.properties.generalCategory == .spaceSeparator }
  let first = letters.firstIndex { !isSpace($0) } ?? letters.count
  let last = letters.lastIndex { !isSpace($0) } ?? letters.count
  let signs = letters.enumerated().map { index, letter -> Unicode.Scalar in
    if isSpace(letter), index < first || index > last { return "␣" }
    switch letter {
    case "\n", "\r", "\u{2028}", "\u{2029}": return "↵"
    case "\t": return "⇥"
    default: return letter.properties.generalCategory.isControl ? "�" : letter
    }
  }
  return String(String.UnicodeScalarView(signs))
}

/// Text on one line, in quotation marks, so that a comment never ends in a backslash (which would continue it).
func commented(_ text: String) -> String { "“\(plain(text))”" }

/// `text` without line ends and control characters.
func plain(_ text: String) -> String {
  String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory.isControl ? " " : $0 }))
}

extension Unicode.GeneralCategory {
  fileprivate var isControl: Bool {
    self == .control || self == .lineSeparator || self == .paragraphSeparator || self == .surrogate
  }
}

/// A number as gnuplot reads it.
func number(_ value: Double) -> String { String(format: "%.10g", value == 0 ? 0 : value) }

// We cannot know how wide a letter is before it is drawn: that depends on the machine's fonts. The estimates are
// those of a wide font (DejaVu Sans), so that the margins are rather too large than too small.

/// The size of the letters in pixels.
enum FontSize {
  static let text = 12.0
  static let title = 13.0
  static let figureTitle = 16.0
}

/// The width in pixels that `text` takes at most, or nearly so.
func textWidth(of text: String, size: Double = FontSize.text) -> Double {
  text.unicodeScalars.reduce(0) { sum, scalar in
    sum + size * (scalar.isWide ? 1.05 : scalar.properties.isUppercase ? 0.7 : 0.6)
  }
}

extension Unicode.Scalar {
  /// Whether the letter is about as wide as high: Chinese, Japanese and Korean ones, pictures.
  var isWide: Bool {
    guard value >= 0x1100 else { return false }
    switch value {
    case 0x1100...0x115F, 0x3000...0x30FF, 0xAC00...0xD7A3, 0xFF01...0xFF60: return true
    default: return properties.isIdeographic || properties.isEmojiPresentation
    }
  }
}

/// Breaks `text` at spaces into lines that are at most `limit` pixels wide. A single longer word stays whole.
func wrapped(_ text: String, to limit: Double, size: Double = FontSize.text) -> [String] {
  var lines: [String] = []
  for word in plain(text).split(separator: " ") {
    if let last = lines.last, textWidth(of: last + " " + word, size: size) <= limit {
      lines[lines.count - 1] = last + " " + word
    } else {
      lines.append(String(word))
    }
  }
  return lines
}
