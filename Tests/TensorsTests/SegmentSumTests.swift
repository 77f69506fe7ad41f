// # Segment sums, and the two ways that were rejected
//
// How far a decay reaches from step s to step t. The sum over a segment is right where a difference
// of cumulative sums has lost its digits and a ratio of cumulative products is 0/0; the tests below
// compute all three side by side.

import Foundation
import Tensors
import TestSupport
import Testing

@Suite("segment sums", .tallied) struct SegmentSumTests {
  /// The running sums of one axis, with which the rejected ways begin.
  func cumulativeSum(_ x: Tensor) -> Tensor {
    var total: Scalar = 0
    return Tensor(
      x.elements.map { element in
        total += element
        return total
      })
  }

  @Test func theWorkedExample() {
    let expected = Tensor(rows: [[0, -.infinity, -.infinity], [20, 0, -.infinity], [320, 300, 0]])
    expectIdentical(segmentSum(Tensor([1, 20, 300])), expected, "x = (1, 20, 300)")
  }

  @Test(arguments: [0, 1, 2, 3, 5, 7, 17, 64])
  func eachLengthAgreesWithTheTwin(T: Int) {
    let whole = Tensor.wholeNumbers([T], for: "whole \(T)")
    expectIdentical(segmentSum(whole), Naive.segmentSum(whole), "whole numbers, T \(T)")
    let x = Tensor.random([T], .logDecay, for: "real \(T)")
    expectClose(segmentSum(x), Naive.segmentSum(x), "T \(T)")
    // Above the diagonal exactly −∞, on it exactly 0: exp makes them exact zeros and ones.
    let decay = exp(segmentSum(x))
    for t in 0..<T {
      for s in t..<T { if decay[t, s] != (s == t ? 1 : 0) { Issue.record("[\(t), \(s)] of T \(T)") } }
    }
  }

  @Test func everyRowOfABatchOnItsOwn() {
    let x = Tensor.random([2, 3, 5], .logDecay, for: "batch")
    let all = segmentSum(x)
    #expect(all.shape == [2, 3, 5, 5])
    for row in 0..<6 {
      let own = segmentSum(x.asRows.sliced(row..<(row + 1)).reshaped(to: [5] as Shape))
      expectIdentical(all.reshaped(to: [6, 5, 5] as Shape).matrix(row), own, "row \(row)")
    }
  }

  @Test func aDecayOfZeroCutsTheSegmentsThatCrossIt() {
    let x = Tensor([-1, -2, -.infinity, -4, -5])
    let decay = exp(segmentSum(x))
    let expected = Naive.tabulate([5, 5]) { i in
      let (t, s) = (i[0], i[1])
      if s > t || (s < 2 && t >= 2) { return 0 }
      return Scalar(exp((s + 1..<t + 1).reduce(0.0) { $0 + Double(x[$1]) }))
    }
    expectClose(decay, expected, floor: 1e-6, "α[2] = 0")
    expectZero(decay.sliced(2..<5).sliced(0..<2, along: 1), "what crosses the cut")
    // A difference of cumulative sums is −∞ − (−∞) there.
    let running = cumulativeSum(x)
    let difference = running.reshaped(to: [5, 1] as Shape) - running.reshaped(to: [1, 5] as Shape)
    #expect(difference[4, 2].isNaN && segmentSum(x)[4, 2] == -9)
  }

  @Test func aDifferenceOfCumulativeSumsLosesItsDigits() {
    var x = Tensor.random([50], .logDecay, for: "digits")
    x[0] = -1e6
    let running = cumulativeSum(x)
    let truth = (41..<50).reduce(0.0) { $0 + Double(x[$1]) }
    let ours = abs(Double(segmentSum(x)[49, 40]) - truth)
    let rejected = abs(Double(running[49] - running[40]) - truth)
    #expect(ours <= 10 * Double(Scalar.ulpOfOne), "our error is \(ours)")
    #expect(rejected > 1e4 * max(ours, Double(Scalar.ulpOfOne)), "the rejected way errs by only \(rejected)")
  }

  @Test(arguments: [64, 256])
  func aRatioOfCumulativeProductsIsZeroByZero(T: Int) {
    let x = Tensor(repeating: -20, shape: [T])
    let ours = exp(segmentSum(x))
    let products = exp(cumulativeSum(x))
    let ratio = products.reshaped(to: [T, 1] as Shape) / products.reshaped(to: [1, T] as Shape)
    var (right, undefined) = (0, 0)
    for t in 0..<T {
      for s in 0...t {
        let truth = Scalar(exp(-20 * Double(t - s)))
        let allowed = Scalar.leastNormalMagnitude + 1000 * Scalar.ulpOfOne * truth
        if abs(ours[t, s] - truth) <= allowed { right += 1 }
        if ratio[t, s].isNaN { undefined += 1 }
      }
    }
    Tally.count(T * (T + 1) / 2, "ratio \(T)")
    #expect(right == T * (T + 1) / 2)
    // As soon as both products have underflowed, which is from step 36 on in Double and 5 in Float.
    let first = (0..<T).first { products[$0] == 0 }!
    #expect(undefined == (T - first) * (T - first + 1) / 2 && undefined > 300)
    #expect(ratio[T - 1, T - 1].isNaN && ours[T - 1, T - 1] == 1)
  }
}
