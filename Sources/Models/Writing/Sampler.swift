// # The next token
//
// A model gives logits, a text needs a token. The plainest choice is the most probable one, which
// soon repeats itself. So tokens are drawn, and there are three ways to make the draw tamer:
//
//     temperature τ      probabilities  softmax(logits / τ): below 1 sharper, above 1 flatter, 0 the most probable
//     top k              only the k most probable tokens
//     top p              the fewest of the most probable tokens that together have at least the probability p
//
// With both, p counts over the tokens that k leaves, whose probabilities are scaled to sum to 1
// first, as in Hugging Face transformers. Of tokens with equal logits the one with the lower number
// comes first.
//
// A vocabulary may be larger than the tokenizer that belongs to it: sizes are rounded up, so that the
// products of the head have even shapes. The rows beyond were never trained, and nobody can spell their
// tokens. They are never drawn.
//
// Read next: `Generation.swift`. Source of top p: Holtzman et al., arXiv 1904.09751.

import Foundation
import Tensors

/// How a token is chosen from logits.
public struct Sampler: Equatable, Sendable {
  /// What logits are divided by; 0 takes the most probable token.
  public let temperature: Double
  /// How many tokens may be drawn at most; nil for all.
  public let topK: Int?
  /// The least probability that the tokens that may be drawn have together, in 0 … 1; nil for all.
  public let topP: Double?
  /// The number of tokens that have a spelling; those from this number on are never drawn. nil for all.
  public var vocabulary: Int?

  /// Stops the program if a value is out of its range; `problem` tells in advance.
  public init(temperature: Double = 1, topK: Int? = nil, topP: Double? = nil) {
    if let problem = Sampler.problem(temperature: temperature, topK: topK, topP: topP) {
      preconditionFailure(problem)
    }
    (self.temperature, self.topK, self.topP) = (temperature, topK, topP)
  }

  /// The most probable token.
  public static let greedy = Sampler(temperature: 0)

  /// What is wrong with some values, in a sentence; nil if nothing is.
  public static func problem(temperature: Double, topK: Int?, topP: Double?) -> String? {
    if !(temperature >= 0 && temperature.isFinite) { return "a temperature is 0 or more, not \(temperature)" }
    if let topK, topK < 1 { return "at least one token must be left to draw from, so that top k is not \(topK)" }
    if let topP, !(topP > 0 && topP <= 1) { return "top p is a probability above 0 and at most 1, not \(topP)" }
    return nil
  }

  /// The tokens that may be drawn, in their order, with their probabilities, which sum to 1.
  ///
  /// - Parameter logits: [V]; at least one is finite and none is NaN or +∞
  public func candidates(_ logits: Tensor) -> [(token: Int, probability: Double)] {
    let all = logits.expecting(nil, as: "the logits of a sampler")
    let V = min(all.count, max(1, vocabulary ?? all.count))
    let logits = V < all.count ? all.sliced(0..<V) : all
    if temperature == 0 { return [(indicesOfLargest(logits)[0], 1)] }
    // The largest logit is taken off before the division: no temperature above 0 is too small.
    let numbers = logits.elements.map { Double($0) }
    let largest = numbers.max()!
    let weights = numbers.map { exp(($0 - largest) / temperature) }
    let norm = weights.reduce(0, +)
    let probabilities = weights.map { $0 / norm }
    var order = Array(0..<V)
    if topK != nil || topP != nil {
      order.sort { (probabilities[$1], $0) < (probabilities[$0], $1) }
      order = Array(order.prefix(topK ?? V))
      if let topP {
        let wanted = topP * order.reduce(0) { $0 + probabilities[$1] }
        var sum = 0.0
        let last = order.firstIndex { token in
          sum += probabilities[token]
          return sum >= wanted
        }
        order = Array(order[...(last ?? order.count - 1)])
      }
      order.sort()
    }
    let total = order.reduce(0) { $0 + probabilities[$1] }
    return order.map { ($0, probabilities[$0] / total) }
  }

  /// A token: draws one number from `random`, or none at temperature 0.
  ///
  /// Throws `SamplingError` if a logit is NaN or +∞, or none is finite.
  ///
  /// - Parameter logits: [V]
  public func draw(from logits: Tensor, using random: inout some RandomNumberGenerator) throws -> Int {
    let numbers = logits.elements
    if let token = numbers.firstIndex(where: { !($0 < .infinity) }) ?? (numbers.max() == -.infinity ? 0 : nil) {
      throw SamplingError(token: token, logit: Double(numbers[token]))
    }
    let candidates = candidates(logits)
    if temperature == 0 { return candidates[0].token }
    var rest = Double.random(in: 0..<1, using: &random)
    // The first token at which the running sum passes the drawn number; rounding may leave the last one.
    let drawn = candidates.first { candidate in
      rest -= candidate.probability
      return rest < 0
    }
    return (drawn ?? candidates.last { $0.probability > 0 }!).token
  }
}

/// Why no token can be drawn: what the model computed is no distribution.
public struct SamplingError: Error, Equatable, CustomStringConvertible, LocalizedError {
  /// A token whose logit is not what it should be.
  public let token: Int
  /// Its logit.
  public let logit: Double

  /// One sentence: what was computed, and where that can come from.
  public var description: String {
    "no token can be drawn: the model gives token \(token) the logit \(logit.isNaN ? "NaN" : "\(logit)"); its weights,"
      + " or a state that it went on from, have numbers too large for \(scalarName)"
  }

  /// The same sentence.
  public var errorDescription: String? { description }
}
