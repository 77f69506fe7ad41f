// # 02  The matrix of a recurrence
//
// Chapter 01 wrote attention as a matrix that mixes tokens. A recurrence walks through the tokens
// once, keeps a few numbers (its state), and never looks back. Yet it is a matrix too, and one of a
// special kind: a block below its diagonal has a rank of at most N, if the state has N numbers.
//
// You will see a memory that fades, its matrix as the product of two others, the singular values of
// its blocks beside those of attention, and a fault that one check sees and another does not. A run
// takes seconds. The code of this chapter computes in Double. The library computes in Scalar, the
// number type of the build, which is Float under `make`.

import Book
import Foundation
import Gradients
import Layers
import Notebook
import Plots
import Tensors

let chapter = Chapter(
  "02-state-space", question: "What matrix is a recurrence?", duration: "5 seconds; 1 second with --quick")

let (T, N, P) = (47, 5, 16)
let (wipe, cut) = (28, T / 3)
var random = SeededGenerator(seed: chapter.seed)

func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
func times(_ m: [[Double]], _ x: [Double]) -> [Double] { m.map { dot($0, x) } }
/// The norm of the difference, relative to that of y. A NaN makes it NaN, which fails every check.
func gap(_ x: [Double], _ y: [Double]) -> Double {
  (zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / dot(y, y)).squareRoot()
}
func numbers(_ x: Tensor) -> [Double] { x.elements.map { Double($0) } }
let (roundoff, negligible) = (100 * Double(Scalar.ulpOfOne), 5 * Double(Scalar.ulpOfOne))

// ## A memory that fades
//
// The smallest recurrence keeps one number, h. At each step t a fraction α[t] of it survives, the
// decay, and the new input x[t] is added:
//
//     h[t]  =  α[t] h[t − 1] + x[t]              h[−1] = 0
//
// With α = 0.9 an input of 1 has become 0.9 one step later, 0.81 after two steps, and about a half
// after seven. The decay may differ from step to step, and a decay of 0 wipes the memory. In the
// figure, follow each curve after an input.

chapter.section("1. A memory that fades")
func memory(_ x: [Double], alpha: (Int) -> Double) -> [Double] {
  var h = 0.0
  return x.indices.map { t in
    h = alpha(t) * h + x[t]
    return h
  }
}
func curve(_ name: String, _ x: some Sequence<Int>, _ y: [Double], _ style: Series.Style = .linePoints) -> Series {
  Series(name, x: x.map(Double.init), y: y, style: style)
}
let pulses = [3, 40] + Array(12..<20)
let signal = (0..<T).map { pulses.contains($0) ? 1.0 : 0 }
let (steady, wiped) = (memory(signal) { _ in 0.9 }, memory(signal) { $0 == wipe ? 0 : 0.9 })
let memories = LineChart(
  "", x: Axis("t", unit: "step"), y: Axis("h"),
  series: [
    curve("α = 0.5", 0..<T, memory(signal) { _ in 0.5 }, .line),
    curve("α = 0.9, but 0 at step \(wipe)", 0..<T, wiped, .line), curve("α = 0.9", 0..<T, steady, .dashed),
    curve("input", pulses, pulses.map { _ in 1 }, .points),
  ])
chapter.plot(Figure("One input, three memories", panels: [memories]), "memory")
check("α = 0.9: eight steps after an input of 1, 0.9⁸ is left", steady[11] - pow(0.9, 8), within: 1e-12)
check("with a decay of 0 at step \(wipe) nothing is left there", wiped[wipe], within: 0.0)

// ## Unrolled by hand
//
// Take four steps with x = (8, 4, 2, 1) and α = (·, ½, ¼, ½), and substitute each line into the
// next:
//
//     h[0]  =  x[0]                                       =  8
//     h[1]  =  ½ x[0] + x[1]                              =  4 + 4
//     h[2]  =  ¼·½ x[0] + ¼ x[1] + x[2]                   =  1 + 1 + 2
//     h[3]  =  ½·¼·½ x[0] + ½·¼ x[1] + ½ x[2] + x[3]      =  ½ + ½ + 1 + 1
//
// The factors do not depend on x. They form a matrix L, whose entry in row t and column s is the
// fraction of x[s] that is left at step t. It is the product of all decays after step s up to step
// t:
//
//     L[t, s]  =  α[s + 1] ⋯ α[t]          1 for s = t, where the product is empty;  0 for s > t
//
// The decay of step 0 does not occur, since there is nothing yet to fade.

chapter.section("2. Unrolled by hand")
func decays(_ alpha: [Double]) -> [[Double]] {
  alpha.indices.map { t in alpha.indices.map { s in s > t ? 0 : alpha[(s + 1)..<(t + 1)].reduce(1, *) } }
}
let four = (x: [8.0, 4, 2, 1], alpha: [1, 0.5, 0.25, 0.5])
let (walked, unrolled) = (memory(four.x) { four.alpha[$0] }, decays(four.alpha))
table(
  ["t", "s = 0", "s = 1", "s = 2", "s = 3", "row · x", "h[t]"],
  rows: (0..<4).map { t in
    ["\(t)"] + unrolled[t].map { number($0, decimals: 4) }
      + [times(unrolled, four.x)[t], walked[t]].map { number($0, decimals: 1) }
  })
check("L x = h, to the last bit", gap(times(unrolled, four.x), walked), within: 0.0)

// ## Segment sums
//
// The library computes a product of decays as exp of a sum of their logarithms. It needs such a sum
// for each segment between two steps. The segment sums of (x₀, x₁, x₂) are a matrix: the entry in
// row t and column s is the sum of the xᵢ with s < i ≤ t. Above the diagonal it is −∞, which exp
// turns into an exact 0. With (1, 20, 300) each entry shows what was summed: 320 is x₁ + x₂, and x₀
// is in no segment. L is exp of the segment sums of log α. Chapter 03 shows why a quotient of two
// running products, which looks cheaper, will not do.

chapter.section("3. Segment sums")
table(
  ["t", "s = 0", "s = 1", "s = 2"],
  rows: (0..<3).map { t in ["\(t)"] + (0..<3).map { number(segmentSum(Tensor([1, 20, 300]))[t, $0], decimals: 0) } })
let summed = exp(segmentSum(Tensor(four.alpha.map { Scalar(log($0)) })))
check("exp of the segment sums = L of section 2", gap(numbers(summed), unrolled.flatMap { $0 }), within: roundoff)

// ## A state of N numbers
//
// A state of one number remembers one running total. A head of a state space model has a state of N
// numbers. At each step one vector of N numbers, B[t], says where in the state the input is
// written, and another, C[t], says what is read from it. A single decay applies to all N numbers:
//
//     h[t]  =  α[t] h[t − 1] + B[t] x[t]           the state, N numbers
//     y[t]  =  C[t] · h[t]                         the output, one number
//
// Two steps by hand, with N = 2: write 8 with B[0] = (1, 0), then 4 with B[1] = (0, 1), and let
// α[1] = ½. The state is now (4, 4), and C[1] = (3, −1) reads 12 − 4 = 8. Of this, x[0] contributed
// (C[1] · B[0]) ½ x[0] = 3 · ½ · 8 = 12. Every pair of steps contributes in the same way:
//
//     M[t, s]  =  (C[t] · B[s]) α[s + 1] ⋯ α[t]    or    M = L ∘ (C Bᵀ)
//
// where ∘ multiplies entry by entry. C Bᵀ holds what one step would read from another if nothing
// faded, and L how much of it is left. A head has P features, as in attention, and all of them
// share α, B and C. So x[t] and y[t] are rows of P numbers, the state has N rows and P columns, and
// the same M mixes each feature.
//
// The layer that mixes the tokens of a model is called its mixer. That of this book's student is
// Discrete-Mamba-2, where the decay comes from a number a[t] that is computed from the input:
//
//     α[t]  =  sigmoid(−a[t])  =  1 / (1 + exp a[t])
//
// This is between 0 and 1 for every a[t]: 0.95 for −3, and 0.02 for 4. We draw B, C and a at
// random, a around −3, and set a[28] = 4, so that step 28 forgets.

chapter.section("4. A state of N numbers")
struct Head {
  let alpha: [Double]
  let b, c: [[Double]]
  var scores: [[Double]] { c.map { c in b.map { b in dot(c, b) } } }
  var matrix: [[Double]] { zip(decays(alpha), scores).map { zip($0, $1).map { $0 * $1 } } }
  func scan(_ x: [Double]) -> [Double] {
    var h = [Double](repeating: 0, count: b[0].count)
    return x.indices.map { t in
      for n in h.indices { h[n] = alpha[t] * h[n] + b[t][n] * x[t] }
      return dot(c[t], h)
    }
  }
}
func normal(_ rows: Int, _ columns: Int) -> [[Double]] {
  (0..<rows).map { _ in numbers(.normal([columns], using: &random)) }
}
func newHead(T: Int, N: Int) -> Head {
  let a = normal(1, T)[0].enumerated().map { t, draw in t == wipe ? 4 : draw - 3 }
  return Head(alpha: a.map { 1 / (1 + exp($0)) }, b: normal(T, N), c: normal(T, N))
}
let (head, x) = (newHead(T: T, N: N), normal(1, T)[0])
let (decay, matrix, y) = (decays(head.alpha), head.matrix, head.scan(x))
let mismatch = gap(times(matrix, x), y)
check("M x = the recurrence, step by step", mismatch, within: 1e-12)

// L is dark where the past is still remembered. It is nearly white in the rows from step 28 on and
// the columns before it, because step 28 wipes out what came before. C Bᵀ knows nothing of time. M
// keeps of it what L lets through.

let maps = [
  ("L: what is left of s at t", decay, 1.0), ("C Bᵀ: what t asks of s", head.scores, 4),
  ("M = L ∘ (C Bᵀ)", matrix, 4),
].map { title, values, limit in
  HeatMap(
    title, values: values, x: mixerAxes.x, y: mixerAxes.y, colourLabel: "entry", scale: .diverging,
    range: -limit...limit)
}
chapter.plot(Figure("What is left, what is asked, and their product", panels: maps), "matrices")

// ## The skip, the gate, and the whole layer
//
// The layer has two more parts around the recurrence. The skip lets the input bypass the state:
// with one weight d for each head, d x[t] is added to y[t]. This adds d to the diagonal of M. The
// gate then multiplies the sum by silu(z[t]), where silu(z) = z · sigmoid(z), and z[t] has a number
// for each feature. So each feature of row t has a factor of its own, and the gate cannot be part
// of a matrix that all features of a head share. By the matrix of a head this book means M with d
// on its diagonal and without the gate. (The papers write D for d. Here D is the width of the
// model, and the code calls d `skip`.)
//
// The layer in the library has all of this. In addition, x, B and C first pass through a short
// convolution over time, which mixes each of their numbers with its own last few values; chapter 07
// says what it is good for. The layer can run step by step (the form `recurrent` of the library), or
// build its matrices and multiply (the form `materialised`, which chapter 03 calls quadratic). We
// draw all its weights at random, those of the skip, the gate and the convolution too.

chapter.section("5. The skip, the gate, and the whole layer")
let layer = DiscreteMamba2("mixer", sizes: DiscreteMamba2Sizes(D: 12, H: 2, N: N), using: &random)
for parameter in [layer.inProjection, layer.skip] {
  parameter.value = .normal(parameter.value.shape, deviation: 0.3, using: &random)
}
var further = SeededGenerator(seed: chapter.seed)
for parameter in [layer.zBias, layer.convolutionWeight, layer.convolutionBias] {
  parameter.value = .normal(parameter.value.shape, deviation: 0.3, using: &further)
}
let u = Variable(constant: .normal([1, T, layer.sizes.D], using: &random))
let (walking, mixing) = (layer.output(u, form: .recurrent).value, layer.output(u, form: .materialised).value)
check("the layer by its matrices = the layer step by step", gap(numbers(mixing), numbers(walking)), within: roundoff)

// ## Every block below the diagonal
//
// Cut time at t0. The block of M with the rows from t0 on and the columns before t0 says how the
// outputs after the cut depend on the inputs before it. In a recurrence only the state crosses the
// cut, N numbers. So the block is a product of two thin matrices, what the future reads from the
// state and what the past has written into it:
//
//     M[t, s]  =  ( α[t0] ⋯ α[t] C[t] ) · ( α[s + 1] ⋯ α[t0 − 1] B[s] )          s < t0 ≤ t
//
// Both factors are vectors of N numbers, so the rank of the block is at most N. A matrix whose
// blocks below the diagonal all have rank at most N is called semiseparable. To find a rank we
// compute the singular values σ of a block with LAPACK. They are the factors by which the block
// stretches orthogonal directions, and the rank is the number of those that are above rounding
// error. For comparison we take a matrix as in chapter 01, where each token can look anywhere: the
// attention of random queries and keys of P features.

chapter.section("6. Every block below the diagonal")
let future = (cut..<T).map { t in head.c[t].map { decay[t][cut - 1] * $0 } }
let past = (0..<cut).map { s in head.b[s].map { decay[cut - 1][s] * $0 } }
let thin = future.flatMap { f in past.map { dot(f, $0) } }
check("future × past = the block at t0 = \(cut)", gap(thin, matrix[cut...].flatMap { $0[..<cut] }), within: 1e-12)
func attention(T: Int, P: Int) -> [[Double]] {
  let (q, k) = (Tensor.normal([1, T, 1, P], using: &random), Tensor.normal([1, T, 1, P], using: &random))
  return rows(of: softmax(headScores(q, k), scale: 1 / Scalar(P).squareRoot(), causal: true).reshaped(to: [T, T]))
}
/// The singular values of a block, relative to the first.
func spectrum(_ m: [[Double]], from t0: Int) -> [Double] {
  let sigma = numbers(singularValues(Tensor(rows: m[t0...].map { $0[..<t0].map { Scalar($0) } })))
  return sigma.map { $0 / sigma[0] }
}
func rank(_ spectrum: [Double]) -> Int { spectrum.count { $0 > negligible } }
let (cuts, attending) = (1..<T, attention(T: T, P: P))
let (spectra, ofAttention) = (cuts.map { spectrum(matrix, from: $0) }, cuts.map { spectrum(attending, from: $0) })
let (kept, beyond) = (spectra.flatMap { $0.prefix(N) }.min()!, spectra.flatMap { $0.dropFirst(N) }.max()!)
check("state space, \(cuts.count) blocks: the largest σ / σ₁ after the N-th", beyond, within: negligible)
check("state space: the smallest σ / σ₁ up to the N-th", kept, greaterThan: negligible, digits: 2)
check("attention: the smallest σ / σ₁ of all", ofAttention.flatMap { $0 }.min()!, greaterThan: negligible, digits: 2)

// On the left, the rank against the place of the cut: a plateau at N for the state space, while
// attention's rank is as large as the block allows. On the right, the σ of one block: those of the
// state space drop to rounding error after the N-th. Attention's never do, so none counts as zero.

let examined = [
  ("softmax attention", attending), ("state space, N = \(N)", matrix),
  ("state space, N = 2", newHead(T: T, N: 2).matrix), ("state space, N = 11", newHead(T: T, N: 11).matrix),
]
let plateau = LineChart(
  "rank of the block at t0", x: Axis("t0, where time is cut", unit: "token"), y: Axis("rank", range: 0...28),
  series: [
    curve(examined[0].0, cuts, ofAttention.map { Double(rank($0)) }, .line),
    curve(examined[1].0, cuts, spectra.map { Double(rank($0)) }),
  ])
let cliffs = LineChart(
  "singular values of the block at t0 = \(cut)", x: Axis("k, from the largest"),
  y: Axis("σₖ / σ₁", logarithmic: true, range: (negligible / 1e3)...1),
  series: examined.map { curve($0.0, 1...cut, spectrum($0.1, from: cut)) },
  references: [Reference("counted as zero", y: negligible)])
chapter.plot(Figure("Blocks below the diagonal", panels: [plateau, cliffs]), "blocks")

// ## The surprise: full rank, and yet nearly thin
//
// Let the text grow, and cut it at a third of its length. For the recurrence the rank of that block
// stays N. For attention it is T/3: every token adds a direction of its own, and no state of fixed
// size could keep up. But a rank counts every direction, however faint. How much do the faint ones
// matter? Of all matrices of rank n the one nearest to the block keeps its n largest σ, and the
// norm of what it misses is (Eckart and Young)
//
//     √( σₙ₊₁²  +  σₙ₊₂²  +  … )
//
// So we ask two more questions. How many of the largest σ must be kept to miss at most a tenth of
// the block's norm? And what fraction of the norm is missed when 16 are kept, which is the N of the
// student in the book's standard recipe (chapter 05 lists its sizes)? We ask them for heads of
// P = 4 and of P = 16 features, and take means over five draws.
//
// There is a reason to expect few. Apart from a factor for each row, the weights of a softmax are
// exp(q · k) = 1 + q · k + (q · k)² / 2 + …. The power of degree i is a sum over products of i
// features of q times the same features of k, and each such product is a matrix of rank 1. Few
// features have few products: up to degree 2 there are 15 for P = 4, namely 1 + 4 + 10, and 153 for
// P = 16, namely 1 + 16 + 136.

chapter.section("7. The surprise: full rank, and yet nearly thin")
let lengths = chapter.isQuick ? [48, 96, 192] : [48, 96, 192, 384, 768]
let (few, budget) = (4, 16)  // Features of a narrow head; directions that are kept.
func missed(_ spectrum: [Double], beyond n: Int) -> Double {
  (spectrum.dropFirst(n).reduce(0) { $0 + $1 * $1 } / dot(spectrum, spectrum)).squareRoot()
}
func needed(_ spectrum: [Double]) -> Int { (1...spectrum.count).first { missed(spectrum, beyond: $0) <= 0.1 }! }
let kinds: [(Int) -> [[Double]]] = [
  { newHead(T: $0, N: N).matrix }, { attention(T: $0, P: few) }, { attention(T: $0, P: P) },
]
let drawn = kinds.map { matrix in lengths.map { T in (0..<5).map { _ in spectrum(matrix(T), from: T / 3) } } }
func means(_ f: ([Double]) -> Double) -> [[Double]] { drawn.map { $0.map { $0.map(f).reduce(0, +) / 5 } } }
let (ranks, held, lost) = (
  means { Double(rank($0)) }, means { Double(needed($0)) }, means { missed($0, beyond: budget) }
)
table(
  ["T", "rank, N = \(N)", "rank, attention"]
    + ["σ kept to miss 1/10", "missed with \(budget) kept"].flatMap { ["\($0), P = \(few)", "\($0), P = \(P)"] },
  rows: lengths.indices.map { i in
    ["\(lengths[i])"] + [0, 2].map { number(ranks[$0][i], decimals: 0) }
      + [1, 2].map { number(held[$0][i], decimals: 1) } + [1, 2].map { number(lost[$0][i], decimals: 3) }
  })
check("the rank of the recurrence stays N", ranks[0].allSatisfy { $0 == Double(N) })
check("the rank of attention is T/3", zip(lengths, ranks[2]).allSatisfy { $1 == Double($0 / 3) })
let growth = held.map { $0.last! / $0[0] }
check(
  "P = \(P), longest text over shortest: the σ kept to miss 1/10 grow less than the rank", growth[2],
  lessThan: Double(lengths.last! / lengths[0]))
check("P = \(few): and they grow less than with P = \(P)", growth[1], lessThan: growth[2])
let growing = LineChart(
  "", x: Axis("T", unit: "token", logarithmic: true), y: Axis("singular values", logarithmic: true),
  series: [
    curve("attention: rank", lengths, ranks[2], .dashed), curve("state space, N = \(N): rank", lengths, ranks[0]),
    curve("P = \(P): to miss 1/10", lengths, held[2]), curve("P = \(few): to miss 1/10", lengths, held[1]),
  ], legend: .topLeft)
chapter.plot(Figure("Singular values that count, as the text grows", panels: [growing]), "growth")

// ## Breaking it on purpose: two faults, two checks
//
// The most common fault with segment sums is to begin them at s instead of s + 1: what is written
// at step s then fades at once, by α[s]. A second fault looks harmless: to apply a softmax to C Bᵀ,
// as attention does, and keep the decay. We have two checks, M x against the recurrence and the
// rank of a block. Which of them sees which fault?

chapter.section("8. Breaking it on purpose: two faults, two checks")
let late = matrix.map { zip($0, head.alpha).map { $0 * $1 } }
let softened = zip(decay, head.scores).map { left, scores in
  let weights = zip(left, scores).map { $0 > 0 ? exp($1) : 0 }
  return zip(left, weights).map { $0 * $1 / weights.reduce(0, +) }
}
let (lateRank, softRank) = (rank(spectrum(late, from: cut)), rank(spectrum(softened, from: cut)))
check(
  "sums from s: relative difference of M x and the recurrence", gap(times(late, x), y), greaterThan: 0.01, digits: 2)
check("sums from s: the rank of the block stays N", lateRank == N, "rank \(lateRank)")
check("softmax of C Bᵀ: the rank of the block", softRank, greaterThan: N)
check(
  "softmax of C Bᵀ: relative difference of M x and the recurrence", gap(times(softened, x), y), greaterThan: 0.01,
  digits: 2)

// Sums that begin at s amount to another B, with α[s] B[s] in place of B[s]. That is still a
// recurrence, so the rank says nothing, and only the comparison reveals it. The softmax fails both
// checks.

// ## What we saw
//
// A recurrence is a matrix, M = L ∘ (C Bᵀ), and to run it is to multiply by M. No block below the
// diagonal has a rank above N, because only the state crosses a cut.

finding(
  """
  M x and the recurrence differ by ~\(number(mismatch, digits: 2)) of the norm of the output, in Double. Among the
  \(cuts.count) blocks of M the largest rank is \(spectra.map { rank($0) }.max()!), with N = \(N).
  """)

// A block of random attention has full rank. But if a small error is allowed, a state need only
// hold the directions with the largest σ.

finding(
  """
  At T = \(lengths.last!) the block of random attention has a rank of \(number(ranks[2].last!, decimals: 1)) on
  average, of at most \(lengths.last! / 3). To miss no more than a tenth of its norm,
  \(number(held[1].last!, decimals: 1)) directions are enough for a head of \(few) features, and
  \(number(held[2].last!, decimals: 1)) for one of \(P).
  """)
finding(
  """
  From T = \(lengths[0]) to \(lengths.last!) the rank grows by a factor of
  \(number(ranks[2].last! / ranks[2][0], decimals: 1)). The number of directions that miss no more than a tenth
  grows by \(number(growth[1], decimals: 1)) for \(few) features, and by \(number(growth[2], decimals: 1)) for \(P).
  """)

// No matrix of rank n comes nearer to a block than the one that keeps its n largest σ. So what that
// one misses, every state space model with N = n must miss as well.

finding(
  """
  At T = \(lengths.last!) a state space model with N = \(budget), as in the standard recipe, misses at least
  \(number(lost[1].last!, decimals: 3)) of the norm of such a block for a head of \(few) features, and
  \(number(lost[2].last!, decimals: 3)) for one of \(P), on average and however it is trained.
  """)

// ## Exercises
//
// 1. Multiply the queries of random attention by ¼, 4 and 16. Does a sharper softmax need more
//    directions? Begin with the limit in which each row puts all its weight on one key.
// 2. Replace L by 1 / (1 + t − s), a decay that is not a product. What are the ranks of its blocks,
//    exactly and in practice? How do they grow with the text?
// 3. Give each of the N numbers of the state its own decay. What becomes of M = L ∘ (C Bᵀ), and
//    what of the ranks?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 03-duality, three ways to multiply by such a matrix, and what each costs. Chapter 06 asks
// how many directions the heads of a trained model need.

chapter.finish()
