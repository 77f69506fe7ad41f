// # The elementwise functions, number by number
//
// Every function of one variable and every slope against its formula in the next larger precision,
// in units in the last place (ulp), over all exponents and both signs, with more numbers where the
// functions bend. For each the suite prints the worst error and where it is.
//
// Most functions promise digits of the result. Where a formula cancels, or where an exponential magnifies the
// rounding of its argument, the row names the number in whose ulp the error is measured. Below the normal numbers a
// result may be 0, but only far left, where an exponential underflows.
//
// Read before: `ExponentialTests.swift`, the same for `exp`.

import Foundation
import Tensors
import TestSupport
import Testing

// ## The formulas

private func sigmoid(_ x: Wide) -> Wide { x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)) }

private let factor = 2 * (2 / Wide.pi).squareRoot()
private let cubic: Wide = 0.044715

/// The argument of GELU's sigmoid, and its derivative.
private func u(_ x: Wide) -> Wide { factor * x * (1 + cubic * x * x) }
private func uSlope(_ x: Wide) -> Wide { factor * (1 + 3 * cubic * x * x) }

/// The two terms of the slope of x · sigmoid(u). Beyond 1000 the second is 0, also where a cube overflows.
private func terms(_ x: Wide, _ u: Wide, _ slope: Wide) -> (Wide, Wide) {
  (sigmoid(u), abs(x) > 1000 ? 0 : x * slope * sigmoid(u) * sigmoid(-u))
}
private func siluTerms(_ x: Wide) -> (Wide, Wide) { terms(x, x, 1) }
private func geluTerms(_ x: Wide) -> (Wide, Wide) { terms(x, u(x), uSlope(x)) }

/// How much the exponential of −u magnifies a relative error of u; beyond 1000 it is 0 or 1.
private func condition(_ x: Wide) -> Wide { 1 + min(abs(u(x)), 1000) }

// ## The table

/// The number whose ulp is the unit of an error, and how many are allowed.
struct Measure: Sendable {
  let bound: Double
  var name = ""
  /// The number whose ulp is the unit, by argument and result.
  var scale: @Sendable (_ x: Wide, _ truth: Wide) -> Wide = { $1 }
  var holds: @Sendable (Scalar) -> Bool = { _ in true }
}

/// A function or slope with its formula, its domain, and what it does far out.
struct Precise: Sendable, CustomTestStringConvertible {
  let name: String
  let tensor: @Sendable (Tensor) -> Tensor
  let formula: @Sendable (Wide) -> Wide
  var domain: @Sendable (Scalar) -> Bool = { _ in true }
  let measures: [Measure]
  /// Far left a result may be 0 if the true one is below this multiple of the least normal number.
  var flushes: (@Sendable (Wide) -> Wide)? = nil
  /// The arguments, in Float and in Double, beyond which the value is exact, and that value.
  var left: (Scalar, Scalar, @Sendable (Scalar) -> Scalar)? = nil
  var right: (Scalar, Scalar, @Sendable (Scalar) -> Scalar)? = nil
  var special: [(Scalar, Scalar)] = []
  var testDescription: String { name }

  typealias Ulp = Tolerance.Ulp

  static let all: [Precise] = [
    Precise(
      name: "log", tensor: { log($0) }, formula: { log($0) }, domain: { $0 > 0 },
      measures: [Measure(bound: Ulp.log)],
      special: [(1, 0), (0, -.infinity), (-0.0, -.infinity), (.infinity, .infinity), (-1, .nan), (-.infinity, .nan)]),
    Precise(
      name: "tanh", tensor: { tanh($0) }, formula: { tanh($0) },
      measures: [Measure(bound: Ulp.tanh)],
      left: (-9.1, -19.1, { _ in -1 }), right: (9.1, 19.1, { _ in 1 }),
      special: [(0, 0), (-0.0, -0.0), (.infinity, 1), (-.infinity, -1)]),
    Precise(
      name: "√", tensor: { sqrt($0) }, formula: { $0.squareRoot() }, domain: { $0 >= 0 },
      measures: [Measure(bound: Ulp.sqrt)],
      special: [(0, 0), (-0.0, -0.0), (.infinity, .infinity), (-1, .nan), (-.infinity, .nan)]),
    Precise(
      name: "sigmoid", tensor: { Tensors.sigmoid($0) }, formula: sigmoid,
      measures: [Measure(bound: Ulp.sigmoid)], flushes: { _ in 1 },
      left: (-88.73, -709.79, { _ in 0 }), right: (17.4, 37.5, { _ in 1 }),
      special: [(0, 0.5), (-0.0, 0.5), (.infinity, 1), (-.infinity, 0)]),
    Precise(
      name: "softplus", tensor: { softplus($0) }, formula: { max($0, 0) + log1p(exp(-abs($0))) },
      measures: [Measure(bound: Ulp.softplus)], flushes: { _ in 1 },
      left: (-87.34, -708.4, { _ in 0 }), right: (17, 37, { $0 }),
      special: [(.infinity, .infinity), (-.infinity, 0)]),
    Precise(
      name: "silu", tensor: { silu($0) }, formula: { $0 * sigmoid($0) },
      measures: [Measure(bound: Ulp.silu)], flushes: { abs($0) },
      left: (-88.73, -709.79, { _ in -0.0 }), right: (18, 38, { $0 }),
      special: [(0, 0), (-0.0, -0.0), (.infinity, .infinity), (-.infinity, -0.0)]),
    Precise(
      name: "gelu", tensor: { gelu($0) }, formula: { $0 * sigmoid(u($0)) },
      measures: [
        Measure(bound: Ulp.gelu, name: "right", holds: { $0 >= 0 }),
        Measure(
          bound: Ulp.geluLeft, name: "left, in (1 + |u|) ulp", scale: { condition($0) * $1 }, holds: { $0 < 0 }),
      ], flushes: { abs($0) },
      left: (-10.1, -21.2, { _ in -0.0 }), right: (5.2, 7.5, { $0 }),
      special: [(0, 0), (-0.0, -0.0), (.infinity, .infinity), (-.infinity, -0.0)]),
    Precise(
      name: "sigmoid′ of the value", tensor: { sigmoidPullback(.ones($0.shape), value: $0) },
      formula: { $0 * (1 - $0) }, domain: { 0 <= $0 && $0 <= 1 },
      measures: [Measure(bound: Ulp.sigmoidSlope)], special: [(0, 0), (1, 0), (0.5, 0.25)]),
    Precise(
      name: "tanh′ of the value", tensor: { tanhPullback(.ones($0.shape), value: $0) },
      formula: { (1 - $0) * (1 + $0) }, domain: { abs($0) <= 1 },
      measures: [Measure(bound: Ulp.tanhSlope)], special: [(0, 1), (1, 0), (-1, 0), (0.5, 0.75)]),
    Precise(
      name: "softplus′", tensor: { softplusPullback(.ones($0.shape), at: $0) }, formula: sigmoid,
      measures: [Measure(bound: Ulp.sigmoid)], flushes: { _ in 1 },
      left: (-88.73, -709.79, { _ in 0 }), right: (17.4, 37.5, { _ in 1 }),
      special: [(0, 0.5), (.infinity, 1), (-.infinity, 0)]),
    Precise(
      name: "silu′", tensor: { siluPullback(.ones($0.shape), at: $0) },
      formula: {
        let (s, rest) = siluTerms($0)
        return s + rest
      },
      measures: [
        Measure(bound: Ulp.siluSlope, name: "in ulp of 1", scale: { max(1, abs($1)) }),
        Measure(
          bound: Ulp.siluTerms, name: "in ulp of its terms",
          scale: { x, _ in
            let (s, rest) = siluTerms(x)
            return s + abs(rest)
          }),
      ], flushes: { abs($0) },
      left: (-87.34, -708.4, { _ in 0 }), right: (21, 42, { _ in 1 }),
      special: [(0, 0.5), (-0.0, 0.5), (.infinity, 1), (-.infinity, 0)]),
    Precise(
      name: "gelu′", tensor: { geluPullback(.ones($0.shape), at: $0) },
      formula: {
        let (s, rest) = geluTerms($0)
        return s + rest
      },
      measures: [
        Measure(bound: Ulp.geluSlope, name: "in ulp of 1", scale: { max(1, abs($1)) }),
        Measure(
          bound: Ulp.geluTerms, name: "in (1 + |u|) ulp of its terms",
          scale: { x, _ in
            let (s, rest) = geluTerms(x)
            return condition(x) * (s + abs(rest))
          }),
      ], flushes: { abs($0) * uSlope($0) },
      left: (-10.1, -21.2, { _ in 0 }), right: (5.6, 8.2, { _ in 1 }),
      // The cube of the largest number overflows.
      special: [
        (0, 0.5), (-0.0, 0.5), (.infinity, 1), (-.infinity, 0), (.greatestFiniteMagnitude, 1),
        (-.greatestFiniteMagnitude, 0),
      ]),
  ]
}

// ## The numbers

private enum Arguments {
  /// Numbers of all exponents and both signs, and more where the functions bend.
  static let all: [Scalar] = {
    let step = Scalar.RawSignificand.max / (MemoryLayout<Scalar>.size == 4 ? 1_000_000 : 200_000)
    var x = stride(from: 1, through: Scalar.RawSignificand.max - step, by: Int(step)).map { Scalar(bitPattern: $0) }
    x = x.filter(\.isFinite)
    var random = SeededGenerator(for: "arguments")
    let far = -1.05 * Double(ExponentialTests.lowest)
    for width in [1, 12, 40, far] { x += Tensor.uniform([60_000], in: -width..<width, using: &random).elements }
    // Close to 1, where 1 − x is small.
    x += Tensor.uniform([20_000], in: -18..<0, using: &random).elements.map { 1 - Scalar(pow(10, Double($0))) }
    // Where exp falls below the normal numbers and where it overflows; the zeros of the slopes.
    for middle in [ExponentialTests.lowest, ExponentialTests.highest, 1, 0.752_461, 1.278_465] {
      x += neighbours(of: middle, 1000)
      x += neighbours(of: -middle, 1000)
    }
    x += [.leastNonzeroMagnitude, .leastNormalMagnitude, .leastNormalMagnitude.nextDown, .greatestFiniteMagnitude]
      .flatMap { [$0, -$0] }
    return x
  }()
}

@Suite("elementwise functions, in ulp", .talliedByGroup) struct ElementwiseErrorTests {
  @Test(arguments: Precise.all)
  func theErrorIsAsStatedOverTheWholeRange(_ function: Precise) {
    let x = Arguments.all.filter(function.domain)
    let y = function.tensor(Tensor(x)).elements
    var worst = function.measures.map { _ in (error: 0.0, place: Scalar(0), count: 0) }
    var lost: [Scalar] = []
    for (x, y) in zip(x, y) {
      let truth = function.formula(Wide(x))
      if abs(truth) < Wide(Scalar.leastNormalMagnitude) {
        // No kernel computes subnormal numbers (`UnderflowTests.swift`).
        if abs(y) > .leastNormalMagnitude { lost.append(x) }
        continue
      }
      if y == 0, truth != 0, let flushes = function.flushes, x < -9 {
        if abs(truth) >= flushes(Wide(x)) * Wide(Scalar.leastNormalMagnitude) { lost.append(x) }
        continue
      }
      for (index, measure) in function.measures.enumerated() where measure.holds(x) {
        let error = error(of: y, truth: truth, inUlpOf: measure.scale(Wide(x), truth))
        worst[index].count += 1
        if !(error <= worst[index].error) { (worst[index].error, worst[index].place) = (error, x) }
      }
    }
    for (measure, worst) in zip(function.measures, worst) {
      let title = measure.name.isEmpty ? function.name : "\(function.name), \(measure.name)"
      Tally.count(worst.count, "\(title): \(worst.place)", worst: worst.error)
      #expect(worst.count > 10_000 && worst.error <= measure.bound + referenceError, "\(worst) ulp, \(title)")
    }
    #expect(
      lost.isEmpty,
      "\(function.name) at \(lost.prefix(3)) is 0 above the least normal number, or above it where its value is below"
    )
  }

  @Test(arguments: Precise.all)
  func specialValuesAreExact(_ function: Precise) {
    let cases = function.special + [(.nan, .nan), (-.nan, .nan), (Scalar(nan: 1, signaling: false), .nan)]
    // In every place of a vector, since the end of the loop is other code than its middle.
    for (x, expected) in cases {
      let wrong = function.tensor(Tensor(repeating: x, shape: [37])).elements.first {
        expected.isNaN ? !$0.isNaN : !($0 == expected && $0.sign == expected.sign)
      }
      #expect(wrong == nil, "\(function.name)(\(x)) should be \(expected)")
      Tally.count(37, "\(function.name), special values: \(x)")
    }
  }

  @Test(arguments: Precise.all.filter { $0.left != nil })
  func farOutTheValueIsExact(_ function: Precise) throws {
    let (left, right) = try (#require(function.left), #require(function.right))
    let isDouble = Tolerance.isDouble
    for (edge, value) in [(isDouble ? left.1 : left.0, left.2), (isDouble ? right.1 : right.0, right.2)] {
      let x = Arguments.all.filter { edge < 0 ? $0 <= edge : $0 >= edge } + [edge]
      let y = function.tensor(Tensor(x)).elements
      let wrong = zip(x, y).first { $1 != value($0) || $1.sign != value($0).sign }
      #expect(x.count > 1000 && wrong == nil, "\(function.name) from \(edge) on: \(String(describing: wrong))")
    }
  }

  // A growing function may fall by a unit between neighbours, from rounding in its parts; √ must not fall at all.
  @Test(arguments: Precise.all.prefix(5))
  func fromANumberToTheNextItHardlyFalls(_ function: Precise) {
    let x = Arguments.all.filter(function.domain)
    var worst = (fall: 0.0, place: Scalar(0), count: 0)
    for index in stride(from: 0, to: x.count, by: x.count / 1000) {
      let run = neighbours(of: x[index], 300).filter { function.domain($0) && $0.isFinite }
      let y = function.tensor(Tensor(run)).elements
      let falls = zip(y, y.dropFirst()).map { Double(($0 - $1) / $1.ulp) }.max() ?? 0
      worst.count += y.count - 1
      if !(falls <= worst.fall) { (worst.fall, worst.place) = (falls, x[index]) }
    }
    Tally.count(worst.count, "\(function.name), falls: \(worst.place)", worst: worst.fall)
    #expect(worst.fall <= (function.name == "√" ? 0 : Tolerance.Ulp.fall), "\(function.name) falls by \(worst)")
  }
}
