// # Linear
//
//     y  =  W x + b
//
// over the innermost axis, for every position of the others.
//
// Read before: `Layer.swift`. Read next: `MLP.swift`, `Mixers/CausalAttention.swift`.

import Gradients
import Tensors

/// x Wᵀ + b over the innermost axis.
public struct Linear: Layer {
  /// [out, in]
  public let weight: Parameter
  /// [out]
  public let bias: Parameter?

  /// A layer with random weights, uniform in ±1/√in, and a bias of zeros if it has one.
  ///
  /// - Parameter name: the prefix of its parameters' names, `name.weight` and `name.bias`
  public init(
    _ name: String, inputs: Int, outputs: Int, hasBias: Bool = true, using random: inout some RandomNumberGenerator
  ) {
    let bound = 1 / Double(max(1, inputs)).squareRoot()
    weight = Parameter("\(name).weight", .uniform([outputs, inputs], in: -bound..<bound, using: &random))
    bias = hasBias ? Parameter("\(name).bias", .zeros([outputs])) : nil
  }

  /// A layer that shares its weight [out, in] with another one, with a bias of zeros if it has one.
  ///
  /// - Parameter name: the prefix of its bias's name, `name.bias`
  public init(_ name: String, sharing weight: Parameter, hasBias: Bool = false) {
    self.weight = weight
    bias = hasBias ? Parameter("\(name).bias", .zeros([weight.value.shape[0]])) : nil
  }

  /// x [..., in] → [..., out]
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ x: A) -> A { linear(x, weight: A(weight), bias: bias.map { A($0) }) }

  /// The weight, then the bias if there is one.
  public var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }
}
