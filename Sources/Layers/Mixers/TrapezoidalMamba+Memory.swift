// # Writing with a state that waits
//
// The state before a token holds all earlier ones, complete (`TrapezoidalMamba.swift`); the last of them waits for
// the λ of the next. So a memory has, beside the state and the past of the convolution, x, B, log α and λ of one
// token.
//
// A single token is one step of the recurrence; a longer piece goes through the chunked algorithm.
//
// Read before: `MixerMemory.swift`, `MixerForms.swift`, `TrapezoidalMamba.swift`.

import Gradients
import Tensors

extension TrapezoidalMamba {
  /// What a trapezoidal mixer remembers of B texts.
  public struct Memory: MixerMemory {
    /// The last inputs of the convolution, [B, K − 1, D + 2 H N].
    public var past: Tensor
    /// The states before the last token, [B, H, N, P].
    public var state: Tensor
    /// x, B, log α and λ of the last token: [B, 1, H, P], [B, 1, H, N], [B, 1, H] and [B, 1, H].
    public var x, b, logDecay, lambda: Tensor

    /// All of these.
    public var tensors: [String: Tensor] {
      ["past": past, "state": state, "x": x, "b": b, "log_decay": logDecay, "lambda": lambda]
    }

    /// A memory from its tensors; stops the program if one is missing. `lengths` do not matter.
    public init(_ tensors: [String: Tensor], lengths: [Int]) {
      (past, state, x, b) = (tensors["past"]!, tensors["state"]!, tensors["x"]!, tensors["b"]!)
      (logDecay, lambda) = (tensors["log_decay"]!, tensors["lambda"]!)
    }

    /// The memories of several groups of texts as one, in their order.
    public static func joined(_ memories: [Memory]) -> Memory {
      var all = memories[0].tensors
      for name in all.keys { all[name] = .concatenated(memories.map { $0.tensors[name]! }) }
      return Memory(all, lengths: [])
    }

    /// The memory of some of the texts, in the order of `rows`.
    public func keeping(_ rows: [Int]) -> Memory { Memory(tensors.mapValues { $0.gathered(rows) }, lengths: []) }
  }

  /// `past` [B, K − 1, D + 2 H N], `state` [B, H, N, P], and of one token `x` [B, 1, H, P], `b` [B, 1, H, N],
  /// `log_decay` and `lambda` [B, 1, H].
  public func memoryShapes(lengths: [Int]) -> [String: Shape] {
    let (B, H, N, P) = (lengths.count, sizes.H, sizes.N, sizes.P)
    return [
      "past": [B, sizes.K - 1, sizes.channels], "state": [B, H, N, P], "x": [B, 1, H, P], "b": [B, 1, H, N],
      "log_decay": [B, 1, H], "lambda": [B, 1, H],
    ]
  }

  /// Reads T further tokens, u [B, T, D] → [B, T, D]: one by a step of the recurrence, more in chunks of Q.
  public func advance(_ u: Tensor, _ memory: inout Memory) -> Tensor {
    let T = u.shape[1]
    let piece = frame.read(u, past: &memory.past)
    let (x, b, c) = (piece.x, piece.b, piece.c)
    let (log, lambda, none) = (-softplus(piece.scalars[0]), sigmoid(piece.scalars[1]), Tensor.zeros([sizes.H]))
    let late = waiting(log, lambda, b, after: (memory.logDecay, memory.lambda, memory.b))
    let lateX = delayed(x, after: memory.x)
    let before = continuedStateSpace(
      lateX, logDecay: late.log, b: late.b, c: faded(c, log), d: none, Q: sizes.Q, state: &memory.state)
    func last(_ sequence: Tensor) -> Tensor { sequence.sliced((T - 1)..<T, along: 1) }
    (memory.x, memory.b, memory.logDecay, memory.lambda) = (last(x), last(b), last(log), last(lambda))
    return frame.output(before + own(x, lambda, b, c) + frame.skipped(x), of: piece)
  }
}
