// # Documents, and what has to be recalled in them
//
// Documents are drawn by the rules of `Grammar.swift`. With the tokens we record where each answer is, and how far
// back are the words that determine it: the statement, and the last sentence that named the object with its place.
// The two differ if an object is asked for twice. A model that has recalled the answer to the first question need not
// go back to the statement for the second, so the distance that its memory has to bridge is the one to the last
// mention.
//
//     anna took the key barn . the key barn . the key barn .
//                        ↑              ↑              ↑
//                      fact          mention         answer     4 from the mention, 8 from the fact
//
// Read before: `Grammar.swift`, `Windows.swift`. Read next: `Grammar+Entropy.swift`,
// `RecallTally.swift`.

import Tensors

/// An answer in a document, and its distance from what determines it.
public struct Recall: Sendable, Equatable {
  /// The index of the answer among the document's tokens, 1…T: the logits at `position - 1` predict it.
  public let position: Int
  /// The number of tokens from the place's name in the statement to the answer.
  public let sinceFact: Int
  /// The number of tokens from the place's name in the last sentence about the object to the answer; at most
  /// `sinceFact`.
  public let sinceMention: Int

  /// An answer whose distances are known; for tests and for languages of your own. Nothing is checked.
  public init(position: Int, sinceFact: Int, sinceMention: Int) {
    (self.position, self.sinceFact, self.sinceMention) = (position, sinceFact, sinceMention)
  }
}

/// T + 1 tokens of a grammar, and the answers in them.
public struct Document: Sendable, Equatable {
  /// The tokens, one more than a model reads.
  public let tokens: [Int]
  /// The answers among the tokens, in order.
  public let recalls: [Recall]

  /// A document from its parts. Nothing is checked.
  public init(tokens: [Int], recalls: [Recall]) { (self.tokens, self.recalls) = (tokens, recalls) }
}

/// B documents: what a model reads, what it should predict, and the answers that need recall.
public struct RecallBatch: Sendable, Equatable {
  /// The tokens but the last, and the tokens but the first: [B, T] each.
  public let batch: Batch
  /// The answers of each row.
  public let recalls: [[Recall]]

  /// A batch of documents; stops the program unless there is at least one and all have the same length.
  public init(_ documents: [Document]) {
    let T = (documents.first?.tokens.count ?? 0) - 1
    precondition(
      T > 0 && documents.allSatisfy { $0.tokens.count == T + 1 },
      "a batch must have at least one document, and all must have the same length of at least two tokens")
    batch = Batch(documents.flatMap(\.tokens), starts: documents.indices.map { $0 * (T + 1) }, T: T)
    recalls = documents.map(\.recalls)
  }
}

/// An object that a document has placed.
private struct Placed {
  let object: Int
  let place: Int
  /// Where the place was named in the statement.
  let fact: Int
  /// Where it was named last.
  var mention: Int
}

extension Grammar {
  /// A new document of T + 1 tokens.
  public func document(using random: inout some RandomNumberGenerator) -> Document {
    var (tokens, recalls) = ([Int](), [Recall]())
    tokens.reserveCapacity(T + question.symbols.count + statement.symbols.count)
    var unplaced = Array(objects)
    var placed: [Placed] = []
    while tokens.count <= T {
      let asked = sentences(placed: placed.count)[1].probability
      if Double.random(in: 0..<1, using: &random) < asked {
        let known = Int.random(in: placed.indices, using: &random)
        for symbol in question.symbols {
          if symbol == .place {
            recalls.append(
              Recall(
                position: tokens.count, sinceFact: tokens.count - placed[known].fact,
                sinceMention: tokens.count - placed[known].mention))
            placed[known].mention = tokens.count
          }
          tokens.append(token(symbol, object: placed[known].object, place: placed[known].place, using: &random))
        }
      } else {
        let object = unplaced.remove(at: Int.random(in: unplaced.indices, using: &random))
        let place = Int.random(in: places, using: &random)
        for symbol in statement.symbols {
          if symbol == .place {
            placed.append(Placed(object: object, place: place, fact: tokens.count, mention: tokens.count))
          }
          tokens.append(token(symbol, object: object, place: place, using: &random))
        }
      }
    }
    return Document(tokens: Array(tokens[...T]), recalls: recalls.filter { $0.position <= T })
  }

  private func token(
    _ symbol: Symbol, object: Int, place: Int, using random: inout some RandomNumberGenerator
  ) -> Int {
    switch symbol {
    case .word(let id): id
    case .anyOf(let ids): Int.random(in: ids, using: &random)
    case .object: object
    case .place: place
    }
  }

  /// B new documents.
  public func randomBatch(B: Int, using random: inout some RandomNumberGenerator) -> RecallBatch {
    precondition(B > 0, "a batch must have at least one document, not \(B)")
    return RecallBatch((0..<B).map { _ in document(using: &random) })
  }

  /// `count` new documents in batches of B (the last can be smaller): to evaluate with, from a seed that training
  /// does not use.
  public func batches(count: Int, B: Int, using random: inout some RandomNumberGenerator) -> [RecallBatch] {
    precondition(count > 0 && B > 0, "\(count) documents cannot be split into batches of \(B)")
    let documents = (0..<count).map { _ in document(using: &random) }
    return stride(from: 0, to: count, by: B).map { RecallBatch(Array(documents[$0..<min($0 + B, count)])) }
  }
}
