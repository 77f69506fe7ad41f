// # Sums
//
// A kernel keeps thirty-two sums side by side, and adds a rest. So we take every length from 0 to 100, where rest and
// blocks come in all combinations, then long ones. Small whole numbers add up without rounding in any order; with
// them the results must agree exactly.

import Foundation
import Tensors
import TestSupport
import Testing

@Suite("sums", .tallied) struct SumTests {
  @Test func everyLengthFromZeroToAHundred() {
    for count in Array(0...100) + [127, 1000, 4099] {
      let x = Tensor.wholeNumbers([count], for: "x\(count)")
      let y = Tensor.wholeNumbers([count], for: "y\(count)")
      let (a, b) = (x.elements, y.elements)
      let products = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
      let squares = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      expectIdentical(sum(x), Tensor(a.reduce(0, +)), "sum of \(count)")
      expectIdentical(Tensor(dot(x, y)), Tensor(products), "dot of \(count)")
      expectIdentical(distance(x, y, over: 1), Tensor(squares.squareRoot()), "distance of \(count)")
      if count > 0 { expectIdentical(mean(x), Tensor(a.reduce(0, +) / Scalar(count)), "mean of \(count)") }
    }
  }

  @Test(arguments: [1_000, 65_537, 1_000_003])
  func longSumsRoundLittle(count: Int) {
    let x = Tensor.random([count], for: "long \(count)")
    let total = x.elements.reduce(0.0) { $0 + Double($1) }
    let magnitude = Scalar(x.elements.reduce(0.0) { $0 + Double(abs($1)) })
    expectClose(sum(x), Tensor(Scalar(total)), within: Tolerance.longSum, floor: magnitude, "sum of \(count)")
  }

  @Test(arguments: [[7], [5, 7], [3, 5, 7], [2, 3, 5, 7], [1, 3, 1], [3, 0, 2], [0]] as [Shape])
  func alongEachAxis(_ shape: Shape) {
    let x = Tensor.wholeNumbers(shape, for: "along \(shape)")
    for axis in -shape.rank..<shape.rank {
      let own = shape.resolved(axis)
      let expected = Naive.tabulate(shape.removing(axis)) { position in
        (0..<shape[own]).reduce(0) { total, index in
          var place = position
          place.insert(index, at: own)
          return total + x.at(place)
        }
      }
      expectIdentical(sum(x, along: axis), expected, "\(shape) along \(axis)")
      if shape[axis] > 0 {
        expectClose(mean(x, along: axis), (1 / Scalar(shape[axis])) * expected, "mean of \(shape) along \(axis)")
      }
    }
  }

  @Test func overWhatBroadcastingRepeats() {
    for outer in BroadcastingTests.shapes + [[300, 701], [70, 30, 101]] {
      let x = Tensor.wholeNumbers(outer, for: "to \(outer)")
      var targets = BroadcastingTests.shapes.filter { $0.broadcast(with: outer) == outer }
      if outer.count > 1000 {
        targets = [[], [outer[-1]], Shape([outer[0]] + ones(outer.rank - 1)), Shape(ones(outer.rank))]
      }
      for inner in targets {
        var totals = Tensor.zeros(inner)
        var position = [Int](repeating: 0, count: outer.rank)
        let elements = x.elements
        totals.withMutableElements { target in
          for element in elements {
            var offset = 0
            for axis in 0..<inner.rank {
              let digit = inner[axis] == 1 ? 0 : position[axis + outer.rank - inner.rank]
              offset = offset * inner[axis] + digit
            }
            target[offset] += element
            for axis in stride(from: outer.rank - 1, through: 0, by: -1) {
              position[axis] += 1
              if position[axis] < outer[axis] { break }
              position[axis] = 0
            }
          }
        }
        expectIdentical(sum(x, to: inner), totals, "\(outer) to \(inner)")
      }
    }
  }

  @Test(
    arguments: [
      [1, 7], [5, 1], [5, 7], [2, 3, 5, 7], [0, 7], [5, 0], [250, 80], [100, 301], [701, 300], [3, 100_003],
      [200_003, 2],
    ] as [Shape])
  func sumsOfRows(_ shape: Shape) {
    let x = Tensor.wholeNumbers(shape, for: "rows \(shape)")
    let (elements, width) = (x.elements, shape[-1])
    var totals = [Scalar](repeating: 0, count: width)
    for (index, element) in elements.enumerated() { totals[index % width] += element }
    expectIdentical(sumOfRows(x), Tensor(totals), "rows of \(shape)")
  }

  @Test func oneBadNumberIsFoundAnywhere() {
    for count in 1...70 {
      let x = Tensor.random([count], for: "finite \(count)")
      #expect(isFinite(x) && largestMagnitude(x) == x.elements.map { abs($0) }.max())
      for index in 0..<count {
        for bad in [Scalar.nan, .infinity, -.infinity] {
          var y = x
          y[index] = bad
          #expect(!isFinite(y) && (bad.isNaN ? largestMagnitude(y).isNaN : largestMagnitude(y) == .infinity))
        }
      }
      Tally.count(3 * count, "finite")
    }
    #expect(isFinite(Tensor.zeros([0])) && largestMagnitude(Tensor.zeros([0])) == 0)
  }

  @Test func theFirstOfEqualsIsTheLargest() {
    #expect(indicesOfLargest(Tensor(rows: [[1, 3, 3], [5, 5, 5], [-2, -3, -1]])) == [1, 0, 2])
    #expect(indicesOfLargest(Tensor.zeros([2, 3, 1])) == [0, 0, 0, 0, 0, 0])
    #expect(indicesOfLargest(Tensor(rows: [[-.infinity, -.infinity], [-.infinity, 0]])) == [0, 1])
    #expect(indicesOfLargest(Tensor.zeros([0, 5])) == [])
  }
}
