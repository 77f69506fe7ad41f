// # 03  Duality: three algorithms for one layer
//
// A head of a state space layer turns its inputs x[0], x[1], … into outputs y[0], y[1], …, rows of
// P numbers each. Chapter 02 found two descriptions of what it does, a matrix product and a
// recurrence:
//
//     y  =  M x            M[t, s]  =  (C[t] · B[s]) α[s + 1] ⋯ α[t]  for s ≤ t,  and 0 for s > t
//
//     h[t]  =  α[t] h[t − 1] + B[t] x[t]ᵀ            y[t]  =  C[t]ᵀ h[t]
//
// Here α[t] is a decay, B[t] and C[t] are vectors of N numbers, and the state h has N rows and P
// columns. The product in the first line is what we want, and there are three algorithms for it.
//
// *Quadratic*: build M and multiply (the layer of the library calls this form `materialised`). M has
// T² entries for T tokens, so time and memory grow with the square of the length. But for short
// sequences this is fast, and it shows M itself, which stage 1 of the distillation compares with the
// teacher's attention.
//
// *Recurrent*: carry the state from step to step and never build M. Time grows like T, and the
// memory is one state, however long the sequence. But each step has to wait for the one before.
// This is the algorithm for generating text, where tokens come one at a time anyway.
//
// *Chunked*: cut the sequence into chunks of Q steps; use the matrix inside each chunk, and carry
// the state from one chunk to the next. Time grows like T, and nearly all of the work is matrix
// products, at which processors are best. This is the algorithm for training on long sequences.
//
// That a recurrence and a matrix are two forms of one function is called state space duality, or
// SSD (Dao and Gu, arXiv 2405.21060). You will see that the three algorithms agree, what each of
// them costs in multiplications and in time, which length of a chunk is best, and how a product of
// decays must not be computed. A run takes a minute.

import Book
import Experiments
import Foundation
import Notebook
import Plots
import Tensors

let chapter = Chapter(
  "03-duality", question: "Why three algorithms for one layer?", duration: "1 minute; 5 seconds with --quick")
var random = SeededGenerator(seed: chapter.seed)

// ## Two ways to the same three numbers
//
// We begin with a head that can be computed by hand: P = 1 and N = 1. Inputs are written unchanged
// (B = 1) and read unchanged (C = 1), and the state halves with each step (α = ½). The input is x =
// (1, 2, 3):
//
//     step by step      1,   ½·1 + 2 = 2.5,   ½·2.5 + 3 = 4.25
//
//     as a matrix       [ 1         ] [ 1 ]     [ 1          ]     [ 1    ]
//                       [ ½   1     ] [ 2 ]  =  [ ½ + 2      ]  =  [ 2.5  ]
//                       [ ¼   ½   1 ] [ 3 ]     [ ¼ + 1 + 3  ]     [ 4.25 ]
//
// `Loops.swift` has both algorithms as plain loops, for any N and P. There `decay(s, t)` is the
// product α[s + 1] ⋯ α[t], and the operator `×` multiplies and counts that it did. The skip of
// chapter 02 would add the same d x[t] in every form, so we leave it out.

chapter.section("1. Two ways to the same three numbers")
let ones: Rows = [[1], [1], [1]]
let halving = Head(x: [[1], [2], [3]], b: ones, c: ones, log: Array(repeating: log(0.5), count: 3))
show("step by step", printed(recurrent(halving)))
show("as a matrix", printed(quadratic(halving)))

// ## The third way
//
// The chunked algorithm goes through the chunks in order. Within a chunk, an output has two parts.
// One comes from the inputs of the same chunk, by a matrix of Q × Q. The other comes from all
// earlier inputs, and these are summed up in the state that enters the chunk. At the end of the
// chunk the state is brought up to date, once for all its steps.
//
// With Q = 2 the example has the chunks (1, 2) and (3). The first chunk gives the outputs 1 and 2.5
// and leaves the state 2.5. In the second, the state has faded to ½·2.5 = 1.25, and the matrix,
// which is 1, adds 3.

func chunked(_ head: Head, Q: Int) -> Rows {
  var (h, y) = (zeros(head.N, head.P), zeros(head.T, head.P))
  for first in stride(from: 0, to: head.T, by: Q) {
    let times = first..<min(first + Q, head.T)
    let last = times.upperBound - 1
    for t in times {
      // Inside the chunk: a row of its matrix. From before it: the state that enters, faded until t.
      for s in times {
        let m = head.decay(s, t) × dot(head.c[t], head.b[s])
        for p in 0..<head.P { y[t][p] += m × head.x[s][p] }
      }
      let question = head.c[t].map { head.decay(first - 1, t) × $0 }
      for p in 0..<head.P { y[t][p] += dot(question, h.map { $0[p] }) }
    }
    // The state that leaves: what entered, faded, and what each step has left of itself.
    h = h.map { $0.map { head.decay(first - 1, last) × $0 } }
    for s in times {
      let written = head.b[s].map { head.decay(s, last) × $0 }
      for n in 0..<head.N { for p in 0..<head.P { h[n][p] += written[n] × head.x[s][p] } }
    }
  }
  return y
}

// What does each algorithm cost? We count the multiplications for one head, which can be read off
// the loops. The decays themselves, exp of sums of logarithms, are taken as given; multiplying by
// them counts.
//
// *Recurrent*: each of the N·P numbers of the state is faded, written to and read once in each
// step.
//
//     T · 3NP
//
// *Quadratic*: an entry of M takes N multiplications for C[t]·B[s] and 1 for the decay, and then it
// multiplies the P numbers of x[s]. The loops do this for the masked entries too, as matrix
// products do.
//
//     T² · (N + P + 1)
//
// *Chunked*, for each chunk of Q steps: the matrix inside; for each step the reading of the state,
// in which C[t] is faded (N) and multiplied by the state (NP); for each step the writing, in which
// B[s] is faded (N) and multiplied by x[s] (NP); and once the fading of the state (NP). If the last
// chunk is shorter, its own length takes the place of Q.
//
//     Q² · (N + P + 1)  +  Q · (2NP + 2N)  +  NP
//
// *Attention*, for comparison: for every pair of tokens P multiplications for q·k and P for the
// weight times v; and for each pair that is not masked one for the scale and one for the division
// by the sum.
//
//     T² · 2P  +  T · (T + 1)
//
// In `Forms.swift` these are functions. We compare the first three with what the loops count, with
// 12 tokens and every Q. If Q does not divide 12, the last chunk is shorter.

chapter.section("2. The third way, and what each costs")
show("in chunks of 2", printed(chunked(halving, Q: 2)))
let (T, Q, N, P) = (12, 4, 2, 3)
let small = Head.random(T: T, N: N, P: P, using: &random)
var (worst, miscounts, rows) = (0.0, 0, [[String]]())
func run(_ name: String, _ formula: Int, _ form: (Head) -> Rows) {
  let truth = recurrent(small)
  multiplications = 0
  worst = max(worst, gap(form(small), truth))
  miscounts += abs(multiplications - formula)
  rows.append([name, "\(formula)", "\(multiplications)"])
}
run("recurrent", recurrentCount(T, N, P), recurrent)
run("quadratic", quadraticCount(T, N, P), quadratic)
for Q in 1...T { run("chunked, Q = \(Q)", chunkedCount(T, N, P, Q: Q)) { chunked($0, Q: Q) } }
table(["form, T = \(T), N = \(N), P = \(P)", "formula", "counted"], rows: rows)
check("the loops agree for every Q, in Double", worst, within: 1e-12)
check("formula = count for every form", miscounts == 0, "\(rows.count) forms")

// Which Q needs the fewest multiplications? Divide the formula for a whole chunk by its Q steps,
// and set the derivative to 0:
//
//     f(Q)   =  Q (N + P + 1)  +  2NP + 2N  +  NP / Q               multiplications a token
//     f′(Q)  =  N + P + 1  −  NP / Q²  =  0     at     Q*  =  √( NP / (N + P + 1) )
//
// Larger chunks cost more inside, smaller ones fade the state more often. The Q with the fewest
// multiplications, Q*, depends on the size of the head and not on T. Section 6 asks whether it is
// also the fastest. On the page of this chapter the formulas have sliders: find the length T beyond
// which the recurrence multiplies less than the matrix, and the Q beyond which chunks multiply more
// than the recurrence.

let features = 64
let choices = [
  Exploration.Parameter("T, tokens", (4...16).map { 1 << $0 }, start: 1024),
  Exploration.Parameter("N, state size", (0...8).map { 1 << $0 }, start: 16),
  Exploration.Parameter("Q, length of a chunk", (0...10).map { 1 << $0 }, start: 8),
]
func inTotal(_ name: String, _ count: @escaping (_ T: Int, _ N: Int, _ Q: Int) -> Int) -> Exploration.Result {
  Exploration.Result(name, unit: "", over: choices) { Double(count($0[0], $0[1], $0[2])) }
}
chapter.explore(
  .sizes(
    title: "Multiplications of one head of \(features) features", parameters: choices,
    results: [
      inTotal("quadratic") { T, N, _ in quadraticCount(T, N, features) },
      inTotal("recurrent") { T, N, _ in recurrentCount(T, N, features) },
      inTotal("chunked") { T, N, Q in chunkedCount(T, N, features, Q: min(Q, T)) },
    ]))

// ## Who computes which entry
//
// The chunked algorithm never builds M. Yet it computes M x, so each entry of M must be somewhere
// in it. If s and t are in the same chunk, the entry is in the matrix of that chunk. These matrices
// are the diagonal blocks of M.
//
// If s is in an earlier chunk than t, x[s] reaches y[t] through the state, in three parts. Call the
// last step of each chunk a border. First x[s] is written into the state and fades until the border
// at the end of its own chunk. Then the state is handed on from border to border, up to the last
// one before the chunk of t. From there it fades until t, where C[t] reads it. So the entry is a
// product of three factors:
//
//     M[t, s]  =  (C[t], faded from the border before t's chunk to t)
//                 ·  (the decay from border to border)
//                 ·  (B[s], faded from s to the border of its own chunk)
//
// For all entries at once, the three factors are three matrices. The right factor B̃ collects the
// inputs of each chunk into a state: it has N rows for each chunk and a column for each token. The
// centre A hands the states on to later chunks: it has N rows and N columns for each chunk. The
// left factor C̃ reads them: it has a row for each token and N columns for each chunk. Together
// with the diagonal blocks this is all of M:
//
//     M  =  diagonal blocks  +  C̃ A B̃
//
// `factors` in `Loops.swift` builds these matrices. Chapter 02 found that the blocks of M below its
// diagonal have a low rank, and here this saves work. Such a block has Q² entries. Its two outer
// factors have Q·N numbers each, together fewer than Q² if Q > 2N. (With Q = 4 and N = 2, as here,
// nothing is saved yet: the block has 16 entries, and the factors have 16 numbers.) In the second
// figure, see how empty the factors are, and that in the centre all N numbers of a state have the
// same decay.

chapter.section("3. Who computes which entry")
let factors = small.factors(Q: Q)
let m: Rows = (0..<T).map { t in (0..<T).map { s in small.decay(s, t) * dot(small.c[t], small.b[s]) } }
let lowRank = product(product(factors.left, factors.centre), factors.right)
let assembled: Rows = zip(factors.blocks, lowRank).map { zip($0, $1).map { $0 + $1 } }
check("M = diagonal blocks + C̃ A B̃", gap(assembled, m), within: 1e-12)
chapter.plot(whoComputes(T: T, Q: Q), "blocks")
chapter.plot(factorisation(of: m, factors), "factors")

// ## Every length, every chunk
//
// Loops over one head are for understanding. For work, the library has the three algorithms as
// kernels for all heads of a batch, in the number type of the build: `ssdRecurrence`, `ssdMatrix`
// (whose matrix is then multiplied by x) and `ssdSequence`. They must agree for every length and
// every chunk, so we try each T up to 33 with each Q up to T + 1.

chapter.section("4. Every length, every chunk")
let (B, H) = (2, 4)
let roundoff = MemoryLayout<Scalar>.size == 8 ? 1e-12 : 2e-5
var (pairs, gaps) = (0, (quadratic: 0.0, chunked: 0.0))
for T in 1...33 {
  let layer = Layer(B: B, T: T, H: H, N: 5, P: 7, using: &random)
  let truth = layer.recurrent()
  func gap(_ y: Tensor) -> Double { Double(largestMagnitude(y - truth) / largestMagnitude(truth)) }
  gaps.quadratic = max(gaps.quadratic, gap(layer.quadratic()))
  for Q in 1...(T + 1) { (gaps.chunked, pairs) = (max(gaps.chunked, gap(layer.chunked(Q: Q))), pairs + 1) }
}
show("pairs of T and Q", pairs)
check("quadratic = recurrent, largest relative difference", gaps.quadratic, within: roundoff)
check("chunked = recurrent, largest relative difference", gaps.chunked, within: roundoff)

// ## How the time grows
//
// Now we measure time, for layers with the sizes of the book's standard recipe, in quick runs too
// (chapter 05 lists them). Attention as two matrix products (chapter 01) is measured beside the
// three algorithms. A form is left out where its matrices would take more than half a gigabyte. Time
// is processor time on one core; the forms take turns, and we keep the minimum of each.

chapter.section("5. How the time grows")
let recipe = Recipe.standard
let (state, width) = (recipe.N, recipe.D / recipe.H)
let attention = Form.attention(P: width)
let chunks = [4, 16, 64, 256].map { Form.chunked(Q: $0, N: state, P: width) }
let forms = [.recurrent(N: state, P: width), .quadratic(N: state, P: width), attention] + chunks
func bytesOf(_ numbers: Int) -> Int { B * H * numbers * MemoryLayout<Scalar>.size }
func layer(_ T: Int) -> Layer { Layer(B: B, T: T, H: H, N: state, P: width, using: &random) }

let patience = chapter.isQuick ? 0.05 : 1.5
let record = chapter.metrics("times", columns: ["form", "T", "multiplications", "seconds"])
var curves = forms.map { Curve(form: $0) }
for T in (6...(chapter.isQuick ? 10 : 14)).map({ 1 << $0 }) {
  let able = curves.indices.filter { bytesOf(forms[$0].memory(T)) <= 1 << 29 }
  for (index, least) in zip(able, seconds(able.map { forms[$0] }, on: layer(T), atLeast: patience)) {
    curves[index].add(T, heads: B * H, seconds: least)
    record.add(forms[index].name, T, B * H * forms[index].count(T), least)
  }
}
let sizes = "B = \(B), H = \(H), N = \(state), P = \(width)"
chapter.plot(
  logarithmic(
    "One layer: time against length", sizes, x: "T", unit: "tokens", y: "processor time", yUnit: "ms",
    curves.map(\.series)), "times")

// The axes are logarithmic, so the slope of a line is the exponent with which time grows; we fit it
// to the last four lengths of each form. Where T is not above Q there is a single chunk, whose cost
// grows like T². If the four lengths include such a T, as they do for chunks of 256 in a quick run,
// the exponents of this form lie between 1 and 2. The rate is multiplications over time, in billions
// a second on one core. (Nearly every multiplication comes with an addition, so GFLOP/s are twice
// that.) A quick run is too short to check claims about times, and prints them unchecked; the full
// run checks them.

table(["form", "last T", "exponent of the count", "of the time", "time", "rate, 10⁹/s"], rows: curves.map(\.row))
let miss = curves.map { abs($0.ofTime.exponent - ($0.form.hasMatrix ? 2 : 1)) }.max()!
chapter.timed("exponents of time: near 2 with a matrix, near 1 without; largest distance", miss < 0.5, miss)

// ## The surprise: the fewest multiplications are not the fastest
//
// By counting, section 2 found the best length of a chunk: Q* = √( NP / (N + P + 1) ), which is
// about 3 for the standard recipe. But time depends on more than the count. A chunk takes four
// matrix products, and for small matrices most of the time goes into the call itself. So we
// measure.

chapter.section("6. The surprise: the fewest multiplications are not the fastest")
let optimum = (Double(state * width) / Double(state + width + 1)).squareRoot()
let fewest = (1...64).min { chunkedCount(4096, state, width, Q: $0) < chunkedCount(4096, state, width, Q: $1) }!
show("Q* by the formula", optimum, digits: 3)
check("distance of Q* from the best Q by trial, 1 to 64", abs(Double(fewest) - optimum), lessThan: 1.0)
let steps = chapter.isQuick ? 512 : 4096
let lengths = (0...9).map { 1 << $0 }
let candidates = lengths.map { Form.chunked(Q: $0, N: state, P: width) }
let counts = candidates.map { Double($0.count(steps)) / Double(steps) }
let measured = seconds(candidates, on: layer(steps), atLeast: 3 * patience)
let rates = zip(counts, measured).map { Double(B * H * steps) * $0 / $1 * 1e-9 }
let best = measured.indices.min { measured[$0] < measured[$1] }!
table(
  ["Q", "multiplications a token", "time", "rate, 10⁹/s"],
  rows: lengths.indices.map {
    let (time, rate) = (duration(seconds: measured[$0]), number(rates[$0], decimals: 1))
    return ["\(lengths[$0])", number(counts[$0], decimals: 1), "~\(time)", "~\(rate)"]
  })
chapter.plot(bestChunk(T: steps, Q: lengths, counts: counts, times: measured, optimum: optimum), "best-chunk")
chapter.timed(
  "the fastest Q, as a multiple of Q*, is above 2", Double(lengths[best]) > 2 * optimum,
  Double(lengths[best]) / optimum)
chapter.timed(
  "the rate at Q = 64, as a multiple of that at Q = 4, is above 1.5", rates[6] > 1.5 * rates[2], rates[6] / rates[2])

// The standard recipe has Q = 64, so that a window is two chunks. This need not be the fastest Q of
// the table. No loss and no distance in the book depends on it: but for roundoff, Q changes what a
// layer costs and not what it computes (section 4). Only times do, those of chapter 14 among them. “What we saw” says how much time a faster Q would save here.
//
// Are chunks faster than the recurrence at all? The figure of section 5 has both.

let fastest = curves.suffix(chunks.count).min { $0.last.seconds < $1.last.seconds }!
finding(
  """
  At T = \(curves[0].last.T) the recurrence takes \(duration(seconds: curves[0].last.seconds)). Of the chunked forms
  the fastest (\(fastest.form.name)) takes \(duration(seconds: fastest.last.seconds)).
  """, volatile: true)

// By the count, chunks have little to gain here. The recurrence takes 3NP multiplications a token.
// Chunks save nearly NP of them, because they fade the state only once per chunk, but they add
// about Q (N + P + 1). That is worth it only if the state is large. In Mamba-2 it is, with N = 128
// and P = 64.

let chunk = 32
let comparisons = [(state, width), (64, 64), (128, 64)].map { N, P in
  let layer = Layer(B: B, T: steps / 2, H: H, N: N, P: P, using: &random)
  return Comparison(of: .chunked(Q: chunk, N: N, P: P), with: .recurrent(N: N, P: P), on: layer, atLeast: patience)
}
table(
  ["T = \(steps / 2)", "recurrent", "chunked, Q = \(chunk)", "chunked / recurrent in multiplications", "in time"],
  rows: comparisons.map(\.row))
let gain = 1 / comparisons[2].inTime
if !chapter.isQuick {
  report("at Mamba-2's sizes recurrent / chunked in time is above 1", gain > 1, "~\(number(gain, digits: 2))")
}

// ## Crossing attention, and memory
//
// Attention multiplies 2P times for each pair of tokens, the chunked form a fixed number of times
// for each token. So attention is cheaper for short sequences, and chunks are cheaper from some
// length on. We compute that length from the counts, and measure it. Measured time also includes
// the exp of each pair.

chapter.section("7. Crossing attention, and memory")
let short = [8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
let rivals = [chunks[1], chunks[2]]
let turns = short.map { seconds([attention] + rivals, on: layer($0), atLeast: patience / 4) }
let inTime = rivals.indices.map { index in turns.map { $0[0] / $0[index + 1] } }
func inCount(_ form: Form, _ T: Int) -> Double { Double(attention.count(T)) / Double(form.count(T)) }
let counted = rivals.map { form in short.map { inCount(form, $0) } }
chapter.plot(crossing(T: short, names: rivals.map(\.name), times: inTime, counts: counted), "crossing")
table(
  [
    "form", "cheaper than attention from T on, counted", "measured (0: never)", "attention / form, T = 512, counted",
    "measured",
  ],
  rows: zip(rivals, inTime).map { form, ratios in
    let first = (1...512).last { inCount(form, $0) <= 1 }! + 1
    let wins = ratios.indices.first { ratios[$0...].allSatisfy { $0 > 1 } }.map { "~\(short[$0])" } ?? "~0"
    return [
      form.name, "\(first)", wins, number(inCount(form, 512), decimals: 1), "~\(number(ratios.last!, decimals: 1))",
    ]
  })
chapter.timed("at T = 512 attention / chunks of 64 in time is above 1", inTime[1].last! > 1, inTime[1].last!)

// And memory, besides input and output, computed from the shapes. In training, the derivatives need
// the states again. The chunked form keeps the state that enters each chunk. The recurrence would
// have to keep the state of every step; the last row says what that takes.

let all = forms + [.recurrentKeepingStates(N: state, P: width)]
let spans = [128, 2048, 16384]
table(
  ["memory of \(B * H) heads, counted"] + spans.map { "T = \($0)" },
  rows: all.map { form in [form.name] + spans.map { bytes(bytesOf(form.memory($0))) } })

// ## Breaking it on purpose: the ratio of products
//
// The quadratic and the chunked form need the products of decays L[t, s] = α[s + 1] ⋯ α[t]. There
// seems to be a cheap way to have all of them. Compute the running product ρ[t] = α[0] ⋯ α[t] once,
// and divide:
//
//     L[t, s]  =  ρ[t] / ρ[s]
//
// In exact arithmetic this is right; α[0] cancels. (Chapter 06 leaves α[0] out and calls the product
// p[t].) But ρ[t] becomes about as small as exp(μ (t + 1)), where μ < 0 is the mean of log α. Near the
// smallest positive number of its type it loses its digits, and the next decay below ½ makes it 0.
// (Decays above ½ alone would leave it stuck there, with quotients of 1.) From then on 0 / 0 is NaN.
// The library adds up
// logarithms instead, from s + 1 to t, for each segment anew (chapter 02).
//
// The test is the weight of the neighbour, the step before: L[t, t − 1] must be α[t] for every t
// (`Neighbours.swift`). Where ρ becomes 0 can be predicted: at the t where μ t is the logarithm of
// half the smallest positive number. The sum of t logarithms deviates from μ t by about √t times
// their standard deviation; divided by |μ| this is a number of steps, and we allow four times that
// number.

chapter.section("8. Breaking it on purpose: the ratio of products")
let long = 2048
var fresh = SeededGenerator(seed: chapter.seed)
let logs = (-softplus(.normal([long], using: &fresh))).elements.map { Double($0) }
let mean = logs.reduce(0, +) / Double(long)
let deviation = (logs.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(long)).squareRoot()
let (single, double) = (Neighbours(logs, in: Float.self), Neighbours(logs, in: Double.self))
show("μ, the mean of log α", mean)
for (name, zero, least) in [
  ("Float", single.zero, Double(Float.leastNonzeroMagnitude)), ("Double", double.zero, Double.leastNonzeroMagnitude),
] {
  let predicted = (log(least) - log(2)) / mean
  show("\(name): first t with ρ[t] = 0, predicted", predicted)
  show("\(name): first t with ρ[t] = 0, observed", zero)
  let spread = 4 * deviation * predicted.squareRoot() / -mean
  check("\(name): the difference is within four standard deviations", abs(Double(zero) - predicted), lessThan: spread)
}
let weights = exp(segmentSum(Tensor(logs.map { Scalar($0) }, shape: [long])))
let kept: [Double] = (1..<long).map { abs(Double(weights[$0, $0 - 1]) / exp(logs[$0]) - 1) }
chapter.plot(underflow(single, double, segments: kept), "underflow")
func passes(_ errors: [Double]) -> Bool { errors.allSatisfy { $0 <= roundoff } }
check("by segment sums every neighbour has its weight, to roundoff", passes(kept), "\(kept.count) neighbours")
check("by the ratio in Float some neighbour fails the test", !passes(single.byRatio))
check("by the ratio in Double too, only later", !passes(double.byRatio) && double.zero > single.zero)

// The mask has a similar trap. Suppose we compute the logarithm of L[t, s] as the difference of two
// running sums. Above the diagonal, where s > t, it is positive, and its exp may overflow to ∞. A
// mask that multiplies by 0 afterwards gives ∞ · 0, which is NaN. A mask that sets the logarithm to
// −∞ first gives exp(−∞) = 0.

let lost = single.sums.dropFirst().count { (exp(single.sums[0] - $0) * 0).isNaN }
check("exp first, mask after gives NaN", lost > 0, "at \(lost) of \(long - 1) places, in Float")
check("mask first, exp after gives zeros", (1..<long).allSatisfy { weights[0, $0] == 0 })

// ## What we saw
//
// The three algorithms compute one function.

finding(
  """
  Over \(pairs) pairs of T and Q the three forms differ by at most
  ~\(number(max(gaps.quadratic, gaps.chunked), digits: 2)) of the largest output.
  """)

// The multiplications of the recurrent form grow like T, as do those of the chunked form once there
// are many chunks; those of the forms that make a matrix grow like T². Time need not follow exactly:
// every call has a cost of its own, and large matrices do not fit into the caches.

let exponents = [true, false].map { hasMatrix in
  curves.filter { $0.form.hasMatrix == hasMatrix }.map { number($0.ofTime.exponent, decimals: 2) }
}
finding(
  """
  Over the last four lengths of each form, time grows with exponents of \(list(exponents[0])) for the forms that make
  a matrix, and of \(list(exponents[1])) for the others.
  """, volatile: true)

// Nor does the count tell which chunk is fastest, since it takes all multiplications as equally
// fast.

let ofBook = lengths.firstIndex(of: recipe.Q)!
finding(
  """
  Chunks of \(fewest) need the fewest multiplications. The fastest, among powers of 2, are chunks of
  \(lengths[best]). Those of \(recipe.Q), the Q of the standard recipe, take
  \(number(measured[ofBook] / measured[best], decimals: 2)) times as long as the fastest.
  """, volatile: true)
finding(
  """
  At T = \(steps / 2), in units of the recurrence's time, chunks of \(chunk) take
  \(list(comparisons.map { "\(number($0.inTime, decimals: 2)) (\($0.row[0]))" })).
  """, volatile: true)

// So why three algorithms? The quadratic form shows the matrix, which stage 1 needs. The recurrent
// form generates text, token by token, with one state. The chunked form is for training: its work
// is matrix products, and it keeps a state for each chunk, where the recurrence would keep one for
// each step.

finding(
  """
  At T = \(spans.last!) chunks of \(recipe.Q) need
  \(bytes(bytesOf(Form.chunked(Q: recipe.Q, N: state, P: width).memory(spans.last!)))), where the recurrence with all
  its states would need \(bytes(bytesOf(all.last!.memory(spans.last!)))).
  """)

// Products of decays have to be computed as sums of logarithms, one for each segment. A running
// product underflows, and after that no quotient brings the decays back.

finding(
  """
  The running product is 0 from step \(single.zero) on in Float, and from step \(double.zero) on in Double. By segment
  sums \(kept.count { $0 <= roundoff }) of \(kept.count) neighbours have their weight to roundoff.
  """)

// ## Exercises
//
// 1. Which Q needs the least memory at T = 16384? Write down the numbers that the chunked form
//    keeps, derive an equation for Q as for Q*, and compare its solution with trial.
// 2. For P = 24 and chunks of Q, from which N on does the chunked form multiply less than the
//    recurrence? For which Q never, however large the state?
// 3. A chunk could begin its running product ρ anew. Is the ratio of section 8 then safe inside
//    chunks of 64 steps? Try the decays of section 8, and stronger ones, with 2 and 5 times their
//    logarithm.
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 04-gradients, which asks how we know that the derivative of such a kernel is right.

chapter.finish()
