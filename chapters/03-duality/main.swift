// # 03  Duality: three algorithms for one layer
//
// A state space layer is a recurrence, and it is a matrix (chapter 02). That gives two algorithms
// for one function: the recurrence takes T steps, each waiting for the one before; the matrix is
// one large product that costs T². Why is there a third, which everybody uses?
//
// You will see the three give the same numbers, the matrix cut into blocks by how they are
// computed, multiplications counted and times measured, and the best length of a chunk, once by the
// count and once by the clock. A run takes a minute.

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
// One head with a state of one number. Inputs are written unchanged (b = 1) and read unchanged
// (c = 1), and the state halves with each step (α = ½). For the input 1, 2, 3, by hand:
//
//     step by step      1,   ½·1 + 2 = 2.5,   ½·2.5 + 3 = 4.25
//
//     as a matrix       [ 1         ] [ 1 ]     [ 1          ]     [ 1    ]
//                       [ ½   1     ] [ 2 ]  =  [ ½ + 2      ]  =  [ 2.5  ]
//                       [ ¼   ½   1 ] [ 3 ]     [ ¼ + 1 + 3  ]     [ 4.25 ]
//
// `Loops.swift` has both as plain loops, for a state of N rows and P columns. Its operator `×`
// counts the multiplications; `decay(s, t)` is α[s + 1] ⋯ α[t]. D adds the same d·x[t] in every
// form, and is left out.

chapter.section("1. Two ways to the same three numbers")
let ones: Rows = [[1], [1], [1]]
let halving = Head(x: [[1], [2], [3]], b: ones, c: ones, log: Array(repeating: log(0.5), count: 3))
show("step by step", printed(recurrent(halving)))
show("as a matrix", printed(quadratic(halving)))

// ## The third way
//
// Cut time into chunks of Q steps. Inside a chunk use the matrix; everything from before it is in
// the state that enters it. With Q = 2 the example has the chunks (1, 2) and (3): the first gives 1
// and 2.5 and leaves the state 2.5, of which the second keeps ½·2.5 and adds 3.

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

// The number of multiplications of each form, for one head, follows from its loops; decays are exp
// of sums and are not counted:
//
//     recurrent     T · 3NP                                  fade, write and read each number of the state
//     quadratic     T² · (N + P + 1)                         c·b, times decay, times x; masked places too
//     chunked       Σ over chunks of q steps:
//                   q² · (N + P + 1) + q · (2NP + 2N) + NP   its matrix; reading and writing the state; its decay
//     attention     T² · 2P + T · (T + 1)                    q·k, times v; scale and normalise what is not masked
//
// In `Forms.swift` these are functions. We compare the first three with the counts of the loops,
// for T = 12 and every Q, including those that do not divide 12: their last chunk is shorter.

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
check("the formulas miss no multiplication", miscounts == 0, "\(rows.count) forms")

// ## Who computes which entry
//
// The chunked algorithm never builds M, but each entry of M is implicit in it. Entries inside a
// chunk are computed directly. Those further down have their source s in one chunk and their target
// t in a later one. The state that enters a chunk is that of the last step before it, and the state
// that leaves it is that of its own last step; call these steps borders:
//
//     M[t, s]  =  (c[t], faded from the border before t)  ·  (decay from border to border)
//                 ·  (b[s], faded to the border after s)
//     M        =  diagonal blocks + C̃ A B̃          left factor C̃, centre A, right factor B̃
//
// A block of Q² numbers off the diagonal has rank at most N and becomes 2·Q·N numbers, which are
// fewer if Q > 2N (here both are 16): the low ranks that chapter 02 found save work. `factors` in
// `Loops.swift` builds the factors; their inner index runs over the N numbers of the state of each
// chunk. In the second figure, see how empty the factors are, and look at the centre, where the
// decay is the same for all N numbers of a state.

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
// The library has the three forms as kernels for all heads of a batch, in the precision that the
// book is built with: `ssdRecurrence`, `ssdMatrix` and `ssdSequence`. We try every T up to 33 with
// every Q up to T + 1.

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
// Now the clock. Sizes are those of a layer of the book's student; attention as matrix products
// (chapter 01) joins the three forms. A form stops where its matrices would take more than half a
// gigabyte. Time is processor time, summed over cores; forms take turns, and we keep the minimum.

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

// The slope of a line in this picture is the exponent of T, fitted here to the last four lengths of
// each form. Rate is multiplications over time, in billions a second on one core; nearly every
// multiplication comes with an addition, so it is twice that in GFLOP/s. The quick run checks no
// claim about times.

table(["form", "last T", "exponent of the count", "of the time", "time", "rate"], rows: curves.map(\.row))
let miss = curves.map { abs($0.ofTime.exponent - ($0.form.hasMatrix ? 2 : 1)) }.max()!
chapter.timed("exponents are nearest to 2 with a matrix, to 1 without; largest distance", miss < 0.5, miss)

// ## The surprise: the best chunk, and none
//
// Which Q is best? The count for a token of a head, and where its derivative is 0:
//
//     f(Q)   =  Q (N + P + 1)  +  NP / Q  +  2NP + 2N
//     f′(Q)  =  N + P + 1  −  NP / Q²  =  0     at     Q*  =  √( NP / (N + P + 1) )
//
// Larger chunks cost more inside, smaller ones fade the state more often. For our sizes Q* is about
// 3. Time depends on more than the count: a product of small matrices is mostly the overhead of its
// call, and a chunk has four of them.

chapter.section("6. The surprise: the best chunk, and none")
let optimum = (Double(state * width) / Double(state + width + 1)).squareRoot()
let fewest = (1...64).min { chunkedCount(4096, state, width, Q: $0) < chunkedCount(4096, state, width, Q: $1) }!
show("Q* by the formula", optimum, digits: 3)
check("the Q from 1 to 64 with the fewest multiplications is beside it", abs(Double(fewest) - optimum), lessThan: 1.0)
let steps = chapter.isQuick ? 512 : 4096
let lengths = (0...9).map { 1 << $0 }
let candidates = lengths.map { Form.chunked(Q: $0, N: state, P: width) }
let counts = candidates.map { Double($0.count(steps)) / Double(steps) }
let measured = seconds(candidates, on: layer(steps), atLeast: 3 * patience)
let rates = zip(counts, measured).map { Double(B * H * steps) * $0 / $1 * 1e-9 }
let best = measured.indices.min { measured[$0] < measured[$1] }!
table(
  ["Q", "multiplications a token", "time", "rate"],
  rows: lengths.indices.map {
    let (time, rate) = (duration(seconds: measured[$0]), number(rates[$0], decimals: 1))
    return ["\(lengths[$0])", number(counts[$0], decimals: 1), "~\(time)", "~\(rate)"]
  })
chapter.plot(bestChunk(T: steps, Q: lengths, counts: counts, times: measured, optimum: optimum), "best-chunk")
chapter.timed("the clock's best Q is more than twice Q*", Double(lengths[best]) > 2 * optimum, Double(lengths[best]))
chapter.timed("rate at Q = 64 over rate at Q = 4", rates[6] > 1.5 * rates[2], rates[6] / rates[2])

// And are chunks faster than the recurrence at all? The picture of section 5 has both.

let fastest = curves.suffix(chunks.count).min { $0.last.seconds < $1.last.seconds }!
finding(
  """
  At T = \(curves[0].last.T) the recurrence takes \(duration(seconds: curves[0].last.seconds)); of the forms with
  chunks the fastest (\(fastest.form.name)) takes \(duration(seconds: fastest.last.seconds)).
  """, volatile: true)

// Of the recurrence's 3NP multiplications for each token, chunks save nearly NP, because they fade
// the state only once per chunk, and add Q (N + P + 1). That is worthwhile if the state is large.
// Mamba-2 has N = 128 and P = 64.

let chunk = 32
let comparisons = [(state, width), (64, 64), (128, 64)].map { N, P in
  let layer = Layer(B: B, T: steps / 2, H: H, N: N, P: P, using: &random)
  return Comparison(of: .chunked(Q: chunk, N: N, P: P), with: .recurrent(N: N, P: P), on: layer, atLeast: patience)
}
table(
  ["T = \(steps / 2)", "recurrent", "chunked, Q = \(chunk)", "chunked / recurrent in the count", "in time"],
  rows: comparisons.map(\.row))
let gain = 1 / comparisons[2].inTime
if !chapter.isQuick {
  report("at Mamba-2's sizes chunks are faster, times", gain > 1, "~\(number(gain, digits: 2))")
}

// ## Crossing attention, and memory
//
// Attention multiplies 2P times for each pair of tokens, chunks a fixed number of times for each
// token: below some T attention is cheaper. The count says where; the measured time also includes
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
  ["form", "wins from T on, counted", "measured (0: never)", "at T = 512, counted", "measured"],
  rows: zip(rivals, inTime).map { form, ratios in
    let first = (1...512).last { inCount(form, $0) <= 1 }! + 1
    let wins = ratios.indices.first { ratios[$0...].allSatisfy { $0 > 1 } }.map { "~\(short[$0])" } ?? "~0"
    return [
      form.name, "\(first)", wins, number(inCount(form, 512), decimals: 1), "~\(number(ratios.last!, decimals: 1))",
    ]
  })
chapter.timed("at T = 512 attention costs more than chunks of 64, times", inTime[1].last! > 1, inTime[1].last!)

// Memory besides input and output, computed from the shapes. Derivatives need states again: chunks
// keep the state that enters each of them, the recurrence would have to keep every state.

let all = forms + [.recurrentKeepingStates(N: state, P: width)]
let spans = [128, 2048, 16384]
table(
  ["memory of \(B * H) heads, counted"] + spans.map { "T = \($0)" },
  rows: all.map { form in [form.name] + spans.map { bytes(bytesOf(form.memory($0))) } })

// ## Breaking it on purpose: the ratio of products
//
// L[t, s] = α[s + 1] ⋯ α[t] is part of a product. So why not compute P[t] = α[0] ⋯ α[t] once (this
// P has nothing to do with the P features), and divide: L[t, s] = P[t] / P[s]? But P decays like
// exp(μ t), μ the mean of log α, and below half of the smallest number of its type it is 0; then
// 0 / 0 is NaN. Segment sums of logarithms start anew at each s, so the neighbour's weight
// L[t, t − 1] is α[t] for any t. We test that (`Neighbours.swift`). The sum of t logarithms deviates
// from μ t by about √t of their standard deviations; divided by |μ| that is an error in steps, and
// we allow four of them.

chapter.section("8. Breaking it on purpose: the ratio of products")
let long = 2048
var fresh = SeededGenerator(seed: chapter.seed)
let logs = (-softplus(.normal([long], using: &fresh))).elements.map { Double($0) }
let mean = logs.reduce(0, +) / Double(long)
let deviation = (logs.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(long)).squareRoot()
let (single, double) = (Neighbours(logs, in: Float.self), Neighbours(logs, in: Double.self))
show("mean of log α", mean)
for (name, zero, least) in [
  ("Float", single.zero, Double(Float.leastNonzeroMagnitude)), ("Double", double.zero, Double.leastNonzeroMagnitude),
] {
  let predicted = (log(least) - log(2)) / mean
  show("\(name): P[t] is 0 from t on, predicted", predicted)
  show("\(name): observed", zero)
  let spread = 4 * deviation * predicted.squareRoot() / -mean
  check("\(name): within four standard deviations", abs(Double(zero) - predicted), lessThan: spread)
}
let weights = exp(segmentSum(Tensor(logs.map { Scalar($0) }, shape: [long])))
let kept: [Double] = (1..<long).map { abs(Double(weights[$0, $0 - 1]) / exp(logs[$0]) - 1) }
chapter.plot(underflow(single, double, segments: kept), "underflow")
func passes(_ errors: [Double]) -> Bool { errors.allSatisfy { $0 <= roundoff } }
check("segment sums give every neighbour its weight, to roundoff", passes(kept), "\(kept.count) neighbours")
check("the same test catches the ratio in Float", !passes(single.byRatio))
check("and in Double, which only fails later", !passes(double.byRatio) && double.zero > single.zero)

// The mask has a similar trap. Above the diagonal the difference of two sums is positive, and its
// exp overflows; a factor of 0 afterwards gives ∞ · 0, which is NaN. A mask of −∞ before it gives
// exp(−∞) = 0.

let lost = single.sums.dropFirst().count { (exp(single.sums[0] - $0) * 0).isNaN }
check("exp first, mask after: no number", lost > 0, "\(lost) of \(long - 1) places, in Float")
check("mask first, exp after: zeros", (1..<long).allSatisfy { weights[0, $0] == 0 })

// ## What we saw
//
// Three algorithms, one function.

finding(
  """
  Over \(pairs) pairs of T and Q the three forms differ by at most
  ~\(number(max(gaps.quadratic, gaps.chunked), digits: 2)) of the largest output.
  """)

// The multiplications of the recurrence and of the chunks grow like T, those of the matrices like
// T². Time need not follow them exactly: every call has a cost of its own, and large matrices do
// not fit into the caches.

let exponents = [true, false].map { hasMatrix in
  curves.filter { $0.form.hasMatrix == hasMatrix }.map { number($0.ofTime.exponent, decimals: 2) }
}
finding(
  """
  Over the last four lengths of each form, time grows with exponents of \(list(exponents[0])) for the forms that make
  a matrix, and of \(list(exponents[1])) for the others.
  """, volatile: true)

// Nor need the count tell which chunk is best, since to it all multiplications are equally fast.

let ofBook = lengths.firstIndex(of: recipe.Q)!
finding(
  """
  By the count chunks of \(fewest) are best; by the clock, among powers of 2, chunks of \(lengths[best]). Those of
  \(recipe.Q), which the book uses, take \(number(measured[ofBook] / measured[best], decimals: 2)) times as long as
  the best.
  """, volatile: true)
finding(
  """
  At T = \(steps / 2), in units of the recurrence's time, chunks of \(chunk) take
  \(list(comparisons.map { "\(number($0.inTime, decimals: 2)) (\($0.row[0]))" })).
  """, volatile: true)

// So why three? To see the matrix, as stage 1 must: the quadratic form. To generate, with one state
// and token by token: the recurrence. To train: chunks, which are products of matrices, for which
// processors are made, and which keep a state for each chunk, where the recurrence would keep one
// for each step.

finding(
  """
  At T = \(spans.last!) chunks of \(recipe.Q) need
  \(bytes(bytesOf(Form.chunked(Q: recipe.Q, N: state, P: width).memory(spans.last!)))), where the recurrence with all
  its states would need \(bytes(bytesOf(all.last!.memory(spans.last!)))).
  """)

// A matrix needs sums of logarithms for its decays: a running product becomes 0, and from then on
// no quotient brings them back.

finding(
  """
  The running product is 0 from step \(single.zero) on in Float, and from step \(double.zero) on in Double. By segment
  sums \(kept.count { $0 <= roundoff }) of \(kept.count) neighbours have their weight to roundoff.
  """)

// Exercises. 1: For which Q does the chunked form need the least memory at T = 16384? Derive the
// equation as for Q*, and solve it by trial. 2: From which N on, with P = 24, do chunks of 16
// multiply less than the recurrence? 3: Look at L[t, t − 8] in section 8 instead: which way gains,
// and why?
//
// Next: 04-gradients, which asks how we know that the derivative of such a kernel is right.

chapter.finish()
