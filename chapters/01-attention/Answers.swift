// # Answers to the exercises

import Book
import Foundation
import Notebook
import Tensors

// ## 1. The products that vary along the diagonals
//
// The first product, u·u, is the same for all places, since every token is the same. In u·p′ only s
// occurs and in p·u only t, so each of them changes when the text is moved. In the last product
// each pair of features contributes the cosine of an angle that depends on t − s alone, by the rule
// for the cosine of a difference:
//
//     p·p′  =  Σ over pairs of  sin ωt sin ωs + cos ωt cos ωs  =  Σ cos ω(t − s)
//
// So the two mixed products spoil the diagonals. But the good one survives only without W_q and
// W_k: with them it is (W_q p)·(W_k p′), in which the sines and cosines of different pairs are
// mixed. (u·u becomes (W_q u)·(W_k u), which is again the same everywhere.) Rotary positions come after W_q and W_k, and there are no mixed products because nothing
// is added.

func answer1() throws {
  let products: [(name: String, scores: (Int) -> Tensor)] = [
    ("u·u", { _ in headScores(u, u) }), ("u·p′", { headScores(u, absolutePositions(from: $0)) }),
    ("p·u", { headScores(absolutePositions(from: $0), u) }),
  ]
  table(
    ["product", "largest change when the text moves, over the largest score"],
    rows: products.map { [$0.name, number(change($0.scores), decimals: 2)] })
  func bare(_ start: Int) -> Tensor { headScores(absolutePositions(from: start), absolutePositions(from: start)) }
  func multiplied(_ start: Int) -> Tensor {
    let p = absolutePositions(from: start)
    return headScores(linear(p, weight: wq, bias: nil), linear(p, weight: wk, bias: nil))
  }
  check("p·p′ does not change", change(bare), within: 10 * roundoff)
  check(
    "(W_q p)·(W_k p′): its largest change, over the largest score", change(multiplied), greaterThan: 0.1, digits: 2)
}

// ## 2. Two places back
//
// The key of token s is now the letter at s − 2: "two before me stands an a". So an a looks at
// every token that stands two after an a, and the second head guesses the letter after next. To
// guess the next letter, the value of token s must be the letter in between, at s − 1, which is the
// output of the original first head. Only the follower of a token at t − 1 is lost: it is token t
// itself. We compare both guesses with counting by a loop.

func answer2() throws {
  let twoBack = headMix(softmax(headScores(placed(-2), placed(0)), scale: sharpness, causal: true), letters)
  let afterSame = softmax(headScores(letters, twoBack), scale: sharpness, causal: true)
  let variants = [
    ("the letters", 2, headMix(afterSame, letters)), ("the letters before", 1, headMix(afterSame, previous)),
  ]
  func shares(_ guess: Tensor, _ t: Int) -> [Double] { alphabet.indices.map { Double(guess[0, t, 0, $0]) } }
  var rows: [[String]] = []
  for t in 2..<(text.count - 2) where text[..<(t - 1)].contains(text[t]) {
    let guesses = variants.map { variant in
      zip(alphabet, shares(variant.2, t)).filter { $0.1 > 0.05 }.map { "\($0.0) \(number($0.1, decimals: 2))" }
    }
    rows.append([String(text[...t])] + guesses.map { $0.joined(separator: ", ") } + [String(text[(t + 1)...(t + 2)])])
  }
  table(["the text so far", "values: the letters", "values: the letters before", "what came"], rows: rows.suffix(5))
  for (values, ahead, guess) in variants {
    var worst = 0.0
    for t in 2..<text.count {
      let followers = (0..<(t - 1)).filter { text[$0] == text[t] }.map { text[$0 + ahead] }
      if followers.isEmpty { continue }
      let counted = alphabet.map { letter in Double(followers.count { $0 == letter }) / Double(followers.count) }
      worst = max(worst, gap([shares(guess, t)], [counted]))
    }
    check("values: \(values). The guess = counting letters \(ahead) further on", worst, within: 0.01)
  }
}

// ## 3. Blocks of another size
//
// With as many keys as queries, a block has Q × Q scores. Beside it stand a transposed copy of its
// keys, which up to eight blocks of queries share, and room for the largest score and the sum of
// weights of their 8Q rows: Q (Q + P + 16) numbers. Up to four such groups are worked on at once. So
// memory does not depend on T, and grows like Q² once Q is large. Blocks on the diagonal are computed
// whole, though half of their scores are masked, so T (T + Q) / 2 scores are computed where
// T (T + 1) / 2 are needed. Small blocks cost time, because much of it then goes into the calls of
// small products. Large ones compute that surplus, and their scores no longer fit into the fastest
// cache, but their products run faster. Which of these wins, the times below say.

func answer3() throws {
  let T = lengths.last!
  var fresh = SeededGenerator(seed: chapter.seed)
  let x = (0..<3).map { _ in Tensor.normal([1, T, 1, headWidth], using: &fresh) }
  let sizes = [16, 64, 512]
  func attend(_ Q: Int) -> Tensor { blockedAttention(x[0], x[1], x[2], scale: factor, Q: Q, keys: Q) }
  func peak(_ Q: Int) -> Int {
    let (peak, output) = MemoryStatistics.peak { attend(Q) }
    return peak - output.count * MemoryLayout<Scalar>.stride
  }
  let peaks = sizes.map(peak)
  let computed = sizes.map { Q in (1...(T / Q)).reduce(0) { $0 + $1 * Q * Q } }
  table(
    ["Q, at T = \(T)", "memory besides input and output", "scores computed / T²"],
    rows: sizes.indices.map { i in
      ["\(sizes[i])", bytes(peaks[i]), number(Double(computed[i]) / Double(T * T), decimals: 3)]
    })
  // A tensor's memory is rounded up, by a quarter at most.
  let predicted = sizes.map { 4 * $0 * ($0 + headWidth + 16) * MemoryLayout<Scalar>.stride }
  let most = zip(peaks, predicted).map { Double($0) / Double($1) }.max()!
  check("memory / (four times Q (Q + P + 16) numbers), the largest", most, atMost: 1.25)
  let least = onOneCore { time(repetitions: 5, on: .processor, sizes.map { Q in { _ = attend(Q) } }).minima }
  finding(
    """
    At T = \(T) blocks of \(list(sizes.map { "\($0)" })) take \(list(least.map { duration(seconds: $0) })) on one
    core.
    """, volatile: true)
}
