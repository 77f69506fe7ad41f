// # Answers to the exercises

import Book
import Experiments
import Foundation
import Notebook
import Tensors

// ## 1. The chunk with the least memory
//
// A head keeps the state that enters each chunk and the last one, and for the chunk at work L and
// the matrix made from it (Q² numbers each), the scaled rows of B or C (Q N) and the decays (Q):
//
//     g(Q)   =  NP T / Q  +  NP  +  2 Q²  +  Q (N + 1)
//     g′(Q)  =  4 Q  +  N + 1  −  NP T / Q²  =  0       or       4 Q³  +  (N + 1) Q²  =  NP T
//
// Long chunks have large matrices, short ones leave many states. The left side grows with Q, so
// there is one solution, and we halve an interval until we have it. Since 4 Q³ is the larger term,
// the best Q grows about like the cube root of T. The trial differs a little, because a last chunk
// that is not full needs a state too.

func answer1() throws {
  let T = spans.last!
  var (low, high) = (1.0, Double(T))
  for _ in 0..<60 {
    let Q = (low + high) / 2
    let excess = 4 * Q * Q * Q + Double(state + 1) * Q * Q - Double(state * width * T)
    if excess < 0 { low = Q } else { high = Q }
  }
  func memory(_ Q: Int) -> Int { Form.chunked(Q: Q, N: state, P: width).memory(T) }
  let byEquation = Int(low.rounded())
  let byTrial = (1...1024).min { memory($0) < memory($1) }!
  show("Q by the equation", low)
  show("Q by trial, 1 to 1024", byTrial)
  check(
    "memory at the Q of the equation over the least", Double(memory(byEquation)) / Double(memory(byTrial)),
    atMost: 1.01)
  finding(
    """
    At T = \(T) chunks of \(byTrial) need \(bytes(bytesOf(memory(byTrial)))), those of \(recipe.Q)
    \(bytes(bytesOf(memory(recipe.Q)))), and those of \(fewest), which multiply least,
    \(bytes(bytesOf(memory(fewest)))).
    """)
}

// ## 2. The state that makes chunks worthwhile
//
// For each token the chunked form multiplies Q (N + P + 1) + 2NP + 2N + NP / Q times and the
// recurrence 3NP times. Collect what has a factor N:
//
//     Q (P + 1)  <  N (P − Q − 2 − P / Q)
//
// If the bracket is positive, this holds from some N on. If it is not, it never holds, since the
// matrix inside the chunk costs more than the fading that is saved. At P = 24 the bracket is
// positive for chunks of 2 to 20. We compare with the counts, for one chunk and states up to a
// thousand.

func answer2() throws {
  func firstByCount(_ Q: Int) -> Int? {
    (1...1000).first { chunkedCount(Q, $0, width, Q: Q) < recurrentCount(Q, $0, width) }
  }
  func firstByInequality(_ Q: Int) -> Int? {
    let bracket = Double(width - Q - 2) - Double(width) / Double(Q)
    return bracket > 0 ? Int(Double(Q * (width + 1)) / bracket) + 1 : nil
  }
  func text(_ N: Int?) -> String { N.map { "\($0)" } ?? "never" }
  let sizes = [1, 2, 4, 8, 16, 32]
  table(
    ["P = \(width), Q", "fewer multiplications from N =, inequality", "counted"],
    rows: sizes.map { ["\($0)", text(firstByInequality($0)), text(firstByCount($0))] })
  check("inequality = count for each of these Q", sizes.allSatisfy { firstByInequality($0) == firstByCount($0) })
  let able = (1...64).filter { chunkedCount($0, state, width, Q: $0) < recurrentCount($0, state, width) }
  finding("With N = \(state), as in the standard recipe, chunks of \(able.first!) to \(able.last!) multiply less.")
}

// ## 3. A running product that begins anew
//
// In a chunk of Q steps ρ is no smaller than exp(−Q m), where m is the largest |log α|. So the
// ratio is safe as long as this is a normal number of its type: Q m ≤ 87 in Float. Chunks of 64 steps
// are safe only if no |log α| is above 1.4, and the decays of section 8 are stronger; that none is lost
// with them is luck. On average m is much too careful, but the decays come from the text, and a model that has learned to forget makes
// strong ones. We count the neighbours whose weight is lost, that is NaN or off by more than a
// hundredth, in Float, with chunks of 64 and with chunks of the safe length. Segment sums lose none
// at any length, since each begins at its own s.

func answer3() throws {
  func lost(_ logs: [Double], chunks Q: Int) -> Int {
    stride(from: 0, to: logs.count, by: Q).reduce(0) { sum, first in
      let chunk = Array(logs[first..<min(first + Q, logs.count)])
      return sum + Neighbours(chunk, in: Float.self).byRatio.count { !($0 <= 0.01) }
    }
  }
  func lostBySegmentSums(_ logs: [Double]) -> Int {
    let weights = exp(segmentSum(Tensor(logs.map { Scalar($0) }, shape: [logs.count])))
    return (1..<logs.count).count { !(abs(Double(weights[$0, $0 - 1]) / exp(logs[$0]) - 1) <= 0.01) }
  }
  let exponent = -log(Double(Float.leastNormalMagnitude))
  var (rows, safelyLost) = ([[String]](), 0)
  for factor in [1.0, 2, 5] {
    let scaled = logs.map { factor * $0 }
    let strongest = -scaled.min()!
    let safe = max(1, Int(exponent / strongest))
    safelyLost += lost(scaled, chunks: safe)
    rows.append([
      number(factor, decimals: 1), number(exp(-strongest), digits: 2), "\(safe)", "\(lost(scaled, chunks: 64))",
      "\(lostBySegmentSums(scaled))",
    ])
  }
  table(["log α times", "strongest decay", "safe Q", "lost by ratio, Q = 64", "lost by segment sums"], rows: rows)
  check("with chunks of the safe length the ratio loses none", safelyLost == 0)
}
