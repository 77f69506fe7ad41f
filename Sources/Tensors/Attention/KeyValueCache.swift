// # The keys and values of a text
//
// Attention looks at every earlier token. A model that generates a text token by token therefore keeps the key and
// the value of each token, 2 · G · P numbers per token. So memory grows with the text, and with it the cost of the
// next token. A state space model needs none of this.
//
// Several texts of different lengths can be generated at once. Each has a count of its own, and there is room for the
// longest:
//
//     keys, values   [B, G, room, P]         the rows of a head are contiguous, in the order of the loop over places
//
// When the room is used up it is doubled, so that a token is moved less than twice on average.
//
// For one new token, a loop runs over the places of the cache (`attendToLast`). A longer piece goes through
// `blockedAttention`, which never makes the whole matrix of new tokens by places.
//
// Read before: `BlockedAttention.swift`. Used by: `Layers/Mixers/MixerMemory.swift`. Slow twin:
// `Naive.attention`.

/// The keys and values that attention has seen so far, of B texts.
public struct KeyValueCache: Sendable {
  /// The number of tokens of each text that have been read.
  public private(set) var counts: [Int]
  private var keys, values: Tensor

  /// A cache for B texts that are still empty, with G heads of keys and values.
  public init(B: Int, G: Int, P: Int) {
    counts = Array(repeating: 0, count: B)
    keys = Tensor(uninitialised: [B, G, 0, P])
    values = keys
  }

  /// A cache from its contents, as `contents` gives them: [B, G, longest, P] each.
  public init(counts: [Int], keys: Tensor, values: Tensor) {
    keys.expecting(counts.count, nil, Self.longest(counts), nil, as: "the keys of a cache")
    values.shape.expecting(keys.shape.array, as: "the values of a cache")
    (self.counts, self.keys, self.values) = (counts, keys, values)
  }

  /// The number of tokens of the longest text.
  private var longest: Int { Self.longest(counts) }
  private static func longest(_ counts: [Int]) -> Int { counts.max() ?? 0 }

  /// The number of texts.
  public var B: Int { counts.count }
  /// The number of places for which there is room.
  var room: Int { keys.shape[2] }
  private var G: Int { keys.shape[1] }
  private var P: Int { keys.shape[3] }

  /// The bytes of the keys and values that are kept, not counting unused room.
  public var bytes: Int { 2 * counts.reduce(0, +) * G * P * MemoryLayout<Scalar>.size }
}

// ## Further tokens

extension KeyValueCache {
  /// Appends further tokens; each attends to the earlier tokens of its text and to the new ones up to itself.
  ///
  /// - Parameters:
  ///   - q: queries of the new tokens, [B, T, H, P], at least one, H a multiple of G
  ///   - k: their keys, [B, T, G, P]
  ///   - v: their values, [B, T, G, P]
  ///   - scale: what scores are multiplied by
  /// - Returns: [B, T, H, P]
  public mutating func attend(_ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Scalar) -> Tensor {
    let (T, H) = (q.sizesOfHeads.T, q.sizesOfHeads.H)
    precondition(H.isMultiple(of: G), "\(H) heads of queries do not share a cache of \(G) heads evenly")
    q.expecting(B, T, H, P, as: "the queries for a cache")
    k.expecting(B, T, G, P, as: "the keys for a cache")
    v.expecting(B, T, G, P, as: "the values for a cache")
    precondition(T > 0, "attention to a cache needs at least one token")
    let isNew = counts.allSatisfy { $0 == 0 }
    append(k, v)
    if isNew { return blockedAttention(q, k, v, scale: scale) }
    if T == 1 { return attendToLast(q, scale: scale) }
    return .concatenated(
      (0..<B).map { row in
        let (k, v) = (contents(keys, row), contents(values, row))
        return blockedAttention(q.sliced(row..<(row + 1)), k, v, scale: scale)
      })
  }

  private mutating func append(_ k: Tensor, _ v: Tensor) {
    let (B, T, G, P) = k.sizesOfHeads
    let needed = longest + T
    if needed > room { makeRoom(for: max(needed, 2 * room)) }
    let (room, counts) = (room, counts)
    func store(_ new: Tensor, into cache: inout Tensor) {
      reading(new) { source in
        cache.withMutableElements { target in
          for b in 0..<B {
            for t in 0..<T {
              for g in 0..<G {
                let row = source.extracting(places((b * T + t) * G + g, P))
                copy(row, to: &target, at: ((b * G + g) * room + counts[b] + t) * P)
              }
            }
          }
        }
      }
    }
    store(k, into: &keys)
    store(v, into: &values)
    for b in 0..<B { self.counts[b] += T }
  }

  private mutating func makeRoom(for places: Int) {
    keys = keys.padded(into: [B, G, places, P], at: 0, along: 2)
    values = values.padded(into: [B, G, places, P], at: 0, along: 2)
  }

  /// The places of one row, [1, count, G, P].
  private func contents(_ cache: Tensor, _ row: Int) -> Tensor {
    cache.sliced(row..<(row + 1)).sliced(0..<counts[row], along: 2).permuted([0, 2, 1, 3])
  }

  /// One query for each row, [B, 1, H, P], over all places of its row.
  private func attendToLast(_ q: Tensor, scale: Scalar) -> Tensor {
    let (H, P, room, longest) = (q.shape[2], P, room, longest)
    let shared = H / G
    var result = Tensor(uninitialised: q.shape)
    var weights = Tensor(uninitialised: [B * H, longest])
    reading(q, keys, values) { q, keys, values in
      writing(&result, &weights, rows: B * H, .singly(work: longest * P)) { index, target, w in
        let (count, group) = (counts[index / H], index / shared)
        let own = (group * room * P)..<((group * room + count) * P)
        let (query, k, v) = (q.extracting(places(index, P)), keys.extracting(own), values.extracting(own))
        for s in 0..<count { w[s] = scale * dot(query, k.extracting(places(s, P))) }
        let largest = maximum(w.span.extracting(first: count))
        for s in 0..<count { w[s] = exponential(w[s] - largest) }
        let factor = 1 / sum(w.span.extracting(first: count))
        for p in 0..<P { target[p] = 0 }
        // Four places at a time, so that the sums are loaded and stored once per four places.
        let whole = count / 4 * 4
        for s in stride(from: 0, to: whole, by: 4) {
          let (w0, w1, w2, w3) = (w[s], w[s + 1], w[s + 2], w[s + 3])
          let (v0, v1) = (v.extracting(places(s, P)), v.extracting(places(s + 1, P)))
          let (v2, v3) = (v.extracting(places(s + 2, P)), v.extracting(places(s + 3, P)))
          for p in 0..<P { target[p] += (w0 * v0[p] + w1 * v1[p]) + (w2 * v2[p] + w3 * v3[p]) }
        }
        for s in whole..<count { add(w[s], times: v.extracting(places(s, P)), to: &target) }
        for p in 0..<P { target[p] *= factor }
      }
    }
    return result
  }
}

// ## Rows of texts
//
// Texts of different lengths are read one by one, then joined so that they continue together; a text that has ended
// is dropped.

extension KeyValueCache {
  /// Several caches as one; there is room for the longest text.
  public static func joined(_ caches: [KeyValueCache]) -> KeyValueCache {
    precondition(!caches.isEmpty, "there is no cache to join")
    let room = caches.map(\.room).max()!
    func together(_ part: (KeyValueCache) -> Tensor) -> Tensor {
      .concatenated(
        caches.map { cache in
          let tensor = part(cache)
          return tensor.padded(into: [cache.B, cache.G, room, cache.P], at: 0, along: 2)
        })
    }
    var result = caches[0]
    result.counts = caches.flatMap(\.counts)
    (result.keys, result.values) = (together(\.keys), together(\.values))
    return result
  }

  /// The cache of some of the texts, in the order of `rows`.
  public func keeping(_ rows: [Int]) -> KeyValueCache {
    var result = self
    result.counts = rows.map { counts[$0] }
    (result.keys, result.values) = (keys.gathered(rows), values.gathered(rows))
    return result
  }

  /// Keys and values without unused room: [B, G, longest, P], zeros beyond the end of a shorter text.
  public var contents: (keys: Tensor, values: Tensor) {
    let longest = longest
    func trimmed(_ tensor: Tensor) -> Tensor {
      var result = tensor.sliced(0..<longest, along: 2)
      result.withMutableElements { elements in
        for (b, count) in counts.enumerated() {
          for g in 0..<G {
            for place in places(b * G + g, longest * P).dropFirst(count * P) { elements[place] = 0 }
          }
        }
      }
      return result
    }
    return (trimmed(keys), trimmed(values))
  }
}
