// # A message in one line
//
// Names and values from files and options stand in messages. One with a line end would look like two messages, and one
// with an escape sequence would colour the terminal, or rewrite what stands on it.
//
// Used by the errors of all floors.

/// A text with its control characters, line ends and marks of direction spelt out, such as `\u{1B}`.
package func oneLine(_ text: String) -> String {
  func isUnseen(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    // Marks such as U+202E turn the direction of what follows; the joiners of emoji stay.
    case .format: ("\u{202A}"..."\u{202E}").contains(scalar) || ("\u{2066}"..."\u{2069}").contains(scalar)
    default: false
    }
  }
  if !text.unicodeScalars.contains(where: isUnseen) { return text }
  return text.unicodeScalars.reduce(into: "") { line, scalar in
    line += isUnseen(scalar) ? scalar.escaped(asASCII: true) : String(scalar)
  }
}
