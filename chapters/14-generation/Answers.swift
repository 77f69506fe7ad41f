// # Answers to the exercises

import Book
import Experiments
import Gradients
import Layers
import Models
import Notebook
import Tensors

// ## 1. A sliding window
//
// A query may look at the last T tokens, itself included: a head's matrix keeps its entries with 0
// ≤ t − s < T. A softmax over fewer scores is the old row divided by the sum of what is left of it,
// so we cut the teacher's own matrices and divide. Rotary positions enter a score only through the
// distance t − s, and inside the window the teacher has met every distance in training. So we
// expect its loss beyond T to be about what it is within T. To save time we measure on a part of
// the windows of sections 7 and 8, so the losses of teacher and student differ a little from those
// there.
//
// The cut need not lose much, because layers are stacked: in the last of L layers a token can still
// depend on tokens up to L (T − 1) positions back. (A model that rests much of its attention on the
// first token of a text, as that of chapter 15 does, would lose more.) And the cost stops growing: a
// layer keeps T keys and values, and a query is compared with T of them.

func answer1() throws {
  let T = recipe.T
  let some = Array(windows.prefix(chapter.isQuick ? 2 : 4))
  var (gap, within, after) = (0.0, [Double](), [Double]())
  for window in some {
    let (inputs, targets) = window.inputsAndTargets
    let logits = logits(of: teacher, inputs) { inWindow($0, T) }
    gap = max(gap, Double(largestMagnitude((logits - teacher(inputs)).sliced(0..<T, along: 1))))
    let losses = crossEntropy(logits, targets: targets).losses
    within += losses.sliced(late, along: 1).elements.map { Double($0) }
    after += losses.sliced(beyond, along: 1).elements.map { Double($0) }
  }
  check("the window changes nothing before it is full", gap, within: isDouble ? 1e-10 : 1e-3)
  func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
  let (free, end) = (ByPosition(student, teacher, on: some), 4 * T)
  func texts(_ batches: [Tokens]) -> Int { batches.reduce(0) { $0 + $1.B } }
  func row(_ name: String, _ losses: [Double], _ model: FrozenModel, _ context: Int) -> [String] {
    let sizes = model.configuration
    return [name] + losses.map { number($0, decimals: 2) }
      + ["\(sizes.multiplications(context: context))", bytes(sizes.numbersKept(of: context) * size)]
  }
  table(
    ["after \(end) tokens", "loss at \(span(late))", "loss at \(span(beyond))", "multiplications a token", "kept"],
    rows: [
      row("teacher", [free.mean(\.teacher, late), free.mean(\.teacher, beyond)], teacher, end),
      row("teacher, window of \(T)", [mean(within), mean(after)], teacher, T),
      row("student", [free.mean(\.student, late), free.mean(\.student, beyond)], student, end),
    ])
  finding(
    """
    Measured on \(texts(some)) of the \(texts(windows)) held-out windows of section 7: at positions \(span(beyond)) the
    moving window changes the teacher's loss by \(rough(mean(after) - free.mean(\.teacher, beyond))) \(store.unit). With
    it, the teacher's loss minus the student's is \(rough(mean(after) - free.mean(\.student, beyond))).
    """)
}

/// Causal matrices [B, H, T, T] of which each row keeps its last `width` entries, scaled so that they sum to 1.
private func inWindow(_ matrix: Tensor, _ width: Int) -> Tensor {
  let T = matrix.shape[3]
  let mask = Tensor((0..<(T * T)).map { $0 / T - $0 % T < width ? 1 : 0 }, shape: [T, T])
  let kept = matrix * mask
  return kept / sum(kept, along: 3).reshaped(to: Array(matrix.shape.array.dropLast()) + [1])
}

// ## 2. The crossover of a large model
//
// In a layer the student pays, beyond what both pay,
//
//     D (2D + 2GN + H) + K (D + 2GN) + 3DN + D²  −  4D²   =   D (2GN + H + 3N + K − D) + 2KGN
//
// with G pairs of B and C, one for each head (G = H) in the paper's student. Attention pays 2D for
// each token of the context, so the crossover is at
//
//     context  =  (2GN + H + 3N + K − D) / 2  +  KGN / D
//
// The deciding term is GN, the width of all B together, which competes with D / 2. With the paper's
// sizes GN = D, and the crossover lies a little above D / 2 tokens: it grows with the width of the
// model. If all heads share one B and one C, then GN = N, the student's projections are smaller
// than attention's, and with the paper's sizes the student is cheaper at every context: a negative
// number in the table. Chapter 11 measures what sharing does to the loss.
//
// The last column is the same question for memory: the number of tokens whose keys and values are
// as many numbers as the student keeps.

func answer2() throws {
  /// Sizes, the counted crossover, and the context at which keys and values are as many numbers as the student keeps.
  func row(_ name: String, _ sizes: Recipe, pairs: Int) -> (cells: [String], gap: Double) {
    var mixer = sizes.studentMixer
    mixer.G = pairs
    let attention = sizes.teacher(V: 1)
    let recurrence = attention.student(mixer)
    let extra = recurrence.multiplications(context: 0) - attention.multiplications(context: 0)
    let counted = Double(extra) / Double(2 * sizes.D * sizes.L)
    let (D, H, N, K, G) = (Double(sizes.D), Double(sizes.H), Double(sizes.N), Double(mixer.K), Double(pairs))
    let formula = (2 * G * N + H + 3 * N + K - D) / 2 + K * G * N / D
    let kept = Double(recurrence.numbersKept(of: 0)) / Double(2 * sizes.D * sizes.L)
    let cells =
      [name] + [sizes.D, sizes.H, sizes.N, pairs].map { "\($0)" } + [counted, kept].map { number($0, decimals: 1) }
    return (cells, abs(counted - formula))
  }
  var paper = Recipe.standard
  (paper.D, paper.H, paper.N, paper.L) = (2048, 32, 64, 24)
  let rows = [
    row("this chapter", recipe, pairs: recipe.H), row("this chapter, shared B and C", recipe, pairs: 1),
    row("the paper's Phi-Mamba", paper, pairs: paper.H), row("the same, shared B and C", paper, pairs: 1),
  ]
  table(
    ["student", "D", "H", "N", "pairs of B and C", "fewer multiplications above", "fewer numbers kept above"],
    rows: rows.map(\.cells))
  check("the crossover = the formula, for all four", rows.map(\.gap).max()!, within: 1e-9)
}

// ## 3. What a state still knows
//
// All that a model knows of the text it has read is in its memory: in a state, or in keys and
// values. (A file that `generate --save` writes holds this and nothing else of the text.) If two
// pasts no longer make a difference to the predictions, the model has forgotten which of them it
// has read. So we let it read half a window of text and then n tokens, and the same n tokens after
// another half window. The KL divergence between its two predictions measures what the past still
// changes.
//
// While n is small the past says which word is being read, and we expect every model to need it.
// Later the n tokens themselves say more and more. What a state holds of the past fades with the
// product of its decays while new tokens are added; attention can look at any token for as long as
// it pays.

func answer3() throws {
  let half = recipe.T / 2
  let lengths = Array(sequence(first: 1) { $0 * 2 }.prefix { $0 < half }) + [half]
  var sums = models.map { _ in lengths.map { _ in 0.0 } }
  let some = Array(windows.prefix(8))
  for window in some {
    let rows = (0..<window.B).map { Array(window.row($0)) }
    let pasts = rows.map { Array($0[..<half]) }
    // Each row's past is given to the row before it.
    let others = Array(pasts.dropFirst()) + [pasts[0]]
    for (i, entry) in models.enumerated() {
      var (own, foreign) = (entry.model.read(texts: pasts), entry.model.read(texts: others))
      var count = 0
      for (place, length) in lengths.enumerated() {
        let next = Tokens(
          rows.flatMap { $0[(half + count)..<(half + length)] }, B: window.B, T: length - count)
        entry.model.read(next, &own)
        entry.model.read(next, &foreign)
        count = length
        sums[i][place] += divergence(from: own.logits!, to: foreign.logits!) / Double(some.count)
      }
    }
  }
  table(
    ["KL between the two after n tokens, n ="] + lengths.map { "\($0)" },
    rows: zip(models, sums).map { [$0.name] + $1.map(rough) })
  let ends = zip(models, sums).map { "\($0.name) \(rough($1.last! / $1[0]))" }
  finding("After \(half) tokens this fraction of the divergence after one token is left: \(list(ends)).")
}

/// KL(p ‖ q) of the distributions of two rows of logits [B, V], the mean over rows.
private func divergence(from p: Tensor, to q: Tensor) -> Double {
  let distributions = softmax(p)
  let losses =
    crossEntropy(q, distributions: distributions).losses - crossEntropy(p, distributions: distributions).losses
  return Double(mean(losses).scalar)
}
