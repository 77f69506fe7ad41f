// # Writing with a cache and a state
//
// The kept heads add keys and values for each token, the recurrent heads replace their state. A cache expects its
// groups to serve equally many heads. Where the kept heads share unevenly, a group that serves fewer gets one of its
// queries again, as often as needed, and the answers to those are dropped.
//
// Read before: `CausalAttention+Memory.swift`, `DiscreteMamba2+Memory.swift`, `HeadHybrid+Heads.swift`.

import Gradients
import Tensors

extension HeadHybrid {
  /// What a mixer with heads of two kinds remembers of B texts.
  public struct Memory: MixerMemory {
    /// Keys and values of the groups that a kept head reads; nil if no head is kept.
    public var cache: KeyValueCache?
    /// The last inputs of the recurrent heads' convolution, [B, K − 1, channels]; nil if it has one tap or all heads
    /// are kept.
    public var past: Tensor?
    /// The states of the recurrent heads, [B, heads, N, P]; nil if all heads are kept.
    public var state: Tensor?

    /// A memory from its parts; their shapes are not checked.
    public init(cache: KeyValueCache?, past: Tensor?, state: Tensor?) {
      (self.cache, self.past, self.state) = (cache, past, state)
    }

    private var ofRecurrent: [String: Tensor] { ["past": past, "state": state].compactMapValues { $0 } }

    /// `keys` and `values`, `past`, and `state`, as far as there are any.
    public var tensors: [String: Tensor] { (cache?.tensors ?? [:]).merging(ofRecurrent) { $1 } }

    /// The bytes of all keys and values that are kept, not counting unused room, and of past and state.
    public var bytes: Int {
      (cache?.bytes ?? 0) + ofRecurrent.values.reduce(0) { $0 + $1.count } * MemoryLayout<Scalar>.size
    }

    /// A memory from its tensors; stops the program if there are keys and no values.
    public init(_ tensors: [String: Tensor], lengths: [Int]) {
      self.init(
        cache: tensors["keys"].map { _ in KeyValueCache(tensors, lengths: lengths) }, past: tensors["past"],
        state: tensors["state"])
    }

    /// The memories of several groups of texts as one, in their order.
    public static func joined(_ memories: [Memory]) -> Memory {
      func all(_ part: (Memory) -> Tensor?) -> Tensor? {
        let parts = memories.compactMap(part)
        return parts.isEmpty ? nil : .concatenated(parts)
      }
      let caches = memories.compactMap(\.cache)
      return Memory(
        cache: caches.isEmpty ? nil : .joined(caches), past: all { $0.past }, state: all { $0.state })
    }

    /// The memory of some of the texts, in the order of `rows`.
    public func keeping(_ rows: [Int]) -> Memory {
      Memory(cache: cache?.keeping(rows), past: past?.gathered(rows), state: state?.gathered(rows))
    }
  }

  /// `keys` and `values` [B, groups, longest text, P] if a head is kept; `past` [B, K − 1, channels], unless K is 1,
  /// and `state` [B, heads, N, P] if a head is recurrent.
  public func memoryShapes(lengths: [Int]) -> [String: Shape] {
    let B = lengths.count
    var shapes: [String: Shape] = [:]
    if kept != nil {
      shapes["keys"] = [B, sizes.groups.count, lengths.max() ?? 0, sizes.P]
      shapes["values"] = shapes["keys"]
    }
    if let own = recurrent?.sizes {
      if own.K > 1 { shapes["past"] = [B, own.K - 1, own.channels] }
      shapes["state"] = [B, own.H, own.N, own.P]
    }
    return shapes
  }

  /// Reads T further tokens, u [B, T, D] → [B, T, D]: the cache grows by T keys and values per text, the state keeps
  /// its size.
  ///
  /// Each text goes on at its own position, so the texts can have different lengths.
  public func advance(_ u: Tensor, _ memory: inout Memory) -> Tensor {
    output(
      mixed: kept.map { $0.advance(u, &memory.cache!) },
      recurrent.map { $0.advance(u, &memory.past, &memory.state!) })
  }
}

extension HeadHybrid.KeptHeads {
  /// Reads T further tokens: u [B, T, D] → [B, T, kept, P].
  func advance(_ u: Tensor, _ cache: inout KeyValueCache) -> Tensor {
    let (B, T, P) = (u.shape[0], u.shape[1], sizes.P)
    let positions = cache.counts.flatMap { $0..<($0 + T) }
    let table = RotaryTable(
      positions: positions, width: sizes.attention.rotaryWidth, base: sizes.attention.rotaryBase)
    func turned(_ x: Tensor) -> Tensor {
      let heads = x.shape[2] / P
      return rotary(x.reshaped(to: [1, B * T, heads, P]), table).reshaped(to: [B, T, heads, P])
    }
    let (asked, answers) = evenly
    let mixed = cache.attend(
      turned(queries(u)).picking(asked, along: 2), turned(keys(u)), heads(values(u)), scale: scoreFactor)
    return mixed.picking(answers, along: 2)
  }

  /// Places of kept heads, group after group, as many for each group; and where the answer of each kept head is.
  private var evenly: (asked: [Int], answers: [Int]) {
    let served = sizes.groups.indices.map { group in groupPlaces.indices.filter { groupPlaces[$0] == group } }
    let most = served.map(\.count).max()!
    let asked = served.flatMap { $0 + Array(repeating: $0[0], count: most - $0.count) }
    return (asked, groupPlaces.indices.map { asked.firstIndex(of: $0)! })
  }
}

extension HeadHybrid.RecurrentHeads {
  /// Reads T further tokens: u [B, T, D] → [B, T, heads, P]; one by a step of the recurrence, more in chunks of Q.
  func advance(_ u: Tensor, _ past: inout Tensor?, _ state: inout Tensor) -> Tensor {
    let projected = linear(u, weight: inProjection.value, bias: nil)
    let read = projected.sliced(0..<sizes.channels, along: 2)
    let convolved = causalConvolution(
      read, weight: convolutionWeight.value, bias: convolutionBias.value, past: past)
    past = past.map { convolutionPast($0, then: read) }

    func part(_ part: MambaPart, of x: Tensor) -> Tensor { x.sliced(part.rows(sizes), along: 2) }
    func ofHeads(_ name: MambaPart) -> Tensor { heads(part(name, of: convolved)) }
    let y = continuedStateSpace(
      ofHeads(.x), logDecay: -softplus(part(.a, of: projected)), b: ofHeads(.b), c: ofHeads(.c), d: skip.value,
      Q: sizes.Q, state: &state)
    return y * heads(silu(part(.z, of: projected) + zBias.value))
  }
}
