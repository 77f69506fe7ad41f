// # The ideal reader
//
// A program that knows the grammar, reads a document word by word, and before each word states the
// probability of every word. It is the slow twin of `Grammar+Entropy.swift`: that file averages over
// all documents without seeing one; this one reads a single document and averages nothing. The mean
// of −log p over many documents must approach the floor.
//
// It is also the measure for one batch: documents differ, and a model's loss minus that of the ideal
// reader on the same documents is the model's distance from the best possible.
//
// Read before: `Grammar.swift`.

import Foundation
import Tensors

/// What can be known of a document after some of its tokens.
public struct IdealReader: Sendable {
  /// The language of the document.
  public let grammar: Grammar
  /// The place of each object placed so far.
  private var places: [Int: Int] = [:]
  /// The current sentence, and how many of its words were read.
  private var sentence: Grammar.Production?
  private var isQuestion = false
  private var count = 0
  /// What the sentence has named so far.
  private var object: Int?
  private var place: Int?

  /// A reader before the first token of a document.
  public init(_ grammar: Grammar) { self.grammar = grammar }

  /// The probability that each token is next: V numbers with the sum 1.
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
  /// Stops the program if the token cannot come here: the text is not of this grammar.
  ///
  /// - Returns: the probability that the token had
  @discardableResult
  public mutating func read(_ token: Int) -> Double {
    let probability = distribution[token]
    precondition(
      probability > 0, "“\(grammar.tokenizer.decode([token]))” cannot occur here in a document of this grammar")
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
  ///
  /// Stops the program if the tokens are not a document of the grammar.
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
