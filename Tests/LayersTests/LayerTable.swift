// # The table of layers
//
// A row for each layer and each of its options, with random numbers in every parameter and sizes that are all
// different. What is demanded of a row is in `Tests/TestSupport/LayerPromises.swift`.
//
// Some rows take a layer's other answer, its matrix: there the parameters are those that the matrix depends on, and
// the promise of the leaves says that it depends on no other. Stage 1 relies on that.
//
// Read before: `Tests/TestSupport/LayerCase.swift`. Read next: `LayerTableTests.swift`.

import Gradients
import Layers
import Tensors
import TestSupport

extension LayerCase {
  static let all = partRows + attentionRows + mambaRows + familyRows + recurrentRows + hybridRows

  // ## The shared parts

  private static let partRows = [
    LayerCase(Linear.self, "with bias") { random in
      linear(inputs: 3, outputs: 7, hasBias: true, at: [2, 5, 3], using: &random)
    },
    LayerCase(Linear.self, "without bias") { random in
      linear(inputs: 3, outputs: 7, hasBias: false, at: [2, 5, 3], using: &random)
    },
    LayerCase(Linear.self, "one input, one output") { random in
      linear(inputs: 1, outputs: 1, hasBias: true, at: [2, 3, 1], using: &random)
    },
    // Token 1 comes three times, tokens 0 and 4 never.
    LayerCase(Embedding.self, "repeated tokens") { random in
      let layer = Embedding("e", V: 5, D: 3, using: &random)
      return Subject(layer.parameters) { _ in layer(Tokens([1, 2, 1, 3, 1, 2, 3, 3], B: 2, T: 4)) }
    },
    LayerCase(LayerNorm.self, "D 3") { norm(D: 3, using: &$0) },
    LayerCase(LayerNorm.self, "D 7") { norm(D: 7, using: &$0) },
    LayerCase(RMSNorm.self, "D 3") { rmsNorm(D: 3, epsilon: 1e-5, using: &$0) },
    LayerCase(RMSNorm.self, "D 7, another ε") { rmsNorm(D: 7, epsilon: 0.1, using: &$0) },
    LayerCase(SwiGLU.self, "D 3, hidden 7") { random in
      let layer = SwiGLU("m", D: 3, hidden: 7, using: &random)
      randomise(layer.parameters, using: &random)
      return Subject(layer.parameters, at: [.normal([2, 5, 3], using: &random)]) { layer($0[0]) }
    },
    LayerCase(Linear.self, "a weight that is shared, and a bias") { random in
      let table = Embedding("e", V: 5, D: 3, using: &random)
      let layer = Linear("l", sharing: table.weight, hasBias: true)
      randomise(layer.parameters, using: &random)
      return Subject(layer.parameters) { _ in layer(table(Tokens([1, 2, 1, 3], B: 2, T: 2))) }
    },
    LayerCase(MLP.self, "D 3, hidden 7") { random in
      let layer = MLP("m", D: 3, hidden: 7, using: &random)
      randomise(layer.parameters, using: &random)
      return Subject(layer.parameters, at: [.normal([2, 5, 3], using: &random)]) { layer($0[0]) }
    },
  ]

  private static func linear(
    inputs: Int, outputs: Int, hasBias: Bool, at shape: Shape, using random: inout SeededGenerator
  ) -> Subject {
    let layer = Linear("l", inputs: inputs, outputs: outputs, hasBias: hasBias, using: &random)
    randomise(layer.parameters, using: &random)
    return Subject(layer.parameters, at: [.normal(shape, using: &random)]) { layer($0[0]) }
  }

  // Rows of widely different numbers: where they are nearly equal, a norm curves too sharply for differences.
  private static func norm(D: Int, using random: inout SeededGenerator) -> Subject {
    let layer = LayerNorm("n", D: D)
    randomise(layer.parameters, deviation: 1, using: &random)
    return Subject(layer.parameters, at: [.random([2, 5, D], .wide, using: &random)]) { layer($0[0]) }
  }

  private static func rmsNorm(D: Int, epsilon: Scalar, using random: inout SeededGenerator) -> Subject {
    let layer = RMSNorm("n", D: D, epsilon: epsilon)
    randomise(layer.parameters, deviation: 1, using: &random)
    return Subject(layer.parameters, at: [.random([2, 5, D], .wide, using: &random)]) { layer($0[0]) }
  }

  // ## Attention

  // A key's bias adds the same to all scores of a row, and softmax cancels it, unless positions rotate it.
  private static let attentionRows = [
    attention("rotary 0", rotaryFraction: 0, idle: ["m.k_proj.bias"]) { $0($1) },
    attention("rotary 0.5") { $0($1) },
    attention("rotary 1", rotaryFraction: 1) { $0($1) },
    attention("one head", H: 1) { $0($1) },
    attention("matrix", of: { $0.queries.parameters + $0.keys.parameters }) { $0.matrix($1) },
    attention("output and matrix") { both($0, $1) },
    attention("grouped queries, six heads over two", H: 6, G: 2) { $0($1) },
    attention("grouped queries, matrix", H: 4, G: 2, of: { $0.queries.parameters + $0.keys.parameters }) {
      $0.matrix($1)
    },
    attention("one head of keys and values for all", G: 1) { both($0, $1) },
    attention("Llama's", H: 4, G: 2, convention: .llama) { $0($1) },
  ]

  private static func attention(
    _ option: String, H: Int = 3, G: Int? = nil, rotaryFraction: Double? = nil,
    convention: CausalAttentionSizes.Convention = .phi, idle: Set<String> = [],
    of parameters: @escaping @Sendable (CausalAttention) -> [Parameter] = { $0.parameters },
    _ answer: @escaping @Sendable (CausalAttention, Variable) -> Variable
  ) -> LayerCase {
    LayerCase(CausalAttention.self, option) { random in
      let layer = randomAttention(
        H: H, G: G, rotaryFraction: rotaryFraction, convention: convention, using: &random)
      // Small, so that no softmax curves sharply.
      let u = Tensor.normal([2, 7, 5 * H], deviation: 0.6, using: &random)
      return Subject(parameters(layer), at: [u], idle: idle) { answer(layer, $0[0]) }
    }
  }

  // ## The Discrete-Mamba-2 mixer

  private static let mambaRows = [
    mamba("called") { $0($1) },
    mamba("recurrent") { $0.output($1, form: .recurrent) },
    mamba("materialised") { $0.output($1, form: .materialised) },
    mamba("chunks of 3") { $0.output($1, form: .chunked(Q: 3)) },
    mamba("one chunk") { $0.output($1, form: .chunked(Q: 64)) },
    mamba("matrix", of: { [$0.inProjection, $0.convolutionWeight, $0.convolutionBias, $0.skip] }) { $0.matrix($1) },
    mamba("output and matrix") { both($0, $1) },
    mamba("one B and C for all heads", DiscreteMamba2Sizes(D: 15, H: 3, N: 2, Q: 4, G: 1)) { $0($1) },
    mamba(
      "two pairs of B and C for four heads, matrix", DiscreteMamba2Sizes(D: 8, H: 4, N: 3, Q: 4, G: 2),
      of: { [$0.inProjection, $0.convolutionWeight, $0.convolutionBias, $0.skip] }
    ) { $0.matrix($1) },
    mamba("one head, a state of one number, one tap", DiscreteMamba2Sizes(D: 5, H: 1, N: 1, K: 1, Q: 2)) { $0($1) },
    // A new mixer has zeros in its gate and its convolution; its slopes there must be right too, for
    // that is where training starts.
    mamba("new", isNew: true) { $0($1) },
  ]

  private static func mamba(
    _ option: String, _ sizes: DiscreteMamba2Sizes = DiscreteMamba2Sizes(D: 6, H: 3, N: 5, Q: 4), isNew: Bool = false,
    of parameters: @escaping @Sendable (DiscreteMamba2) -> [Parameter] = { $0.parameters },
    _ answer: @escaping @Sendable (DiscreteMamba2, Variable) -> Variable
  ) -> LayerCase {
    LayerCase(DiscreteMamba2.self, option) { random in
      let layer = DiscreteMamba2("m", sizes: sizes, using: &random)
      if !isNew { randomise(layer.parameters, using: &random) }
      let u = Tensor.normal([2, 7, sizes.D], using: &random)
      return Subject(parameters(layer), at: [u]) { answer(layer, $0[0]) }
    }
  }

  /// All numbers of the output and of the matrix, one after another.
  static func both(_ mixer: some MatrixMixer, _ u: Variable) -> Variable {
    let (output, matrix) = mixer.outputAndMatrix(u)
    return Variable.concatenated([
      output.reshaped(to: [output.shape.count]), matrix.reshaped(to: [matrix.shape.count]),
    ])
  }
}
