// # Learning byte pairs
//
// Done literally, each merge would scan the whole text: a thousand passes over four million bytes. Two observations
// bring this down to seconds. A text has few distinct words (the King James Bible has 950 thousand words, 14 thousand
// of them distinct), so we store each once with its count. And a merge changes only the words in which its pair
// occurs: for every pair we keep its count and the words that have had it, and update both for these words alone.
//
// Ties are broken by token number, so that the same text gives the same tokens on every machine. A pair that occurs
// only once saves nothing; training ends there, with fewer tokens than requested.
//
// Read before: `BytePairTokenizer.swift`. Read next: `Corpus.swift`.

import Tensors

extension BytePairTokenizer {
  /// Learns a vocabulary of at most `vocabularySize` tokens; fewer once no pair of tokens occurs twice.
  ///
  /// Throws `CorpusError` if `vocabularySize` is below 256, the number of bytes.
  public init(trainedOn text: String, vocabularySize: Int) throws {
    guard vocabularySize >= 256 else {
      throw CorpusError(
        "the vocabulary", problem: "\(vocabularySize) tokens were asked for, fewer than there are bytes",
        remedy: "ask for 256 or more")
    }
    var pairs = PairCounts(text)
    var merges: [TokenPair] = []
    while merges.count < vocabularySize - 256, let pair = pairs.mostFrequent() {
      pairs.merge(pair, into: 256 + merges.count)
      merges.append(pair)
    }
    guard let tokenizer = BytePairTokenizer(merges: merges) else {
      preconditionFailure("training makes each pair once, from earlier tokens")
    }
    self = tokenizer
  }
}

/// The distinct words of a text, cut into tokens, and how often each pair of neighbours occurs in the whole text.
private struct PairCounts {
  private var words: [[Int]] = []
  private var multiplicities: [Int] = []
  private var counts: [TokenPair: Int] = [:]
  /// For each pair, all words that contain it, and possibly some that no longer do.
  private var places: [TokenPair: Set<Int>] = [:]

  init(_ text: String) {
    var multiplicity: [ArraySlice<UInt8>: Int] = [:]
    for word in Words(text) { multiplicity[word, default: 0] += 1 }
    for (bytes, count) in multiplicity {
      words.append(bytes.map(Int.init))
      multiplicities.append(count)
      add(words.count - 1, times: count)
    }
  }

  /// Adds the pairs of a word to the counts (times > 0) or takes them away (times < 0).
  private mutating func add(_ word: Int, times: Int) {
    let ids = words[word]
    for (left, right) in zip(ids, ids.dropFirst()) {
      let pair = TokenPair(left: left, right: right)
      counts[pair, default: 0] += times
      if times > 0 { places[pair, default: []].insert(word) }
    }
  }

  /// The pair with the highest count, and of pairs with equal counts the smallest; nil if none occurs twice.
  func mostFrequent() -> TokenPair? {
    var best: (pair: TokenPair, count: Int)?
    for (pair, count) in counts where count > 1 {
      if let best, best.count > count || (best.count == count && best.pair < pair) { continue }
      best = (pair, count)
    }
    return best?.pair
  }

  /// Replaces a pair by a token in every word.
  mutating func merge(_ pair: TokenPair, into id: Int) {
    for word in places.removeValue(forKey: pair) ?? [] {
      add(word, times: -multiplicities[word])
      words[word] = replacing(pair, by: id, in: words[word])
      add(word, times: multiplicities[word])
    }
    counts[pair] = nil
  }
}
