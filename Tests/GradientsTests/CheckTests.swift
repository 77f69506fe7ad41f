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

  /// What is wrong with each of these pullbacks of 2x shows in the invariants, or does not.
  @Test func brokenInvariantsAreSeen() {
    var random = SeededGenerator(for: "invariants")
    let x = Tensor.random([2, 3], for: "x")
    func check(_ pullback: @escaping (Tensor) -> Tensor) -> GradientReport {
      checkInvariants(at: [x], using: &random) { Variable(custom: 2 * $0[0].value, from: ($0[0], pullback)) }
    }
    expectPass(check { 2 * $0 }, "the right pullback")
    // Linear, so that only differences can tell.
    expectPass(check { 3 * $0 }, "a wrong factor")
    var calls: Scalar = 0
    let broken: [(String, String, (Tensor) -> Tensor)] = [
      ("an offset", "the cotangent of zeros", { 2 * $0 + Tensor(1) }),
      ("a square", "the cotangent of a sum", { $0 * $0 }),
      ("NaN", "the cotangent of zeros", { $0 / Tensor.zeros([2, 3]) }),
      (
        "another result each time", "again",
        {
          calls += 1
          return calls * $0
        }
      ),
    ]
    for (name, mention, pullback) in broken {
      let report = check(pullback)
      #expect(!report.passes && report.failures.contains { $0.contains(mention) }, "\(name): \(report.failures)")
    }
  }

  @Test func aJacobianNamesOutputAndInput() {
    let x = Tensor([1, 2, 4])
    let square = { (x: [Variable]) in Variable(custom: x[0].value * x[0].value, from: (x[0], { 2 * $0 * x[0].value }))
    }
    expectIdentical(
      jacobian(at: [x], of: square)[0], Tensor(rows: [[2, 0, 0], [0, 4, 0], [0, 0, 8]]), "diag(2x)")
    expectPass(checkJacobian(at: [x], settings: Tolerance.differences, of: square), "squares")
    // Each slope goes to a neighbouring entry: each row of J still has its sum.
    let shifted = { (x: [Variable]) in
      Variable(
        custom: x[0].value * x[0].value,
        from: (
          x[0],
          { g in
            let slope = 2 * g * x[0].value
            return Tensor.concatenated([slope.sliced(1..<3), slope.sliced(0..<1)], along: 0)
          }
        ))
    }
    let report = checkJacobian(at: [x], settings: Tolerance.differences, of: shifted)
    #expect(report.comparisons == 9 && report.failures.count == 6)
    #expect(report.failures.contains { $0.contains("output 1 by input 0 of shape [3], entry 0: derived 4") })
  }

  @Test func aWrongProjectionIsSeen() {
    var random = SeededGenerator(for: "projection")
    let inputs = [Tensor.random([5, 7], for: "w"), Tensor.random([7], for: "v")]
    let settings = Tolerance.differences
    let right = checkProjection(at: inputs, projections: 5, settings: settings, using: &random) {
      tanh($0[0] * $0[1])
    }
    expectPass(right, "tanh(w ⊙ v)")
    let wrong = checkProjection(at: inputs, projections: 5, settings: settings, using: &random) {
      tanh($0[0] * $0[1].detached)
    }
    #expect(right.comparisons == 5 && wrong.failures.count == 5)
    #expect(wrong.failures[0].contains("projection 0 of 2 inputs: derived"))
  }

  @Test func reportsAreMerged() {
    var first = GradientReport()
    first.compare(derived: 1, measured: 1, tolerance: 0, "first")
    var second = GradientReport()
    second.compare(derived: 1, measured: 3, tolerance: 1e-3, "second")
    first.merge(second)
    #expect(first.comparisons == 2 && first.failures == second.failures && first.worstError == second.worstError)
    #expect(!first.passes)
  }
}
