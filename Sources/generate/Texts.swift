// # The texts on their way to the terminal
//
// For each text what it has so far, half characters held back, and whether it has said the words
// that end it.
//
// Read before: `Corpora/TextStream.swift`. Used by: `Writing.swift`.

import Corpora
import Foundation

/// Texts that are written side by side.
struct Texts {
  /// One text.
  struct Text {
    var stream: TextStream
    /// Of several texts: what has been written of this one, with its prompt.
    var shown = ""
    /// The end of what the model has written, a byte shorter than the words that end it.
    var tail: [UInt8] = []
    var count = 0
  }

  private(set) var texts: [Text]
  private let stop: [UInt8]

  /// - Parameter stop: the words that end a text
  init(_ streams: [TextStream], stop: String?) {
    texts = streams.map { Text(stream: $0) }
    self.stop = Array((stop ?? "").utf8)
  }

  /// Whether a text appears as it is written: only if there is one.
  var isSingle: Bool { texts.count == 1 }

  /// Takes tokens that were read: a part of a prompt.
  mutating func read(_ tokens: [Int], in row: Int) {
    for token in tokens { show(texts[row].stream.append(token), in: row) }
  }

  /// Takes a token that was written; tells whether the text now has the words that end it.
  mutating func write(_ token: Int, in row: Int) -> Bool {
    let new = texts[row].stream.append(token)
    show(new, in: row)
    texts[row].count += 1
    if stop.isEmpty { return false }
    // A token may have several characters, so that the words need not be the last of the text.
    let seen = texts[row].tail + new.utf8
    texts[row].tail = Array(seen.suffix(stop.count - 1))
    return seen.indices.contains { seen[$0...].starts(with: stop) }
  }

  /// Ends a text: of several, prints it under its number.
  ///
  /// - Parameter goesOn: whether half a character is kept for the process that goes on
  mutating func end(_ row: Int, goesOn: Bool) {
    if !goesOn { show(texts[row].stream.end(), in: row) }
    if isSingle {
      put("\n")
    } else {
      put("── \(row + 1) of \(texts.count)\n\(texts[row].shown)\n\n")
    }
  }

  private mutating func show(_ new: String, in row: Int) {
    if new.isEmpty { return }
    if isSingle { put(new) } else { texts[row].shown += new }
  }

  private func put(_ text: String) {
    FileHandle.standardOutput.write(Data(text.utf8))
  }
}
