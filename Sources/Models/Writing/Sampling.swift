// # Text from a model, the slow way
//
// The simplest way: run the model on the whole text so far, draw the next token from the distribution at the last
// position, append it, and repeat. Each token costs a whole pass, because the state that a recurrence could carry
// along is thrown away. This is the slow twin that `Generation.swift` is tested against.
//
// Read before: `../FrozenModel.swift`, `Sampler.swift`.

import Gradients
import Tensors

extension FrozenModel {
  /// The tokens that the model writes after a prompt.
  ///
  /// - Parameters:
  ///   - prompt: at least one token
  ///   - count: how many tokens to write
  ///   - sampler: how they are chosen
  ///   - random: the generator that draws them
  ///
  /// The model sees at most the last `configuration.T` tokens, the length that it was trained on. Throws
  /// `SamplingError` if the logits allow no draw.
  public func continuation(
    of prompt: [Int], count: Int, _ sampler: Sampler = Sampler(), using random: inout some RandomNumberGenerator
  ) throws -> [Int] {
    precondition(!prompt.isEmpty, "a prompt must have at least one token")
    var tokens = prompt
    for _ in 0..<count {
      let seen = Array(tokens.suffix(configuration.T))
      let logits = self(Tokens(seen))
      let last = logits.sliced((seen.count - 1)..<seen.count, along: 1).reshaped(to: [configuration.V])
      tokens.append(try sampler.draw(from: last, using: &random))
    }
    return Array(tokens.suffix(count))
  }
}
