// # Arithmetic stretches sizes of 1
//
// Every pair of shapes that go together, up to six axes, against a twin that looks up each element
// on its own. The twin does the same additions and divisions, so that the results agree to the last
// bit. What does not go together is in `ShapeErrorTests.swift`.

import Tensors
import TestSupport
import Testing

/// An operation on two tensors and what it does to two numbers.
struct Arithmetic: Sendable, CustomTestStringConvertible {
  let name: String
  let tensors: @Sendable (Tensor, Tensor) -> Tensor
  let numbers: @Sendable (Scalar, Scalar) -> Scalar
  var testDescription: String { name }

  static let all = [
    Arithmetic(name: "x + y", tensors: { $0 + $1 }, numbers: { $0 + $1 }),
    Arithmetic(name: "x − y", tensors: { $0 - $1 }, numbers: { $0 - $1 }),
    Arithmetic(name: "x ⊙ y", tensors: { $0 * $1 }, numbers: { $0 * $1 }),
    Arithmetic(name: "x / y", tensors: { $0 / $1 }, numbers: { $0 / $1 }),
  ]
}

@Suite("broadcasting", .tallied) struct BroadcastingTests {
  /// All go together: an axis has its own prime or 1.
  static let shapes: [Shape] = [
    [], [1], [7], [1, 1], [1, 7], [5, 1], [5, 7], [3, 1, 1], [1, 5, 1], [3, 1, 7], [3, 5, 7], [2, 1, 5, 1],
    [1, 3, 1, 7], [2, 3, 5, 7],
  ]

  @Test(arguments: Arithmetic.all)
  func everyPairOfShapesAgreesWithTheTwin(_ operation: Arithmetic) {
    for a in Self.shapes {
      for b in Self.shapes {
        let name = "\(operation.name) of \(a) and \(b)"
        let x = Tensor.random(a, for: name)
        let y = Tensor.random(b, .awayFromZero, for: name + " y")
        expectIdentical(operation.tensors(x, y), Naive.elementwise(x, y, operation.numbers), name)
      }
    }
  }

  @Test(
    arguments: Arithmetic.all,
    [
      ([2, 1, 3, 1, 2, 1], [3, 1, 5, 1, 7]), ([0, 7], [7]), ([5, 0], [5, 1]), ([0], []), ([3, 0, 1], [0, 7]),
      ([300, 501], [300, 501]), ([300, 501], [501]), ([300, 1], [300, 501]), ([1, 501], [300, 1]), ([], [150_001]),
      ([5, 211], [2, 80, 1, 211]),
    ] as [(Shape, Shape)])
  func manyAxesEmptyOnesAndLongOnes(_ operation: Arithmetic, _ shapes: (Shape, Shape)) {
    let name = "\(operation.name) of \(shapes.0) and \(shapes.1)"
    let x = Tensor.random(shapes.0, for: name)
    let y = Tensor.random(shapes.1, .awayFromZero, for: name + " y")
    expectIdentical(operation.tensors(x, y), Naive.elementwise(x, y, operation.numbers), name)
  }

  @Test(arguments: [[], [1], [7], [5, 7], [0, 3], [300, 501]] as [Shape])
  func oneOperand(_ shape: Shape) {
    let x = Tensor.random(shape, for: "one \(shape)")
    let y = Tensor.random(shape, for: "two \(shape)")
    expectIdentical(-x, Naive.elementwise(x, x) { a, _ in -a }, "−x \(shape)")
    expectIdentical(2.5 * x, Naive.elementwise(x, x) { a, _ in 2.5 * a }, "2.5 x \(shape)")
    var total = x
    total += y
    expectIdentical(total, x + y, "x += y \(shape)")
    total = x
    total += total
    expectIdentical(total, 2 * x, "x += x \(shape)")
  }

  @Test func aTensorIsRepeated() {
    for inner in Self.shapes {
      for outer in Self.shapes where inner.broadcast(with: outer) == outer {
        let x = Tensor.random(inner, for: "repeat \(inner)")
        let expected = Naive.elementwise(x, Tensor.zeros(outer)) { a, _ in a }
        expectIdentical(x.broadcast(to: outer), expected, "\(inner) to \(outer)")
      }
    }
  }

  @Test func shapesKnowTheirRules() {
    let shape: Shape = [2, 3, 5, 7]
    #expect(shape.count == 210 && shape.rank == 4 && shape.array == [2, 3, 5, 7])
    #expect((0..<4).map { shape.stride(of: $0) } == [105, 35, 7, 1])
    #expect((-4..<0).map { shape[$0] } == [2, 3, 5, 7])
    #expect(shape.removing(-2) == [2, 3, 7] && shape.appending(1, 11) == [2, 3, 5, 7, 1, 11])
    #expect(shape.prefix(2) == [2, 3] && shape.suffix(2) == [5, 7] && shape.suffix(0) == [])
    #expect(shape.description == "[2, 3, 5, 7]" && Shape([]).description == "[]")
    #expect(Shape([]).count == 1 && Shape([3, 0]).count == 0)
    #expect(shape != [2, 3, 5] && shape != [2, 3, 5, 1] && Shape([1]) != [])
    #expect(Shape([5, 7]).broadcast(with: [3, 1, 1]) == [3, 5, 7])
    #expect(Shape([5, 0]).broadcast(with: [1]) == [5, 0])
    for other in [[2], [3, 7], [2, 1], [0]] as [Shape] { #expect(Shape([5, 7]).broadcast(with: other) == nil) }
  }
}
