// # Linear, embedding, layer norm, MLP
//
// The small parts against their slow twins, and where they start.

import Foundation
import Gradients
import Layers
import Tensors
import TestSupport
import Testing

@Suite("the shared parts", .tallied) struct PartsTests {
  @Test func aNewLinearLayerIsUniformWithABiasOfZero() {
    var random = SeededGenerator(seed: 50)
    let layer = Linear("name", inputs: 49, outputs: 31, using: &random)
    #expect(layer.parameters.map(\.name) == ["name.weight", "name.bias"])
    #expect(layer.weight.value.shape == [31, 49] && layer.bias?.value == .zeros([31]))
    // ±1/√49; of 1519 numbers some come near both ends.
    let weights = layer.weight.value.elements
    #expect(weights.allSatisfy { abs($0) <= 1 / 7 })
    #expect(weights.max()! > 0.14 && weights.min()! < -0.14)
    #expect(
      Linear("name", inputs: 3, outputs: 5, hasBias: false, using: &random).parameters.map(\.name) == ["name.weight"])
  }

  @Test func theListOfAnMLPIsInTheOrderOfTheCheckpoint() {
    var random = SeededGenerator(seed: 53)
    let mlp = MLP("m", D: 7, hidden: 11, using: &random)
    #expect(mlp.parameters.map(\.name) == ["m.fc1.weight", "m.fc1.bias", "m.fc2.weight", "m.fc2.bias"])
  }

  @Test func theyAreTheirTwins() {
    var random = SeededGenerator(seed: 51)
    let x = Tensor.normal([2, 5, 7], using: &random)
    let input = Variable(constant: x)

    let linear = Linear("l", inputs: 7, outputs: 3, using: &random)
    randomise(linear.parameters, using: &random)
    let expected = naiveLinear(x, linear.weight.value, linear.bias!.value)
    expectClose(linear(input).value, expected, within: Tolerance.layer, "linear")

    let norm = LayerNorm("n", D: 7)
    randomise(norm.parameters, using: &random)
    let normalised = Naive.layerNorm(x, weight: norm.weight.value, bias: norm.bias.value, epsilon: 1e-5)
    expectClose(norm(input).value, normalised, within: Tolerance.layer, "norm")

    let mlp = MLP("m", D: 7, hidden: 11, using: &random)
    randomise(mlp.parameters, using: &random)
    // The tanh form of GELU, as Phi has it.
    let hidden = naiveMap(naiveLinear(x, mlp.fc1.weight.value, mlp.fc1.bias!.value)) {
      0.5 * $0 * (1 + Foundation.tanh(Scalar(2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
    }
    expectClose(
      mlp(input).value, naiveLinear(hidden, mlp.fc2.weight.value, mlp.fc2.bias!.value), within: Tolerance.layer, "MLP"
    )

    let rms = RMSNorm("n", D: 7, epsilon: 1e-3)
    randomise(rms.parameters, using: &random)
    let divided = Naive.rmsNorm(x, weight: rms.weight.value, epsilon: 1e-3)
    expectClose(rms(input).value, divided, within: Tolerance.layer, "RMS norm")

    let gated = SwiGLU("m", D: 7, hidden: 11, using: &random)
    randomise(gated.parameters, using: &random)
    let gate = naiveMap(naiveLinear(x, gated.gate.weight.value)) { $0 / (1 + Foundation.exp(-$0)) }
    let open = Naive.elementwise(gate, naiveLinear(x, gated.up.weight.value)) { $0 * $1 }
    expectClose(
      gated(input).value, naiveLinear(open, gated.down.weight.value), within: Tolerance.layer, "SwiGLU")
    #expect(gated.parameters.map(\.name) == ["m.gate_proj.weight", "m.up_proj.weight", "m.down_proj.weight"])

    let embedding = Embedding("e", V: 5, D: 3, using: &random)
    let tokens = Tokens([4, 0, 4, 1, 2, 2], B: 2, T: 3)
    expectIdentical(embedding(tokens) as Tensor, Naive.gathered(embedding.weight.value, tokens), "embedding")
  }

  @Test func aNewNormChangesNothingButLevelAndSize() {
    var random = SeededGenerator(seed: 52)
    let norm = LayerNorm("n", D: 97)
    #expect(norm.weight.value == .ones([97]) && norm.bias.value == .zeros([97]))
    #expect(norm.parameters.map(\.name) == ["n.weight", "n.bias"])
    let y = norm(Variable(constant: .normal([3, 97], deviation: 50, using: &random))).value
    expectClose(mean(y, along: 1), .zeros([3]), "level")
    expectClose(mean(y * y, along: 1), .ones([3]), within: Tolerance.isDouble ? 1e-7 : 1e-5, "size")
  }
}
