// # A message in one line
//
// Messages quote names and values from files and options. A quoted line end would make one message look like two, and
// a quoted escape sequence could colour the terminal or overwrite what is on it.
//
// Used by the errors of all floors.

/// A text with its control characters, line ends and direction marks spelt out, such as `\u{1B}`.
package func oneLine(_ text: String) -> String {
  func isUnseen(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    // Marks such as U+202E reverse the direction of what follows; the joiners of emoji stay.
    case .format: ("\u{202A}"..."\u{202E}").contains(scalar) || ("\u{2066}"..."\u{2069}").contains(scalar)
    default: false
    }
  }
  if !text.unicodeScalars.contains(where: isUnseen) { return text }
  return text.unicodeScalars.reduce(into: "") { line, scalar in
    line += isUnseen(scalar) ? scalar.escaped(asASCII: true) : String(scalar)
  }
}
