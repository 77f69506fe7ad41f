// # What the chapter measures
//
// Models at work on a text: the time of a token of many texts at once, and how two models agree at
// each position of a window. What one token costs is measured in `Book/DecodingCost.swift`.

import Book
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

// ## Position by position

/// Sums over windows, for each position.
struct ByPosition {
  /// How often both rank the same token first; the KL divergence; the cross-entropy of both on the text.
  var same, divergence, student, teacher: [Double]
  var windows = 0

  /// - Parameter windows: T + 1 tokens a row: T that are read, and the one that follows each
  init(_ student: FrozenModel, _ teacher: FrozenModel, on windows: [Tokens]) {
    let T = windows[0].T - 1
    same = Array(repeating: 0, count: T)
    (divergence, self.student, self.teacher) = (same, same, same)
    for all in windows {
      let rows = (0..<all.B).map { Array(all.row($0)) }
      let inputs = Tokens(rows.flatMap { $0.dropLast() }, B: all.B, T: T)
      let targets = Tokens(rows.flatMap { $0.dropFirst() }, B: all.B, T: T)
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

/// Positions in classes whose length doubles, from 0: 1, 1, 2, 4, …
func classes(of T: Int) -> [Range<Int>] {
  var (result, bound) = ([0..<1], 1)
  while bound < T {
    result.append(bound..<min(T, 2 * bound))
    bound *= 2
  }
  return result
}
