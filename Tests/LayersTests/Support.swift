// # Help for tests of layers
//
// A new layer starts with zeros and ones in many places, and zeros hide mistakes: a bias that is
// never added, a gate whose rows are never read. So every test that is not about initial values
// gives all parameters random numbers first.

import GradientChecking
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

/// Gives parameters random normal numbers, small enough that no gate or softmax is saturated.
func randomise(_ parameters: [Parameter], deviation: Double = 0.4, using random: inout SeededGenerator) {
  for parameter in parameters {
    parameter.value = .normal(parameter.value.shape, deviation: deviation, using: &random)
  }
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
  H: Int = 3, P: Int = 5, rotaryFraction: Double = 0.5, using random: inout SeededGenerator
) -> CausalAttention {
  let mixer = CausalAttention("m", D: H * P, H: H, rotaryFraction: rotaryFraction, using: &random)
  randomise(mixer.parameters, using: &random)
  return mixer
}

/// Compares the derivative of a layer's output by each number of its inputs and of its parameters
/// with central differences, for a random cotangent.
func checkLayer(
  _ parameters: [Parameter], at inputs: [Tensor], settings: DifferenceSettings = .standard,
  using random: inout SeededGenerator, _ layer: ([Variable]) -> Variable
) -> GradientReport {
  // The inputs as they enter the layer, by a function of no layer.
  var report = checkGradient(at: inputs, settings: settings, using: &random, of: layer)
  // The parameters, in place.
  let output = layer(inputs.map { Variable(constant: $0) })
  let cotangent = Tensor.normal(output.shape, using: &random)
  let derived = cotangents(of: output, seed: cotangent, withRespectTo: parameters.map(\.variable))
  for (parameter, slope) in zip(parameters, derived) {
    let original = parameter.value
    for (entry, number) in slope.elements.enumerated() {
      let measured = centralDifference(step: settings.step) { nudge in
        parameter.update { $0.withMutableElements { $0[entry] += nudge } }
        defer { parameter.value = original }
        return dot(cotangent, layer(inputs.map { Variable(constant: $0) }).value)
      }
      report.compare(
        derived: number, measured: measured, tolerance: settings.tolerance, "\(parameter.name), entry \(entry)")
    }
  }
  return report
}
