// # A language in which recall can be measured
//
// In real text nobody can say which words had to be remembered and which could be guessed. So we
// define a language in which this is known. Its documents say where things were put, and ask for
// them:
//
//     anna took the key barn . the key barn . ben took the cup mill . the key barn . the cup mill .
//     ├── statement ─────────┤ ├─ question ─┤
//
// The place in a question is determined by what was said some tokens earlier, and by nothing else: a
// model that does not recall it can only guess. Everything else is drawn from known distributions,
// so the least possible loss is known as well.
//
// The rules of a document:
//
// 1. It begins with a statement. After that each sentence is a question with a fixed probability,
//    until all objects are placed: then only questions follow.
// 2. A statement names an object not placed before and a place, both uniformly at random. Two objects can share a
//    place; an object stays where it is.
// 3. A question names an object that was placed, uniformly at random, and its place.
// 4. A document is cut after T + 1 tokens, even in the middle of a sentence.
//
// The words, the sentences and the probability are in the file data/world.grammar.
//
// Read before: `WordTokenizer.swift`. Read next: `Grammar+Parsing.swift`,
// `Grammar+Documents.swift`, `Grammar+Entropy.swift`.

/// The words and sentences of a small language about who took what where.
public struct Grammar: Sendable, Equatable {
  /// What can stand at one place of a sentence.
  public enum Symbol: Sendable, Equatable {
    /// This token, always.
    case word(Int)
    /// One of these tokens, uniformly at random.
    case anyOf(Range<Int>)
    /// In a statement an object not placed before, in a question one that was.
    case object
    /// In a statement any place, in a question that of the object.
    case place
  }

  /// A kind of sentence.
  public struct Production: Sendable, Equatable {
    /// The probability of this sentence where both kinds are possible.
    public let probability: Double
    /// What stands at each place of the sentence, one symbol for each token.
    public let symbols: [Symbol]
  }

  /// How many tokens of a document a model reads; the document has one more, the last target.
  public let T: Int
  /// The words: first those of the symbols in the order of the file, then those of the sentences.
  public let tokenizer: WordTokenizer
  /// The tokens of the objects.
  public let objects: Range<Int>
  /// The tokens of the places.
  public let places: Range<Int>
  /// A sentence that places an object.
  public let statement: Production
  /// A sentence that asks for an object and gives the answer.
  public let question: Production

  /// The size of the vocabulary.
  public var V: Int { tokenizer.vocabularySize }

  /// The two kinds of sentence, each with its probability after `placed` objects have been placed; 0 if it is
  /// impossible.
  func sentences(placed: Int) -> [(production: Production, isQuestion: Bool, probability: Double)] {
    let asked =
      switch placed {
      case 0: 0.0
      case objects.count: 1.0
      default: question.probability
      }
    return [(statement, false, 1 - asked), (question, true, asked)]
  }
}
