// # The next token
//
// A model gives logits, a text needs a token. The simplest choice is always the most probable token, but a text made
// that way soon repeats itself. So tokens are drawn at random, and three settings shape the draw:
//
//     temperature τ      probabilities  softmax(logits / τ): below 1 sharper, above 1 flatter, 0 the most probable
//     top k              only the k most probable tokens
//     top p              the fewest of the most probable tokens that together have at least the probability p
//
// With both, top p applies to the tokens that top k leaves, after their probabilities are rescaled to sum to 1, as in
// Hugging Face transformers. Of tokens with equal logits the one with the lower number comes first.
//
// A model's vocabulary can be larger than that of its tokenizer: sizes are rounded up, so that the products of the
// head have convenient shapes. The rows beyond were never trained, and their tokens have no spelling, so they are
// never drawn.
//
// Read next: `Generation.swift`. Source of top p: Holtzman et al., arXiv 1904.09751.

import Foundation
import Tensors

/// How a token is chosen from logits.
public struct Sampler: Equatable, Sendable {
  /// What logits are divided by; 0 takes the most probable token.
  public let temperature: Double
  /// The most tokens that can be drawn from; nil for all.
  public let topK: Int?
  /// The probability that the tokens to draw from must have together, above 0 and at most 1; nil for all tokens.
  public let topP: Double?
  /// The number of tokens that have a spelling; those from this number on are never drawn. nil for all.
  public var vocabulary: Int?

  /// Stops the program if a value is out of range; `problem` tells in advance.
  public init(temperature: Double = 1, topK: Int? = nil, topP: Double? = nil) {
    if let problem = Sampler.problem(temperature: temperature, topK: topK, topP: topP) {
      preconditionFailure(problem)
    }
    (self.temperature, self.topK, self.topP) = (temperature, topK, topP)
  }

  /// The most probable token.
  public static let greedy = Sampler(temperature: 0)

  /// What is wrong with these values, in a sentence; nil if nothing is.
  public static func problem(temperature: Double, topK: Int?, topP: Double?) -> String? {
    if !(temperature >= 0 && temperature.isFinite) { return "the temperature must be 0 or more, not \(temperature)" }
    if let topK, topK < 1 { return "top k must be at least 1, not \(topK)" }
    if let topP, !(topP > 0 && topP <= 1) { return "top p must be above 0 and at most 1, not \(topP)" }
    return nil
  }

  /// The tokens that can be drawn, in ascending order, with their probabilities, which sum to 1.
  ///
  /// - Parameter logits: [V]; at least one is finite and none is NaN or +∞
  public func candidates(_ logits: Tensor) -> [(token: Int, probability: Double)] {
    let all = logits.expecting(nil, as: "the logits of a sampler")
    let V = min(all.count, max(1, vocabulary ?? all.count))
    let logits = V < all.count ? all.sliced(0..<V) : all
    if temperature == 0 { return [(indicesOfLargest(logits)[0], 1)] }
    // The largest logit is subtracted before the division, so that no temperature above 0 is too small.
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

  /// Draws a token, with one number from `random`, or none at temperature 0.
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
    // The first token at which the running sum passes the drawn number; if rounding leaves none, the last one.
    let drawn = candidates.first { candidate in
      rest -= candidate.probability
      return rest < 0
    }
    return (drawn ?? candidates.last { $0.probability > 0 }!).token
  }
}

/// Why no token can be drawn: the logits of the model do not give a distribution.
public struct SamplingError: Error, Equatable, CustomStringConvertible, LocalizedError {
  /// A token with a logit that cannot be used.
  public let token: Int
  /// Its logit.
  public let logit: Double

  /// One sentence: what was computed, and where that can come from.
  public var description: String {
    "no token can be drawn: the model gives token \(token) the logit \(logit.isNaN ? "NaN" : "\(logit)"); its weights,"
      + " or a state that it continued from, have numbers too large for \(scalarName)"
  }

  /// The same sentence.
  public var errorDescription: String? { description }
}
