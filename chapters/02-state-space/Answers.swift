// # Answers to the exercises
//
// All three ask for the singular values of the block that is cut at a third of the text.

import Book
import Foundation
import Notebook
import Tensors

// ## 1. A sharper softmax
//
// In the limit each row has a single 1, at the key with the largest score. A key that is the
// largest of no row leaves a column of zeros, and the columns of the others are orthogonal: the
// rank is the number of keys that win at least one row. Many never win, because a few long keys
// beat them everywhere, and the fewer features there are, the more so. At the other end, queries of
// nearly 0 make nearly equal weights, which need few directions, since the series of exp may stop
// early. So with sharpness the number of directions first grows; then it approaches what the keys
// that win need, and that may be less. We multiply the same queries by each factor. The lines with
// · say whether the number falls again, from × 4 to × 16.

func answer1() throws {
  let T = lengths.last!
  let cut = T / 3
  let factors: [Scalar] = [0.25, 1, 4, 16]
  var (lines, agree): ([[String]], Bool) = ([], true)
  for P in [few, P] {
    var (kept, lost) = (factors.map { _ in 0.0 }, factors.map { _ in 0.0 })
    var winning = 0.0
    for _ in 0..<5 {
      let (q, k) = (Tensor.normal([1, T, 1, P], using: &random), Tensor.normal([1, T, 1, P], using: &random))
      let scores = headScores(q, k)
      for (place, factor) in factors.enumerated() {
        let m = softmax(scores, scale: factor / Scalar(P).squareRoot(), causal: true)
        let sigma = spectrum(rows(of: m.reshaped(to: [T, T])), from: cut)
        kept[place] += Double(needed(sigma)) / 5
        lost[place] += missed(sigma, beyond: budget) / 5
      }
      // The limit: a single 1 in each row.
      let seen = rows(of: scores.reshaped(to: [T, T])).enumerated().map { t, row in row[...t] }
      let best = seen.map { row in row.indices.max { row[$0] < row[$1] }! }
      let limit = best.map { winner in (0..<T).map { $0 == winner ? 1.0 : 0 } }
      let winners = Set(best[cut...].filter { $0 < cut }).count
      if rank(spectrum(limit, from: cut)) != winners { agree = false }
      winning += Double(winners) / 5
    }
    lines.append(["P = \(P): σ kept to miss 1/10"] + kept.map { number($0, decimals: 1) })
    lines.append(["P = \(P): missed with \(budget) kept"] + lost.map { number($0, decimals: 3) })
    show("P = \(P), the limit: keys that win, of \(cut)", winning)
    report("P = \(P): × 16 needs fewer directions than × 4", kept[3], lessThan: kept[2])
  }
  check("in the limit the rank of the block is the number of keys that win", agree, "10 draws")
  table(["T = \(T), the queries"] + ["× ¼", "× 1", "× 4", "× 16"], rows: lines)
}

// ## 2. A decay that is not a product
//
// The block holds 1 / (1 + t − s) for t ≥ t0 and s < t0. This is a Cauchy matrix, whose determinant
// is known to be non-zero, so in exact arithmetic every block has full rank: no state of fixed size
// gives this decay. In practice it is otherwise, since
//
//     1 / (1 + n)  =  ∫ rⁿ dr          r from 0 to 1
//
// is a mean of fixed decays r, and a sum over a few well-chosen r comes near to it: each is a
// recurrence with a state of its own. We count the σ above a ten-thousandth of the largest. Times C
// Bᵀ the block needs up to about N times as many. Both numbers grow with the text, but far more
// slowly.

func answer2() throws {
  func decay(_ t: Int, _ s: Int) -> Double { s > t ? 0 : 1 / Double(1 + t - s) }
  func block(_ T: Int) -> [[Double]] { (0..<T).map { t in (0..<T).map { s in decay(t, s) } } }
  let smallest = spectrum(block(6), from: 3).last!
  check("the block of 3 × 3 has full rank: σ₃ / σ₁", smallest, greaterThan: negligible)
  func counted(_ m: [[Double]], _ T: Int) -> Int { spectrum(m, from: T / 3).count { $0 > 1e-4 } }
  let counts = lengths.map { T in
    let head = newHead(T: T, N: N)
    let m = zip(block(T), head.scores).map { zip($0, $1).map { $0 * $1 } }
    return (alone: counted(block(T), T), inM: counted(m, T))
  }
  table(
    ["T", "size of the block", "σ above σ₁ / 10000: of 1 / (1 + t − s)", "times C Bᵀ, N = \(N)"],
    rows: zip(lengths, counts).map { T, count in
      ["\(T)", "\(T - T / 3) × \(T / 3)", "\(count.alone)", "\(count.inM)"]
    })
  finding(
    """
    From T = \(lengths[0]) to \(lengths.last!) the block grows by a factor of \(lengths.last! / lengths[0]) in each
    direction. The σ that count go from \(counts[0].alone) to \(counts.last!.alone), and times C Bᵀ from
    \(counts[0].inM) to \(counts.last!.inM).
    """)
}

// ## 3. A decay for each number of the state
//
// Each number n of the state has its own decays and its own matrix Lₙ, and the contributions add
// up:
//
//     M  =  Σ over n of  Lₙ ∘ (cₙ bₙᵀ)          cₙ and bₙ the n-th columns of C and B
//
// No common L can be taken out of the sum, so M is no longer one matrix of decays times one product
// C Bᵀ. That product is what makes the algorithms of chapter 03 fast. The ranks stay as they were:
// what crosses a cut is still N numbers. (Mamba has such decays; Mamba-2 gave them up for the
// product.) To see that no common L exists, we divide M by C Bᵀ entry by entry: with one decay the
// block of what remains, L, has rank 1.

func answer3() throws {
  let alpha = normal(T, N).map { $0.map { 1 / (1 + exp($0 - 3)) } }
  let (b, c) = (normal(T, N), normal(T, N))
  let decaysOf = (0..<N).map { n in decays(alpha.map { $0[n] }) }
  func entry(_ t: Int, _ s: Int) -> Double {
    var sum = 0.0
    for n in 0..<N { sum += decaysOf[n][t][s] * c[t][n] * b[s][n] }
    return sum
  }
  let sum = (0..<T).map { t in (0..<T).map { s in entry(t, s) } }
  var h = [Double](repeating: 0, count: N)
  let stepped = (0..<T).map { t in
    for n in 0..<N { h[n] = alpha[t][n] * h[n] + b[t][n] * x[t] }
    return dot(c[t], h)
  }
  check("M x = the recurrence with N decays", gap(times(sum, x), stepped), within: 1e-12)
  let beyond = cuts.flatMap { spectrum(sum, from: $0).dropFirst(N) }.max()!
  check("N decays: the largest σ / σ₁ after the N-th, over \(cuts.count) blocks", beyond, within: negligible)
  func divided(_ m: [[Double]], by scores: [[Double]]) -> Int {
    rank(spectrum(zip(m, scores).map { zip($0, $1).map { $0 / $1 } }, from: cut))
  }
  check("one decay: M / C Bᵀ has a block of rank 1", divided(matrix, by: head.scores) == 1)
  let products = c.map { c in b.map { b in dot(c, b) } }
  check("N decays: M / C Bᵀ has a block of higher rank", divided(sum, by: products) > 1)
}
