// # The lowest possible loss
//
// No model can do better than a reader who knows the grammar and remembers everything. The expected
// loss of that reader at a token is the entropy of the token given those before it, and the mean over
// a document's tokens is a floor under every loss curve. We compute it exactly.
//
// Let X[0], X[1], … be the tokens of a document. By the chain rule
//
//     H(X[0] … X[T])  =  Σₜ H( X[t] | X[0] … X[t−1] )
//
// so we need the expected entropy of each token given its past. Little of the past matters: which
// objects were placed where, whether we are inside a statement or a question, at which of its words,
// and which object was named. The reader knows all of this with certainty: where sentences begin,
// because sentences have fixed lengths, and the kind of a sentence from its first word, because the
// parser demands that no word can begin both. Nothing is hidden, so the entropy given the past is
// that of the next random choice. With k objects placed, m objects in all, r places, and q the
// probability of a question (0 for k = 0, 1 for k = m):
//
//     a fixed word                     0
//     a symbol of n words              log n
//     OBJECT in a statement            log (m − k)
//     OBJECT in a question             log k
//     PLACE in a statement             log r
//     PLACE in a question              0                        it is recalled
//     the first word of a sentence     h(q)  +  (1 − q) · (entropy of a statement's first word)
//                                            +  q · (entropy of a question's first word)
//
// with h(q) = −q log q − (1 − q) log (1 − q). The last line is the chain rule once more: the first word reveals first
// the kind, then itself. How likely is it that a sentence begins at t with k objects placed? A sentence of S words
// leads from (t, k) to (t + S, k + 1) or (t + S, k), so one pass over t gives all these probabilities. With them we
// weight the entropies.
//
// The end needs no special case: a document is the first T + 1 tokens of an endless text, and where
// it is cut says nothing about the tokens before the cut. The beginning does: k = 0, the first
// sentence must be a statement, and h does not appear. A model predicts X[1] … X[T], not X[0]; so
// the floor is the mean over these T.
//
// Read before: `Grammar.swift`. Read next: `IdealReader.swift`, which computes the same loss by
// reading.

import Foundation

/// −Σ p log p of two cases in nats; a case of probability 0 adds nothing.
private func entropy(_ p: Double) -> Double {
  [p, 1 - p].reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
}

extension Grammar {
  /// Expected values at each place of a document.
  private struct Expectations {
    /// H(X[t] | X[0] … X[t−1]) in nats.
    var entropies: [Double]
    /// The probability that X[t] is an answer.
    var answers: [Double]
  }

  /// The entropy of a symbol in nats, given the sentence before it.
  private func entropy(of symbol: Symbol, inQuestion: Bool, placed k: Int) -> Double {
    switch symbol {
    case .word: 0
    case .anyOf(let ids): log(Double(ids.count))
    case .object: log(Double(inQuestion ? k : objects.count - k))
    case .place: inQuestion ? 0 : log(Double(places.count))
    }
  }

  private var expectations: Expectations {
    let m = objects.count
    var result = Expectations(
      entropies: Array(repeating: 0, count: T + 1), answers: Array(repeating: 0, count: T + 1))
    // begins[t][k]: the probability that a sentence begins at t with k objects placed
    var begins = Array(repeating: Array(repeating: 0.0, count: m + 1), count: T + 1)
    begins[0][0] = 1
    for t in 0...T {
      for k in 0...m where begins[t][k] > 0 {
        for (production, isQuestion, probability) in sentences(placed: k) where probability > 0 {
          let weight = begins[t][k] * probability
          if isQuestion { result.entropies[t] += begins[t][k] * Corpora.entropy(probability) }
          for (offset, symbol) in production.symbols.enumerated() where t + offset <= T {
            result.entropies[t + offset] += weight * entropy(of: symbol, inQuestion: isQuestion, placed: k)
            if isQuestion, symbol == .place { result.answers[t + offset] += weight }
          }
          let end = t + production.symbols.count
          if end <= T { begins[end][isQuestion ? k : k + 1] += weight }
        }
      }
    }
    return result
  }

  /// The entropy of each token given those before it, in nats: T + 1 numbers, whose sum is the entropy of a document.
  ///
  /// Computed anew at each access, in time proportional to T and the number of objects.
  public var entropies: [Double] { expectations.entropies }

  /// The lowest cross-entropy that any model can have on documents of this grammar, in nats per predicted token.
  ///
  /// The mean of `entropies` without the first, which no model predicts.
  public var lossFloor: Double { entropies.dropFirst().reduce(0, +) / Double(T) }

  /// The expected fraction of the predicted tokens that are answers, 0 … 1.
  public var answerShare: Double { expectations.answers.dropFirst().reduce(0, +) / Double(T) }

  /// The cross-entropy of a reader who knows everything except which object is where, and guesses uniformly.
  ///
  /// In nats per predicted token: the floor plus log(places) for each answer.
  public var lossOfGuessing: Double { lossFloor + answerShare * log(Double(places.count)) }
}
