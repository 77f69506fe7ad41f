// # Byte pairs
//
// The vocabulary of the GPT models, learned from a text: start with the 256 bytes and repeatedly make the most
// frequent pair of neighbours a token of its own. A frequent word becomes one token, a rare one several, and nothing
// is ever unknown, since every text consists of bytes.
//
// Encoding repeats the merges in the order in which they were learned. A word usually needs few of them, so we look
// for the earliest merge that applies, apply it throughout the word, and look again: a merge can only enable later
// ones, whose pairs contain the new token.
//
// Read before: `Words.swift`. Read next: `BytePairTokenizer+Training.swift`.
// Source: Sennrich, Haddow and Birch, arXiv 1508.07909, on bytes as in GPT-2.

/// Two neighbouring tokens, ordered by the left one, then by the right one.
struct TokenPair: Hashable, Comparable {
  let left: Int
  let right: Int

  static func < (a: TokenPair, b: TokenPair) -> Bool { (a.left, a.right) < (b.left, b.right) }
}

/// Tokens that are bytes or learned strings of bytes: 0…255 are the bytes, 256 + k comes from the k-th merge.
public struct BytePairTokenizer: Tokenizer, Equatable {
  /// The pair that each token from 256 on consists of.
  let merges: [TokenPair]
  private let ranks: [TokenPair: Int]
  private let spellings: [[UInt8]]

  /// The tokenizer with these merges, or nil if training cannot have learned them: if a pair has a token that comes
  /// later, occurs twice, makes a token longer than a word, or makes the bytes of another token.
  ///
  /// Training never learns two tokens with the same bytes: within the bounds of a token, the merges so far have given
  /// the same parts wherever its bytes stand.
  init?(merges: [TokenPair]) {
    var ranks: [TokenPair: Int] = [:]
    var spellings = (0...255).map { [UInt8($0)] }
    var known = Set(spellings)
    for (rank, pair) in merges.enumerated() {
      guard spellings.indices.contains(pair.left), spellings.indices.contains(pair.right) else { return nil }
      guard ranks.updateValue(rank, forKey: pair) == nil else { return nil }
      let spelling = spellings[pair.left] + spellings[pair.right]
      guard spelling.count <= Words.longest + 3, known.insert(spelling).inserted else { return nil }
      spellings.append(spelling)
    }
    self.merges = merges
    self.ranks = ranks
    self.spellings = spellings
  }

  /// The 256 bytes and one token for each merge.
  public var vocabularySize: Int { spellings.count }

  /// The tokens of a text. Never throws: every text consists of bytes, and every byte is a token.
  public func encode(_ text: String) -> [Int] {
    var known: [ArraySlice<UInt8>: [Int]] = [:]
    var result: [Int] = []
    for word in Words(text) {
      if let ids = known[word] {
        result += ids
      } else {
        let ids = encode(word: word)
        known[word] = ids
        result += ids
      }
    }
    return result
  }

  private func encode(word: ArraySlice<UInt8>) -> [Int] {
    var ids = word.map(Int.init)
    while let rank = zip(ids, ids.dropFirst()).compactMap({ ranks[TokenPair(left: $0, right: $1)] }).min() {
      ids = replacing(merges[rank], by: 256 + rank, in: ids)
    }
    return ids
  }

  /// The bytes of a token; those of U+FFFD for a number outside the vocabulary.
  func bytes(of id: Int) -> [UInt8] {
    spellings.indices.contains(id) ? spellings[id] : Array("\u{FFFD}".utf8)
  }

  /// The text whose bytes the tokens spell. Bytes that are not UTF-8, such as half a character, become U+FFFD.
  public func decode(_ ids: [Int]) -> String {
    String(decoding: ids.flatMap { bytes(of: $0) }, as: UTF8.self)
  }
}

/// The tokens with every occurrence of a pair, from the left, replaced by one token.
func replacing(_ pair: TokenPair, by id: Int, in ids: [Int]) -> [Int] {
  var result: [Int] = []
  result.reserveCapacity(ids.count)
  var index = 0
  while index < ids.count {
    if index + 1 < ids.count, ids[index] == pair.left, ids[index + 1] == pair.right {
      result.append(id)
      index += 2
    } else {
      result.append(ids[index])
      index += 1
    }
  }
  return result
}
