// # 06  Which structure can imitate attention?
//
// Attention mixes T tokens with a matrix of T² numbers. Each cheap mixer has a matrix too, from a
// family with some structure:
//
//     Toeplitz         one number for each diagonal                          a convolution
//     low rank         a product of two thin factors, under the mask         linear attention
//     SSD              the same, with a decay at each token                  Mamba-2
//     semiseparable    whatever a state of N numbers can pass on             any linear recurrence
//
// Before a student is trained to imitate a teacher, we ask how near each family can come to the
// actual matrices of the teacher of chapter 05. The MOHAWK paper has this study as a table; here it
// runs.
//
// You will see the table beside the paper's, a bound that no recurrence can beat, what a heuristic
// for Toeplitz may cost, and a surprise about low rank and SSD. The run takes a few minutes once
// the teacher exists. A quick run searches for a few steps only, so that it shows distances that a
// longer search would shorten.

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
  duration: "4 minutes with a teacher from chapter 05; 5 seconds with --quick", options: ModelOptions.self)

let store = chapter.openModelStore()
let (H, L, T) = (store.recipe.H, store.recipe.L, store.recipe.T)
let teacher = exitOnError { try store.teacher().frozen }
let heldOut = store.heldOut.reported
let windows = 4
let orders = chapter.isQuick ? [2, 4, 8, 16] : [2, 4, 8, 16, 32]
let shown = 8
let truncation = "semiseparable, truncated"
let (descentSteps, solvingSteps) = chapter.isQuick ? (150, 20) : (2000, 200)
let (descentRate, decayRate, firstDecay) = (0.06, 0.1, 0.9)
let tolerance = MemoryLayout<Scalar>.size == 8 ? 1e-10 : 1e-4

// ## The matrices
//
// We take the matrices of all heads of all layers on a few windows of held-out text, far from one
// another. Row t says how much of each token s ≤ t enters the output at t; its entries are positive
// and sum to 1. All distances below are Frobenius norms of differences: the root of the sum of the
// squared differences between the entries. (The first stage of the distillation, chapter 08, makes
// this distance smaller by training.) The scale is set by the matrix of zeros: its distance is the
// norm of the matrix itself.

chapter.section("1. The matrices")
let targets = Tensor.concatenated(
  (0..<windows).flatMap { w in
    teacher.trace(heldOut[w * heldOut.count / windows].inputs).flatMap { trace in
      (0..<H).map { head($0, of: trace.matrix!).reshaped(to: [1, T, T] as Shape) }
    }
  })
let count = targets.shape[0]
let zeros = each(distance(targets, Tensor.zeros(targets.shape), over: 2))
show("matrices", count)
show("tokens in each", T)
show("norm of a matrix, mean ± standard error over matrices", text(Estimate(zeros)))

// From here on we keep the distances of each family in `found`, under the name of the family and N
// (`Measuring.swift`).

var found = Distances(from: targets)

// ## One number for each diagonal
//
// The nearest Toeplitz matrix needs no search. The squared distance is a sum over diagonals, and
// the number nearest to several is their mean. A diagonal with 1 in its first place and ½ in its
// second becomes ¾ twice, wrong by ¼ each time. What a Toeplitz matrix cannot do is look back three
// tokens here and five there. The second line below says what part of the squared norm it explains.

chapter.section("2. One number for each diagonal: Toeplitz")
let toeplitz = toeplitzProjection(targets)
let toeplitzDistances = each(distance(toeplitz, targets, over: 2))
show("distance of the nearest Toeplitz matrix", text(Estimate(toeplitzDistances)))
let kept = zip(toeplitzDistances, zeros).map { 1 - ($0 / $1) * ($0 / $1) }
show("part of the squared norm that it explains", text(Estimate(kept)))

// The nearest member of a linear family is a projection: what it leaves is orthogonal to the whole
// family. For Toeplitz that is easy to test. The remainder sums to zero along each diagonal.

let remainder = (targets - toeplitz).elements
let sums = (0..<count).flatMap { m in
  (0..<T).map { back in (back..<T).reduce(0.0) { $0 + Double(remainder[(m * T + $1) * T + $1 - back]) } }
}
check("sums of the remainder along diagonals: the largest", sums.map(abs).max()!, within: tolerance)

// ## What a state can carry
//
// Cut time before token k. All that the past can do to the future is in one block of the matrix,
// the rows from k on and the columns before k (chapter 02). It is called a Hankel block, H[k]. A
// recurrence must pass all of it through a state of N numbers, so in its own matrix each Hankel
// block has a rank of at most N. Such a matrix, and such a recurrence, is said to be of order N, and
// the matrix to be semiseparable.
//
// The singular values of the teacher's H[k] beyond the N-th say what is lost at this cut
// (`HankelBlocks` below computes those of all cuts). Balanced truncation keeps the N largest at
// every cut and builds from them a recurrence: for each token a matrix A that hands the state on,
// a vector B that writes to it and a vector C that reads it
// (`Sources/Structures/BalancedTruncation.swift` derives them). It is called balanced because in the
// textbooks each number of the state is scaled so that the past reaches it as easily as the future
// reads it; what is then small matters little to both, and is cut off. With N = T/2 nothing is.

chapter.section("3. What a state can carry: semiseparable")
let blocks = HankelBlocks(of: targets)
let whole = balancedTruncation(of: blocks, N: T / 2)
check(
  "with N = T/2 the recurrence has the teacher's matrix: the largest difference",
  Double(largestMagnitude(whole.matrices - targets)), within: tolerance)
let truncated = balancedTruncation(of: blocks, N: shown)
check(
  "with N = \(shown) every block of its matrix has rank \(shown): singular values beyond, at most",
  HankelBlocks(of: truncated.matrices).loss(at: shown).max()!, within: tolerance)

// Is there a nearer recurrence of the same order? We cannot compute the best one, but no recurrence
// can be nearer than what it must lose, and we have two ways to count that:
//
//     the worst cut    in its Hankel block any recurrence of order N loses at least the singular
//                      values beyond the N-th
//     rectangles       so it does in any rectangle below the diagonal; if several of them do not
//                      overlap, the squares of their losses add up
//
// `Sources/Structures/SemiseparableBound.swift` looks for the best rectangles. To save time they
// begin and end only at every fourth or eighth token (`grid`), where the worst cut need not be. So
// either way may give more, and the bound is the larger of the two, matrix by matrix. The distance
// of the best recurrence lies between this bound and the distance of the truncated one.
//
// In the tables the truncated recurrence stands as “semiseparable, truncated”: it is a member of the
// semiseparable family, and not its nearest.

let atWorstCut = orders.map { blocks.loss(at: $0) }
let inRectangles = semiseparableBounds(targets, orders: orders, grid: chapter.isQuick ? 4 : 8)
let bounds = zip(atWorstCut, inRectangles).map { zip($0, $1).map { max($0, $1) } }
for N in orders { found.record(truncation, N, balancedTruncation(of: blocks, N: N).matrices) }
let ratios = orders.indices.map { place in
  zip(found[truncation, orders[place]], bounds[place]).map { $0 / $1 }
}
table(
  ["N", "lost at the worst cut", "lost in rectangles", "bound", "balanced truncation", "truncation / bound"],
  rows: orders.enumerated().map { place, N in
    let values = [atWorstCut[place], inRectangles[place], bounds[place], found[truncation, N]]
    return ["\(N)"] + values.map { meanText($0) } + [text(Estimate(ratios[place]))]
  })
check("no truncation is below its bound: the smallest ratio", ratios.joined().min()!, atLeast: 1.0)

// ## Down the gradient: low rank and SSD
//
// For the product of two thin factors under a mask, and for the same with decays, there is no
// formula for the nearest member. We have to search, and this chapter searches in two ways:
//
//     descent        everything by gradient descent, as in the paper                          section 4
//     rows solved    the factors by alternating least squares, the decays by descent          section 6
//
// We call the matrix that such a search ends with a fit: a fit by descent, or a fit with rows
// solved. A fit is a member of its family, so it proves that the family comes at least as near: its
// distance is an upper bound for the distance of the nearest member. It does not prove that the
// family cannot come nearer. Only the bound of section 3 says something of that kind; it holds here
// too, since both families are recurrences.
//
// First descent, for all matrices side by side, with our own engine. Both families start from the
// same factors, those of the nearest matrix of rank N without a mask, and take the same number of
// steps. SSD also has a decay at each token, which starts at 0.9.

chapter.section("4. Down the gradient: low rank and SSD")
let families: [StateSpaceFamily] = [.lowRank, .ssd(firstDecay: firstDecay)]
let byDescent = ["low rank, descent", "SSD, descent"]
enum Search { case descent, rowsSolved }
let bar = ProgressBar("fits", total: 2 * families.count * (orders.count + 2))
var done = 0
func fitted(_ family: StateSpaceFamily, N: Int, by search: Search, times: Int = 1) -> StateSpaceFit {
  var fit = StateSpaceFit(family, N: N, to: targets)
  exitOnError {
    switch search {
    case .descent: try fit.descend(steps: times * descentSteps, rate: descentRate)
    case .rowsSolved: try fit.alternate(steps: times * solvingSteps, rate: decayRate)
    }
  }
  done += times
  bar.update(done)
  return fit
}
var curves: [String: [Double]] = [:]
for N in orders {
  for (name, family) in zip(byDescent, families) {
    let fit = fitted(family, N: N, by: .descent)
    found.record(name, N, fit.matrices)
    if N == shown { curves[name] = fit.losses }
  }
}

// Has the search converged? Two measures for N = 8: how much of the distance the last tenth of the
// steps gained, and how much twice as many steps would gain. The first is small in any case, because
// the learning rate falls to zero in these steps; trust the second.

table(["N = \(shown)"] + Convergence.columns, rows: convergence(of: byDescent, by: .descent).map(\.cells))

// ## The table
//
// Mean distances with standard errors over matrices. (These are the heads of one teacher in a few
// windows, and not independent samples. The error says how much matrices differ, and is too small
// for a claim about other heads.) The paper searches in the same ways, by descent and by balanced
// truncation, but it has T = 512, other text and another teacher. So rows should be compared that
// have the same N / T, the fraction of the window that a state can hold, and not the same N. (The
// full run has rows with each of the paper's fractions, a quick run none.) Even then compare the order of the columns and their ratios, not the distances themselves: the norm of
// a head's matrix grows about as √T (section 8), and the paper does not print the norms of its own.

chapter.section("5. The table, beside the paper's")
let rising = byDescent + [truncation]
table(
  ["N", "N / T"] + rising,
  rows: orders.map { N in ["\(N)", "1/\(T / N)"] + rising.map { text(found.estimate($0, N)) } })
found.write(to: chapter.metrics("distances", columns: Distances.columns), T: T, norm: Estimate(zeros).mean)
let publishedT = 512
let published = [(16, [0.595, 0.453, 0.236]), (32, [0.310, 0.226, 0.112]), (64, [0.128, 0.093, 0.041])]
table(
  ["the paper, T = \(publishedT): N", "N / T"] + rising,
  rows: published.map { N, values in ["\(N)", "1/\(publishedT / N)"] + values.map { number($0, decimals: 3) } })

// The next table has the differences between the distances of two families, with standard errors
// that come from the differences matrix by matrix. The checks compare the means.

table(
  ["N", "low rank minus SSD, both by descent", "SSD by descent minus truncated semiseparable"],
  rows: orders.map { N in
    ["\(N)", found.lead(of: byDescent[1], over: byDescent[0], N), found.lead(of: rising[2], over: byDescent[1], N)]
  })
found.checkOrder(truncation, byDescent[1], orders)
found.checkOrder(byDescent[1], byDescent[0], orders)
let doublings = rising.map { found.factors($0, orders) }
table(
  ["distance at 2N over distance at N"] + rising,
  rows: zip(orders, orders.dropFirst()).enumerated().map { place, pair in
    ["\(pair.0) → \(pair.1)"] + doublings.map { $0[place] }
  })

// ## The surprise: two names for one family
//
// Let L be the matrix of decays, with L[t, s] = α[s + 1] ⋯ α[t]. It is a quotient, p[t] / p[s] with
// p[t] = α[1] ⋯ α[t], p[0] = 1. (It is the ρ[t] of chapter 03 without its factor α[0], which is in
// no entry of L and cancels in the quotient.) So the decays can be hidden in the factors: c[t]·p[t]
// and b[s] / p[s] give the same matrix with no decay at all. If no α is 0, every SSD matrix with a
// state of N numbers IS a low rank matrix under the mask, with the same N. The converse holds too:
// a low rank matrix is SSD with all decays 1. (This is true of matrices, not of layers: a layer
// computes b[s] from token s, but p[s] depends on all tokens before it.)
//
// The price is the size of the numbers. With three tokens and decays of ½, p = 1, ½, ¼, so b is
// multiplied by 1, 2, 4; after 127 steps the factor would be 2 to the 127.
//
// The same trick hides the matrix A that hands on the state of any recurrence, if A can be
// inverted: with Φ[t] = A[t − 1] ⋯ A[1], c[t]·Φ[t] and Φ[s + 1]⁻¹ b[s] need no A. So below the
// diagonal even the semiseparable family is the limit of low rank ones; the difference is how large
// the numbers become.
//
// We take the second kind of fit, in which only the decays need a gradient. With b fixed, each row
// of C is a small least squares problem with an exact solution, and so is each row of B when c is
// fixed (`Sources/Structures/StateSpaceFit.swift`). Then we rewrite each SSD matrix without its
// decays.

chapter.section("6. The surprise: two names for one family")
let rowsSolved = ["low rank, rows solved", "SSD, rows solved"]
let diagonalGiven = rowsSolved.map { $0 + ", diagonal given" }
var solved: [String: StateSpaceFit] = [:]
for N in orders {
  for (place, name) in rowsSolved.enumerated() {
    let fit = fitted(families[place], N: N, by: .rowsSolved)
    found.record(name, N, fit.matrices)
    found.record(diagonalGiven[place], N, fit.matrices + (targets - fit.matrices) * Tensor.identity(T))
    if N == shown { (solved[name], curves[name]) = (fit, fit.losses) }
  }
}
let decaying = solved[rowsSolved[1]]!
let undecayed = (0..<count).map { decaying.undecayed($0) }
show("powers of ten over which p falls, N = \(shown)", text(Estimate(undecayed.map(\.powersOfTen))))
show("matrices where that exceeds the 76 powers of Float", undecayed.count { $0.powersOfTen > 76 })
check(
  "the same matrices without decays: the largest difference", undecayed.compactMap(\.difference).max() ?? .nan,
  within: 1e-10)

// If the families are one, why is low rank farther in the table of section 5? Because descent does
// not get there. Without decays b has to grow along the window, and c to shrink, by as many powers of
// ten as p falls, far from any starting point. Decays express the same matrices in numbers that a
// gradient can find. If that is the reason, solving for the rows should bring low rank nearer, and
// the checks below the tables require it.
//
// For SSD, solving need not be better than descent. A solved factor is the best one only for the
// other factor and the decays of that step. The decays still go down the gradient from their common
// start, and this search takes fewer steps than descent, which may matter most where the state is
// small and the decays have to do most of the work. So with rows solved SSD may end farther away
// than by descent. It may even end farther away than low rank with rows solved, although every low
// rank matrix is an SSD matrix with all decays 1. That says something about the search and nothing
// about the family: the smallest distance of a row of the table is an upper bound for both.

table(
  ["N", byDescent[0], rowsSolved[0], byDescent[1], rowsSolved[1]],
  rows: orders.map { N in
    ["\(N)"] + [byDescent[0], rowsSolved[0], byDescent[1], rowsSolved[1]].map { found.meanText($0, N) }
  })
let solvedGains = convergence(of: rowsSolved, by: .rowsSolved)
table(["N = \(shown)"] + Convergence.columns, rows: solvedGains.map(\.cells))
bar.finish()
found.checkOrder(rowsSolved[0], byDescent[0], orders)

// Is balanced truncation still ahead of SSD? It takes the diagonal of the teacher's matrix for
// granted, as its d. We give SSD this diagonal too, but only afterwards. That takes away the error
// which the fit has left on the diagonal. If there is next to none, the gift comes too late: the
// fit has already spent some of its numbers on the diagonal. A fair comparison would leave the
// diagonal out from the start (exercise 1).

found.checkOrder(truncation, diagonalGiven[1], orders)
let solvedAlone = found.estimate(rowsSolved[1], shown).mean
let gainedByDiagonal = 1 - found.estimate(diagonalGiven[1], shown).mean / solvedAlone
finding(
  """
  With rows solved and N = \(shown), SSD is at \(number(solvedAlone, digits: 3)). When the diagonal is given
  afterwards, the distance falls by a fraction of \(number(gainedByDiagonal, decimals: 2)).
  """)

chapter.plot(
  distanceChart(
    of: (byDescent + rowsSolved + [truncation]).map { name in
      (name, orders.map { found.estimate(name, $0) })
    }, bound: bounds.map { Estimate($0) }, orders: orders,
    levels: [("zeros", Estimate(zeros)), ("Toeplitz", Estimate(toeplitzDistances))], count: count), "distance")

// ## Which heads are hard?
//
// For each head, means over windows: the distances at N = 8, how far back it looks, the entropy of
// its rows (the logarithm of the number of tokens that it attends to), and its norm. The heads
// stand in the order of the distance of the truncated recurrence, the farthest first. The last row
// correlates each column, over all matrices, with the logarithm of that distance.

chapter.section("7. Which heads are hard?")
let looking = LookingBack(of: targets)
func ofHead(_ values: [Double], _ h: Int) -> Double {
  (0..<windows).reduce(0) { $0 + values[$1 * L * H + h] } / Double(windows)
}
let semiseparable = found[truncation, shown]
let features: [(name: String, values: [Double])] =
  rowsSolved.map { ($0, found[$0, shown]) } + [
    (truncation, semiseparable), ("Toeplitz", toeplitzDistances), ("looks back", looking.distance),
    ("entropy", looking.entropy), ("norm", looking.norm),
  ]
let byDifficulty = (0..<(L * H)).sorted { ofHead(semiseparable, $0) > ofHead(semiseparable, $1) }
let hardness = semiseparable.map { Foundation.log($0) }
table(
  ["layer, head"] + features.map(\.name),
  rows: byDifficulty.map { h in
    ["\(h / H), \(h % H)"] + features.map { number(ofHead($0.values, h), digits: 3) }
  } + [["correlation"] + features.map { number(correlation($0.values, hardness), decimals: 2) }])

// The hardest and the easiest head in the first window. Above are the head's matrix and the nearest
// that we found in each family; below is what each leaves over, with colours that end at a tenth of
// those above. A matrix of zeros would leave the whole head.

let seen = (T - 48)..<T
let nearest: [(String, Tensor)] =
  [("Toeplitz", toeplitz)] + rowsSolved.map { ($0, solved[$0]!.matrices) } + [(truncation, truncated.matrices)]
for (file, h) in [("hardest", byDifficulty.first!), ("easiest", byDifficulty.last!)] {
  let title = "The \(file) head: layer \(h / H), head \(h % H), N = \(shown)"
  chapter.plot(oneHead(title, h, of: targets, fits: nearest, tokens: seen), file)
}

// ## Breaking it on purpose
//
// The paper finds its Toeplitz matrices by a heuristic, for T = 512. The norm of a head's matrix
// grows about as √T, since there is one row of weights for each token. So we multiply the paper's
// distance by √(T / 512), with our T, before we compare it with that of the projection. Here is a
// cruder heuristic: copy the first column, as one would read the filter of a convolution from its
// response to an impulse at the first token. That response is attention's weight on the first
// token, which is 1 in the first row; so the whole diagonal becomes 1, whatever attention has
// there.
//
// The projection is never farther than any other Toeplitz matrix, and the matrix of zeros is one.
// So a Toeplitz matrix that is farther than zeros is not the projection. This catches what is worse
// than nothing; it does not catch a heuristic that is merely worse than the projection.

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
check(
  "the projection is never farther than zeros", zip(toeplitzDistances, zeros).allSatisfy { $0 <= $1 },
  "\(count) matrices")
let worse = zip(copiedDistances, zeros).count { $0 > $1 }
check("the copied filter is farther than zeros in some matrices", worse, greaterThan: 0)
finding(sentenceOnToeplitz(heuristic: 12.3))

// ## What we saw
//
// The paper's order is among the checks, for every N: the truncated recurrence is nearer than SSD,
// and SSD is nearer than low rank, both by descent. The families may also differ in how much a
// larger state helps them. Of the best recurrence we know only that its distance lies between the
// bound and that of the truncated one. (The sentences are in `Findings.swift`.)

finding(sentenceOnFamilies())
finding(sentenceOnDoubling())
finding(sentenceOnBound())

// Low rank and SSD are one family, and below the diagonal the semiseparable one is its limit. So a
// difference between low rank and SSD is a difference between searches, and a fit that would gain
// from more steps is not the nearest member of its family. A table of this kind compares searches
// as much as families, ours as well as the paper's. What descent reaches counts all the same: a
// student is trained by descent, too.

finding(sentenceOnSearches())

// We expect a head to be hard for a recurrence if it looks far back, or at many tokens. SSD has a
// difficulty of its own with a head that keeps some things for long and others briefly. At each
// token all N numbers of its state share one decay; any other pace has to be hidden in b and c,
// where the numbers grow. We guess that the head where SSD is farthest behind is of that kind.

finding(sentenceOnHeads())

// ## Exercises
//
// 1. Leave the diagonal out of the SSD fit from the start. How much nearer does it come to the rest
//    of the matrix, and is balanced truncation still ahead? (Below the diagonal there is a causal
//    matrix of T − 1 tokens.)
// 2. Truncate one cut after the other, and choose each basis within the basis before and the new
//    token. Show that the squared error is exactly what was struck out, and compare with balanced
//    truncation.
// 3. Which N do these matrices need: the mean of all tokens so far, the first token alone, the
//    token d places back, a token drawn at random for each row? Does looking far back make a head
//    hard?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 07-student, which builds the layer that mixes with SSD matrices.

chapter.finish()
