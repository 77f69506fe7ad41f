// # Encoding, each word once
//
// A text repeats its words: the King James Bible has a million words, some twenty thousand of them distinct. So we
// keep the tokens of each word, and do the merges only for a new one.
//
// Within a word the merges go by rank: of all neighbouring pairs that can be merged, the one with the lowest rank,
// and the leftmost of those, again and again. Searching the whole word each time takes time quadratic in its length,
// which is nothing for “beginning”, but an hour for a file of one repeated letter. So the tokens form a linked list,
// and the pairs wait in a heap. A merge changes two pairs, which are added to the heap again; an old entry is
// recognised because its pair now has another rank. The plain version is the slow twin in the tests.
//
// Read before: `ByteLevelWords.swift`, `WholeTokenSearch.swift`. Read next: `AnyTokenizer+Files.swift`.

extension ByteLevelTokenizer {
  /// The tokens of a text, the same as Hugging Face's library gives. If the tokenizer adds spaces, `decode` returns
  /// the text with them.
  ///
  /// Throws `CorpusError` if a character has a byte without a token; SmolLM2, for example, has none for six control
  /// characters. Hugging Face's library silently leaves such bytes out, so that another text comes back, and can
  /// merge what then stands side by side.
  public func encode(_ text: String) throws -> [Int] {
    var encoder = ByteLevelEncoder(self)
    try firstSearch.split(Array(text.utf8)[...]) { part, id in
      if let id { return encoder.ids.append(id) }
      try secondSearch.split(part) { part, id in
        if let id { return encoder.ids.append(id) }
        guard encoder.append(text: part) else { throw missingByte(in: text) }
      }
    }
    return encoder.ids
  }

  /// The error for a text in which a byte has no token.
  private func missingByte(in text: String) -> CorpusError {
    for (offset, scalar) in text.unicodeScalars.enumerated() {
      guard let byte = String(scalar).utf8.first(where: { byteTokens[Int($0)] == nil }) else { continue }
      let code = String(scalar.value, radix: 16, uppercase: true)
      let number = String(repeating: "0", count: max(0, 4 - code.count)) + code
      return CorpusError(
        "the text",
        problem: "the character \(String(reflecting: String(scalar))) (U+\(number)) at offset \(offset) has the byte"
          + " \(byte), for which the vocabulary has no token",
        remedy: "remove it from the text")
    }
    return CorpusError(
      "the text", problem: "a space is to be added, for which the vocabulary has no token",
      remedy: "give another tokenizer")
  }
}

/// The tokens of a text so far, and those of the words met so far.
private struct ByteLevelEncoder {
  private let tokenizer: ByteLevelTokenizer
  private var known: [ArraySlice<UInt8>: [Int]] = [:]
  var ids: [Int] = []

  init(_ tokenizer: ByteLevelTokenizer) { self.tokenizer = tokenizer }

  /// Appends the tokens of a text that contains no whole tokens; false if a byte has no token.
  mutating func append(text: ArraySlice<UInt8>) -> Bool {
    guard tokenizer.cutting.digitsAlone else { return append(piece: text) }
    for piece in PiecesAroundDigits(text) {
      guard append(piece: piece) else { return false }
    }
    return true
  }

  private mutating func append(piece: ArraySlice<UInt8>) -> Bool {
    let needsSpace = tokenizer.cutting.addsPrefixSpace && piece.first != 0x20
    for word in ByteLevelWords(needsSpace ? [0x20] + piece : piece) {
      if let tokens = known[word] {
        ids += tokens
      } else {
        guard let tokens = tokenizer.tokens(ofWord: word) else { return false }
        known[word] = tokens
        ids += tokens
      }
    }
    return true
  }
}

extension ByteLevelTokenizer {
  /// The tokens of a word; nil if a byte has none.
  fileprivate func tokens(ofWord word: ArraySlice<UInt8>) -> [Int]? {
    if cutting.ignoresMerges, let id = tokensByBytes[Array(word)] { return [id] }
    var ids: [Int] = []
    ids.reserveCapacity(word.count)
    for byte in word {
      guard let id = byteTokens[Int(byte)] else { return nil }
      ids.append(id)
    }
    return merged(ids)
  }

  /// The tokens after all merges.
  private func merged(_ ids: [Int]) -> [Int] {
    var ids = ids
    // The linked list: places of the next and the previous token. A token that was merged into another is -1.
    var next = Array(1..<(ids.count + 1))
    var previous = Array(-1..<(ids.count - 1))
    var waiting = Heap()
    func merge(at place: Int) -> Merge? {
      guard ids[place] >= 0, next[place] < ids.count else { return nil }
      return ranks[TokenPair(left: ids[place], right: ids[next[place]]).packed]
    }
    for place in ids.indices {
      if let merge = merge(at: place) { waiting.insert(UInt64(merge.rank) << 32 | UInt64(place)) }
    }
    while let least = waiting.popLeast() {
      let place = Int(least & 0xFFFF_FFFF)
      guard let merged = merge(at: place), UInt64(merged.rank) == least >> 32 else { continue }
      let right = next[place]
      (ids[place], ids[right], next[place]) = (Int(merged.id), -1, next[right])
      if next[right] < ids.count { previous[next[right]] = place }
      for changed in [previous[place], place] where changed >= 0 {
        if let merge = merge(at: changed) { waiting.insert(UInt64(merge.rank) << 32 | UInt64(changed)) }
      }
    }
    return ids.filter { $0 >= 0 }
  }
}

/// A binary heap, from which the least number can be taken; each step takes time logarithmic in their count.
private struct Heap {
  private var items: [UInt64] = []

  mutating func insert(_ item: UInt64) {
    items.append(item)
    var place = items.count - 1
    while place > 0, items[place] < items[(place - 1) / 2] {
      items.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  mutating func popLeast() -> UInt64? {
    guard let least = items.first, let last = items.popLast() else { return nil }
    guard !items.isEmpty else { return least }
    items[0] = last
    var place = 0
    while true {
      var child = 2 * place + 1
      guard child < items.count else { return least }
      if child + 1 < items.count, items[child + 1] < items[child] { child += 1 }
      guard items[child] < items[place] else { return least }
      items.swapAt(place, child)
      place = child
    }
  }
}
