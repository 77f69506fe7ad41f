// # RMS normalisation
//
// The D numbers of a position, divided by their root mean square and scaled by learned numbers: a
// layer norm without mean and without shift. The formula and its pullback are beside the kernel.
//
// Published models differ in what is added to the mean square, so it belongs to the layer.
//
// Read before: `LayerNorm.swift`, `Tensors/Loops/RootMeanSquareNorm.swift`.

import Gradients
import Tensors

/// Root-mean-square normalisation with a learned scale.
public struct RMSNorm: Layer {
  /// What is added to the mean square.
  public let epsilon: Scalar

  /// [D]
  public let weight: Parameter

  /// A norm with scale 1.
  ///
  /// - Parameter name: the prefix of its parameter's name, `name.weight`
  public init(_ name: String, D: Int, epsilon: Scalar) {
    self.epsilon = epsilon
    weight = Parameter("\(name).weight", .ones([D]))
  }

  /// x [..., D] → [..., D]
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ x: A) -> A { rmsNorm(x, weight: A(weight), epsilon: epsilon) }

  /// The scale.
  public var parameters: [Parameter] { [weight] }
}
