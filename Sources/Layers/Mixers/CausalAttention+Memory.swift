// # Writing with a cache
//
// The memory is a cache of keys, already rotated by their positions, and of values. Texts can be at different
// positions, so the table of angles has a row for each token of each text.
//
// Read before: `CausalAttention.swift`, `MixerMemory.swift`, `Tensors/Attention/KeyValueCache.swift`.

import Gradients
import Tensors

extension KeyValueCache: MixerMemory {
  /// `keys` and `values`, [B, G, S, P], S the longest text; zeros beyond the end of a shorter one.
  public var tensors: [String: Tensor] {
    let (keys, values) = contents
    return ["keys": keys, "values": values]
  }

  /// A cache from `keys` and `values`; stops the program if one is missing.
  public init(_ tensors: [String: Tensor], lengths: [Int]) {
    self.init(counts: lengths, keys: tensors["keys"]!, values: tensors["values"]!)
  }
}

extension CausalAttention {
  /// A cache of no tokens for B texts.
  public func emptyMemory(B: Int) -> KeyValueCache { KeyValueCache(B: B, G: sizes.G, P: sizes.P) }

  /// `keys` and `values`, both [B, G, longest text, P].
  public func memoryShapes(lengths: [Int]) -> [String: Shape] {
    let shape: Shape = [lengths.count, sizes.G, lengths.max() ?? 0, sizes.P]
    return ["keys": shape, "values": shape]
  }

  /// Reads T further tokens, u [B, T, D] → [B, T, D]; the cache grows by T keys and values per text.
  ///
  /// Each text goes on at its own position, so the texts can have different lengths.
  public func advance(_ u: Tensor, _ memory: inout KeyValueCache) -> Tensor {
    let (B, T) = (u.shape[0], u.shape[1])
    let positions = memory.counts.flatMap { $0..<($0 + T) }
    let table = RotaryTable(positions: positions, width: rotaryWidth, base: sizes.rotaryBase)
    func turned(_ x: Tensor) -> Tensor {
      let heads = x.shape[2]
      return rotary(x.reshaped(to: [1, B * T, heads, sizes.P]), table).reshaped(to: [B, T, heads, sizes.P])
    }
    let mixed = memory.attend(
      turned(heads(queries(u))), turned(heads(keys(u))), heads(values(u)), scale: scoreFactor)
    return output(mixed.reshaped(to: u.shape.array))
  }
}
