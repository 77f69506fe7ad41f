// # Causal attention
//
//     q, k, v  =  W u + b for each, cut into H heads of P features      rotary positions on the first R features of q and k
//     M        =  softmax( q kᵀ / √P )                                   over the past and the present
//     output   =  W_o (M v) + b_o                                        heads side by side
//
// Read before: `MatrixMixer.swift`, `Tensors/Loops/Softmax.swift`. Source: Phi in Hugging Face
// transformers; Vaswani et al., arXiv 1706.03762.

import Gradients
import Tensors

/// Softmax attention over the past, with rotary positions: the teacher's mixer.
public struct CausalAttention: MatrixMixer {
  public let queries: Linear
  public let keys: Linear
  public let values: Linear
  public let output: Linear
  /// The number of heads.
  public let H: Int
  /// The number of features of a head that carry its position.
  public let rotaryWidth: Int
  /// The base of the rotary angles.
  public let rotaryBase: Double

  /// - Parameters:
  ///   - name: the prefix of its parameters' names: q_proj, k_proj, v_proj, dense
  ///   - D: the model's width, a multiple of H
  ///   - rotaryFraction: the part of a head that carries its position: 0.5 in Phi, 1 for all of it
  public init(
    _ name: String, D: Int, H: Int, rotaryFraction: Double = 0.5, rotaryBase: Double = 10_000,
    using random: inout some RandomNumberGenerator
  ) {
    precondition(D.isMultiple(of: H), "\(name): a width of \(D) cannot be cut into \(H) heads")
    self.H = H
    rotaryWidth = Int(Double(D / H) * rotaryFraction / 2) * 2
    self.rotaryBase = rotaryBase
    queries = Linear("\(name).q_proj", inputs: D, outputs: D, using: &random)
    keys = Linear("\(name).k_proj", inputs: D, outputs: D, using: &random)
    values = Linear("\(name).v_proj", inputs: D, outputs: D, using: &random)
    output = Linear("\(name).dense", inputs: D, outputs: D, using: &random)
  }

  /// u [B, T, D] → [B, T, D]
  public func callAsFunction(_ u: Variable) -> Variable { outputAndMatrix(u).output }

  /// The attention matrix after the softmax: u [B, T, D] → [B, H, T, T], rows that sum to 1.
  public func matrix(_ u: Variable) -> Variable {
    let (T, P) = (u.shape[1], queries.weight.value.shape[0] / H)
    let table = RotaryTable.forText(T: T, width: rotaryWidth, base: rotaryBase)
    let scores = headScores(rotary(heads(queries(u)), table), rotary(heads(keys(u)), table))
    return softmax(scores, scale: 1 / Scalar(P).squareRoot(), causal: true)
  }

  public func outputAndMatrix(_ u: Variable) -> (output: Variable, matrix: Variable) {
    let matrix = matrix(u)
    let mixed = headMix(matrix, heads(values(u)))
    return (output(mixed.reshaped(to: u.shape.array)), matrix)
  }

  /// [B, T, D] → [B, T, H, P]
  private func heads(_ x: Variable) -> Variable { x.reshaped(to: [x.shape[0], x.shape[1], H, x.shape[2] / H]) }

  public var parameters: [Parameter] {
    queries.parameters + keys.parameters + values.parameters + output.parameters
  }
}
