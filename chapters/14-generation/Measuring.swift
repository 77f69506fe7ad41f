// # What the chapter measures
//
// The time of a token when many texts are read at once, the time in which the heads of a mixer read
// a prompt, and how two models agree at each position of a window. What one token costs is measured
// in `Book/DecodingCost.swift`.

import Book
import Corpora
import Models
import Notebook
import Tensors

/// The median seconds in which each model reads a token of B texts at once, in turns.
nonisolated func secondsOfBatch(_ models: [NamedModel], B: Int, context: [Int], tokens: Int = 24) -> [Double] {
  let next = Tokens(Array(repeating: context[0], count: B), B: B, T: 1)
  var states = models.map { $0.model.read(texts: Array(repeating: context, count: B), inPiecesOf: 256) }
  var seconds = models.map { _ in [Double]() }
  for _ in 0..<3 {
    for i in models.indices {
      seconds[i] += time(repetitions: tokens / 3, { models[i].model.read(next, &states[i]) }).seconds[0]
    }
  }
  return seconds.map(median)
}

// ## A prompt
//
// Random numbers serve as well as those of a model: what is measured does not depend on them.

extension Reading {
  /// The shortest processor time of each form for T tokens, on one core: attention by its whole matrix and in blocks,
  /// SSD by its matrix and in chunks.
  ///
  /// - Parameter seconds: the least time for the whole measurement
  func seconds(_ T: Int, atLeast seconds: Double, using random: inout SeededGenerator) -> [Double] {
    func draw(_ width: Int) -> Tensor { .normal([1, T, H, width], using: &random) }
    let (q, k, x, b, c) = (draw(P), draw(P), draw(P), draw(N), draw(N))
    let logDecay = -softplus(Tensor.normal([1, T, H], using: &random))
    let (d, scale) = (Tensor.zeros([H]), 1 / Scalar(P).squareRoot())
    return onOneCore {
      time(
        repetitions: 3, atLeast: seconds, on: .processor,
        { _ = headMix(softmax(headScores(q, k), scale: scale, causal: true), x) },
        { _ = blockedAttention(q, k, x, scale: scale) },
        { _ = headMix(ssdMatrix(logDecay: logDecay, b: b, c: c, d: d), x) },
        { _ = ssdSequence(x, logDecay: logDecay, b: b, c: c, d: d, Q: Q).output })
    }.minima
  }
}

// ## Position by position

extension Batch {
  /// Inputs and targets as one row of T + 1 tokens for each window.
  var tokens: Tokens {
    Tokens(
      (0..<inputs.B).flatMap { Array(inputs.row($0)) + [targets.row($0).last!] }, B: inputs.B, T: inputs.T + 1)
  }
}

extension Tokens {
  /// Rows of T + 1 tokens as what a model reads and what follows each token: T columns both.
  var inputsAndTargets: (inputs: Tokens, targets: Tokens) {
    let rows = (0..<B).map { Array(row($0)) }
    return (
      Tokens(rows.flatMap { $0.dropLast() }, B: B, T: T - 1), Tokens(rows.flatMap { $0.dropFirst() }, B: B, T: T - 1)
    )
  }
}

/// Sums over windows, for each position.
struct ByPosition {
  /// How often both models rank the same token first; the KL divergence; the cross-entropy of each on the text.
  var same, divergence, student, teacher: [Double]
  var windows = 0

  /// - Parameter windows: T + 1 tokens a row: T that are read, and the one that follows each
  init(_ student: FrozenModel, _ teacher: FrozenModel, on windows: [Tokens]) {
    let T = windows[0].T - 1
    same = Array(repeating: 0, count: T)
    (divergence, self.student, self.teacher) = (same, same, same)
    for all in windows {
      let (inputs, targets) = all.inputsAndTargets
      let (q, p) = (student(inputs), teacher(inputs))
      let distributions = softmax(p)
      let (own, theirs) = (crossEntropy(q, targets: targets).losses, crossEntropy(p, targets: targets).losses)
      let kl =
        crossEntropy(q, distributions: distributions).losses - crossEntropy(p, distributions: distributions).losses
      let (mine, first) = (indicesOfLargest(q), indicesOfLargest(p))
      for (place, (a, b)) in zip(mine, first).enumerated() where a == b { same[place % T] += 1 }
      func add(_ x: Tensor, to sums: inout [Double]) {
        for (place, value) in x.elements.enumerated() { sums[place % T] += Double(value) }
      }
      add(kl, to: &divergence)
      add(own, to: &self.student)
      add(theirs, to: &self.teacher)
      self.windows += all.B
    }
  }

  /// The mean of one of the sums over the positions of a range and all windows.
  func mean(_ sums: KeyPath<ByPosition, [Double]>, _ positions: Range<Int>) -> Double {
    self[keyPath: sums][positions].reduce(0, +) / Double(positions.count * windows)
  }
}

/// Positions in classes whose length doubles, from 0: 1, 1, 2, 4, …; a class with positions on both sides of `cut` is
/// divided there.
func classes(of T: Int, cutAt cut: Int) -> [Range<Int>] {
  var (result, bound) = ([0..<1], 1)
  while bound < T {
    let next = min(T, 2 * bound)
    result += bound < cut && cut < next ? [bound..<cut, cut..<next] : [bound..<next]
    bound *= 2
  }
  return result
}
