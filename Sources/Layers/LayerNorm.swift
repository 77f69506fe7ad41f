// # Layer normalisation
//
// The D numbers of a position, shifted to mean 0 and scaled to deviation 1, then scaled and shifted
// by learned numbers. The formula and its pullback are beside the kernel.
//
// Read before: `Layer.swift`, `Tensors/Loops/Normalization.swift`.

import Gradients
import Tensors

/// Layer normalisation with a learned scale and shift.
public struct LayerNorm: Layer {
  /// What is added to the variance, as in Phi.
  public static let epsilon: Scalar = 1e-5

  /// [D]
  public let weight: Parameter
  /// [D]
  public let bias: Parameter

  /// A norm with scale 1 and shift 0.
  ///
  /// - Parameter name: the prefix of its parameters' names, `name.weight` and `name.bias`
  public init(_ name: String, D: Int) {
    weight = Parameter("\(name).weight", .ones([D]))
    bias = Parameter("\(name).bias", .zeros([D]))
  }

  /// x [..., D] → [..., D]
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ x: A) -> A {
    layerNorm(x, weight: A(weight), bias: A(bias), epsilon: LayerNorm.epsilon)
  }

  /// Scale, then shift.
  public var parameters: [Parameter] { [weight, bias] }
}
