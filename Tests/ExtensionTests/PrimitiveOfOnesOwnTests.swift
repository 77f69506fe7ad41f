// # A primitive from outside
//
// y = x³, x̄ = 3 x² ȳ: a kernel, its rule and its name, given to the tape from here. The rule is compared with
// differences like every primitive's, and so is a wrong one.

import GradientChecking
import Gradients
import Tensors
import TestSupport
import Testing

extension Primitive {
  fileprivate static let cube = Primitive("cube")
}

/// x³, elementwise.
private func cube(_ x: Variable, slope: Scalar = 3) -> Variable {
  let input = x.value
  return Variable(custom: input * input * input, by: .cube, from: (x, { slope * (input * input) * $0 }))
}

@Suite("a primitive of one's own") struct PrimitiveOfOnesOwnTests {
  private func report(slope: Scalar) -> GradientReport {
    var random = SeededGenerator(for: "cotangent")
    return checkGradient(
      at: [.random([2, 3, 5], for: "cube")], settings: Tolerance.differences, using: &random
    ) { cube($0[0], slope: slope) }
  }

  @Test func itsRuleIsRightAndAWrongOneIsSeen() {
    expectPass(report(slope: 3), "cube")
    withKnownIssue { expectPass(report(slope: 2), "a wrong slope") }
  }

  @Test func theTapeKnowsItByName() {
    let y = cube(Variable(leaf: Tensor([1, 2])))
    #expect(y.primitive == .cube && TapeSummary(of: sum(y)).counts[.cube] == 1)
    #expect(cube(Variable(constant: Tensor([1, 2]))).isConstant)
  }
}
