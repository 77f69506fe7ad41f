// # Linear, embedding, layer norm, MLP
//
// The parts that attention and state space models share. A layer is a struct that holds its
// parameters and is called as a function; its parameters are listed by hand, in the order of the
// checkpoint. Called with tensors in place of variables a layer computes the same and leaves no tape:
// what reading and writing a text needs.
//
// Read before: `Gradients/Parameter.swift`. Read next: `CausalAttention.swift`.

import Gradients
import Tensors

/// x Wᵀ + b over the innermost axis.
public struct Linear {
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

  /// x [..., in] → [..., out]
  public func callAsFunction(_ x: Variable) -> Variable {
    linear(x, weight: weight.variable, bias: bias?.variable)
  }

  /// x [..., in] → [..., out], without a tape
  public func callAsFunction(_ x: Tensor) -> Tensor { linear(x, weight: weight.value, bias: bias?.value) }

  public var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }
}

/// A row of D numbers for each token of the vocabulary.
public struct Embedding {
  /// [V, D]
  public let weight: Parameter

  /// A table of random rows with deviation 1.
  public init(_ name: String, V: Int, D: Int, using random: inout some RandomNumberGenerator) {
    weight = Parameter("\(name).weight", .normal([V, D], using: &random))
  }

  /// B rows of T tokens → [B, T, D]
  public func callAsFunction(_ tokens: Tokens) -> Variable { embedding(tokens, table: weight.variable) }

  /// B rows of T tokens → [B, T, D], without a tape
  public func values(_ tokens: Tokens) -> Tensor { gatherRows(weight.value, tokens) }

  public var parameters: [Parameter] { [weight] }
}

/// Layer normalisation with a learned scale and shift.
public struct LayerNorm {
  /// What is added to the variance, as in Phi.
  public static let epsilon: Scalar = 1e-5

  /// [D]
  public let weight: Parameter
  /// [D]
  public let bias: Parameter

  public init(_ name: String, D: Int) {
    weight = Parameter("\(name).weight", .ones([D]))
    bias = Parameter("\(name).bias", .zeros([D]))
  }

  /// x [..., D] → [..., D]
  public func callAsFunction(_ x: Variable) -> Variable {
    layerNorm(x, weight: weight.variable, bias: bias.variable, epsilon: LayerNorm.epsilon)
  }

  /// x [..., D] → [..., D], without a tape
  public func callAsFunction(_ x: Tensor) -> Tensor {
    layerNorm(x, weight: weight.value, bias: bias.value, epsilon: LayerNorm.epsilon).output
  }

  public var parameters: [Parameter] { [weight, bias] }
}

/// Two linear layers with GELU between them.
public struct MLP {
  public let fc1: Linear
  public let fc2: Linear

  /// - Parameter hidden: the width between the layers, 4 D in Phi
  public init(_ name: String, D: Int, hidden: Int, using random: inout some RandomNumberGenerator) {
    fc1 = Linear("\(name).fc1", inputs: D, outputs: hidden, using: &random)
    fc2 = Linear("\(name).fc2", inputs: hidden, outputs: D, using: &random)
  }

  /// x [B, T, D] → [B, T, D]
  public func callAsFunction(_ x: Variable) -> Variable { fc2(gelu(fc1(x))) }

  /// x [B, T, D] → [B, T, D], without a tape
  public func callAsFunction(_ x: Tensor) -> Tensor { fc2(gelu(fc1(x))) }

  public var parameters: [Parameter] { fc1.parameters + fc2.parameters }
}
