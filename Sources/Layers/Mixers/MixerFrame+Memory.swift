// # Writing with a frame
//
// A framed mixer remembers what its matrix needs of the past, in a tensor `state` that each kind fills in its own way;
// the last K − 1 inputs of the short convolution, if there is one; and how many tokens it has read, for mixers that
// turn B and C by their positions. The counts are no tensor: whoever keeps a memory in a file knows the lengths.
//
// Read before: `MixerFrame.swift`, `MixerMemory.swift`.

import Gradients
import Tensors

/// What a framed mixer remembers of B texts.
public struct FramedMemory: MixerMemory {
  /// The last inputs of the short convolution, [B, K − 1, channels]; nil if the frame has none.
  public var past: Tensor?
  /// What the matrix needs of the past; its first axis is B.
  public var state: Tensor
  /// How many tokens of each text have been read.
  public var counts: [Int]

  /// `state`, and `past` if there is one.
  public var tensors: [String: Tensor] { past.map { ["past": $0, "state": state] } ?? ["state": state] }

  /// A memory from `state` and perhaps `past`; stops the program if the first is missing.
  public init(_ tensors: [String: Tensor], lengths: [Int]) {
    (past, state, counts) = (tensors["past"], tensors["state"]!, lengths)
  }

  /// The memories of several groups of texts as one, in their order.
  public static func joined(_ memories: [FramedMemory]) -> FramedMemory {
    let names = memories[0].tensors.keys
    return FramedMemory(
      Dictionary(
        uniqueKeysWithValues: names.map { name in (name, .concatenated(memories.map { $0.tensors[name]! })) }),
      lengths: memories.flatMap(\.counts))
  }

  /// The memory of some of the texts, in the order of `rows`.
  public func keeping(_ rows: [Int]) -> FramedMemory {
    FramedMemory(tensors.mapValues { $0.gathered(rows) }, lengths: rows.map { counts[$0] })
  }
}

extension FramedMaps {
  /// The shape of `past` for B texts, by its name, if there is a convolution.
  func pastShape(B: Int) -> [String: Shape] {
    frame.K > 0 ? ["past": [B, frame.K - 1, H * (P + 2 * N)]] : [:]
  }

  /// x, and B and C if there are any, of T further tokens: u [B, T, D] → [B, T, H, P or N] each. Advances the past of
  /// the convolution and the counts, and leaves the state as it is.
  func read(_ u: Tensor, _ memory: inout FramedMemory) -> [Part: Tensor] {
    let (B, T) = (u.shape[0], u.shape[1])
    let parts = Part.allCases.compactMap { part in map(part).map.map { (part, $0(u)) } }
    memory.counts = memory.counts.map { $0 + T }
    var all = Tensor.concatenated(parts.map(\.1), along: 2)
    if let weight = convolutionWeight?.value, let bias = convolutionBias?.value, let past = memory.past {
      memory.past = convolutionPast(past, then: all)
      all = causalConvolution(all, weight: weight, bias: bias, past: past)
    }
    return Dictionary(
      uniqueKeysWithValues: parts.map { part, _ in
        let channels = map(part).channels
        return (part, all.sliced(channels, along: 2).reshaped(to: [B, T, H, channels.count / H]))
      })
  }
}
