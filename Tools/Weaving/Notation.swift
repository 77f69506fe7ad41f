// # What a letter means
//
// NOTATION.md is a set of tables. A letter in prose carries its meaning under the pointer, and a capital letter in code
// carries that of the size which it is. A wrong meaning is worse than none, so a letter is explained only where it can
// mean nothing else:
//
// - sizes in shapes such as [B, T, H, P], and in prose those that the document does not except;
// - tensors on the pages that the document lists, lower-case ones only before an index, as in x[t];
// - on any page what the table "In one place only" says of it, which wins over all else.
//
// Read before: `Prose.swift`.

import Foundation

/// The meanings of letters, read from NOTATION.md.
package struct Notation {
  private var sizes: [String: String] = [:]
  /// Sizes that mean something else in prose.
  private var onlyInShapes: Set<String> = []
  /// Paths, or their beginnings, of the pages on which letters mean tensors.
  private var pagesOfTensors: [String] = []
  private var tensors: [String: String] = [:]
  /// Letters that mean the same everywhere.
  private var signs: [String: String] = [:]
  private var own: [(place: String, letter: String, meaning: String)] = []
  /// The lower-case letters that mean something on a page without an index too.
  private func isFree(_ letter: String, in path: String) -> Bool {
    own.contains { $0.letter == letter && path.hasPrefix($0.place) }
  }

  /// The meanings in the tables of a Markdown text.
  package init(_ markdown: String) {
    if let found = markdown.firstMatch(of: #/only\s+in\s+shapes\s+and\s+in\s+code\s+are\s+they\s+sizes:\s+([^.]*)\./#)
    {
      onlyInShapes = Set(found.1.split(separator: ",").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) })
    }
    var heading = ""
    for line in markdown.split(separator: "\n") {
      if line.hasPrefix("## ") { heading = String(line.dropFirst(3)) }
      guard line.hasPrefix("|") else {
        if heading == "Tensors" {
          pagesOfTensors += line.matches(of: #/`((?:chapters|Sources)\/[^`]+)`/#).map { String($0.1) }
        }
        continue
      }
      let cells = line.dropFirst().split(separator: "|", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard cells.count > 3, !cells[0].hasPrefix("---") else { continue }
      switch heading {
      case "Sizes": add(cells[0], cells[1], to: \.sizes)
      case "Tensors": add(cells[1], cells[2], to: \.tensors)
      case "Signs": add(cells[0], cells[1], to: \.signs)
      case "In one place only":
        for place in cells[2].matches(of: #/`([^`]+)`/#) {
          for letter in letters(in: cells[0]) { own.append((String(place.1), letter, plain(cells[1]))) }
        }
      default: break
      }
    }
  }

  /// The letters of a cell: of "x[t], X" they are x and X.
  private func letters(in cell: String) -> [String] {
    cell.split(separator: ",").compactMap { part in
      // Of "log α[t]" or "LN u[l]" the letter alone means something else.
      let name = part.prefix { $0 != "[" }.trimmingCharacters(in: .whitespaces)
      return name.wholeMatch(of: Notation.name) != nil ? name : nil
    }
  }

  private mutating func add(_ cell: String, _ meaning: String, to table: WritableKeyPath<Notation, [String: String]>)
  {
    for letter in letters(in: cell) where self[keyPath: table][letter] == nil {
      self[keyPath: table][letter] = plain(meaning)
    }
  }

  private func plain(_ meaning: String) -> String { meaning.replacing("`", with: "") }

  // A letter with a mark above it or an index below it, but no word: N, x̄, C̃, W_o, Q*.
  nonisolated(unsafe) private static let name = #/[A-Za-zΑ-ω]\p{M}?(?:_[a-z])?\*?/#.matchingSemantics(.unicodeScalar)

  // MARK: - On a page

  /// What letters mean in the prose of a source.
  private func inProse(of path: String) -> [String: String] {
    var meanings = sizes.filter { !onlyInShapes.contains($0.key) }.merging(signs) { size, _ in size }
    if pagesOfTensors.contains(where: path.hasPrefix) { meanings.merge(tensors) { _, tensor in tensor } }
    for entry in own where path.hasPrefix(entry.place) { meanings[entry.letter] = entry.meaning }
    return meanings
  }

  /// What a name in code means: a size, if it is a single capital letter.
  package func inCode(_ name: String) -> String? { name.count == 1 ? sizes[name] : nil }

  /// HTML with the meaning on each letter of its text; code inside a line, links and headings stay as they are.
  package func explained(_ html: String, in path: String) -> String {
    let meanings = inProse(of: path)
    var result = ""
    var rest = Substring(html)
    var isPreformatted = false
    // Inside of these no letter is explained: names in code, and what is marked already.
    var closing: String?
    while let start = rest.firstIndex(of: "<") {
      let text = rest[..<start]
      result += closing == nil ? explained(text, meanings, path, lowering: !isPreformatted) : String(text)
      guard let end = rest[start...].firstIndex(of: ">") else { break }
      let tag = rest[start...end]
      if let waited = closing {
        if tag == waited[...] { closing = nil }
      } else if tag.hasPrefix("<code>"), !result.hasSuffix("<pre>") {
        closing = "</code>"
      } else if let match = tag.prefixMatch(of: #/<(a|h[1-6])[ >]/#) {
        closing = "</\(match.1)>"
      }
      if tag == "<pre>" { isPreformatted = true } else if tag == "</pre>" { isPreformatted = false }
      result += tag
      rest = rest[rest.index(after: end)...]
    }
    return result + (closing == nil ? explained(rest, meanings, path, lowering: true) : String(rest))
  }

  /// The meaning of a name; a bar above a letter makes it the cotangent of what the letter is.
  private func meaning(of name: String, _ meanings: [String: String]) -> String? {
    if let meaning = meanings[name] { return meaning }
    let scalars = name.unicodeScalars
    guard scalars.count == 2, scalars.last == "\u{304}" else { return nil }
    return meanings[String(scalars.first!)].map { "the cotangent of \(scalars.first!): \($0)" }
  }

  /// - Parameter lowering: whether W_o becomes a W with a small o below, which would shift columns of plain text
  private func explained(
    _ text: Substring, _ meanings: [String: String], _ path: String, lowering: Bool
  ) -> String {
    let shapes = text.ranges(of: #/\[[A-Z0-9](?:[A-Z0-9, ·.…]|\/)*\]/#)
    var result = ""
    var last = text.startIndex
    for match in text.matches(of: Notation.name) {
      let range = match.range
      if range.lowerBound > text.startIndex {
        let before = text[text.index(before: range.lowerBound)]
        if before.isLetter || before.isNumber || "_.’'&#-".contains(before) { continue }
      }
      if range.upperBound < text.endIndex {
        let after = text[range.upperBound]
        if after.isLetter && after != "ᵀ" || after.isNumber || "_’';-".contains(after) { continue }
      }
      let name = String(match.0)
      let isInShape = shapes.contains { $0.contains(range.lowerBound) }
      // "A" is a word; "A[k]" and "‖A‖" are letters.
      if name == "A" || name == "I",
        range.upperBound == text.endIndex || !"[‖ᵀ²".contains(text[range.upperBound])
      {
        continue
      }
      // A lower-case letter without an index may be any number, unless the page has a meaning of its own for it.
      if !isFree(name, in: path), name.count == 1, name.unicodeScalars.count == 1, name.first!.isLowercase,
        name.first!.isASCII,
        range.upperBound == text.endIndex || text[range.upperBound] != "["
      {
        continue
      }
      guard let meaning = isInShape ? sizes[name] : meaning(of: name, meanings) else { continue }
      let shown = lowering ? name.replacing(#/_([a-z])/#) { "<sub>\($0.1)</sub>" } : name
      result += text[last..<range.lowerBound] + "<abbr title=\"\(meaning.escaped)\">\(shown)</abbr>"
      last = range.upperBound
    }
    return result + text[last...]
  }
}
