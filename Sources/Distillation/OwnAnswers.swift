// # What is recalled when answers stay
//
// `RecallTally` asks a model for each answer of a document after the true text. Somebody who uses the model has no
// true text: the model's own answers are what it reads next. A wrong answer to a first question then stands in the
// text, nearer than the statement, and may be repeated to the next one. So here a model reads a document token by
// token, and wherever an answer is due it writes its own, which it then reads.
//
//     the document      anna took the key barn . the key barn . the key barn .
//     what is read      anna took the key barn . the key mill . the key mill .          two wrong answers, not one
//
// Read before: `Corpora/Grammar/RecallTally.swift`, `Models/Writing/DecodingState.swift`. See also:
// `Continuations.swift`, the same question for text.

import Corpora
import Models
import Tensors

/// Answers that a model has written, and how many of them were right.
public struct OwnAnswers: Codable, Equatable, Sendable {
  /// The answers that were those of the document.
  public var right: Int
  /// All answers.
  public var count: Int

  /// A count of answers.
  public init(right: Int = 0, count: Int = 0) { (self.right, self.count) = (right, count) }

  /// `right` / `count`, 0 … 1; NaN if there are none.
  public var fraction: Double { Double(right) / Double(count) }
}

/// Lets a model answer the questions of documents, each answer the token that it ranks first, and read its own
/// answers in place of the documents'.
public func ownAnswers(of model: FrozenModel, on documents: [RecallBatch]) -> OwnAnswers {
  var result = OwnAnswers()
  for batch in documents {
    let (inputs, targets) = (batch.batch.inputs, batch.batch.targets)
    let (B, T) = (inputs.B, inputs.T)
    var texts = (0..<B).map { Array(inputs.row($0)) }
    var state = model.emptyState(B: B)
    let due = batch.recalls.map { Set($0.map(\.position)) }
    // Nothing has to be written before the first answer: that much is read at once.
    let first = due.compactMap { $0.min() }.min() ?? T
    var read = 0
    while read < T {
      let next = read == 0 ? first : read + 1
      model.read(Tokens(texts.flatMap { $0[read..<next] }, B: B, T: next - read), &state)
      read = next
      let ranked = indicesOfLargest(state.logits!)
      for row in 0..<B where due[row].contains(read) {
        result.count += 1
        if ranked[row] == targets.ids[row * T + read - 1] { result.right += 1 }
        if read < T { texts[row][read] = ranked[row] }
      }
    }
  }
  return result
}
