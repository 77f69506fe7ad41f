// # The check itself
//
// What the stencil promises, what a report says, and why a cotangent of ones would be no check.
//
// Read next: `MutantTests.swift`.

import Foundation
import GradientChecking
import Gradients
import Tensors
import TestSupport
import Testing

@Suite("the gradient check", .tallied) struct CheckTests {
  @Test func polynomialsUpToTheFourthDegreeAreMeasuredExactly() {
    for degree in 1...4 {
      for place in [0, 1, -2] as [Scalar] {
        let power = { (x: Scalar, n: Int) in (0..<n).reduce(Scalar(1)) { product, _ in product * x } }
        let measured = centralDifference(step: 0.125) { power(place + $0, degree) }
        let exact = Scalar(degree) * power(place, degree - 1)
        expectClose(Tensor(measured), Tensor(exact), "degree \(degree) at \(place)")
      }
    }
  }

  @Test func theErrorFallsWithTheFourthPowerOfTheStep() {
    let error = { (h: Scalar) in abs(centralDifference(step: h) { Foundation.exp($0) } - 1) }
    // h⁴/30, times the fifth derivative, which is 1.
    for h in [0.5, 0.25] as [Scalar] {
      let expected = h * h * h * h / 30
      #expect(error(h) > 0.9 * expected && error(h) < 1.2 * expected, "h = \(h): \(error(h))")
    }
    #expect(error(Tolerance.differences.step) < Tolerance.differences.tolerance / 100)
  }

  @Test func aReportNamesInputEntryAndBothNumbers() {
    var random = SeededGenerator(for: "report")
    let inputs = [Tensor.random([2, 3], for: "a"), Tensor.random([3], for: "b")]
    // The second factor gets twice what it should.
    let report = checkGradient(at: inputs, settings: Tolerance.differences, using: &random) {
      $0[0] * $0[1] + Variable(constant: $0[0].value) * ($0[1] - $0[1].detached)
    }
    #expect(!report.passes && report.comparisons == 9 && report.failures.count == 3)
    for (entry, sentence) in report.failures.enumerated() {
      for mention in ["input 1 of shape [3]", "entry \(entry):", "derived", "measured", "relative error"] {
        #expect(sentence.contains(mention), "\(sentence) should mention \(mention)")
      }
    }
    #expect(report.worstError > 0.1)
  }

  @Test func notANumberNeverPasses() {
    var random = SeededGenerator(for: "not a number")
    let nothing = checkGradient(at: [Tensor.zeros([0])], using: &random) { $0[0] }
    #expect(!nothing.passes && nothing.comparisons == 0)
    let report = checkGradient(at: [Tensor([1])], using: &random) { $0[0] }
    #expect(report.passes && report.comparisons == 1)
    let pairs: [(Scalar, Scalar)] = [(.nan, 1), (1, .nan), (.infinity, 1), (1, -.infinity), (.infinity, .infinity)]
    for (derived, measured) in pairs {
      var other = report
      other.compare(derived: derived, measured: measured, tolerance: 1e9, "wrong")
      #expect(!other.passes && other.comparisons == 2, "\(derived) against \(measured)")
    }
  }

  @Test func aCotangentOfOnesWouldLetZerosPass() {
    let x = Tensor.random([2, 3], for: "ones")
    // The sum of a softmax is constant: zeros are right for ones, and for nothing else.
    let leaf = Variable(leaf: x)
    let value = softmax(leaf)
    let ofOnes = cotangents(of: value, seed: .ones([2, 3]), withRespectTo: [leaf])[0]
    #expect(largestMagnitude(ofOnes) < 10 * Scalar.ulpOfOne)
    let ofOthers = cotangents(of: value, seed: .random([2, 3], for: "g"), withRespectTo: [leaf])[0]
    #expect(largestMagnitude(ofOthers) > 0.01)
  }

  @Test func aWrongDirectionalDerivativeIsSeen() {
    var random = SeededGenerator(for: "direction")
    let (w, v) = (Parameter("w", .random([5, 7], for: "w")), Parameter("v", .random([7], for: "v")))
    let right = { sum(tanh(w.variable * v.variable)) }
    let wrong = { sum(tanh(w.variable * v.variable.detached)) }
    let settings = Tolerance.differences
    let passing = checkDirectionalGradient(
      of: [w, v], directions: 5, settings: settings, using: &random, loss: right)
    expectPass(passing, "tanh(w ⊙ v)")
    let failing = checkDirectionalGradient(
      of: [w, v], directions: 5, settings: settings, using: &random, loss: wrong)
    #expect(failing.failures.count == 5 && failing.comparisons == 5)
  }
}
