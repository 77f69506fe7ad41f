// # The table of operations
//
// A row is an operation at certain shapes, in a certain domain, with certain options. It knows how to compute its
// value from variables and, where the library has a slow twin, from tensors. What is tested is in
// `OperationTests.swift`: everything there is done with every row, so to add an operation is to add a row.
//
// Read next: `Rows+Elementwise.swift`, then the other rows.

import Gradients
import Tensors
import TestSupport
import Testing

/// An operation at certain shapes.
struct OperationCase: Sendable {
  /// An argument: its shape and where its entries lie.
  struct Argument: Sendable {
    let shape: Shape
    var domain = Domain.any
    /// For what no domain describes.
    var make: (@Sendable (inout SeededGenerator) -> Tensor)?
  }

  let name: String
  let arguments: [Argument]
  let function: @Sendable ([Variable]) -> Variable
  let twin: (@Sendable ([Tensor]) -> Tensor)?

  init(
    _ name: String, _ arguments: [Argument], twin: (@Sendable ([Tensor]) -> Tensor)? = nil,
    _ function: @escaping @Sendable ([Variable]) -> Variable
  ) {
    self.name = "\(name) \(arguments.map(\.shape.description).joined(separator: " "))"
    (self.arguments, self.twin, self.function) = (arguments, twin, function)
  }

  /// The generator that belongs to this row.
  func generator(_ purpose: String) -> SeededGenerator { SeededGenerator(for: "\(name), \(purpose)") }

  /// Random arguments, the same at each call.
  var inputs: [Tensor] {
    var random = generator("inputs")
    return arguments.map { $0.make?(&random) ?? .random($0.shape, $0.domain, using: &random) }
  }

  /// The value and the cotangents of all inputs, some of which may be constants.
  func pull(
    _ cotangent: (Shape) -> Tensor, at inputs: [Tensor], constants: Set<Int> = []
  ) -> (value: Tensor, cotangents: [Tensor]) {
    let variables = inputs.enumerated().map {
      constants.contains($0) ? Variable(constant: $1) : Variable(leaf: $1)
    }
    let output = function(variables)
    let results = cotangents(of: output, seed: cotangent(output.shape), withRespectTo: variables)
    return (output.value, results)
  }
}

/// The rows of one primitive.
struct Operation: Sendable, CustomTestStringConvertible {
  let name: String
  let rows: [OperationCase]
  var testDescription: String { "\(name): \(rows.count) rows" }

  init(_ primitive: Primitive, _ rows: [OperationCase]) {
    (name, self.rows) = (primitive.name, rows)
  }

  static let all = elementwise + rearranging + products + normalizing + positions + losses + stateSpaces + deltaRules
}

// ## Writing rows

/// An argument with entries in a domain.
func any(_ sizes: Int...) -> OperationCase.Argument { .init(shape: Shape(sizes)) }

func argument(_ shape: Shape, _ domain: Domain = .any) -> OperationCase.Argument {
  .init(shape: shape, domain: domain)
}

/// Token numbers that depend on a name alone.
func randomTokens(_ B: Int, _ T: Int, below V: Int, for name: String) -> Tokens {
  var random = SeededGenerator(for: name)
  return Tokens((0..<(B * T)).map { _ in Int.random(in: 0..<V, using: &random) }, B: B, T: T)
}

extension Tensor {
  /// f of each element.
  func each(_ f: (Scalar) -> Scalar) -> Tensor { Tensor(elements.map(f), shape: shape) }

  /// The element at a position that is an array.
  func at(_ position: [Int]) -> Scalar {
    var offset = 0
    for axis in 0..<rank { offset = offset * shape[axis] + position[axis] }
    return withElements { $0[offset] }
  }
}
