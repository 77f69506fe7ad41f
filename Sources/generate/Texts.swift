// # The texts on their way to the terminal
//
// For each text we keep what it has so far, hold back incomplete characters, and watch for the words that end it.
//
// Read before: `Corpora/Tokenizers/TextStream.swift`. Used by: `Writing.swift`.

import Corpora
import Foundation
import Notebook

/// Texts that are written side by side.
struct Texts {
  /// One text.
  struct Text {
    var stream: TextStream
    /// With several texts: this text so far, including its prompt.
    var shown = ""
    /// The last bytes of what the model has written, one byte fewer than the words that end a text.
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

  /// Whether there is only one text, which then appears while it is written.
  var isSingle: Bool { texts.count == 1 }

  /// Takes tokens that were read, not written: a part of a prompt.
  mutating func read(_ tokens: [Int], in row: Int) throws {
    for token in tokens { try show(texts[row].stream.append(token), in: row) }
  }

  /// Takes a token that was written; returns whether the text now contains the words that end it.
  mutating func write(_ token: Int, in row: Int) throws -> Bool {
    let new = texts[row].stream.append(token)
    try show(new, in: row)
    texts[row].count += 1
    if stop.isEmpty { return false }
    // A token can have several characters, so the words need not be at the very end of the text.
    let seen = texts[row].tail + new.utf8
    texts[row].tail = Array(seen.suffix(stop.count - 1))
    return seen.indices.contains { seen[$0...].starts(with: stop) }
  }

  /// Ends a text; with several texts, prints it under its number.
  ///
  /// - Parameter goesOn: whether an incomplete character is kept for the process that resumes the text
  mutating func end(_ row: Int, goesOn: Bool) throws {
    if !goesOn { try show(texts[row].stream.end(), in: row) }
    if isSingle {
      try StandardOutput.write("\n")
    } else {
      try StandardOutput.write("── \(row + 1) of \(texts.count)\n\(texts[row].shown)\n\n")
    }
  }

  private mutating func show(_ new: String, in row: Int) throws {
    if new.isEmpty { return }
    if isSingle { try StandardOutput.write(new) } else { texts[row].shown += new }
  }
}
