// # Embedding
//
// A row of D numbers for each token of the vocabulary. It is not a `Layer`: it reads token numbers,
// into which no gradient flows.
//
// Read before: `Gradients/Positions.swift`, which has its rule.

import Gradients
import Tensors

/// A row of D numbers for each token of the vocabulary.
public struct Embedding {
  /// [V, D]
  public let weight: Parameter

  /// A table of random rows with deviation 1.
  ///
  /// - Parameter name: the prefix of its parameter's name, `name.weight`
  public init(_ name: String, V: Int, D: Int, using random: inout some RandomNumberGenerator) {
    weight = Parameter("\(name).weight", .normal([V, D], using: &random))
  }

  /// B rows of T tokens → [B, T, D], as a tensor or as a variable, whichever the caller asks for.
  public func callAsFunction<A: Activation>(_ tokens: Tokens) -> A { embedding(tokens, table: A(weight)) }

  /// The table.
  public var parameters: [Parameter] { [weight] }
}
