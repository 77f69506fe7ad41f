// # The ideal reader
//
// A program that knows the grammar, reads a document word by word and says before each word how
// likely every word is. It is the slow twin of `Grammar+Entropy.swift`: that file weighs all
// documents at once and never sees a word; this one sees one document and knows nothing of
// averages. The mean of −log p over many documents has to come out at the floor.
//
// It is also the measure for one batch: documents differ, and a model's loss minus the ideal
// reader's on the same documents is how far the model is from the best that could be done.
//
// Read before: `Grammar.swift`.

import Foundation
import Tensors

/// What is known of a document after some of its tokens.
public struct IdealReader: Sendable {
  public let grammar: Grammar
  /// The place of each object that was placed.
  private var places: [Int: Int] = [:]
  /// The sentence that is being read, and the number of its words that were.
  private var sentence: Grammar.Production?
  private var isQuestion = false
  private var count = 0
  /// What the sentence named so far.
  private var object: Int?
  private var place: Int?

  /// A reader before the first token of a document.
  public init(_ grammar: Grammar) { self.grammar = grammar }

  /// The probability of each token to be the next one: V numbers.
  public var distribution: [Double] {
    var result = Array(repeating: 0.0, count: grammar.V)
    if let sentence {
      add(sentence.symbols[count], inQuestion: isQuestion, times: 1, to: &result)
    } else {
      for (production, isQuestion, probability) in grammar.sentences(placed: places.count) where probability > 0 {
        add(production.symbols[0], inQuestion: isQuestion, times: probability, to: &result)
      }
    }
    return result
  }

  /// Adds a weight, spread over the tokens that a symbol can be.
  private func add(_ symbol: Grammar.Symbol, inQuestion: Bool, times weight: Double, to result: inout [Double]) {
    let possible: [Int] =
      switch symbol {
      case .word(let id): [id]
      case .anyOf(let ids): Array(ids)
      case .object: grammar.objects.filter { (places[$0] != nil) == inQuestion }
      case .place: inQuestion ? [places[object!]!] : Array(grammar.places)
      }
    for id in possible { result[id] += weight / Double(possible.count) }
  }

  /// Reads the next token.
  ///
  /// - Returns: its probability; stops the program if it is 0, since such a text is not of this grammar
  @discardableResult
  public mutating func read(_ token: Int) -> Double {
    let probability = distribution[token]
    precondition(
      probability > 0, "“\(grammar.tokenizer.decode([token]))” cannot come here in a document of this grammar")
    if sentence == nil {
      isQuestion = !grammar.canBegin(grammar.statement, with: token)
      (sentence, count, object, place) = (isQuestion ? grammar.question : grammar.statement, 0, nil, nil)
    }
    switch sentence!.symbols[count] {
    case .object: object = token
    case .place: place = token
    default: break
    }
    count += 1
    if count == sentence!.symbols.count {
      places[object!] = place!
      sentence = nil
    }
    return probability
  }

  /// −log p of each token of a document given those before it, in nats.
  public static func losses(of tokens: [Int], in grammar: Grammar) -> [Double] {
    var reader = IdealReader(grammar)
    return tokens.map { -log(reader.read($0)) }
  }
}

extension Grammar {
  /// The tokens that a symbol can be.
  func tokens(of symbol: Symbol) -> Range<Int> {
    switch symbol {
    case .word(let id): id..<(id + 1)
    case .anyOf(let ids): ids
    case .object: objects
    case .place: places
    }
  }

  /// Whether a token can be the first of a sentence of this kind.
  func canBegin(_ production: Production, with token: Int) -> Bool {
    tokens(of: production.symbols[0]).contains(token)
  }
}
