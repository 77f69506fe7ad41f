// # 04  Gradients
//
// From here on everything is trained, and training follows derivatives. A wrong derivative is easy
// to miss: nothing stops, the loss falls a little less, and weeks later somebody wonders why. So
// this book derives each one by hand and compares it with a measurement. How does a program compute
// derivatives at all, and how do we know that they are right?
//
// You will see reverse mode, the algorithm that computes all derivatives in one backward sweep,
// first for single numbers and then for tensors; the derivative of softmax, derived and checked;
// how well a derivative can be measured in 32 and in 64 bits; and wrong derivatives that pass a
// careless check. The run takes a second.

import Foundation
import GradientChecking
import Gradients
import Layers
import Models
import Notebook
import Plots
import Tensors

let chapter = Chapter(
  "04-gradients", question: "How do we know that a derivative is right?", duration: "1 second, with --quick too")
var random = SeededGenerator(seed: chapter.seed)
show("the numbers of this build", scalarName)

// ## Reverse mode for single numbers
//
// A program is a chain of small steps, and the slope of each step is known. How does the result
// depend on a number at the beginning? By the chain rule: multiply the slopes along each path that
// leads from the number to the result, and add up the products of all paths. Reverse mode adds them
// up without visiting the paths one by one. It starts at the result with 1, and each number passes
// what it has received to the numbers it was made from, times the slope of that step. One sweep is
// enough, however many inputs there are.
//
// So a number has to store what it was made from and with which slopes. That is all.

final class Number {
  let value: Double
  let parents: [(number: Number, slope: Double)]
  var gradient = 0.0

  init(_ value: Double, from parents: [(number: Number, slope: Double)] = []) {
    (self.value, self.parents) = (value, parents)
  }

  static func + (a: Number, b: Number) -> Number { Number(a.value + b.value, from: [(a, 1), (b, 1)]) }
  static func * (a: Number, b: Number) -> Number { Number(a.value * b.value, from: [(a, b.value), (b, a.value)]) }

  var tanh: Number {
    let y = Foundation.tanh(value)
    return Number(y, from: [(self, 1 - y * y)])
  }

  /// Every number behind this one, each after all that it was made from.
  var history: [Number] {
    var (seen, order) = (Set<ObjectIdentifier>(), [Number]())
    func visit(_ number: Number) {
      if !seen.insert(ObjectIdentifier(number)).inserted { return }
      for parent in number.parents { visit(parent.number) }
      order.append(number)
    }
    visit(self)
    return order
  }

  func sweep() {
    gradient = 1
    for number in history.reversed() {
      for (parent, slope) in number.parents { parent.gradient += slope * number.gradient }
    }
  }
}

// We try it where a pencil is enough: f = (a·b + c)·a at a = 2, b = −3, c = 10. The bracket is 4,
// so f = 8. Two paths lead from a to f: one through the last factor, with slope 4, and one through
// the product a·b, with slope b·a = −6. Together they give −2.

chapter.section("1. Reverse mode for single numbers")
let (a, b, c) = (Number(2), Number(-3), Number(10))
let f = (a * b + c) * a
f.sweep()
let byHand: [(String, Number, Double)] = [("a", a, 4 - 6), ("b", b, 2 * 2), ("c", c, 2), ("f", f, 1)]
table(
  ["number", "value", "gradient of f", "by hand"],
  rows: byHand.map { name, node, slope in
    [name, number(node.value, digits: 3), number(node.gradient, digits: 3), number(slope, digits: 3)]
  })
check("all gradients are as by hand", byHand.allSatisfy { $1.gradient == $2 }, "\(byHand.count) numbers")

// ## The same for tensors
//
// An object for each number would be slow: a product of two 96 × 96 matrices alone takes nearly a
// million multiplications. So our `Variable` holds a whole tensor, and a single step is, for
// instance, a whole matrix product. The slope of such a step is a matrix, the Jacobian J, with
// J[i, j] = ∂y[i] / ∂x[j]. It is huge, but the sweep never needs the matrix itself. Let ȳ be the
// gradient of the final number with respect to y, called the cotangent of y. All that the sweep
// needs of a step is the function from ȳ to x̄ = Jᵀ ȳ. This function is called the pullback of the
// step, and for each operation it is a short formula:
//
//     y = W x           W̄ = ȳ xᵀ,   x̄ = Wᵀ ȳ
//     y = tanh x        x̄ = ȳ ∘ (1 − y²)          ∘ entry by entry, as in chapter 02
//
// The record of how a result was computed is called its tape. We let both engines, the one above
// and the library's, compute Σ tanh(W x) for a 3 × 5 matrix. They share no line of code.

chapter.section("2. The same for tensors")
let (rowCount, columnCount) = (3, 5)
let w = Tensor.normal([rowCount, columnCount], using: &random)
let x = Tensor.normal([columnCount, 1], using: &random)
let (wLeaf, xLeaf) = (Variable(leaf: w), Variable(leaf: x))
let loss = sum(tanh(matmul(wLeaf, xLeaf)))
let slopes = gradients(of: loss, withRespectTo: [wLeaf, xLeaf])

let wNumbers = w.elements.map { Number(Double($0)) }
let xNumbers = x.elements.map { Number(Double($0)) }
var total = Number(0)
for i in 0..<rowCount {
  var row = Number(0)
  for j in 0..<columnCount { row = row + wNumbers[i * columnCount + j] * xNumbers[j] }
  total = total + row.tanh
}
total.sweep()

let bySingleNumbers = (wNumbers + xNumbers).map(\.gradient)
let byTensors = slopes.flatMap(\.elements).map { Double($0) }
let apart = zip(bySingleNumbers, byTensors).map { abs($0 - $1) }.max()!
let tape = TapeSummary(of: loss)
table(
  ["engine", "objects on the tape"],
  rows: [["numbers", "\(total.history.count)"], ["tensors", "\(tape.counts.values.reduce(0, +))"]])
check("the \(byTensors.count) derivatives of both agree", apart, within: 16 * Double(Scalar.ulpOfOne))

// ## A pullback, derived
//
// Softmax turns a row of numbers into weights that are positive and sum to 1:
// yᵢ = exp xᵢ / Σⱼ exp xⱼ. If one xⱼ grows, its own weight rises and all others fall:
// ∂yᵢ/∂xⱼ = yᵢ(δᵢⱼ − yⱼ), with δᵢⱼ = 1 for i = j and otherwise 0. The pullback multiplies a
// cotangent by the transpose of that matrix, and the sum simplifies:
//
//     x̄ⱼ  =  Σᵢ ȳᵢ yᵢ(δᵢⱼ − yⱼ)  =  yⱼ ( ȳⱼ − Σᵢ ȳᵢ yᵢ )
//
// In words: subtract from the cotangent its mean under the weights y, then multiply by the weights.
// No matrix has to be formed.
//
// `Variable(custom:)` puts an operation of our own on the tape; it takes a value, and a pullback
// for each input. We check ours in two ways. `checkGradient` compares every derivative with one
// that it measures by nudging the input (the next two sections say how), and the library has a
// softmax too.

typealias Pullback = (_ cotangent: Tensor, _ y: Tensor) -> Tensor
func mySoftmax(_ x: Variable, pullback: @escaping Pullback) -> Variable {
  let raised = exp(x.value)
  let y = raised / sumOfEachRow(raised)
  return Variable(custom: y, from: (x, { pullback($0, y) }))
}
func sumOfEachRow(_ x: Tensor) -> Tensor { sum(x, along: -1).reshaped(to: [x.shape[0], 1]) }
let derived: Pullback = { cotangent, y in y * (cotangent - sumOfEachRow(cotangent * y)) }

chapter.section("3. A pullback, derived")
let scores = Tensor.normal([2, 7], using: &random)
let settings = DifferenceSettings.standard
let report = checkGradient(at: [scores], using: &random) { mySoftmax($0[0], pullback: derived) }
show("derivatives compared with a measurement", report.comparisons)
check("softmax: the largest disagreement", report.worstError, within: settings.tolerance)
let cotangent = Tensor.normal([2, 7], using: &random)
let (mine, library) = (Variable(leaf: scores), Variable(leaf: scores))
let ofMine = cotangents(of: mySoftmax(mine, pullback: derived), seed: cotangent, withRespectTo: [mine])[0]
let ofLibrary = cotangents(of: softmax(library), seed: cotangent, withRespectTo: [library])[0]
check("softmax: our pullback minus the library's", largest(ofMine - ofLibrary), within: 8 * Scalar.ulpOfOne)
func largest(_ x: Tensor) -> Scalar { x.elements.reduce(0) { max($0, abs($1)) } }

// ## How well can a derivative be measured?
//
// A measurement nudges the input by h and looks at the output. Two points give
// (f(x + h) − f(x − h)) / 2h, with an error of h²/6 · f‴: a smaller h gives a smaller error. But f
// itself is rounded, with some relative error ε, and the difference of two rounded numbers is
// divided by h: this error is about ε/h, and a smaller h makes it larger. The best h lies where the
// two errors are about equal, and the formula comes no nearer to f′ than there. Four points cancel
// the h² term as well:
//
//     f′(x)  ≈  ( f(x − 2h) − 8 f(x − h) + 8 f(x + h) − f(x + 2h) ) / 12h        error h⁴/30 · f⁽⁵⁾
//
// We measure the slope of the sine at 64 places (`Stencils.swift`), in both precisions, and plot
// the root mean square of the errors. On logarithmic axes powers of h are straight lines, so that
// each curve has the form of a V.

chapter.section("4. How well can a derivative be measured?")
let fineSteps = (2...52).map { pow(10, -Double($0) / 4) }
let coarseSteps = fineSteps.filter { $0 > 2e-7 }
let curves = Stencil.allCases.flatMap { stencil in
  [
    Curve(stencil, of: { (x: Float) in sin(x) }, steps: coarseSteps),
    Curve(stencil, of: { (x: Double) in sin(x) }, steps: fineSteps),
  ]
}
chapter.plot(errorChart(curves), "steps")

// We know the right flank of each V, where h is larger than the best, without any fit: the third
// and the fifth derivative of the sine are a cosine, whose root mean square over a period is 1/√2.
// The left flank is the roundoff of f divided by h. Its height depends on the particular rounding
// errors, so we check only its slope, −1.

table(
  ["points", "precision", "exponent of the right flank", "best h", "least error"],
  rows: curves.map { curve in
    let flank = curve.exponent(in: curve.precision == "Float" ? 0.1...0.4 : 0.03...0.4).exponent
    let best = [curve.best.step, curve.best.error].map { "~\(number($0, digits: 1))" }
    return ["\(curve.stencil.rawValue)", curve.precision, number(flank, decimals: 2)] + best
  })
for curve in curves where curve.precision == "Double" {
  let points = curve.stencil.rawValue
  let right = curve.exponent(in: 0.03...0.4)
  check(
    "\(points) points: exponent of the right flank, minus the \(points) of theory", right.exponent - Double(points),
    within: 0.1)
  let expected = missed(curve.stencil, 0.1)
  let found = curve.errors[curve.steps.firstIndex { $0 < 0.11 }!]
  check("\(points) points, h = 0.1: measured error over that of theory, minus 1", found / expected - 1, within: 0.03)
  let left = curve.exponent(in: 1e-11...1e-6)
  check("\(points) points: exponent of the left flank, minus the −1 of theory", left.exponent + 1, within: 0.2)
}
let least = curves.map(\.best.error)
check("in Double four points come within 1e-12, two points do not", least[3] < 1e-12 && least[1] > 1e-12)
check("in Float neither comes within 1e-7", least[0] > 1e-7 && least[2] > 1e-7)

// This is why `checkGradient` takes four points. In Double it uses h = 1e−3 and can demand
// agreement to 1e−9. In Float, as in the chapters, it uses h = 0.03 and demands agreement to 0.02:
// there it finds only gross mistakes.

// ## What a sum cannot see
//
// A check needs a single number to measure, and the obvious one is the sum of all outputs. For
// softmax that is a trap. Each row sums to 1 whatever the input; the sum is constant, its gradient
// is 0, and a pullback that returns only zeros agrees with the measurement up to rounding. So
// `checkGradient` does not add up the outputs as they are. It weights each with a random number and
// measures φ = Σᵢ wᵢ yᵢ, the inner product ⟨w, y⟩, with new wᵢ each time: a wrong pullback then
// agrees only by accident.
//
// Must every derivative disagree, if the pullback returns zeros? Not quite. The error of a
// derivative is taken relative to the larger of the two numbers, derived and measured, or to 1 if
// both are smaller. So a derivative smaller than the tolerance counts as equal to 0. In Float, where
// the tolerance is large, some of them may be that small; it is enough that others are not.

chapter.section("5. What a sum cannot see")
let zeros: Pullback = { cotangent, _ in 0 * cotangent }
let bySum = checkGradient(at: [scores], using: &random) { sum(mySoftmax($0[0], pullback: zeros)) }
let byWeights = checkGradient(at: [scores], using: &random) { mySoftmax($0[0], pullback: zeros) }
check("the sum lets a pullback of zeros pass", bySum.passes, "\(bySum.comparisons) derivatives agree")
check(
  "random weights catch it", !byWeights.passes, "\(byWeights.failures.count) of \(byWeights.comparisons) disagree")

// ## Breaking it on purpose
//
// Here are five pullbacks of softmax, four of them wrong in ways that happen in practice, and four
// checks. Two of the checks are those of the last section, the sum and the random weights. The
// third, the invariants, needs no measurement: every pullback is linear, and returns exactly 0 for
// a cotangent of 0. The fourth compares the whole Jacobian, entry by entry: pullbacks of unit
// cotangents give its rows, measured differences give its columns. Which check sees which mistake?

chapter.section("6. Breaking it on purpose")
let pullbacks: [(name: String, Pullback)] = [
  ("as derived", derived),
  ("zeros", zeros),
  ("mean without weights", { $1 * ($0 - sumOfEachRow($0) / Tensor(Scalar($0.shape[1]))) }),
  ("mean over both rows", { $1 * ($0 - sum($0 * $1) / Tensor(2)) }),
  ("a constant added", { $1 * ($0 - sumOfEachRow($0 * $1)) + Tensor(0.1) }),
]
var verdicts: [[Bool]] = []
for (_, pullback) in pullbacks {
  let softmaxed = { (x: [Variable]) in mySoftmax(x[0], pullback: pullback) }
  verdicts.append([
    checkGradient(at: [scores], using: &random) { sum(softmaxed($0)) }.passes,
    checkInvariants(at: [scores], using: &random, of: softmaxed).passes,
    checkGradient(at: [scores], using: &random, of: softmaxed).passes,
    checkJacobian(at: [scores], of: softmaxed).passes,
  ])
}
table(
  ["pullback", "sum", "invariants", "random weights", "Jacobian"],
  rows: zip(pullbacks, verdicts).map { [$0.name] + $1.map { $0 ? "passes" : "caught" } })
check("the right pullback passes everywhere", verdicts[0].allSatisfy { $0 })
check("random weights and the Jacobian catch every wrong one", verdicts.dropFirst().allSatisfy { !$0[2] && !$0[3] })
let missedBySum = verdicts.dropFirst().count { $0[0] }
check("the sum lets most of the wrong ones pass", missedBySum == 3, "\(missedBySum) of \(verdicts.count - 1)")

// A failure is a sentence that says which derivative disagrees. The error in it is relative in the
// sense of section 5. We can also look at the whole Jacobian: the right one, the one with the
// unweighted mean, and their difference, all for the first row of scores.
//
// Each column of the right one sums to 0, because the outputs always sum to 1. So does each column
// of the wrong one. The rows tell them apart: the sum of a row is the effect of raising all inputs
// together, and that does not change a softmax.

let row = scores.sliced(0..<1)
let wrong = checkJacobian(at: [row]) { mySoftmax($0[0], pullback: pullbacks[2].1) }
show("the first failure", wrong.failures[0])
let jacobians = [derived, pullbacks[2].1].map { pullback in
  jacobian(at: [row]) { mySoftmax($0[0], pullback: pullback) }[0]
}
chapter.plot(jacobianMaps(right: jacobians[0], wrong: jacobians[1], named: pullbacks[2].name), "jacobian")

// ## What it costs, and a whole model
//
// Where the value takes one product of matrices, the sweep takes two more of the same size, one for
// each factor. So the value with all its derivatives should cost about three times as much as the
// value alone, or less where the time goes into other things than products. Differences cost four
// evaluations for each derivative, which is too much for a model with many parameters. For a model
// the check therefore nudges all parameters at once along a random direction v of length 1: the
// measured slope must be the inner product ⟨gradient, v⟩.
//
// What does this miss? A mistake shows unless v happens to be orthogonal to it, but a small mistake
// is diluted. Of n parameters each is nudged by about 1/√n of the step, so an error e in one
// derivative changes the slope by about e/√n, and that may be below the tolerance. So the check of
// a whole model does not replace that of its parts: each operation is checked entry by entry.
//
// The language model below has two blocks, one with attention (chapter 01) and one with a state
// space mixer (chapter 02). Chapter 05 describes a block, and chapter 07 the mixer.

chapter.section("7. What it costs, and a whole model")
let mixers: [any MixerSizes] = [CausalAttentionSizes(D: 12, H: 3), DiscreteMamba2Sizes(D: 12, H: 3, N: 5)]
let model = LanguageModel(
  ModelConfiguration(V: 11, D: 12, T: 13, mixers: mixers, layout: .phiMamba), using: &random)
func randomTokens() -> Tokens { Tokens((0..<26).map { _ in Int.random(in: 0..<11, using: &random) }, B: 2, T: 13) }
let (text, next) = (randomTokens(), randomTokens())
func modelLoss() -> Variable { mean(crossEntropy(model(text), targets: next)) }
let along = checkDirectionalGradient(of: model.parameters, directions: 5, using: &random, loss: modelLoss)
show("parameters", model.parameterCount)
check(
  "slope of the loss along \(along.comparisons) random directions: the largest disagreement", along.worstError,
  within: settings.tolerance)
let timing = time(
  repetitions: 21, { _ = model(text).detached }, { _ = gradients(of: modelLoss(), withRespectTo: model.parameters) })
let byDifferences = 4 * Double(model.parameterCount) * timing.medians[0]
let milliseconds = timing.medians.map { number(1e3 * $0, digits: 2) }
volatile("the value: \(milliseconds[0]) ms; with the gradient: \(milliseconds[1]) ms")
volatile("all derivatives by differences: \(number(byDifferences, digits: 2)) s")
finding(
  """
  The value with its gradient takes \(number(timing.medians[1] / timing.medians[0], decimals: 1)) times as long as the
  value alone. To get all derivatives by differences would take
  \(number(byDifferences / timing.medians[1], decimals: 0)) times as long as that.
  """, volatile: true)

// ## What we saw
//
// Thirty lines are enough for reverse mode; the rest is a choice of which steps deserve a pullback
// of their own. A measured slope has a best step h, and what it can prove depends on the precision.

finding(
  """
  In Double four points come within ~\(number(least[3], digits: 1)) of the true slope, two within
  ~\(number(least[1], digits: 1)); in Float four come within ~\(number(least[2], digits: 1)), two within
  ~\(number(least[0], digits: 1)).
  """)

// And what is measured matters as much as the precision.

let passed = verdicts[0].indices.map { column in verdicts.dropFirst().count { $0[column] } }
finding(
  """
  Of \(verdicts.count - 1) wrong pullbacks of softmax the plain sum lets \(passed[0]) pass, the invariants
  \(passed[1]), random weights \(passed[2]) and the Jacobian \(passed[3]).
  """)
finding(
  """
  Along \(along.comparisons) random directions the slope from the gradient of all \(model.parameterCount) parameters of
  a model and the measured slope disagree by at most ~\(number(along.worstError, digits: 2)).
  """)

// The tests of this book apply all of these checks to every primitive (an operation with a pullback
// of its own), and compare its value with that of a slow, plain version; `make test-gradients`
// prints how well they agree.

// ## Exercises
//
// 1. Give `Number` a division. Which two slopes does a / b store? Check the gradient of
//    (a / b + c) / a, in which a occurs twice, by hand and with `Stencil.four`.
// 2. Derive the pullback of y = x / ‖x‖, row by row, put it on the tape with `Variable(custom:)`
//    and check it with `checkGradient`. For which cotangents is the result 0, and which careless
//    check would therefore let a pullback of zeros pass?
// 3. Multiply `derived` by 1 + δ. How large must δ be for `checkGradient` to notice? Why is this
//    threshold not its tolerance, and what changes if the output of the softmax is multiplied by
//    100?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 05-teacher, the Transformer that we shall distil.

chapter.finish()
