// # Functions of one variable
//
// What is built on `exp`, against the formulas in the C library's functions and in the next larger
// precision: in the middle, where a careless formula cancels, and far out, where it overflows.

import Foundation
import Tensors
import TestSupport
import Testing

/// A function on tensors, its formula, where it is compared, and the floor below which errors are absolute.
struct Function: Sendable, CustomTestStringConvertible {
  let name: String
  let tensor: @Sendable (Tensor) -> Tensor
  let formula: @Sendable (Double) -> Double
  var range: Range<Double> = -30..<30
  var floor: Scalar = 0
  /// Results far out: argument and exact value.
  var special: [(Scalar, Scalar)] = []
  var testDescription: String { name }

  static let all = [
    Function(
      name: "exp", tensor: { exp($0) }, formula: { exp($0) }, special: [(0, 1), (-.infinity, 0)]),
    Function(
      name: "log", tensor: { log($0) }, formula: { log($0) }, range: 1e-6..<100, floor: 1,
      special: [(1, 0), (0, -.infinity), (.infinity, .infinity), (-1, .nan)]),
    Function(
      name: "tanh", tensor: { tanh($0) }, formula: { tanh($0) },
      special: [(0, 0), (1000, 1), (-1000, -1), (.infinity, 1), (.nan, .nan)]),
    Function(
      name: "√", tensor: { sqrt($0) }, formula: { $0.squareRoot() }, range: 0..<100,
      special: [(0, 0), (4, 2), (.infinity, .infinity), (-1, .nan)]),
    Function(
      name: "sigmoid", tensor: { sigmoid($0) }, formula: { 1 / (1 + exp(-$0)) },
      special: [(0, 0.5), (1000, 1), (-1000, 0), (.infinity, 1), (-.infinity, 0), (.nan, .nan)]),
    Function(
      name: "softplus", tensor: { softplus($0) }, formula: { max($0, 0) + log1p(exp(-abs($0))) },
      special: [(1000, 1000), (-1000, 0), (.infinity, .infinity), (-.infinity, 0), (.nan, .nan)]),
    Function(
      name: "silu", tensor: { silu($0) }, formula: { $0 / (1 + exp(-$0)) },
      special: [(0, 0), (1000, 1000), (-1000, 0), (.infinity, .infinity), (.nan, .nan)]),
    Function(
      name: "gelu", tensor: { gelu($0) },
      formula: { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }, floor: 1,
      special: [(0, 0), (1000, 1000), (-1000, 0), (1e30, 1e30), (-1e30, 0), (.infinity, .infinity), (.nan, .nan)]),
  ]
}

@Suite("elementwise functions", .tallied) struct ElementwiseTests {
  @Test(arguments: Function.all)
  func eachAgreesWithItsFormula(_ function: Function) {
    var random = SeededGenerator(for: function.name)
    let x = Tensor.uniform([40_000], in: function.range, using: &random)
    let expected = Tensor(x.elements.map { Scalar(function.formula(Double($0))) })
    expectClose(function.tensor(x), expected, within: Tolerance.function, floor: function.floor, function.name)
  }

  @Test(arguments: Function.all)
  func eachIsRightFarOut(_ function: Function) {
    for (x, expected) in function.special {
      let y = function.tensor(Tensor(repeating: x, shape: [11]))
      expectClose(y, Tensor(repeating: expected, shape: [11]), within: 0, "\(function.name)(\(x))")
    }
  }

  // A long tensor is cut into pieces for the cores and its end is done one by one. Neither may show.
  @Test(arguments: Function.all)
  func theLengthDoesNotMatter(_ function: Function) {
    var random = SeededGenerator(for: function.name)
    let x = Tensor.uniform([300_007], in: function.range, using: &random)
    let whole = function.tensor(x)
    for start in [0, 65_530, 131_071, 200_000, 299_990] {
      let part = start..<min(start + 23, 300_007)
      expectIdentical(function.tensor(x.sliced(part)), whole.sliced(part), "\(function.name) from \(start)")
    }
    #expect(function.tensor(Tensor.zeros([0, 3])).shape == [0, 3])
    #expect(function.tensor(Tensor(1)).shape == [])
  }
}
