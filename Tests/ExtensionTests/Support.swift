// # What the extensions are tried on
//
// A teacher of two blocks, tiny, with sizes that are all different; a student with mixers of any
// kind; a text in which all tokens occur.

import Corpora
import Foundation
import Layers
import Models
import Tensors
import TestSupport

let attention = CausalAttentionSizes(D: 10, H: 2, rotaryFraction: 0.8)
let decay = FixedDecaySizes(D: 10, H: 2, N: 3)
let tiny = ModelConfiguration(
  V: 11, D: 10, T: 7, block: ParallelBlockSizes(feedForward: 13), mixers: [attention, attention], layout: .phi)

/// Two rows of seven tokens and those that follow.
let batch = Batch(
  inputs: Tokens([3, 7, 0, 10, 5, 1, 8, 9, 2, 6, 4, 3, 0, 7], B: 2, T: 7),
  targets: Tokens([7, 0, 10, 5, 1, 8, 2, 2, 6, 4, 3, 0, 7, 9], B: 2, T: 7))

/// A model with random numbers in every parameter.
func model(_ configuration: ModelConfiguration, seed: UInt64) -> LanguageModel {
  var random = SeededGenerator(seed: seed)
  let model = LanguageModel(configuration, using: &random)
  randomise(model.parameters, using: &random)
  return model
}
