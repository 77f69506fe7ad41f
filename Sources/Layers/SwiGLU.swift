// # SwiGLU
//
//     y  =  W_down ( silu(W_gate x) ⊙ W_up x )
//
// It acts on each token by itself, as an MLP does. The output of the up-projection is weighted, feature by feature,
// by a gate that reads the same input. In Llama none of the three maps has a bias.
//
// Read before: `MLP.swift`. Source: Shazeer, arXiv 2002.05202; LlamaMLP in transformers.

import Gradients
import Tensors

/// A gated feed-forward layer with SiLU, without biases.
public struct SwiGLU: Layer {
  /// The gate before SiLU, D → hidden.
  public let gate: Linear
  /// What is gated, D → hidden.
  public let up: Linear
  /// Back to the model's width, hidden → D.
  public let down: Linear

  /// Random weights.
  ///
  /// - Parameters:
  ///   - name: the prefix of its parameters' names, `name.gate_proj`, `name.up_proj` and `name.down_proj`
  ///   - hidden: the width between the layers
  public init(_ name: String, D: Int, hidden: Int, using random: inout some RandomNumberGenerator) {
    gate = Linear("\(name).gate_proj", inputs: D, outputs: hidden, hasBias: false, using: &random)
    up = Linear("\(name).up_proj", inputs: D, outputs: hidden, hasBias: false, using: &random)
    down = Linear("\(name).down_proj", inputs: hidden, outputs: D, hasBias: false, using: &random)
  }

  /// x [..., D] → [..., D]
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ x: A) -> A { down(silu(gate(x)) * up(x)) }

  /// Gate, up, down: the order of the checkpoint.
  public var parameters: [Parameter] { gate.parameters + up.parameters + down.parameters }
}
