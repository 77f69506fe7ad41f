// # The exponential function, number by number
//
// The polynomial against the C library in the next larger precision, in units in the last place (ulp), over the whole
// range in which the result is a normal number; and what happens outside: exact zeros, infinities, NaN. Masks and
// decays rely on these.
//
// The error of a correctly rounded function would be 0.5. The library's header promises about one.

import Foundation
import Tensors
import TestSupport
import Testing

@Suite("exp, in ulp", .tallied) struct ExponentialTests {
  static let lowest = Scalar(log(Wide(Scalar.leastNormalMagnitude)))
  static let highest = Scalar(log(Wide(Scalar.greatestFiniteMagnitude)))

  /// The distance of exp x from the truth, in ulp of the truth.
  private static func error(_ actual: Scalar, at x: Scalar) -> Double {
    TensorsTests.error(of: actual, truth: exp(Wide(x)))
  }

  @Test func theErrorIsAboutOneUnitOverTheWholeRange() {
    var random = SeededGenerator(for: "exp")
    var x = Tensor.uniform([600_000], in: Double(Self.lowest)..<Double(Self.highest), using: &random).elements
    x += Tensor.uniform([300_000], in: -5..<5, using: &random).elements
    // Small arguments, down to where exp x is 1 to the last bit.
    x += Tensor.uniform([100_000], in: -18..<0, using: &random).elements.map { Scalar(pow(10, Double($0))) }
    // Where the rounding of x / ln 2 moves to the next power of two.
    for n in stride(from: -120, through: 120, by: 7) {
      x += neighbours(of: Scalar((Wide(n) + 0.5) * log(Wide(2))), 200)
    }
    x = x.filter { $0 >= Self.lowest && $0 <= Self.highest }
    let y = exp(Tensor(x)).elements
    var (worst, place) = (0.0, Scalar(0))
    for (x, y) in zip(x, y) where y.isFinite && y != 0 {
      let error = Self.error(y, at: x)
      if !(error <= worst) { (worst, place) = (error, x) }
    }
    Tally.count(x.count, "\(place)", worst: worst)
    #expect(worst <= Tolerance.exponential + referenceError, "\(worst) ulp at \(place)")
    #expect(zip(x, y).allSatisfy { x, y in (y.isFinite && y != 0) || x <= Self.lowest.nextUp || x >= Self.highest })
  }

  @Test func specialValuesAreExact() {
    let cases: [(Scalar, Scalar)] = [
      (-.infinity, 0), (.infinity, .infinity), (0, 1), (-0.0, 1), (-.greatestFiniteMagnitude, 0),
      (.greatestFiniteMagnitude, .infinity), (.leastNonzeroMagnitude, 1), (-.leastNormalMagnitude, 1),
      (-1000, 0), (1000, .infinity), (.nan, .nan), (-.nan, .nan), (Scalar(nan: 1, signaling: false), .nan),
      (Scalar(nan: 0xABC, signaling: false), .nan),
    ]
    // In every place of a vector, since the end of the loop is other code than its middle.
    for (x, expected) in cases {
      let wrong = exp(Tensor(repeating: x, shape: [37])).elements.first {
        expected.isNaN ? !$0.isNaN : !($0 == expected && $0.sign == .plus)
      }
      #expect(wrong == nil, "exp(\(x)) should be \(expected)")
      Tally.count(37, "exp(\(x))")
    }
  }

  @Test func belowTheNormalNumbersIsExactlyZero() {
    let x = neighbours(of: Self.lowest, 4001)
    let y = exp(Tensor(x)).elements
    Tally.count(y.count, "underflow")
    #expect(y.allSatisfy { $0 == 0 || $0 >= .leastNormalMagnitude })
    #expect(y.first == 0 && y.last! >= .leastNormalMagnitude)
    #expect(zip(y, y.dropFirst()).allSatisfy { $0 <= $1 }, "exp is not monotone at \(Self.lowest)")
    // No more than two numbers lose a result that would be just normal.
    #expect(zip(x, y).filter { $1 == 0 && exp(Wide($0)) >= Wide(Scalar.leastNormalMagnitude) }.count <= 2)
  }

  @Test func aboveTheLargestNumberIsInfinity() {
    let x = neighbours(of: Self.highest, 4001)
    let y = exp(Tensor(x)).elements
    Tally.count(y.count, "overflow")
    #expect(y.allSatisfy { $0 > .greatestFiniteMagnitude / 2 } && y.first!.isFinite && y.last == .infinity)
    #expect(zip(y, y.dropFirst()).allSatisfy { $0 <= $1 }, "exp is not monotone at \(Self.highest)")
    #expect(zip(x, y).filter { $1 == .infinity && exp(Wide($0)) <= Wide(Scalar.greatestFiniteMagnitude) }.count <= 2)
  }

  @Test func itGrowsExceptForOneUnitWhereThePowerOfTwoChanges() {
    for n in -20...20 {
      let middle = Scalar((Wide(n) + 0.5) * log(Wide(2)))
      let y = exp(Tensor(neighbours(of: middle, 1001))).elements
      Tally.count(y.count, "monotone")
      #expect(zip(y, y.dropFirst()).allSatisfy { $0 <= $1 + $1.ulp }, "exp falls by more than a unit at \(middle)")
    }
  }
}
