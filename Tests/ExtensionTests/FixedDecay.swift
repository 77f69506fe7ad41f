// # A mixer of one's own
//
// A head that forgets at a fixed pace of its own, as in RetNet: the matrix is
//
//     M[t, s]  =  (c[t] · b[s]) γ^(t − s)          γ = 1 − 2^(−5 − h) for head h
//
// It is here as the example of CONTRIBUTING.md: all that the library asks of a mixer, in one file outside Sources.
// `MixerOfOnesOwnTests.swift` takes it through gradients, stages, writing and files.
//
// Source: Sun et al., "Retentive Network", arXiv 2307.08621.

import Foundation
import Gradients
import Layers
import Tensors

/// The sizes of a mixer of fixed decay.
struct FixedDecaySizes: MixerSizes {
  static let kind = "fixed decay"
  var D, H, N: Int

  func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer {
    FixedDecay(name, sizes: self, using: &random)
  }

  var problem: String? { problem(among: [("state size", N)]) }

  private enum Word: String, CodingKey { case heads, state }
  func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    try words.encode(H, forKey: .heads)
    try words.encode(N, forKey: .state)
  }
  init(D: Int, H: Int, N: Int) { (self.D, self.H, self.N) = (D, H, N) }
  init(from decoder: any Decoder, D: Int) throws {
    let words = try decoder.container(keyedBy: Word.self)
    self.init(
      D: D, H: try words.decode(Int.self, forKey: .heads), N: try words.decode(Int.self, forKey: .state))
  }
}

/// A linear attention whose heads forget at a fixed pace.
struct FixedDecay: MatrixMixer {
  let sizes: FixedDecaySizes
  let x, b, c, output: Linear

  init(_ name: String, sizes: FixedDecaySizes, using random: inout some RandomNumberGenerator) {
    self.sizes = sizes
    let (D, states) = (sizes.D, sizes.H * sizes.N)
    x = Linear("\(name).x", inputs: D, outputs: D, hasBias: false, using: &random)
    b = Linear("\(name).b", inputs: D, outputs: states, hasBias: false, using: &random)
    c = Linear("\(name).c", inputs: D, outputs: states, hasBias: false, using: &random)
    output = Linear("\(name).output", inputs: D, outputs: D, hasBias: false, using: &random)
  }

  // Output and matrix
  func callAsFunction<A: Activation>(_ u: A) -> A {
    let y = ssdSequence(
      heads(x(u)), logDecay: A(constant: logDecay(u.shape)), b: heads(b(u)), c: heads(c(u)),
      d: A(constant: .zeros([sizes.H])), Q: 4)
    return output(y.reshaped(to: u.shape.array))
  }

  func matrix<A: Activation>(_ u: A) -> A {
    ssdMatrix(
      logDecay: A(constant: logDecay(u.shape)), b: heads(b(u)), c: heads(c(u)), d: A(constant: .zeros([sizes.H])))
  }

  /// [B, T, H · width] → [B, T, H, width]
  private func heads<A: Activation>(_ x: A) -> A {
    x.reshaped(to: [x.shape[0], x.shape[1], sizes.H, x.shape[2] / sizes.H])
  }

  /// log γ of each head: [B, T, H] for u [B, T, D].
  private func logDecay(_ u: Shape) -> Tensor {
    let logs = (0..<sizes.H).map { head in Scalar(Foundation.log(1 - 1 / Double(32 << head))) }
    return Tensor(logs).broadcast(to: [u[0], u[1], sizes.H])
  }

  // Parameters, and those of the matrix
  var parameters: [Parameter] { x.parameters + b.parameters + c.parameters + output.parameters }
  var matrixRows: [ParameterRows] { (b.parameters + c.parameters).map { ParameterRows($0) } }

  // Writing
  struct Memory: MixerMemory {
    var state: Tensor
    var tensors: [String: Tensor] { ["state": state] }
    init(state: Tensor) { self.state = state }
    init(_ tensors: [String: Tensor], lengths: [Int]) { state = tensors["state"]! }
    static func joined(_ memories: [Memory]) -> Memory { Memory(state: .concatenated(memories.map(\.state))) }
    func keeping(_ rows: [Int]) -> Memory { Memory(state: state.gathered(rows)) }
  }

  func memoryShapes(lengths: [Int]) -> [String: Shape] {
    ["state": [lengths.count, sizes.H, sizes.N, sizes.D / sizes.H]]
  }

  func emptyMemory(B: Int) -> Memory { Memory(state: .zeros([B, sizes.H, sizes.N, sizes.D / sizes.H])) }

  func advance(_ u: Tensor, _ memory: inout Memory) -> Tensor {
    let value = ssdSequence(
      heads(x(u)), logDecay: logDecay(u.shape), b: heads(b(u)), c: heads(c(u)), d: .zeros([sizes.H]), Q: 4,
      initialState: memory.state)
    memory.state = value.finalState
    return output(value.output.reshaped(to: u.shape.array))
  }
}
