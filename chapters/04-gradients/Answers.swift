// # Answers to the exercises

import Foundation
import GradientChecking
import Gradients
import Notebook
import Tensors

// ## 1. A division
//
// The slopes of y = a / b are ∂y/∂a = 1 / b and ∂y/∂b = −a / b² = −y / b; the second is written
// with y, which is there already.
//
// By hand, (a / b + c) / a = 1 / b + c / a. So the derivative with respect to a is −c / a²: what a
// contributes through the numerator, 1 / (a b), is cancelled by a part of what it contributes
// through the denominator. The sweep does not know that. It adds up both paths, and must arrive at
// the same number.

extension Number {
  static func / (a: Number, b: Number) -> Number {
    let y = a.value / b.value
    return Number(y, from: [(a, 1 / b.value), (b, -y / b.value)])
  }
}

func answer1() {
  let at = [2.0, -3.0, 10.0]
  let numbers = at.map { Number($0) }
  ((numbers[0] / numbers[1] + numbers[2]) / numbers[0]).sweep()
  let byHand = [-at[2] / (at[0] * at[0]), -1 / (at[1] * at[1]), 1 / at[0]]
  let measured = at.indices.map { index in
    Stencil.four.slope(
      { (moved: Double) in
        var x = at
        x[index] = moved
        return (x[0] / x[1] + x[2]) / x[0]
      }, at: at[index], step: 1e-3)
  }
  table(
    ["number", "by the sweep", "by hand", "measured"],
    rows: ["a", "b", "c"].enumerated().map { index, name in
      [name] + [numbers[index].gradient, byHand[index], measured[index]].map { number($0, digits: 5) }
    })
  let gradients = numbers.map(\.gradient)
  check("by the sweep minus by hand", zip(gradients, byHand).map { abs($0 - $1) }.max()!, within: 1e-14)
  check("by the sweep minus measured", zip(gradients, measured).map { abs($0 - $1) }.max()!, within: 1e-9)
}

// ## 2. Rows of length 1
//
// With r = ‖x‖, ∂r/∂xⱼ = xⱼ / r = yⱼ. Hence ∂yᵢ/∂xⱼ = δᵢⱼ / r − xᵢ yⱼ / r² = (δᵢⱼ − yᵢ yⱼ) / r, and
//
//     x̄  =  ( ȳ − y ⟨y, ȳ⟩ ) / r
//
// In words: take away the part of the cotangent that points along y, and divide by the length. If ȳ
// is a multiple of y, nothing is left: moving y along itself would change its length, which is
// always 1. And x̄ is orthogonal to x, for a longer x gives the same y.
//
// The sum of the squares of y has the cotangent 2y. So this sum is to normalising what the plain
// sum is to softmax: it is constant, and a pullback of zeros passes.

func answer2() {
  var random = SeededGenerator(seed: chapter.seed)
  func normalised(_ x: Variable, times factor: Scalar = 1) -> Variable {
    let lengths = sqrt(sumOfEachRow(x.value * x.value))
    let y = x.value / lengths
    return Variable(custom: y, from: (x, { factor * ($0 - y * sumOfEachRow($0 * y)) / lengths }))
  }
  let checked = checkGradient(at: [scores], using: &random) { normalised($0[0]) }
  check(
    "the largest disagreement in \(checked.comparisons) derivatives", checked.worstError, within: settings.tolerance)
  let leaf = Variable(leaf: scores)
  let y = normalised(leaf)
  func pulled(_ cotangent: Tensor) -> Tensor { cotangents(of: y, seed: cotangent, withRespectTo: [leaf])[0] }
  check("pulled back, y itself gives 0", largest(pulled(y.value)), within: 16 * Scalar.ulpOfOne)
  check(
    "⟨x, x̄⟩ is 0 in each row, for the cotangent of section 3", largest(sumOfEachRow(scores * pulled(cotangent))),
    within: 64 * Scalar.ulpOfOne)
  let bySquares = checkGradient(at: [scores], using: &random) {
    let y = normalised($0[0], times: 0)
    return sum(y * y)
  }
  check("the sum of squares lets a pullback of zeros pass", bySquares.passes)
  let byWeights = checkGradient(at: [scores], using: &random) { normalised($0[0], times: 0) }
  check(
    "random weights do not", !byWeights.passes, "\(byWeights.failures.count) of \(byWeights.comparisons) disagree")
}

// ## 3. How small a mistake is noticed?
//
// A factor 1 + δ changes a derivative g by δ g. `checkGradient` divides the disagreement by the
// larger of the two numbers, but by 1 if both are smaller than 1, because a relative error means
// little near 0. The derivatives of a softmax are all small, since its outputs share a sum of 1. So
// the mistake is noticed as soon as δ |g| exceeds the tolerance for the largest |g|. The threshold
//
//     δ  =  tolerance / max |g|
//
// lies well above the tolerance itself. If the output is multiplied by 100, so are all derivatives.
// The largest is then above 1, its error is relative, and the threshold falls to about the
// tolerance. So a function that is to be checked should have derivatives of about 1 or more.

func answer3() {
  /// The same random weights each time.
  func notices(_ delta: Scalar, scale: Scalar) -> Bool {
    var random = SeededGenerator(seed: chapter.seed)
    return !checkGradient(at: [scores], using: &random) {
      scale * mySoftmax($0[0]) { cotangent, y in (1 + delta) * derived(cotangent, y) }
    }.passes
  }
  /// The smallest δ that `checkGradient` notices, by bisection on a logarithmic scale.
  func threshold(scale: Scalar) -> Double {
    var (low, high) = (log(Double(settings.tolerance) / 10), log(Double(settings.tolerance) * 1000))
    for _ in 0..<40 {
      let middle = (low + high) / 2
      if notices(Scalar(exp(middle)), scale: scale) { high = middle } else { low = middle }
    }
    return exp(high)
  }
  var random = SeededGenerator(seed: chapter.seed)
  let leaf = Variable(leaf: scores)
  let weights = Tensor.normal(scores.shape, using: &random)
  let slopes = cotangents(of: mySoftmax(leaf, pullback: derived), seed: weights, withRespectTo: [leaf])[0]
  let (steepest, tolerance) = (Double(largest(slopes)), Double(settings.tolerance))
  let scales = [1.0, 100]
  let found = scales.map { threshold(scale: Scalar($0)) }
  let expected = scales.map { tolerance / min(1, $0 * steepest) }
  let names = scales.map { "\(Int($0)) × softmax" }
  table(
    ["checked", "largest derivative", "threshold found", "threshold expected"],
    rows: scales.indices.map { index in
      [names[index]] + [scales[index] * steepest, found[index], expected[index]].map { number($0, digits: 3) }
    })
  for (name, ratio) in zip(names, zip(found, expected).map { $0 / $1 }) {
    check("\(name): threshold found over expected, minus 1", ratio - 1, within: 0.05)
  }
}
