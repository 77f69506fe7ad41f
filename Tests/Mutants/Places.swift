// # What is mutated
//
// Everything that a gradient passes through on its way back: the pullbacks of `Sources/Gradients`,
// each kernel of `Sources/Tensors` whose name ends in `Pullback` or `Slope`, the helpers that only
// they use, the sweep; and the few functions that forward and backward share. A new pullback is
// found by the form of its name, so that it cannot come without mutants.
//
// Read before: `main.swift`. Read next: `Sites.swift`.

import Foundation

/// A problem that ends the run.
struct CommandError: Error, CustomStringConvertible {
  let description: String
}

/// The source of one file, and which of its characters are code.
struct Source {
  let path: String
  let text: [Character]
  let isCode: [Bool]
  private let lineStarts: [Int]

  /// The path without the folder that all have in common.
  var name: String { path.split(separator: "/").dropFirst().joined(separator: "/") }

  init(path: String, text: String) {
    self.path = path
    let characters = Array(text)
    self.text = characters
    isCode = Source.code(in: characters)
    lineStarts = [0] + characters.indices.filter { characters[$0] == "\n" }.map { $0 + 1 }
  }

  /// Marks what stands in a comment or in a string literal as no code.
  private static func code(in text: [Character]) -> [Bool] {
    var result = [Bool](repeating: true, count: text.count)
    var (isComment, isString, i) = (false, false, 0)
    while i < text.count {
      if isComment {
        isComment = text[i] != "\n"
      } else if isString {
        if text[i] == "\\" {
          (result[i], i) = (false, i + 1)
        } else {
          isString = text[i] != "\""
          result[i] = false
          i += 1
          continue
        }
      } else if text[i] == "/", i + 1 < text.count, text[i + 1] == "/" {
        isComment = true
      } else if text[i] == "\"" {
        isString = true
      }
      result[i] = !isComment && !isString
      i += 1
    }
    return result
  }

  /// The number of the line that holds a place, from 0.
  func line(of place: Int) -> Int { lineStarts.partitioningIndex { $0 > place } - 1 }

  /// The places of a line, without its end.
  func range(ofLine line: Int) -> Range<Int> {
    lineStarts[line]..<(line + 1 < lineStarts.count ? lineStarts[line + 1] - 1 : text.count)
  }

  func string(_ range: Range<Int>) -> String { String(text[range]) }

  func has(_ word: String, at place: Int) -> Bool {
    place >= 0 && place + word.count <= text.count && text[place..<(place + word.count)].elementsEqual(word)
  }

  /// The place of the bracket that closes the one at `open`.
  func closing(_ open: Int) -> Int {
    var depth = 0
    for i in open..<text.count where isCode[i] {
      if "([{".contains(text[i]) { depth += 1 }
      if ")]}".contains(text[i]) { depth -= 1 }
      if depth == 0 { return i }
    }
    return text.count - 1
  }

  /// The place of the first of some characters of code from `start` on.
  func first(_ characters: String, from start: Int) -> Int? {
    text.indices[start...].first { isCode[$0] && characters.contains(text[$0]) }
  }

  /// The arguments of the call whose bracket opens at `open`, without the spaces around them.
  func arguments(_ open: Int) -> [Range<Int>] {
    let close = closing(open)
    var (result, start, i): ([Range<Int>], Int, Int) = ([], open + 1, open + 1)
    while i <= close {
      if isCode[i], "([{".contains(text[i]) { i = closing(i) }
      if i == close || (text[i] == "," && isCode[i]) {
        var range = start..<i
        while let first = range.first, text[first].isWhitespace { range = (first + 1)..<range.upperBound }
        if !range.isEmpty { result.append(range) }
        start = i + 1
      }
      i += 1
    }
    return result
  }
}

extension Array {
  /// The first index at which a condition holds that stays true from there on.
  func partitioningIndex(_ holds: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if holds(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

// ## Which parts of a file

/// Beginnings of declarations, by file: helpers of pullbacks, and what forward and backward share.
private let declarations: [String: [String]] = [
  "Sources/Gradients/Sweep.swift": ["public func cotangents(", "private func visit("],
  "Sources/Gradients/Variable.swift": ["init(_ value: Tensor, by primitive"],
  "Sources/Gradients/Rearranging.swift": ["let inverse = ", "kept[axis] = "],
  "Sources/Gradients/Products.swift": ["let ofInput: Input = ", "let ofWeight: Input = "],
  "Sources/Tensors/Loops/ElementwiseFunctions.swift": ["public static func += "],
  "Sources/Tensors/Products/HeadProducts.swift": [
    "public func headScores(", "public func headMix(", "private func headStart(",
  ],
  "Sources/Tensors/Products/Matrices.swift": ["var transposed"],
  "Sources/Tensors/Products/Products.swift": ["public func matmul(", "public func sumOfRows("],
  "Sources/Tensors/Loops/Reductions.swift": ["public func sum(_ x: Tensor, to shape", "func columnSums("],
  "Sources/Tensors/Attention/Rotary.swift": ["public func rotary("],
  "Sources/Tensors/StateSpace/SSDChunks.swift": [
    "init(x: Tensor", "func part(", "func rows(of", "private init(_ all", "func fillDecays(", "func scaled(",
    "func scaleRows(",
  ],
  "Sources/Tensors/StateSpace/Scans.swift": ["func exponentialOfSegmentSums("],
  "Sources/Tensors/Loops/Sigmoids.swift": ["private func slope("],
  "Sources/Tensors/Loops/Softmax.swift": ["private func softmaxRows("],
  "Sources/Tensors/Core/Tensor+Rearranging.swift": ["public func padded(", "public mutating func assign("],
]

extension Source {
  /// The parts of this file that are mutated.
  func regions() throws -> [Range<Int>] {
    let whole = String(text)
    func places(of word: String) -> [Int] {
      whole.ranges(of: word).map { whole.distance(from: whole.startIndex, to: $0.lowerBound) }
    }
    var result: [Range<Int>] = []
    // A primitive's pullback: from its name to the end of the call that makes its variable.
    for place in places(of: "by: .") where isCode[place] {
      var open = place
      var depth = 0
      while depth <= 0 {
        open -= 1
        if isCode[open], ")]}".contains(text[open]) { depth -= 1 }
        if isCode[open], "([{".contains(text[open]) { depth += 1 }
      }
      result.append(place..<closing(open))
    }
    for match in whole.matches(of: /(func|struct) [A-Za-z]+(Pullback|Slope)\b/) {
      let place = whole.distance(from: whole.startIndex, to: match.range.lowerBound)
      if isCode[place] { try result.append(body(from: place)) }
    }
    for beginning in declarations[path] ?? [] {
      let found = places(of: beginning).filter { isCode[$0] }
      if found.isEmpty { throw CommandError(description: "\(path): there is no “\(beginning)” to mutate") }
      for place in found {
        if beginning.contains(" = ") {
          result.append(place..<range(ofLine: line(of: place)).upperBound)
        } else {
          try result.append(body(from: place))
        }
      }
    }
    return result.sorted { $0.lowerBound < $1.lowerBound }
  }

  /// The body of the declaration that begins at a place.
  private func body(from place: Int) throws -> Range<Int> {
    // Past the parameters, whose default values belong to the caller.
    var start = place
    if let open = first("({", from: place), text[open] == "(" { start = closing(open) }
    guard let open = first("{", from: start) else {
      throw CommandError(description: "\(path):\(line(of: place) + 1): a declaration without a body")
    }
    return open..<closing(open)
  }
}
