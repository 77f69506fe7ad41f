// # Every derivative of every layer
//
// Each number of each input and of each parameter is nudged, the biases too, and the measured slope
// compared with what the pullbacks carry back from a random cotangent. The primitives have been
// through this one by one; here it is their composition: a part of the in-projection that is read
// twice, a bias that is forgotten, heads that are cut at the wrong place.

import GradientChecking
import Gradients
import Layers
import Tensors
import TestSupport
import Testing

@Suite("gradients of layers", .tallied) struct LayerGradientTests {
  @Test func linearWithAndWithoutBias() {
    var random = SeededGenerator(seed: 40)
    let x = Tensor.normal([2, 5, 3], using: &random)
    for hasBias in [true, false] {
      let layer = Linear("l", inputs: 3, outputs: 7, hasBias: hasBias, using: &random)
      randomise(layer.parameters, using: &random)
      expectPass(
        checkLayer(layer.parameters, at: [x], using: &random) { layer($0[0]) }, "linear, bias \(hasBias)")
    }
  }

  // Token 1 comes three times, tokens 0 and 4 never.
  @Test func embeddingOfRepeatedTokens() {
    var random = SeededGenerator(seed: 41)
    let layer = Embedding("e", V: 5, D: 3, using: &random)
    let tokens = Tokens([1, 2, 1, 3, 1, 2, 3, 3], B: 2, T: 4)
    expectPass(checkLayer(layer.parameters, at: [], using: &random) { _ in layer(tokens) }, "embedding")
  }

  // Rows that differ widely within: where a row is nearly level, a norm bends too sharply for any
  // difference.
  @Test(arguments: [3, 7]) func layerNorm(D: Int) {
    var random = SeededGenerator(seed: 42)
    let layer = LayerNorm("n", D: D)
    randomise(layer.parameters, deviation: 1, using: &random)
    let x = Tensor.random([2, 5, D], .wide, using: &random)
    expectPass(checkLayer(layer.parameters, at: [x], using: &random) { layer($0[0]) }, "norm, D \(D)")
  }

  @Test func mlp() {
    var random = SeededGenerator(seed: 43)
    let layer = MLP("m", D: 3, hidden: 7, using: &random)
    randomise(layer.parameters, using: &random)
    let x = Tensor.normal([2, 5, 3], using: &random)
    expectPass(checkLayer(layer.parameters, at: [x], using: &random) { layer($0[0]) }, "MLP")
  }

  @Test(arguments: [0, 0.5, 1]) func attention(rotaryFraction: Double) {
    var random = SeededGenerator(seed: 44)
    let layer = randomAttention(H: 3, P: 5, rotaryFraction: rotaryFraction, using: &random)
    let u = Tensor.normal([2, 7, 15], using: &random)
    expectPass(
      checkLayer(layer.parameters, at: [u], using: &random) { layer($0[0]) }, "attention, rotary \(rotaryFraction)")
    expectPass(
      checkLayer(layer.parameters, at: [u], using: &random) { layer.matrix($0[0]) },
      "attention matrix, rotary \(rotaryFraction)")
  }

  @Test(arguments: [MambaForm.recurrent, .materialised, .chunked(Q: 3), .chunked(Q: 64)])
  func mamba(form: MambaForm) {
    var random = SeededGenerator(seed: 45)
    let layer = randomMamba(H: 3, P: 2, N: 5, using: &random)
    let u = Tensor.normal([2, 7, 6], using: &random)
    expectPass(
      checkLayer(layer.parameters, at: [u], using: &random) { layer.output($0[0], form: form) }, "mamba, \(form)")
  }

  @Test func mambaMatrix() {
    var random = SeededGenerator(seed: 46)
    let layer = randomMamba(H: 3, P: 2, N: 5, using: &random)
    let u = Tensor.normal([2, 7, 6], using: &random)
    expectPass(checkLayer(layer.parameters, at: [u], using: &random) { layer.matrix($0[0]) }, "mamba matrix")
  }

  // A new mixer has zeros in its gate and its convolution; its slopes there must be right too, for
  // that is where training starts.
  @Test func mambaWhereItStarts() {
    var random = SeededGenerator(seed: 47)
    let layer = DiscreteMamba2("m", sizes: DiscreteMamba2Sizes(D: 6, H: 3, N: 5, Q: 4), using: &random)
    let u = Tensor.normal([2, 7, 6], using: &random)
    expectPass(checkLayer(layer.parameters, at: [u], using: &random) { layer($0[0]) }, "new mamba")
  }
}
