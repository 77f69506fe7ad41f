// # The sizes of a layer with heads of two kinds
//
// The sizes of the attention that the layer was, those of the Discrete-Mamba-2 that it would become, and which heads
// stay. Both are written as if they had all heads; what a part of the heads needs follows from them.
//
// In a config.json the words of both stand side by side, since no two are the same, with two of our own:
//
//     "attention_heads": [0, 4]          the heads of queries that stay, counted from 0
//     "attention_convention": "phi"      or "llama": biases, and the usual part of a head that is rotated
//
// Read before: `CausalAttention+Sizes.swift`, `DiscreteMamba2+Sizes.swift`. Read next: `HeadHybrid.swift`.

import Gradients
import Tensors

/// The sizes of a mixer in which some heads are attention and the others recurrent.
public struct HeadHybridSizes: MixerSizes {
  /// The name of the kind in a config.json; not a published one.
  public static let kind = "head_hybrid"
  /// The sizes of an attention with all heads.
  public var attention: CausalAttentionSizes
  /// The sizes of a Discrete-Mamba-2 with all heads, a B and a C for each.
  public var recurrent: DiscreteMamba2Sizes
  /// The heads of queries that are attention, counted from 0, in ascending order.
  public let kept: [Int]

  /// Sizes that are not yet checked.
  ///
  /// - Parameter kept: the heads of queries that are attention, in any order; one that is named twice is kept once
  public init(attention: CausalAttentionSizes, recurrent: DiscreteMamba2Sizes, keeping kept: [Int]) {
    (self.attention, self.recurrent, self.kept) = (attention, recurrent, Set(kept).sorted())
  }

  /// The width of the model, the attention's.
  public var D: Int { attention.D }
  /// The number of heads of both kinds together.
  public var H: Int { attention.H }
  /// The features of a head of either kind.
  public var P: Int { attention.P }
  /// The heads that are recurrent, in ascending order.
  public var recurrentHeads: [Int] { (0..<H).filter { !kept.contains($0) } }
  /// The heads of keys and values that a kept head reads, in ascending order.
  public var groups: [Int] { Set(kept.map { group(of: $0) }).sorted() }

  /// A mixer with random projections.
  public func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer {
    HeadHybrid(name, sizes: self, using: &random)
  }

  /// Why no mixer can have these sizes, in a sentence that begins with "its …"; nil if one can.
  public var problem: String? {
    if let problem = attention.problem ?? recurrent.problem { return problem }
    if recurrent.D != D { return "its attention has a width of \(D), but its recurrent heads have \(recurrent.D)" }
    if recurrent.H != H { return "its attention has \(H) heads, but its recurrent part has \(recurrent.H)" }
    if recurrent.G != H { return "its \(recurrent.G) pairs of B and C are not one for each of \(H) heads" }
    if let other = kept.first(where: { !(0..<H).contains($0) }) {
      return "its attention heads include \(other), but its heads are 0 to \(H - 1)"
    }
    return nil
  }
}

// ## What follows for the heads of each kind

extension HeadHybridSizes {
  /// Heads one after another that are of one kind: their places among the heads of that kind.
  struct Run { var isKept: Bool, places: Range<Int> }

  /// All heads in their order.
  var runs: [Run] {
    var (runs, before) = ([Run](), 0)
    for head in 0..<H {
      let isKept = kept.contains(head)
      let place = isKept ? before : head - before
      if isKept { before += 1 }
      if let last = runs.last, last.isKept == isKept {
        runs[runs.count - 1].places = last.places.lowerBound..<(place + 1)
      } else {
        runs.append(Run(isKept: isKept, places: place..<(place + 1)))
      }
    }
    return runs
  }

  /// The head of keys and values that a head of queries reads.
  func group(of head: Int) -> Int { head / (H / attention.G) }

  /// The sizes of a Discrete-Mamba-2 with the recurrent heads alone, as wide as these are side by side.
  var recurrentPart: DiscreteMamba2Sizes {
    let count = H - kept.count
    return DiscreteMamba2Sizes(D: count * P, H: count, N: recurrent.N, K: recurrent.K, Q: recurrent.Q)
  }
}

// ## In a config.json

extension HeadHybridSizes {
  private enum Word: String, CodingKey { case attention_heads, attention_convention }

  /// Writes the words of both kinds, the kept heads and the convention.
  public func encode(to encoder: any Encoder) throws {
    try attention.encode(to: encoder)
    try recurrent.encode(to: encoder)
    var words = encoder.container(keyedBy: Word.self)
    try words.encode(kept, forKey: .attention_heads)
    try words.encode(attention.convention.rawValue, forKey: .attention_convention)
  }

  /// Reads what `encode(to:)` writes.
  ///
  /// Throws `DecodingError` if kept heads or convention are missing, if a head is no whole number or comes twice, and
  /// where one of the two kinds would.
  public init(from decoder: any Decoder, D: Int) throws {
    let words = try decoder.container(keyedBy: Word.self)
    func refuse(_ word: Word, _ what: String) -> DecodingError {
      .dataCorruptedError(forKey: word, in: words, debugDescription: what)
    }
    let name = try words.decode(String.self, forKey: .attention_convention)
    guard let convention = CausalAttentionSizes.Convention(rawValue: name) else {
      throw refuse(.attention_convention, "it is \(name), where phi or llama is needed")
    }
    let heads = try words.decode([Double].self, forKey: .attention_heads)
    if let odd = heads.first(where: { Int(exactly: $0) == nil }) {
      throw refuse(.attention_heads, "one of them is \(odd), where a whole number is needed")
    }
    let kept = heads.map { Int($0) }
    if let twice = kept.first(where: { head in kept.count { $0 == head } > 1 }) {
      throw refuse(.attention_heads, "head \(twice) comes twice")
    }
    self.init(
      attention: try CausalAttentionSizes(from: decoder, D: D, convention: convention),
      recurrent: try DiscreteMamba2Sizes(from: decoder, D: D), keeping: kept)
  }
}
