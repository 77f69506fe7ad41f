// # 06  Which structure can imitate attention?
//
// Attention mixes tokens with a matrix of T² numbers. Each cheap mixer has a matrix too, from a
// family with some structure: one number for each diagonal (Toeplitz, a convolution), a product of
// two thin factors (low rank, linear attention), the same with decays (SSD, Mamba-2), or whatever a
// recurrence with N numbers of memory can do (semiseparable). Before a student is trained to
// imitate a teacher, we ask how near each family can come to the actual matrices of the teacher of
// chapter 05. The MOHAWK paper has this study as a table; here it runs.
//
// You will see the table beside the paper's, a bound that no recurrence can beat, what a heuristic
// for Toeplitz may cost, and a surprise about low rank and SSD. The run takes a few minutes once
// the teacher exists.

import Book
import Corpora
import Experiments
import Foundation
import Models
import Notebook
import Plots
import Statistics
import Structures
import Tensors

let chapter = Chapter(
  "06-structured-matrices", question: "Which structure can imitate attention?",
  duration: "5 minutes with a teacher from chapter 05; 5 seconds with --quick", options: ModelOptions.self)

let store = chapter.openModelStore()
let (H, L, T) = (store.recipe.H, store.recipe.L, store.recipe.T)
let teacher = exitOnError { try store.teacher().frozen }
let heldOut = store.heldOut.reported
let windows = 4
let orders = chapter.isQuick ? [2, 4, 8, 16] : [2, 4, 8, 16, 32]
let shown = 8
let (descentSteps, alternatingSteps) = chapter.isQuick ? (150, 20) : (2000, 200)
let (descentRate, decayRate, firstDecay) = (0.06, 0.1, 0.9)
let tolerance = MemoryLayout<Scalar>.size == 8 ? 1e-10 : 1e-4

// ## The matrices
//
// We take the matrices of all heads of all layers on a few windows of held-out text, far from one
// another. Row t says how much of each token s ≤ t enters the output at t; its entries are positive
// and sum to 1. All distances below are Frobenius norms of differences, as in stage 1; a fit of
// zeros would have the norm of the matrix itself as its distance.

chapter.section("1. The matrices")
let targets = Tensor.concatenated(
  (0..<windows).flatMap { w in
    teacher.trace(heldOut[w * heldOut.count / windows].inputs).flatMap { trace in
      (0..<H).map { head($0, of: trace.matrix!).reshaped(to: [1, T, T] as Shape) }
    }
  })
let count = targets.shape[0]
func each(_ x: Tensor) -> [Double] { x.elements.map { Double($0) } }
let zeros = each(distance(targets, Tensor.zeros(targets.shape), over: 2))
func text(_ estimate: Estimate, digits: Int = 3) -> String {
  "\(number(estimate.mean, digits: digits)) ± \(number(estimate.standardError, digits: 2))"
}
show("matrices", count)
show("tokens in each", T)
show("norm of a matrix, mean ± standard error over matrices", text(Estimate(zeros)))

// Every family stores its distances here, under its name and N.

var results: [String: [Int: [Double]]] = [:]
func record(_ family: String, _ N: Int, _ fitted: Tensor) {
  results[family, default: [:]][N] = each(distance(fitted, targets, over: 2))
}
func estimate(_ family: String, _ N: Int) -> Estimate { Estimate(results[family]![N]!) }

// ## One number a diagonal
//
// The nearest Toeplitz matrix needs no search. The squared distance is a sum over diagonals, and
// the number nearest to several is their mean. A diagonal with 1 in its first place and ½ in its
// second becomes ¾ twice, wrong by ¼ each time. What a Toeplitz matrix cannot do is look back three
// tokens here and five there; the second line below says what part of ‖M‖² it explains.

chapter.section("2. One number a diagonal: Toeplitz")
let toeplitz = toeplitzProjection(targets)
let toeplitzDistances = each(distance(toeplitz, targets, over: 2))
show("distance of the nearest Toeplitz matrix", text(Estimate(toeplitzDistances)))
let kept = zip(toeplitzDistances, zeros).map { 1 - ($0 / $1) * ($0 / $1) }
show("part of the squared norm that it explains", text(Estimate(kept)))

// A projection leaves a remainder that is orthogonal to the whole family. For Toeplitz that is easy
// to test: the residual sums to zero along each diagonal.

let remainder = (targets - toeplitz).elements
let sums = (0..<count).flatMap { m in
  (0..<T).map { back in (back..<T).reduce(0.0) { $0 + Double(remainder[(m * T + $1) * T + $1 - back]) } }
}
check("the residual sums to zero along each diagonal", sums.map(abs).max()!, within: tolerance)

// ## What a state can carry
//
// Cut time before token k. All that the past can do to the future is in the block of rows from k on
// and columns before k, and a recurrence must squeeze it through a state of N numbers: the rank of
// the block is at most N. Singular values say what that loses. Balanced truncation keeps the N
// largest at every cut and builds the A, B, C of each token from them
// (`Sources/Structures/BalancedTruncation.swift` derives it). With N = T/2 nothing is cut off.

chapter.section("3. What a state can carry: semiseparable")
let blocks = HankelBlocks(of: targets)
let whole = balancedTruncation(of: blocks, N: T / 2)
check(
  "with N = T/2 the recurrence has the teacher's matrix", Double(largestMagnitude(whole.matrices - targets)),
  within: tolerance)
let truncated = balancedTruncation(of: blocks, N: shown)
check(
  "with N = \(shown) no block of its matrix has a rank above: what is left beyond",
  HankelBlocks(of: truncated.matrices).loss(at: shown).max()!, within: tolerance)

// Is the fit a good one? A bound answers that. In each of several disjoint rectangles below the
// diagonal, any recurrence loses at least the singular values beyond the N-th
// (`Sources/Structures/SemiseparableBound.swift`). The best recurrence lies between bound and fit.
// The worst cut alone is a bound as well, and may be the larger one, because the rectangles are
// restricted to a grid.

let bounds = semiseparableBounds(targets, orders: orders, grid: chapter.isQuick ? 4 : 8)
for N in orders { record("semiseparable", N, balancedTruncation(of: blocks, N: N).matrices) }
let ratios = orders.indices.map { place in
  zip(results["semiseparable"]![orders[place]]!, bounds[place]).map { $0 / $1 }
}
table(
  ["N", "worst single cut", "bound", "balanced truncation", "fit / bound"],
  rows: orders.enumerated().map { place, N in
    let values = [Estimate(blocks.loss(at: N)), Estimate(bounds[place]), estimate("semiseparable", N)]
    return ["\(N)"] + values.map { number($0.mean, digits: 3) } + [text(Estimate(ratios[place]))]
  })
check("no fit is below its bound: the smallest ratio", ratios.joined().min()!, atLeast: 1.0)

// ## Down the gradient: low rank and SSD
//
// For the product of two thin factors under a mask, and for the same with decays, there is no
// formula. As in the paper we follow the gradient, for all matrices side by side, with our own
// engine. Both families start from the same factors, those of the best rank N without a mask, and
// take the same number of steps; SSD also has a decay at each token, which starts at 0.9.

chapter.section("4. Down the gradient: low rank and SSD")
let families: [(name: String, family: StateSpaceFamily)] = [
  ("low rank", .lowRank), ("SSD", .ssd(firstDecay: firstDecay)),
]
let bar = ProgressBar("fits", total: 2 * families.count * (orders.count + 2))
var done = 0
func fitted(_ family: StateSpaceFamily, N: Int, times: Int = 1, exactly: Bool) -> StateSpaceFit {
  var fit = StateSpaceFit(family, N: N, to: targets)
  exitOnError {
    if exactly { try fit.alternate(steps: times * alternatingSteps, rate: decayRate) }
    if !exactly { try fit.descend(steps: times * descentSteps, rate: descentRate) }
  }
  done += times
  bar.update(done)
  return fit
}
var curves: [String: [Double]] = [:]
for N in orders {
  for (name, family) in families {
    let fit = fitted(family, N: N, exactly: false)
    record(name, N, fit.matrices)
    if N == shown { curves[name] = fit.losses }
  }
}

// Has it converged? Two measures for N = 8: how much the last tenth of the steps gained, and how
// much twice as many steps would gain. The first is always small where the learning rate has
// nearly fallen to zero; trust the second.

var gainedByTwice: [String: Double] = [:]
func tableOfConvergence(_ names: [String], exactly: Bool) {
  table(
    ["N = \(shown)", "distance", "with twice the steps", "gained in the last tenth", "gained by twice the steps"],
    rows: zip(names, families).map { name, entry in
      let losses = curves[name]!
      let (before, once) = (losses[losses.count * 9 / 10] / Double(count), estimate(name, shown).mean)
      let twice = Estimate(each(fitted(entry.family, N: shown, times: 2, exactly: exactly).distances)).mean
      let gained = 1 - twice / once
      gainedByTwice[name] = gained
      return [name] + [once, twice].map { number($0, digits: 3) }
        + [1 - once / before, gained].map { number($0, decimals: 2) }
    })
}
tableOfConvergence(["low rank", "SSD"], exactly: false)

// ## The table
//
// Mean distances with standard errors over matrices. (These are the heads of one teacher in a few
// windows, and not independent samples: the error says how much matrices differ, and is too small
// for a claim about other heads.) The paper has T = 512, other text and another teacher; what
// should be compared is not N but the fraction of the window that a state holds, N / T.

chapter.section("5. The table, beside the paper's")
let rising = ["low rank", "SSD", "semiseparable"]
table(
  ["N", "N / T"] + rising,
  rows: orders.map { N in ["\(N)", "1/\(T / N)"] + rising.map { text(estimate($0, N)) } })
let file = chapter.metrics("distances", columns: ["family", "N", "T", "distance", "standard error", "norm"])
for (family, all) in results.sorted(by: { $0.key < $1.key }) {
  for (N, values) in all.sorted(by: { $0.key < $1.key }) {
    file.add(family, N, T, Estimate(values).mean, Estimate(values).standardError, Estimate(zeros).mean)
  }
}
let publishedT = 512
let published = [(16, [0.595, 0.453, 0.236]), (32, [0.310, 0.226, 0.112]), (64, [0.128, 0.093, 0.041])]
table(
  ["the paper, T = \(publishedT): N", "N / T"] + rising,
  rows: published.map { N, values in ["\(N)", "1/\(publishedT / N)"] + values.map { number($0, decimals: 3) } })

// The order of the families. All fit the same matrices, so the standard error of a difference comes
// from the differences, matrix by matrix; it cannot be computed from the two standard errors. The
// checks compare the means.

func better(_ a: String, than b: String, _ N: Int) -> String {
  text(Estimate(zip(results[b]![N]!, results[a]![N]!).map { $0 - $1 }), digits: 2)
}
func checkOrder(_ near: String, _ far: String) {
  for N in orders {
    check("N = \(N): \(near) < \(far)", estimate(near, N).mean, lessThan: estimate(far, N).mean, digits: 3)
  }
}
table(
  ["N", "SSD nearer than low rank by", "semiseparable nearer than SSD by"],
  rows: orders.map { ["\($0)", better("SSD", than: "low rank", $0), better("semiseparable", than: "SSD", $0)] })
checkOrder("semiseparable", "SSD")
checkOrder("SSD", "low rank")
func factorsOfDoubling(_ family: String) -> [String] {
  zip(orders, orders.dropFirst()).map { N, next in
    number(estimate(family, next).mean / estimate(family, N).mean, decimals: 2)
  }
}
let doublings = rising.map { factorsOfDoubling($0) }
table(
  ["distance at 2N over distance at N"] + rising,
  rows: zip(orders, orders.dropFirst()).enumerated().map { place, pair in
    ["\(pair.0) → \(pair.1)"] + doublings.map { $0[place] }
  })

// ## The surprise: two names for one family
//
// L[t, s] = α[s + 1] ⋯ α[t] is a quotient, p[t] / p[s] with p[t] = α[1] ⋯ α[t]. So the decays can
// be hidden in the factors: c[t]·p[t] and b[s] / p[s] give the same matrix with no decay at all. If
// no α is 0, every SSD matrix of order N IS a low rank matrix under the mask, with the same N. The
// converse holds too: a low rank matrix is SSD with all decays 1. (This is true of matrices, not of
// layers: a layer computes b[s] from token s, but p[s] depends on all tokens before it.) Take three
// tokens with decay ½ at each step: p = 1, ½, ¼, so b is multiplied by 1, 2, 4. After 127 steps the
// factor would be 2 to the 127.
//
// The same trick hides the A of any recurrence that can be inverted: with P[t] = A[t − 1] ⋯ A[1],
// c[t]·P[t] and P[s + 1]⁻¹ b[s] need no A. So below the diagonal even the semiseparable family is
// the limit of low rank ones; the difference is how large the numbers become.

chapter.section("6. The surprise: two names for one family")
let (solvedLowRank, solvedSSD) = ("low rank, rows solved", "SSD, rows solved")
var solved: [String: StateSpaceFit] = [:]
for N in orders {
  for (name, entry) in zip([solvedLowRank, solvedSSD], families) {
    let fit = fitted(entry.family, N: N, exactly: true)
    record(name, N, fit.matrices)
    record(name + ", diagonal given", N, fit.matrices + (targets - fit.matrices) * Tensor.identity(T))
    if N == shown { (solved[name], curves[name]) = (fit, fit.losses) }
  }
}
let clothed = solved[solvedSSD]!
let undecayed = (0..<count).map { clothed.undecayed($0) }
show("powers of ten that p runs through, N = \(shown)", text(Estimate(undecayed.map(\.powersOfTen))))
show("matrices for which that is too much for Float, 76 powers", undecayed.count { $0.powersOfTen > 76 })
check(
  "the same matrices without decays, largest difference", undecayed.compactMap(\.difference).max() ?? .nan,
  within: tolerance)

// If the families are one, why is low rank farther in the table? Because descent does not get
// there. Without decays the factors have to grow along the window by as many powers of ten as p
// falls, away from any starting point; the decays express them in a form that a gradient can find.
// A better method should narrow the gap. With b fixed, each row of C is a small least squares
// problem with an exact solution, and so is each row of B; only the decays need a gradient
// (`Sources/Structures/StateSpaceFit.swift`).

table(
  ["N", "low rank by descent", "rows solved", "SSD by descent", "rows solved"],
  rows: orders.map { N in
    ["\(N)"] + ["low rank", solvedLowRank, "SSD", solvedSSD].map { number(estimate($0, N).mean, digits: 3) }
  })
tableOfConvergence([solvedLowRank, solvedSSD], exactly: true)
bar.finish()
checkOrder(solvedLowRank, "low rank")

// Is the semiseparable fit still ahead? It gets its diagonal for free, through D. We give SSD the
// diagonal, too, but only afterwards, when it has already spent its numbers there; a fair fit would
// leave the diagonal out of the loss from the start (exercise 1).

checkOrder("semiseparable", solvedSSD + ", diagonal given")
finding(
  """
  With rows solved and N = \(shown), SSD is at \(number(estimate(solvedSSD, shown).mean, digits: 3)), and at
  \(number(estimate(solvedSSD + ", diagonal given", shown).mean, digits: 3)) when the diagonal is given.
  """)

chapter.plot(
  distances(
    of: ["low rank", "SSD", solvedLowRank, solvedSSD, "semiseparable"].map { name in
      (name, orders.map { estimate(name, $0) })
    }, bound: bounds.map { Estimate($0) }, orders: orders,
    levels: [("zeros", Estimate(zeros)), ("Toeplitz", Estimate(toeplitzDistances))], count: count), "distance")

// ## Which heads are hard?
//
// For each head, means over windows: the distances at N = 8, how far back it looks, and the entropy
// of its rows, which is the logarithm of how many tokens it attends to. The last row correlates each
// column, over all matrices, with the logarithm of the semiseparable distance.

chapter.section("7. Which heads are hard?")
let looking = LookingBack(of: targets)
func ofHead(_ values: [Double], _ h: Int) -> Double {
  (0..<windows).reduce(0) { $0 + values[$1 * L * H + h] } / Double(windows)
}
let semiseparable = results["semiseparable"]![shown]!
let features: [(name: String, values: [Double])] = [
  ("low rank", results[solvedLowRank]![shown]!), ("SSD", results[solvedSSD]![shown]!),
  ("semiseparable", semiseparable),
  ("Toeplitz", toeplitzDistances), ("looks back", looking.distance), ("entropy", looking.entropy),
  ("norm", looking.norm),
]
let byDifficulty = (0..<(L * H)).sorted { ofHead(semiseparable, $0) > ofHead(semiseparable, $1) }
let hardness = semiseparable.map { Foundation.log($0) }
table(
  ["layer, head"] + features.map(\.name),
  rows: byDifficulty.map { h in
    ["\(h / H), \(h % H)"] + features.map { number(ofHead($0.values, h), digits: 3) }
  } + [["correlation"] + features.map { number(correlation($0.values, hardness), decimals: 2) }])

// The hardest and the easiest head in the first window. A row for each family: the target, the fit,
// and the residual, whose colour scale ends at a tenth of that of the weights.

let seen = (T - 48)..<T
let fits: [(String, Tensor)] = [
  ("Toeplitz", toeplitz), ("low rank", solved[solvedLowRank]!.matrices), ("SSD", clothed.matrices),
  ("semiseparable", truncated.matrices),
]
for (file, h) in [("hardest", byDifficulty.first!), ("easiest", byDifficulty.last!)] {
  let title = "The \(file) head: layer \(h / H), head \(h % H), N = \(shown)"
  chapter.plot(oneHead(title, h, of: targets, fits: fits, tokens: seen), file)
}

// ## Breaking it on purpose
//
// The paper finds its Toeplitz matrices by a heuristic. A norm grows about as √T, so its distance
// can be compared with that of the projection at our T. Here is a cruder heuristic: copy the first
// column, as one would read the filter of a convolution from its response to an impulse at the
// first token. That response is attention's weight on the first token, which is 1 in the first row;
// so the whole diagonal becomes 1, whatever attention has there. A projection is never farther than
// any member of the family, and zeros are a member. This check catches a fit that is worse than no
// fit, though not a heuristic that is better than zeros.

chapter.section("8. Breaking it on purpose: a filter read off the first column")
let entries = targets.elements
let copied = Naive.tabulate(targets.shape) { place in
  let (m, t, s) = (place[0], place[1], place[2])
  return s <= t ? entries[(m * T + t - s) * T] : 0
}
let copiedDistances = each(distance(copied, targets, over: 2))
table(
  ["Toeplitz", "distance", "over the norm of the matrix"],
  rows: [("projection", toeplitzDistances), ("first column copied", copiedDistances)].map { name, values in
    [name, text(Estimate(values)), number(Estimate(zip(values, zeros).map { $0 / $1 }).mean, decimals: 2)]
  })
check("the projection is never farther than zeros", zip(toeplitzDistances, zeros).allSatisfy { $0 <= $1 }, "\(count)")
let worse = zip(copiedDistances, zeros).count { $0 > $1 }
check("the same check sees that the copied filter is no projection", worse, greaterThan: 0)
let publishedToeplitz = 12.3
let rescaled = publishedToeplitz * (Double(T) / Double(publishedT)).squareRoot()
func meanText(_ distances: [Double]) -> String { number(Estimate(distances).mean, digits: 3) }
finding(
  """
  The projection is at \(meanText(toeplitzDistances)), the copied filter at \(meanText(copiedDistances)), and zeros
  are at \(meanText(zeros)). The paper's heuristic is at \(number(publishedToeplitz, digits: 3)) for
  T = \(publishedT), which corresponds to \(number(rescaled, digits: 3)) for T = \(T).
  """)

// ## What we saw
//
// The paper's order, semiseparable before SSD before low rank, is among the checks, for every N.
// Families may differ in what a larger state is worth to them, too. How near the best recurrence
// is, we know only between a fit and a bound.

func atShown(_ family: String) -> String { number(estimate(family, shown).mean, digits: 3) }
finding(
  """
  At N = \(shown) semiseparable is at \(atShown("semiseparable")), SSD at \(atShown("SSD")) and low rank at
  \(atShown("low rank")), both by descent; Toeplitz, which has no N, is at \(meanText(toeplitzDistances)).
  """)
let publishedDoublings = rising.indices.map { family in
  zip(published, published.dropFirst()).map { number($1.1[family] / $0.1[family], decimals: 2) }
}
finding(
  """
  When N doubles, from \(orders.first!) up to \(orders.last!), the distance of SSD is multiplied by
  \(list(doublings[1])), that of semiseparable by \(list(doublings[2])). The paper's factors, from
  N = \(published.first!.0) up to \(published.last!.0), are \(list(publishedDoublings[1])) and
  \(list(publishedDoublings[2])).
  """)
finding(
  """
  For N = \(list(orders.map { "\($0)" })) balanced truncation is
  \(list(ratios.map { meanText($0) })) times as far as the bound, on average; the best
  recurrence is nearer by these factors at most.
  """)

// Low rank and SSD are one family (and the semiseparable one, apart from its diagonal, is their
// limit). So a difference between the two is one of methods, and a fit that still gains by more
// steps has not converged. A table of this kind compares methods of descent as much as families,
// ours as well as the paper's. What plain descent reaches counts all the same: a student is trained
// by descent, too.

finding(
  """
  With rows solved, low rank at N = \(shown) is at \(atShown(solvedLowRank)) instead of \(atShown("low rank")), SSD at
  \(atShown(solvedSSD)) instead of \(atShown("SSD")). Twice the steps would gain
  \(number(gainedByTwice[solvedLowRank] ?? .nan, decimals: 2)) and
  \(number(gainedByTwice[solvedSSD] ?? .nan, decimals: 2)) of these distances.
  """)

// Hard for a recurrence should be a head that looks far back, or at many tokens. SSD has a trouble
// of its own where a head keeps some things for long and others briefly: one decay allows only one
// pace, and the others have to be hidden in b and c, where they grow. We guess that the head where
// SSD is farthest behind is of that kind.

let ofSSD = results[solvedSSD]![shown]!
func costOfOnePace(_ h: Int) -> Double { ofHead(ofSSD, h) / ofHead(semiseparable, h) }
let costliest = (0..<(L * H)).max { costOfOnePace($0) < costOfOnePace($1) }!
finding(
  """
  The logarithm of the semiseparable distance correlates with how far a head looks back by
  \(number(correlation(looking.distance, hardness), decimals: 2)), with the entropy of its rows by
  \(number(correlation(looking.entropy, hardness), decimals: 2)). SSD is farthest behind in head
  \(costliest % H) of layer \(costliest / H): it is at \(number(ofHead(ofSSD, costliest), digits: 3)), a general
  recurrence at \(number(ofHead(semiseparable, costliest), digits: 3)).
  """)

// Exercises. 1: Leave the diagonal out of the loss of the SSD fit, and out of its least squares.
// How much nearer do the other entries come? 2: Truncate one cut after the other, each basis chosen
// within the one before and the new token. Show that the error is exactly what was struck out, and
// compare with balanced truncation. 3: Take other matrices, of --seed 1 or of another text with
// --corpus. Which of the claims survive?
//
// Next: 07-student, which builds the layer whose family this is.

chapter.finish()
