// # 01  Attention
//
// A text is a sequence of tokens (letters, say), and a Transformer holds one vector for each token.
// Most of its layers work on one vector at a time. Attention is the layer that passes information
// between tokens: it gives each token a weighted mean over itself and the tokens before it. The
// weights of a whole text form a square matrix with a row and a column for each token. This book
// replaces that matrix with a cheaper one, so we begin by building it, looking at it, and asking
// what it costs.
//
// You will see a matrix that can be checked by hand, what positions do to it, two heads that learn
// from a text while reading it, and time and memory against length. A run takes about fifteen
// seconds.

import Book
import Foundation
import Notebook
import Plots
import Tensors

let chapter = Chapter(
  "01-attention", question: "What does attention cost, and what matrix is it?",
  duration: "15 seconds on 2 cores; 5 seconds with --quick")

var random = SeededGenerator(seed: chapter.seed)
let roundoff = MemoryLayout<Scalar>.size == 8 ? 1e-12 : 1e-5
func largest(_ x: Tensor) -> Double { Double(largestMagnitude(x)) }

// ## Three tokens by hand
//
// Each token t has three vectors of P numbers: a query q[t], what it looks for; a key k[t], what it
// is found by; and a value v[t], what it passes on. The inner product q[t]·k[s] is the score of
// token s for token t. We divide it by √P, because a sum of P random products of size 1 is about
// that large. The exponential turns the scores of a row into positive weights, and we divide them
// by their sum. Both steps together are the softmax. A token sees itself and the tokens before it
// but none after it; hiding those is called the causal mask. The weight of s for t is the entry
// M[t][s] of a matrix, and the output is y = M v.

chapter.section("1. Three tokens by hand")
func attentionMatrix(_ q: [[Double]], _ k: [[Double]]) -> [[Double]] {
  let (T, P) = (q.count, q[0].count)
  var m = [[Double]](repeating: [Double](repeating: 0, count: T), count: T)
  for t in 0..<T {
    for s in 0...t { for p in 0..<P { m[t][s] += q[t][p] * k[s][p] / Double(P).squareRoot() } }
    let total = m[t][...t].reduce(0) { $0 + exp($1) }
    for s in 0...t { m[t][s] = exp(m[t][s]) / total }
  }
  return m
}
func mixture(_ m: [[Double]], _ v: [[Double]]) -> [[Double]] {
  m.map { row in v[0].indices.map { p in zip(row, v).reduce(0) { $0 + $1.0 * $1.1[p] } } }
}

// Let P be 1, let every query be 1, and let the keys be log 1, log 2 and log 3. The weights of the
// last row are then in the ratio 1 : 2 : 3, that is ⅙, ⅓ and ½. With the values 6, 0 and 12 the
// last output is 1 + 0 + 6 = 7.
//
// A printed line that begins with ✓ is a check, which must hold, or the run fails. A line that
// begins with · reports whether something is so in this run, and nothing fails if it is not. A ~
// stands before what may differ from one run or computer to another, such as roundoff and times.

let (q, k, v) = ([[1.0], [1], [1]], [1.0, 2, 3].map { [log($0)] }, [[6.0], [0], [12]])
let byHand = attentionMatrix(q, k)
let outputs = mixture(byHand, v)
table(
  ["t", "weight of 0", "of 1", "of 2", "output"],
  rows: (0..<3).map { t in ["\(t)"] + (byHand[t] + outputs[t]).map { number($0, decimals: 4) } })
check("the last output is 7", outputs[2][0] - 7, within: 1e-12)

// ## Heads, and two matrix products
//
// A layer has H heads. Each head has its own queries, keys and values, and so its own matrix M.
// Queries, keys and values are made from the token's vector u[t] by three learned matrices:
//
//     q  =  W_q u          k  =  W_k u          v  =  W_v u
//
// Each product is cut into H pieces of P numbers, one for each head. The library keeps the pieces
// of B texts of T tokens in tensors of shape [B, T, H, P], and there attention is three lines. One
// matrix product gives all the scores of a head, a masked softmax turns each row into weights, and
// a second product applies the weights to the values. BLAS, a library made for matrix products,
// computes both.

chapter.section("2. Heads, and two matrix products")
let (T, H, P) = (13, 3, 5)
let vectors = (0..<3).map { _ in Tensor.normal([1, T, H, P], using: &random) }
let (queries, keys, values) = (vectors[0], vectors[1], vectors[2])
let scale = 1 / Scalar(P).squareRoot()
let scores = headScores(queries, keys)
let m = softmax(scores, scale: scale, causal: true).expecting(1, H, T, T, as: "the matrices")
let y = headMix(m, values)

func ofHead(_ h: Int, _ x: Tensor) -> [[Double]] {
  (0..<T).map { t in (0..<x.shape[3]).map { p in Double(x[0, t, h, p]) } }
}
func gap(_ a: [[Double]], _ b: [[Double]]) -> Double { zip(a.joined(), b.joined()).map { abs($0 - $1) }.max()! }
for h in 0..<H {
  let loops = attentionMatrix(ofHead(h, queries), ofHead(h, keys))
  let gaps = [gap(loops, ofHead(h, m.transposed(1, 2))), gap(mixture(loops, ofHead(h, values)), ofHead(h, y))]
  check("head \(h): loops = matrix products, for M and for y", gaps.max()!, within: roundoff)
}

// Where do the outputs of the heads go? For each token they are placed side by side as one vector
// of H·P numbers, and a fourth learned matrix, W_o, multiplies it. The product is the layer's
// output for this token, which the model then adds to the token's vector. P columns of W_o belong
// to each head, so the output is a sum of H contributions, one from each head.

var other = SeededGenerator(seed: chapter.seed &+ 1)
let wo = Tensor.normal([H * P, H * P], deviation: 0.25, using: &other)
let layerOutput = linear(y.reshaped(to: [1, T, H * P]), weight: wo, bias: nil)
let contributions = (0..<H).map { h in
  let ofHead = y.sliced(h..<(h + 1), along: 2).reshaped(to: [1, T, P])
  return linear(ofHead, weight: wo.sliced((h * P)..<((h + 1) * P), along: 1), bias: nil)
}
let summed = contributions.dropFirst().reduce(contributions[0]) { $0 + $1 }
check("W_o times all heads = the sum of what each head adds", largest(layerOutput - summed), within: 10 * roundoff)

// Because softmax divides by the sum, each row of M sums to 1. That is useful twice. The output is
// a mean of values, so it does not grow with the number of tokens seen. And adding a constant to
// all scores of a row changes nothing, so that we may first subtract the largest score, and exp
// cannot overflow.

let one = Tensor.ones(values.shape)
check("the rows sum to 1: M times ones is ones", largest(headMix(m, one) - one), within: roundoff)
let raised = softmax(scores + Tensor(50), scale: scale, causal: true)
check("50 added to every score changes nothing", largest(raised - m), within: 10 * roundoff)

// ## Where am I?
//
// Nothing so far depends on the order of the past: exchange two pieces of it, and the last token
// gets the same mean. So the layer has to be told where each token stands. There are two common
// ways.
//
// *Absolute positions*: a vector of sines and cosines of t is added to u[t], before W_q and W_k.
//
// *Rotary positions*: the numbers of q[t] and of k[t] are taken in pairs, each pair as a point in a
// plane, and turned by t times an angle that belongs to the pair. An inner product does not change
// when both of its vectors are turned by the same angle. So positions enter a score through the
// distance t − s alone, wherever in the text the two tokens are.

chapter.section("3. Where am I?")
func lastToken(_ x: Tensor) -> Tensor { x.sliced((T - 1)..<T, along: 1) }
func exchanged(_ x: Tensor) -> Tensor {
  Tensor.concatenated([6..<(T - 1), 0..<6, (T - 1)..<T].map { x.sliced($0, along: 1) }, along: 1)
}
let again = headMix(softmax(headScores(queries, exchanged(keys)), scale: scale, causal: true), exchanged(values))
let moved = largest(lastToken(again) - lastToken(y))
check("without positions: the past in another order, the same last output", moved, within: roundoff)

// To see the effect of positions alone, we take a text of one repeated token and place it once at
// the beginning of a page and once 40 places further on. W_q and W_k are random, and the same both
// times.

let (length, width, shift) = (24, 16, 40)
let u = Tensor.normal([1, 1, 1, width], using: &random).broadcast(to: [1, length, 1, width])
let wq = Tensor.normal([width, width], deviation: 0.25, using: &random)
let wk = Tensor.normal([width, width], deviation: 0.25, using: &random)
/// Pairs of a sine and a cosine that turn with the position (Vaswani et al., arXiv 1706.03762, section 3.5).
func absolutePositions(from start: Int) -> Tensor {
  Naive.tabulate(u.shape) { i in
    let (t, d) = (i[1] + start, i[3])
    let angle = Double(t) * pow(100, -Double(d / 2 * 2) / Double(width))
    return Scalar(d.isMultiple(of: 2) ? sin(angle) : cos(angle))
  }
}
func absolute(from start: Int) -> Tensor {
  let places = absolutePositions(from: start)
  return headScores(linear(u + places, weight: wq, bias: nil), linear(u + places, weight: wk, bias: nil))
}
func turned(from start: Int) -> Tensor {
  let turns = RotaryTable(T: length, width: width, base: 100, offset: start)
  return headScores(rotary(linear(u, weight: wq, bias: nil), turns), rotary(linear(u, weight: wk, bias: nil), turns))
}
func change(_ scores: (Int) -> Tensor) -> Double { largest(scores(shift) - scores(0)) / largest(scores(0)) }
check(
  "rotary: the largest change of a score when the text moves, over the largest score", change(turned),
  within: 10 * roundoff)
check(
  "absolute: the largest change of a score when the text moves, over the largest score", change(absolute),
  greaterThan: 0.1, digits: 2)

// Look along the diagonals of the figure, where t − s is constant. Rotary scores are constant
// there: "three places back" means the same everywhere. With absolute positions they vary along a
// diagonal, and the two placements differ.

func map(_ title: String, _ matrix: Tensor, _ label: String, _ range: ClosedRange<Double>) -> HeatMap {
  HeatMap(
    title, values: rows(of: head(0, of: matrix)), x: mixerAxes.x, y: mixerAxes.y, colourLabel: label,
    scale: range.lowerBound < 0 ? .diverging : .sequential, range: range)
}
let pages = [("absolute", absolute), ("rotary", turned)].flatMap { name, scores in
  [0, shift].map { map("\(name), text begins at \($0)", scores($0), "score", -15...15) }
}
chapter.plot(Figure("Scores in a text of one repeated token", panels: pages, columns: 2), "positions")

// ## Two heads that learn while they read
//
// What is such a matrix good for? We build two heads by hand. Their values say which letter a token
// is: a vector with a 1 at the letter's place in the alphabet and 0 elsewhere. The first head looks
// one place back, whatever is there. All its queries and keys are the same vector, so that only the
// rotary angles tell places apart. The queries are turned as if each token stood one place earlier,
// so the score is largest at s = t − 1.

chapter.section("4. Two heads that learn while they read")
let text = Array("^the_cat_sat_on_the_mat")
let alphabet = Set(text).sorted()
let letters = Naive.tabulate([1, text.count, 1, alphabet.count]) { text[$0[1]] == alphabet[$0[3]] ? 1 : 0 }
let sharpness: Scalar = 12  // In place of 1/√P.
let anything = Naive.tabulate([1, text.count, 1, width]) { $0[3] < width / 2 ? 1 : 0 }
func placed(_ offset: Int) -> Tensor {
  rotary(anything, RotaryTable(T: text.count, width: width, base: 10, offset: offset))
}
let oneBack = softmax(headScores(placed(-1), placed(0)), scale: sharpness, causal: true)
let previous = headMix(oneBack, letters)

// The second head, one layer up, takes the output of the first as its key, which says "I come after
// an a". Its query is the letter itself, which says "I am an a". So an a looks at all letters that
// have followed an a so far, and their mean is a guess at what comes next. Nothing was trained:
// everything the head knows comes from the text that it is reading. Trained models contain such
// pairs of heads (Olsson et al., arXiv 2209.11895): the first is called a previous-token head, the
// second an induction head.

let afterSame = softmax(headScores(letters, previous), scale: sharpness, causal: true)
let guess = headMix(afterSame, letters)
var (worst, lines) = (0.0, [[String]]())
for t in 0..<(text.count - 1) {
  let followers = (0..<t).filter { text[$0] == text[t] }.map { text[$0 + 1] }
  if followers.isEmpty { continue }
  let shares = alphabet.indices.map { Double(guess[0, t, 0, $0]) }
  let counted = alphabet.map { letter in Double(followers.count { $0 == letter }) / Double(followers.count) }
  worst = max(worst, gap([shares], [counted]))
  let likely = zip(alphabet, shares).filter { $0.1 > 0.05 }.map { "\($0.0) \(number($0.1, decimals: 2))" }
  lines.append([String(text[...t]), likely.joined(separator: ", "), "\(text[t + 1])"])
}
table(["the text so far", "the head's guess", "what came"], rows: lines.suffix(6))
check("the guess = the followers counted by a loop, at \(lines.count) letters", worst, within: 0.01)

// The first matrix depends on positions alone, and a recurrence could do the same: it need only
// remember the last token. The second matrix puts its weights where the text says. (At t = 20, the
// m, all weights of the row are equal, because no m came before.) To find any place in the past by
// its content: this is what attention's cost buys.

let heads = [("one place back", oneBack), ("after the same letter", afterSame)].map { map($0, $1, "weight", 0...1) }
chapter.plot(Figure("Two heads on the text \(String(text))", panels: heads), "heads")

// ## The surprise: the matrix need not be there
//
// A weighted mean can be computed as its terms arrive (the online softmax, Milakov and Gimelshein,
// arXiv 1805.02867). For each row we keep three things: the
// largest score so far, the sum of the weights, and the weighted sum of the values. In both sums
// the largest score has been subtracted from every score. When a larger score arrives, both sums
// are multiplied by exp(old largest − new largest). At the end their quotient is the output.
//
// We compute the last row of section 1 in this way, from the first two keys and then the third. The
// first two scores are log 1 and log 2; less log 2 they give the weights ½ and 1, and with the
// values 6 and 0 the sums 1.5 and 3. Then log 3 becomes the largest, both sums are multiplied by ⅔,
// and the third key adds its weight 1: 1.5 · ⅔ + 1 = 2 and 3 · ⅔ + 12 = 14. The quotient is 7
// again.

chapter.section("5. The surprise: the matrix need not be there")
var (top, total, sum) = (-Double.infinity, 0.0, 0.0)
for block in [0..<2, 2..<3] {
  let scores = block.map { q[2][0] * k[$0][0] }
  let newTop = max(top, scores.max()!)
  (total, sum) = (total * exp(top - newTop), sum * exp(top - newTop))
  for (s, x) in zip(block, scores) { (total, sum) = (total + exp(x - newTop), sum + exp(x - newTop) * v[s][0]) }
  top = newTop
  let numbers = [total, sum, sum / total].map { number($0) }.joined(separator: ", ")
  show("both sums and quotient after \(block.upperBound) keys", numbers)
}
check("computed in two blocks the output is 7 too", sum / total - 7, within: 1e-12)

// `Sources/Tensors/Attention/BlockedAttention.swift` does this for blocks of queries and blocks of
// keys, as FlashAttention does (Dao et al., arXiv 2205.14135). It computes the same function of q, k and v, but never the whole matrix: for a block of
// queries only one block of scores exists at a time.

let blocked = blockedAttention(queries, keys, values, scale: scale, Q: 4, keys: 4)
check("blocks of 4 = the whole matrix, for T = \(T)", largest(blocked - y), within: roundoff)

// ## What it costs
//
// We compute one head in three ways, on random vectors: with plain loops, with the two matrix
// products by BLAS, and with blocks. We measure processor time on one core, and the most memory in
// use at any moment besides inputs and output. On logarithmic axes a cost of c · Tᵖ is a straight
// line of slope p. We fit p to the lengths from 512 on, where the fixed costs of a call no longer
// matter; the number after ± is its standard error.

chapter.section("6. What it costs")
let headWidth = 128
let lengths = Array(sequence(first: 64) { $0 * 2 }.prefix { $0 <= (chapter.isQuick ? 2048 : 4096) })
let factor = 1 / Scalar(headWidth).squareRoot()
func products(_ q: Tensor, _ k: Tensor, _ v: Tensor) -> Tensor {
  let scores = headScores(q, k)
  let m = softmax(scores, scale: factor, causal: true)
  return withExtendedLifetime(scores) { headMix(m, v) }  // Memory for both matrices, to the end.
}
let forms: [(name: String, run: (Tensor, Tensor, Tensor) -> Tensor)] = [
  ("loops", { Naive.attention($0, $1, $2, scale: factor) }), ("BLAS", products),
  ("blocks", { blockedAttention($0, $1, $2, scale: factor) }),
]
var (seconds, memory) = (forms.map { _ in [Double]() }, forms.map { _ in [Double]() })
let costs = chapter.metrics("costs", columns: ["form", "T", "seconds", "MB"])
for T in lengths {
  let x = (0..<3).map { _ in Tensor.normal([1, T, 1, headWidth], using: &random) }
  func run(_ form: Int) -> Tensor { forms[form].run(x[0], x[1], x[2]) }
  let timing = onOneCore {
    time(repetitions: 5, atLeast: 0.5, on: .processor, { _ = run(0) }, { _ = run(1) }, { _ = run(2) })
  }
  for form in forms.indices {
    let (peak, output) = MemoryStatistics.peak { run(form) }
    seconds[form].append(timing.minima[form])
    memory[form].append(Double(peak - output.count * MemoryLayout<Scalar>.stride) / 1e6)
    costs.add(forms[form].name, T, seconds[form].last!, memory[form].last!)
  }
}
let large = lengths.indices.filter { lengths[$0] >= 512 }
let laws = [seconds, memory].map { costs in
  costs.map { values in PowerLaw(x: large.map { Double(lengths[$0]) }, y: large.map { values[$0] }) }
}
func rows(_ values: [[Double]], _ laws: [PowerLaw], _ text: (Double) -> String) -> [[String]] {
  lengths.indices.map { i in ["\(lengths[i])"] + values.map { text($0[i]) } } + [["exponent"] + laws.map(\.text)]
}
volatileTable(["T, time in ms"] + forms.map(\.name), rows: rows(seconds, laws[0]) { number($0 * 1000, digits: 3) })
table(["T, memory"] + forms.map(\.name), rows: rows(memory, laws[1]) { bytes(Int(1e6 * $0)) })
for (form, expected) in [2.0, 2, 0].enumerated() {
  if !chapter.isQuick { check("\(forms[form].name), time: exponent 2", laws[0][form].exponent - 2, within: 0.15) }
  check("\(forms[form].name), memory: exponent \(Int(expected))", laws[1][form].exponent - expected, within: 0.01)
}
show("memory of BLAS at T = 131072, by the fit", bytes(Int(1e6 * laws[1][1](131_072))))

// In time, no way avoids T²; only the heights of the lines differ. BLAS also computes the scores
// that the mask hides, a third more multiplications than the loops, which skip those scores but not
// the zeros of the matrix; and yet it is several times faster. Blocks are faster still: they skip
// what is hidden, and never send a matrix to memory and back.

func chart(_ y: Axis, _ values: [[Double]], _ laws: [PowerLaw]) -> LineChart {
  let series = zip(forms, zip(values, laws)).map { form, fit in
    Series("\(form.name): slope \(fit.1.text)", x: lengths.map(Double.init), y: fit.0, style: .linePoints)
  }
  let x = Axis("length T", unit: "tokens", logarithmic: true)
  return LineChart(y.label, x: x, y: y, series: series, legend: .topLeft)
}
let panels = [
  chart(Axis("time", unit: "s", logarithmic: true, range: 1e-5...10), seconds, laws[0]),
  chart(Axis("memory", unit: "MB", logarithmic: true, range: 0.01...1e4), memory, laws[1]),
]
chapter.plot(Figure("One head: processor time, and memory besides input and output", panels: panels), "cost")
if !chapter.isQuick { check("blocks are faster than BLAS", seconds[2].last!, lessThan: seconds[1].last!) }

// ## Breaking it on purpose: the mask after the softmax
//
// One could also let softmax see all T scores and afterwards set the weights of the future to 0. It
// looks equivalent, because no value from the future gets through. But the scores of the future are
// part of the sum by which each row was divided. So the output of a token depends on what comes
// after it, and rows no longer sum to 1. The test changes the key of the last token and looks
// whether any earlier output changes.

chapter.section("7. Breaking it on purpose: the mask after the softmax")
let past = Naive.tabulate([T, T]) { $0[1] <= $0[0] ? 1 : 0 }
func maskedFirst(_ keys: Tensor) -> Tensor { softmax(headScores(queries, keys), scale: scale, causal: true) }
func maskedLate(_ keys: Tensor) -> Tensor { softmax(headScores(queries, keys), scale: scale) * past }
let otherKeys = Tensor.concatenated([keys.sliced(0..<(T - 1), along: 1), -lastToken(keys)], along: 1)
func leak(_ matrix: (Tensor) -> Tensor) -> Double {
  largest((headMix(matrix(keys), values) - headMix(matrix(otherKeys), values)).sliced(0..<(T - 1), along: 1))
}
check("mask before softmax: earlier outputs do not depend on the last key", leak(maskedFirst), within: 0.0)
check("mask after softmax: the largest change of an earlier output", leak(maskedLate), greaterThan: 0.01, digits: 2)
check(
  "mask after softmax: the largest distance of a row's sum from 1", largest(headMix(maskedLate(keys), one) - one),
  greaterThan: 0.1)

// ## What we saw
//
// Each head of attention multiplies by a lower triangular matrix. The matrix is computed anew for
// each text, its rows are weights that sum to 1, and W_o adds up what the heads give. Rotary
// positions tell a head distances, and it can find any place by its content. For that it compares
// each token with all those before it. The memory that this takes need not grow with the text; the
// time grows with the square of its length.

finding(
  """
  With \(lengths.last!) tokens the two matrix products need \(bytes(Int(1e6 * memory[1].last!))) besides input and
  output, and blocks need \(bytes(Int(1e6 * memory[2].last!))).
  """)
finding(
  """
  From T = \(lengths[large.first!]) to \(lengths.last!) time grows with exponents of
  \(list(laws[0].map { number($0.exponent, decimals: 2) })) for \(list(forms.map(\.name))). At the end they take
  \(list(seconds.map { duration(seconds: $0.last!) })).
  """, volatile: true)

// ## Exercises
//
// 1. Take W_q and W_k out of `absolute`. A score is then (u + p)·(u + p′), where p and p′ are the
//    vectors of the positions t and s. Which of its four products vary along the diagonals? And
//    what happens to the remaining ones when W_q and W_k are put back?
// 2. Let the first head of section 4 look two places back instead of one. What does the second head
//    guess now? With which values would it guess the next letter again?
// 3. Compute attention with blocks of 16, 64 and 512. What happens to memory, to the number of
//    scores that are computed, and to time?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 02-state-space, a matrix that need not be computed, at a cost that grows like T.

chapter.finish()
