// # Help for tests of layers
//
// A new layer starts with zeros and ones in many places, and zeros hide mistakes: a bias that is
// never added, a gate whose rows are never read. So every test that is not about initial values
// gives all parameters random numbers first.

import Gradients
import Layers
import Tensors
import TestSupport

extension Tolerance {
  /// A whole layer against its slow twin or another of its forms: a few dozen roundings after one
  /// another.
  static let layer: Scalar = isDouble ? 1e-12 : 3e-5

  /// The three forms of the mixer, values and gradients.
  static let forms: Scalar = isDouble ? 1e-10 : 3e-4
}

/// A mixer with random numbers everywhere: the gate's rows are not zero, the convolution is not the
/// identity.
func randomMamba(H: Int = 3, P: Int = 5, N: Int = 7, Q: Int = 4, using random: inout SeededGenerator)
  -> DiscreteMamba2
{
  let mixer = DiscreteMamba2("m", sizes: DiscreteMamba2Sizes(D: H * P, H: H, N: N, Q: Q), using: &random)
  randomise(mixer.parameters, using: &random)
  return mixer
}

/// An attention with random numbers everywhere, biases included.
func randomAttention(
  H: Int = 3, G: Int? = nil, P: Int = 5, rotaryFraction: Double? = nil,
  convention: CausalAttentionSizes.Convention = .phi, using random: inout SeededGenerator
) -> CausalAttention {
  let mixer = CausalAttention(
    "m",
    sizes: CausalAttentionSizes(D: H * P, H: H, G: G, rotaryFraction: rotaryFraction, convention: convention),
    using: &random)
  randomise(mixer.parameters, using: &random)
  return mixer
}
