// # Rows: arithmetic and functions of one variable
//
// Arithmetic at every pair of scalar, vector, row, column, matrix and beyond; functions where they
// are smooth, and far out where they are flat.
//
// Read before: `OperationCase.swift`.

import Foundation
import Gradients
import Tensors
import TestSupport

extension Operation {
  /// Scalar, vector, row, column, matrix, and patterns of up to four axes. All pairs go together.
  private static let shapes: [Shape] = [
    [], [1], [3], [1, 3], [2, 1], [2, 3], [5, 1, 1], [5, 2, 1], [1, 2, 3], [7, 1, 2, 1], [2, 0, 1, 3],
  ]

  private static func arithmetic(
    _ primitive: Primitive, second: Domain = .any, _ numbers: @escaping @Sendable (Scalar, Scalar) -> Scalar,
    _ function: @escaping @Sendable (Variable, Variable) -> Variable
  ) -> Operation {
    let pairs = shapes.flatMap { a in shapes.map { (a, $0) } }.filter { a, b in
      // Shapes that do not broadcast together make no pair: 7 with 2, or 0 with 3.
      guard let all = a.broadcast(with: b) else { return false }
      return all.count <= 100
    }
    return Operation(
      primitive,
      pairs.map { a, b in
        OperationCase(
          primitive.name, [argument(a), argument(b, second)], twin: { Naive.elementwise($0[0], $0[1], numbers) }
        ) { function($0[0], $0[1]) }
      })
  }

  private static func unary(
    _ primitive: Primitive, in domains: [Domain] = [.any, .wide],
    _ formula: @escaping @Sendable (Scalar) -> Scalar, _ function: @escaping @Sendable (Variable) -> Variable
  ) -> Operation {
    Operation(
      primitive,
      domains.flatMap { domain in
        ([[], [1], [7], [2, 3], [2, 1, 5, 3], [3, 0]] as [Shape]).map { shape in
          OperationCase("\(primitive.name) \(domain)", [argument(shape, domain)], twin: { $0[0].each(formula) }) {
            function($0[0])
          }
        }
      })
  }

  private static let scales = Operation(
    .scale,
    ([[], [7], [2, 3], [0]] as [Shape]).flatMap { shape in
      [2.5, -1, 0].map { (number: Scalar) in
        OperationCase("scale by \(number)", [argument(shape)], twin: { $0[0].each { number * $0 } }) {
          number * $0[0]
        }
      }
    })

  // Custom operations: a cube, and a product with a pullback for each factor.
  private static let customs = Operation(
    .custom,
    ([[], [7], [2, 3], [2, 0]] as [Shape]).flatMap { shape in
      [
        OperationCase("a cube", [argument(shape)], twin: { $0[0].each { $0 * $0 * $0 } }) {
          let x = $0[0].value
          return Variable(custom: x * x * x, from: ($0[0], { 3 * $0 * x * x }))
        },
        OperationCase(
          "a product", [argument(shape), argument(shape)], twin: { Naive.elementwise($0[0], $0[1], *) }
        ) {
          let (x, y) = ($0[0].value, $0[1].value)
          return Variable(custom: x * y, from: ($0[0], { $0 * y }), ($0[1], { x * $0 }))
        },
      ]
    })

  static let elementwise = [
    customs,
    arithmetic(.add, { $0 + $1 }, { $0 + $1 }),
    arithmetic(.subtract, { $0 - $1 }, { $0 - $1 }),
    arithmetic(.multiply, { $0 * $1 }, { $0 * $1 }),
    arithmetic(.divide, second: .awayFromZero, { $0 / $1 }, { $0 / $1 }),
    unary(.negate, in: [.any], { -$0 }, { -$0 }),
    scales,
    unary(.exp, in: [.any], { Foundation.exp($0) }, { exp($0) }),
    unary(.log, in: [.positive], { Foundation.log($0) }, { log($0) }),
    unary(.tanh, { Foundation.tanh($0) }, { tanh($0) }),
    unary(.sqrt, in: [.positive], { $0.squareRoot() }, { sqrt($0) }),
    unary(.sigmoid, { 1 / (1 + Foundation.exp(-$0)) }, { sigmoid($0) }),
    unary(.softplus, { max($0, 0) + log1p(Foundation.exp(-abs($0))) }, { softplus($0) }),
    unary(.silu, { $0 / (1 + Foundation.exp(-$0)) }, { silu($0) }),
    unary(
      .gelu, { 0.5 * $0 * (1 + Foundation.tanh(0.7978845608028654 * ($0 + 0.044715 * $0 * $0 * $0))) }, { gelu($0) }),
  ]
}
