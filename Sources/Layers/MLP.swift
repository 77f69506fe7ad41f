// # MLP
//
//     y  =  W₂ gelu(W₁ x + b₁) + b₂
//
// It acts on each token by itself: what a block does besides mixing. In Phi the width between the layers is 4 D.
//
// Read before: `Linear.swift`.

import Gradients
import Tensors

/// Two linear layers with GELU between them.
public struct MLP: Layer {
  /// The layer before GELU, D → hidden.
  public let fc1: Linear
  /// The layer after GELU, hidden → D.
  public let fc2: Linear

  /// Random weights, biases of zeros.
  ///
  /// - Parameters:
  ///   - name: the prefix of its parameters' names, `name.fc1` and `name.fc2`
  ///   - hidden: the width between the layers
  public init(_ name: String, D: Int, hidden: Int, using random: inout some RandomNumberGenerator) {
    fc1 = Linear("\(name).fc1", inputs: D, outputs: hidden, using: &random)
    fc2 = Linear("\(name).fc2", inputs: hidden, outputs: D, using: &random)
  }

  /// x [..., D] → [..., D]
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ x: A) -> A { fc2(gelu(fc1(x))) }

  /// Those of `fc1`, then those of `fc2`.
  public var parameters: [Parameter] { fc1.parameters + fc2.parameters }
}
