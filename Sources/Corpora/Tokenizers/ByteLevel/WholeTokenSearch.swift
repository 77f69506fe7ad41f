// # Tokens that are found before the text is cut
//
// A special token such as <|im_end|> must be one token, whatever stands beside it. So these are looked for first,
// from the left; of several that begin at the same place, the longest is taken. What lies between them is text.
//
// Read before: `ByteLevelTokenizer.swift`. Read next: `ByteLevelTokenizer+Encoding.swift`.

/// A search for several texts at once: it finds the leftmost, and of those that begin there the longest.
struct WholeTokenSearch: Equatable {
  private struct Candidate: Equatable {
    let bytes: [UInt8]
    let id: Int
  }

  /// The candidates by their first byte, longest first.
  private var candidates: [[Candidate]]
  private let isEmpty: Bool

  init(_ tokens: [ByteLevelTokenizer.WholeToken]) {
    isEmpty = tokens.isEmpty
    candidates = Array(repeating: [], count: isEmpty ? 0 : 256)
    for token in tokens.sorted(by: { $0.text.utf8.count > $1.text.utf8.count }) {
      let bytes = Array(token.text.utf8)
      candidates[Int(bytes[0])].append(Candidate(bytes: bytes, id: token.id))
    }
  }

  /// Calls `body` with each part of a text, none of them empty: with the id for a token, with nil for the text
  /// between.
  func split(_ bytes: ArraySlice<UInt8>, _ body: (ArraySlice<UInt8>, _ id: Int?) throws -> Void) rethrows {
    var start = bytes.startIndex
    var place = start
    while !isEmpty, place < bytes.endIndex {
      guard let found = candidates[Int(bytes[place])].first(where: { bytes[place...].starts(with: $0.bytes) }) else {
        place += 1
        continue
      }
      if start < place { try body(bytes[start..<place], nil) }
      start = place + found.bytes.count
      try body(bytes[place..<start], found.id)
      place = start
    }
    if start < bytes.endIndex { try body(bytes[start...], nil) }
  }
}
