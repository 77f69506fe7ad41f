// # Writing with a state
//
// What a Discrete-Mamba-2 mixer remembers of a text has the same size however long the text is: the last K − 1 inputs
// of the convolution, and a state of N × P numbers for each head.
//
// A single token is one step of the recurrence; a longer piece goes through the chunked algorithm, from the state
// that earlier pieces left.
//
// Read before: `MixerMemory.swift`, `DiscreteMamba2.swift`.

import Gradients
import Tensors

extension DiscreteMamba2 {
  /// What a state space mixer remembers of B texts.
  public struct Memory: MixerMemory {
    /// The last inputs of the convolution, [B, K − 1, D + 2 G N].
    public var past: Tensor
    /// The states of the heads, [B, H, N, P].
    public var state: Tensor

    /// A memory from its two tensors; their shapes are not checked.
    public init(past: Tensor, state: Tensor) { (self.past, self.state) = (past, state) }

    /// `past` and `state`.
    public var tensors: [String: Tensor] { ["past": past, "state": state] }
    /// A memory from `past` and `state`; stops the program if one is missing. `lengths` do not matter.
    public init(_ tensors: [String: Tensor], lengths: [Int]) {
      self.init(past: tensors["past"]!, state: tensors["state"]!)
    }

    /// The memories of several groups of texts as one, in their order.
    public static func joined(_ memories: [Memory]) -> Memory {
      Memory(past: .concatenated(memories.map(\.past)), state: .concatenated(memories.map(\.state)))
    }

    /// The memory of some of the texts, in the order of `rows`.
    public func keeping(_ rows: [Int]) -> Memory { Memory(past: past.gathered(rows), state: state.gathered(rows)) }
  }

  /// `past` [B, K − 1, D + 2 G N] and `state` [B, H, N, P], whatever the lengths.
  public func memoryShapes(lengths: [Int]) -> [String: Shape] {
    let B = lengths.count
    return ["past": [B, sizes.K - 1, sizes.channels], "state": [B, sizes.H, sizes.N, sizes.P]]
  }

  /// Reads T further tokens, u [B, T, D] → [B, T, D]: one by a step of the recurrence, more in chunks of Q.
  public func advance(_ u: Tensor, _ memory: inout Memory) -> Tensor {
    let projected = linear(u, weight: inProjection.value, bias: nil)
    let read = projected.sliced(0..<sizes.channels, along: 2)
    let convolved = causalConvolution(
      read, weight: convolutionWeight.value, bias: convolutionBias.value, past: memory.past)
    memory.past = convolutionPast(memory.past, then: read)

    func part(_ part: MambaPart, of x: Tensor) -> Tensor { x.sliced(part.rows(sizes), along: 2) }
    let x = part(.x, of: convolved).reshaped(to: [u.shape[0], u.shape[1], sizes.H, sizes.P])
    let (b, c) = (shared(part(.b, of: convolved)), shared(part(.c, of: convolved)))
    let logDecay = -softplus(part(.a, of: projected))
    let y = continuedStateSpace(
      x, logDecay: logDecay, b: b, c: c, d: skip.value, Q: sizes.Q, state: &memory.state)
    return output(y.reshaped(to: u.shape.array) * silu(part(.z, of: projected) + zBias.value))
  }
}
