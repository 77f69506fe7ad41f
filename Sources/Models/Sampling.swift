// # Text from a model
//
// The plainest way: run the model on all that is there, draw the next token from the last place's
// distribution, append it, and do it again. Each token costs a whole pass. The state that a
// recurrence could carry along is thrown away each time; this is the twin against which faster ways
// are measured.
//
// Read before: `LanguageModel.swift`.

import Gradients
import Tensors

extension LanguageModel {
  /// The tokens that the model writes after a prompt.
  ///
  /// - Parameters:
  ///   - prompt: at least one token
  ///   - count: how many tokens to write
  ///   - temperature: what the logits are divided by; 0 takes the most probable token
  ///   - random: draws the tokens
  ///
  /// The model sees at most the last `configuration.T` tokens, the length it was trained on.
  public func continuation(
    of prompt: [Int], count: Int, temperature: Double = 1, using random: inout some RandomNumberGenerator
  ) -> [Int] {
    precondition(!prompt.isEmpty, "a model continues at least one token")
    var tokens = prompt
    for _ in 0..<count {
      let seen = Array(tokens.suffix(configuration.T))
      let logits = self(Tokens(seen)).value
      let last = logits.sliced((seen.count - 1)..<seen.count, along: 1)
      if temperature == 0 {
        tokens.append(indicesOfLargest(last)[0])
        continue
      }
      var rest = Double.random(in: 0..<1, using: &random)
      let probabilities = softmax(last, scale: Scalar(1 / temperature)).elements
      // The first token at which the running sum passes the drawn number; rounding may leave the last one.
      let drawn = probabilities.firstIndex { probability in
        rest -= Double(probability)
        return rest < 0
      }
      tokens.append(drawn ?? probabilities.count - 1)
    }
    return Array(tokens.suffix(count))
  }
}
