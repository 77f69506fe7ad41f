// # The keys and values of a text
//
// Attention asks all that it has read. Whoever writes a text token by token therefore keeps the key
// and the value of each token: 2 · H · P numbers for a token, so that the memory grows with the
// text, and a token's cost with it. This is what a state space model does without.
//
// Several texts may be written at once, of different lengths. Each row has a count of its own, and
// there is room for the longest:
//
//     keys, values   [B, H, room, P]         the rows of a head lie side by side, for the walk over all places
//
// When the room is used up it is doubled, so that a token is moved once on average.
//
// One new token asks the cache by a walk over its places (`attendToLast`); a longer piece goes
// through `blockedAttention`, which never makes a matrix of pieces by places.
//
// Read before: `BlockedAttention.swift`. Used by: `Layers/Mixers/MixerMemory.swift`. Slow twin:
// `Naive.attention`.

/// The keys and values that attention has seen of B texts.
public struct KeyValueCache: Sendable {
  /// The number of places of each text.
  public private(set) var counts: [Int]
  private var keys, values: Tensor

  /// A cache of B texts of which nothing has been read.
  public init(B: Int, H: Int, P: Int) {
    counts = Array(repeating: 0, count: B)
    keys = Tensor(uninitialised: [B, H, 0, P])
    values = keys
  }

  /// A cache from its contents, as `contents` gives them: [B, H, longest, P] each.
  public init(counts: [Int], keys: Tensor, values: Tensor) {
    keys.expecting(counts.count, nil, counts.max() ?? 0, nil, as: "the keys of a cache")
    values.shape.expecting(keys.shape.array, as: "the values of a cache")
    (self.counts, self.keys, self.values) = (counts, keys, values)
  }

  /// The number of texts.
  public var B: Int { counts.count }
  /// The number of places for which there is room.
  var room: Int { keys.shape[2] }
  private var H: Int { keys.shape[1] }
  private var P: Int { keys.shape[3] }

  /// The bytes of the keys and values that are kept, without room that is not used yet.
  public var bytes: Int { 2 * counts.reduce(0, +) * H * P * MemoryLayout<Scalar>.size }
}

// ## Reading on

extension KeyValueCache {
  /// Reads further tokens and lets them ask: each sees what its text had before, and the new ones up to itself.
  ///
  /// - Parameters:
  ///   - q: queries of the new tokens, [B, T, H, P], at least one
  ///   - k: their keys, [B, T, H, P]
  ///   - v: their values, [B, T, H, P]
  ///   - scale: what scores are multiplied by
  /// - Returns: [B, T, H, P]
  public mutating func attend(_ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Scalar) -> Tensor {
    let T = q.shape[1]
    for (tensor, name) in [(q, "queries"), (k, "keys"), (v, "values")] {
      tensor.expecting(B, T, H, P, as: "the \(name) for a cache")
    }
    precondition(T > 0, "a cache is asked by at least one token")
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
    let (B, T, H, P) = k.sizesOfHeads
    let needed = counts.max()! + T
    if needed > room { makeRoom(for: max(needed, 2 * room)) }
    let (room, counts) = (room, counts)
    func copy(_ new: Tensor, into cache: inout Tensor) {
      cache.withMutableElements { target in
        let source = new.base
        for b in 0..<B {
          for t in 0..<T {
            for h in 0..<H {
              (target + ((b * H + h) * room + counts[b] + t) * P).update(
                from: source + ((b * T + t) * H + h) * P, count: P)
            }
          }
        }
        withExtendedLifetime(new) {}
      }
    }
    copy(k, into: &keys)
    copy(v, into: &values)
    for b in 0..<B { self.counts[b] += T }
  }

  private mutating func makeRoom(for places: Int) {
    keys = keys.padded(into: [B, H, places, P], at: 0, along: 2)
    values = values.padded(into: [B, H, places, P], at: 0, along: 2)
  }

  /// The places of one row, [1, count, H, P].
  private func contents(_ cache: Tensor, _ row: Int) -> Tensor {
    cache.sliced(row..<(row + 1)).sliced(0..<counts[row], along: 2).permuted([0, 2, 1, 3])
  }

  /// One query for each row, [B, 1, H, P], over all places of its row.
  private func attendToLast(_ q: Tensor, scale: Scalar) -> Tensor {
    let (H, P, room, longest) = (H, P, room, counts.max()!)
    let result = Tensor(uninitialised: q.shape)
    let weights = Tensor(uninitialised: [B * H, longest])
    let (query, key, value) = (q.base, keys.base, values.base)
    let (target, working) = (result.fresh, weights.fresh)
    Parallel.each(B * H, workPerItem: longest * P) { index in
      let count = counts[index / H]
      let (mine, k, v) = (query + index * P, key + index * room * P, value + index * room * P)
      let (w, to) = (working + index * longest, target + index * P)
      for s in 0..<count { w[s] = scale * dot(mine, k + s * P, P) }
      let largest = maximum(UnsafePointer(w), count)
      for s in 0..<count { w[s] = exponential(w[s] - largest) }
      let factor = 1 / sum(UnsafePointer(w), count)
      for p in 0..<P { to[p] = 0 }
      // Four places at a time, so that the sums are loaded and stored once for four.
      let whole = count / 4 * 4
      for s in stride(from: 0, to: whole, by: 4) {
        let (w0, w1, w2, w3) = (w[s], w[s + 1], w[s + 2], w[s + 3])
        let (v0, v1, v2, v3) = (v + s * P, v + (s + 1) * P, v + (s + 2) * P, v + (s + 3) * P)
        for p in 0..<P { to[p] += (w0 * v0[p] + w1 * v1[p]) + (w2 * v2[p] + w3 * v3[p]) }
      }
      for s in whole..<count {
        for p in 0..<P { to[p] += w[s] * v[s * P + p] }
      }
      for p in 0..<P { to[p] *= factor }
    }
    withExtendedLifetime((q, self, weights)) {}
    return result
  }
}

// ## Rows of texts
//
// Texts that were read alone, since their lengths differ, are put together to be written on
// together; and one that has come to its end leaves the others.

extension KeyValueCache {
  /// Several caches as one; there is room for the longest text.
  public static func joined(_ caches: [KeyValueCache]) -> KeyValueCache {
    precondition(!caches.isEmpty, "there is no cache to join")
    let room = caches.map(\.room).max()!
    func together(_ part: (KeyValueCache) -> Tensor) -> Tensor {
      .concatenated(
        caches.map { cache in
          let tensor = part(cache)
          return tensor.padded(into: [cache.B, cache.H, room, cache.P], at: 0, along: 2)
        })
    }
    var result = caches[0]
    result.counts = caches.flatMap(\.counts)
    (result.keys, result.values) = (together(\.keys), together(\.values))
    return result
  }

  /// The cache of some of the texts.
  public func keeping(_ rows: [Int]) -> KeyValueCache {
    var result = self
    result.counts = rows.map { counts[$0] }
    (result.keys, result.values) = (keys.gathered(rows), values.gathered(rows))
    return result
  }

  /// Keys and values without room that is not used: [B, H, longest, P], zeros beyond a shorter text's end.
  public var contents: (keys: Tensor, values: Tensor) {
    let longest = counts.max() ?? 0
    func trimmed(_ tensor: Tensor) -> Tensor {
      var result = tensor.sliced(0..<longest, along: 2)
      result.withMutableElements { elements in
        for (b, count) in counts.enumerated() {
          for h in 0..<H {
            (elements + ((b * H + h) * longest + count) * P).update(repeating: 0, count: (longest - count) * P)
          }
        }
      }
      return result
    }
    return (trimmed(keys), trimmed(values))
  }
}

extension Tensor {
  /// Some rows of the first axis, in any order.
  public func gathered(_ rows: [Int]) -> Tensor { .concatenated(rows.map { sliced($0..<($0 + 1)) }) }
}
