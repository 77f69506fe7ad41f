// # The byte pairs of published models
//
// Most published models cut text as GPT-2 did. The idea is that of `BytePairTokenizer`, but the file decides more:
// the numbers of the tokens, which need not follow the merges; where the text is cut first; and special tokens, such
// as <|endoftext|>, which are found in the text before anything else.
//
//     In the 3rd<|im_end|>
//     In the 3rd                   │ <|im_end|>     special tokens
//     In the␣ │ 3 │ rd             │                digits, if they stand alone
//     In │ ␣the │ ␣ │ 3 │ rd       │                GPT-2's pattern
//     …                                             merges within each word
//
// Every step affects the numbers, and a model that gets wrong numbers still writes fluently, only worse. So a rule
// that is not supported here is refused when the file is read.
//
// Read before: `BytePairTokenizer.swift`, `ByteAlphabet.swift`. Read next: `ByteLevelWords.swift`.

/// The byte-level byte pairs of GPT-2 and its many descendants.
public struct ByteLevelTokenizer: Tokenizer, Equatable {
  /// How a text is cut before pairs are merged.
  struct Cutting: Equatable {
    /// Whether each digit is a piece by itself before GPT-2's pattern is applied.
    var digitsAlone = false
    /// Whether a piece that does not begin with a space gets one.
    var addsPrefixSpace = false
    /// Whether a word that is a token is that token, whatever the merges say.
    var ignoresMerges = false
  }

  /// A token that is found in the text as it stands, before the text is cut.
  struct WholeToken: Equatable {
    let id: Int
    let text: String
    /// Whether it is a signal to the model, not text.
    let isSpecial: Bool
    /// Whether it is looked for last, in what the tokens that are not normalised leave.
    var isNormalized = false
  }

  let cutting: Cutting
  /// The tokens as a file spells them, by id: whole tokens as text, others in the byte alphabet; nil for an id
  /// without a token.
  let names: [String?]
  /// The pairs, in the order in which they are merged.
  let merges: [TokenPair]
  /// In the order of their ids.
  let wholeTokens: [WholeToken]
  /// The token that ends a text, if the file names one.
  public let endOfText: Int?

  /// The bytes of each token.
  private let spellings: [[UInt8]]
  private let specialIDs: Set<Int>
  /// The token of each byte, or nil.
  let byteTokens: [Int?]
  /// For each pair, packed, its rank and the token that it becomes.
  let ranks: [UInt64: Merge]
  /// The tokens by their bytes, if words that are tokens ignore the merges; else empty.
  let tokensByBytes: [[UInt8]: Int]
  let firstSearch, secondSearch: WholeTokenSearch

  struct Merge: Equatable {
    let rank: UInt32
    let id: Int32
  }

  /// No id is above this, so that a damaged file cannot ask for an arbitrary amount of memory.
  static let highestID = (1 << 20) - 1

  /// What to do about a vocabulary that contradicts itself.
  private static let remedy = "give the file that was made with the model"

  /// - Parameter vocabulary: names and ids, without those whole tokens that the file lists only as such
  /// - Parameter merges: the names of the two tokens of each pair, as UTF-8
  /// - Parameter place: where they come from, for an error
  init(
    vocabulary: [(name: String, id: Int)], merges: [(left: ArraySlice<UInt8>, right: ArraySlice<UInt8>)],
    wholeTokens: [WholeToken], cutting: Cutting, endOfText: Int?, place: String
  ) throws {
    func flaw(_ problem: String) -> CorpusError {
      CorpusError(place, problem: problem, remedy: ByteLevelTokenizer.remedy)
    }
    self.cutting = cutting
    self.endOfText = endOfText
    self.wholeTokens = wholeTokens.sorted { $0.id < $1.id }

    // Names by id, and ids by name
    let all = vocabulary + wholeTokens.map { ($0.text, $0.id) }
    let highest = all.map(\.id).max() ?? -1
    guard highest <= ByteLevelTokenizer.highestID, all.allSatisfy({ $0.id >= 0 }) else {
      throw flaw(
        "a token has the number \(all.map(\.id).min()! < 0 ? all.map(\.id).min()! : highest), which cannot be")
    }
    var names = [String?](repeating: nil, count: highest + 1)
    var ids: [[UInt8]: Int] = [:]
    ids.reserveCapacity(all.count)
    for (name, id) in vocabulary {
      if let other = names[id] {
        throw flaw("token \(id) is both \(other.debugDescription) and \(name.debugDescription)")
      }
      guard ids.updateValue(id, forKey: Array(name.utf8)) == nil else {
        throw flaw("the token \(name.debugDescription) occurs twice")
      }
      names[id] = name
    }
    var seen: Set<Int> = []
    for token in self.wholeTokens {
      guard !token.text.isEmpty else { throw flaw("special token \(token.id) is empty") }
      guard seen.insert(token.id).inserted else {
        throw flaw("token \(token.id) occurs twice among the special tokens")
      }
      if let name = names[token.id], !name.utf8.elementsEqual(token.text.utf8) {
        throw flaw(
          "token \(token.id) is both \(name.debugDescription) and the special token \(token.text.debugDescription)")
      }
      if let id = ids.updateValue(token.id, forKey: Array(token.text.utf8)), id != token.id {
        throw flaw("the special token \(token.text.debugDescription) has two numbers, \(id) and \(token.id)")
      }
      names[token.id] = token.text
    }
    self.names = names
    specialIDs = Set(wholeTokens.filter(\.isSpecial).map(\.id))
    if let endOfText, !names.indices.contains(endOfText) || names[endOfText] == nil {
      throw flaw("token \(endOfText), the end of a text, is not among the \(names.count) tokens")
    }

    // Bytes
    let mapped = names.enumerated().map { seen.contains($0) ? nil : $1.flatMap(ByteAlphabet.bytes(of:)) }
    spellings = zip(names, mapped).map { $1 ?? Array(($0 ?? "\u{FFFD}").utf8) }
    var byteTokens = [Int?](repeating: nil, count: 256)
    var tokensByBytes: [[UInt8]: Int] = [:]
    for (id, bytes) in mapped.enumerated() {
      guard let bytes else { continue }
      if bytes.count == 1 { byteTokens[Int(bytes[0])] = id }
      if cutting.ignoresMerges { tokensByBytes[bytes] = id }
    }
    (self.byteTokens, self.tokensByBytes) = (byteTokens, tokensByBytes)

    // Merges
    var (pairs, ranks): ([TokenPair], [UInt64: Merge]) = ([], [:])
    pairs.reserveCapacity(merges.count)
    ranks.reserveCapacity(merges.count)
    for (rank, merge) in merges.enumerated() {
      let parts = [merge.left, merge.right, merge.left + merge.right]
      let found = parts.map { ids[Array($0)] }
      guard let left = found[0], let right = found[1], let id = found[2] else {
        let missing = String(decoding: parts[found.firstIndex(of: nil)!], as: UTF8.self)
        throw flaw("merge \(rank) needs the token \(missing.debugDescription), which is not in the vocabulary")
      }
      let pair = TokenPair(left: left, right: right)
      guard ranks.updateValue(Merge(rank: UInt32(rank), id: Int32(id)), forKey: pair.packed) == nil else {
        throw flaw(
          "merge \(rank), of \(names[left]!.debugDescription) and \(names[right]!.debugDescription), occurs twice")
      }
      pairs.append(pair)
    }
    (self.merges, self.ranks) = (pairs, ranks)
    firstSearch = WholeTokenSearch(wholeTokens.filter { !$0.isNormalized })
    secondSearch = WholeTokenSearch(wholeTokens.filter(\.isNormalized))
  }
}

extension TokenPair {
  /// Both numbers in one.
  var packed: UInt64 { UInt64(UInt32(truncatingIfNeeded: left)) << 32 | UInt64(UInt32(truncatingIfNeeded: right)) }
}

// ## What the vocabulary holds, and decoding

extension ByteLevelTokenizer {
  /// The highest number of a token, plus one. Numbers in between without a token decode to U+FFFD.
  public var vocabularySize: Int { names.count }

  /// Whether a token is a signal to the model, such as the end of a text, and not a part of the text.
  public func isSpecial(_ id: Int) -> Bool { specialIDs.contains(id) }

  /// The token of this name, spelled as in the file: a special token as it stands, others in GPT-2's byte alphabet,
  /// where a space is Ġ; nil if there is none.
  public func id(of name: String) -> Int? {
    names.firstIndex { $0.map { $0.utf8.elementsEqual(name.utf8) } ?? false }
  }

  /// What a text can consist of, for an error message.
  var alphabet: String {
    let unknown = (0..<UInt8(0x80)).filter { byteTokens[Int($0)] == nil }
    let shown = unknown.prefix(40).map { "U+00" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }
    let more = unknown.count > shown.count ? " and more" : ""
    return "every text" + (unknown.isEmpty ? "" : " without the characters \(shown.joined(separator: " "))\(more)")
  }

  /// The bytes of a token; those of U+FFFD for a number without one.
  func bytes(of id: Int) -> [UInt8] {
    spellings.indices.contains(id) ? spellings[id] : Array("\u{FFFD}".utf8)
  }

  /// The text whose bytes the tokens spell, special tokens included. Bytes that are not UTF-8 become U+FFFD, as does
  /// a number without a token, which Hugging Face's library leaves out. That library also decodes the letters of a
  /// special token by the byte alphabet, which spoils a token with “é”; here it is written as it stands.
  public func decode(_ ids: [Int]) -> String {
    String(decoding: ids.flatMap { bytes(of: $0) }, as: UTF8.self)
  }
}
