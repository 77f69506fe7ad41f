// # The names in a checkpoint
//
// Other programs find a weight by its name and its shape: a teacher has those of Phi in Hugging Face's transformers,
// a student those of the authors' Phi-Mamba. Both lists are written out here again.

import Gradients
import Models
import Tensors
import TestSupport
import Testing

@Suite("names", .tallied) struct NamesTests {
  // Sizes that are all different.
  static let (V, D, H, F, N, K) = (11, 10, 2, 13, 3, 4)

  /// What both layouts have in common, with what stands before `layers`.
  static func shared(_ prefix: String, embedding: String, layers: Int) -> [String: Shape] {
    var shapes: [String: Shape] = [
      "\(prefix).\(embedding).weight": [V, D], "\(prefix).final_layernorm.weight": [D],
      "\(prefix).final_layernorm.bias": [D], "lm_head.weight": [V, D], "lm_head.bias": [V],
    ]
    for layer in 0..<layers {
      let name = "\(prefix).layers.\(layer)"
      shapes["\(name).mlp.fc1.weight"] = [F, D]
      shapes["\(name).mlp.fc1.bias"] = [F]
      shapes["\(name).mlp.fc2.weight"] = [D, F]
      shapes["\(name).mlp.fc2.bias"] = [D]
      shapes["\(name).input_layernorm.weight"] = [D]
      shapes["\(name).input_layernorm.bias"] = [D]
    }
    return shapes
  }

  static func attention(_ name: String) -> [String: Shape] {
    [
      "\(name).q_proj.weight": [D, D], "\(name).q_proj.bias": [D], "\(name).k_proj.weight": [D, D],
      "\(name).k_proj.bias": [D], "\(name).v_proj.weight": [D, D], "\(name).v_proj.bias": [D],
      "\(name).dense.weight": [D, D], "\(name).dense.bias": [D],
    ]
  }

  /// What a Llama teacher and its students have in common; the head is the embedding and not in the list.
  static func llama(_ prefix: String, embedding: String, finalNorm: String) -> [String: Shape] {
    var shapes: [String: Shape] = ["\(prefix).\(embedding).weight": [V, D], "\(prefix).\(finalNorm).weight": [D]]
    for layer in 0..<3 {
      let name = "\(prefix).layers.\(layer)"
      shapes["\(name).mlp.gate_proj.weight"] = [F, D]
      shapes["\(name).mlp.up_proj.weight"] = [F, D]
      shapes["\(name).mlp.down_proj.weight"] = [D, F]
      shapes["\(name).input_layernorm.weight"] = [D]
      shapes["\(name).post_attention_layernorm.weight"] = [D]
    }
    return shapes
  }

  /// Five heads of queries over one of keys and values.
  static func grouped(_ name: String) -> [String: Shape] {
    [
      "\(name).q_proj.weight": [D, D], "\(name).k_proj.weight": [D / 5, D], "\(name).v_proj.weight": [D / 5, D],
      "\(name).o_proj.weight": [D, D],
    ]
  }

  static func mamba(_ name: String) -> [String: Shape] {
    [
      "\(name).in_proj.weight": [D + 2 * H * N + D + H, D], "\(name).z_bias": [D],
      "\(name).conv1d.weight": [D + 2 * H * N, 1, K], "\(name).conv1d.bias": [D + 2 * H * N], "\(name).D": [H],
      "\(name).out_proj.weight": [D, D],
    ]
  }

  static func expected(_ kind: Kind) -> [String: Shape] {
    let mixers: [String: Shape]
    switch kind {
    case .teacher:
      mixers = (0..<3).map { attention("model.layers.\($0).self_attn") }.reduce([:]) { $0.merging($1) { $1 } }
      return shared("model", embedding: "embed_tokens", layers: 3).merging(mixers) { $1 }
    case .student:
      mixers = (0..<3).map { mamba("backbone.layers.\($0).mixer") }.reduce([:]) { $0.merging($1) { $1 } }
    case .llama:
      return (0..<3).map { grouped("model.layers.\($0).self_attn") }
        .reduce(llama("model", embedding: "embed_tokens", finalNorm: "norm")) { $0.merging($1) { $1 } }
    case .llamaStudent, .llamaHybrid:
      mixers = (0..<3).map { layer in
        let name = "backbone.layers.\(layer).mixer"
        return kind == .llamaHybrid && layer == 1 ? grouped("\(name).self_attn") : mamba(name)
      }.reduce([:]) { $0.merging($1) { $1 } }
      return llama("backbone", embedding: "embedding", finalNorm: "final_layernorm").merging(mixers) { $1 }
    case .hybrid:
      mixers = mamba("backbone.layers.0.mixer").merging(mamba("backbone.layers.2.mixer")) { $1 }
        .merging(attention("backbone.layers.1.mixer.self_attn")) { $1 }
    }
    return shared("backbone", embedding: "embedding", layers: 3).merging(mixers) { $1 }
  }

  @Test(arguments: Kind.allCases) func namesAndShapesAreThePublishedOnes(kind: Kind) {
    let model = kind.model()
    let expected = NamesTests.expected(kind)
    let found = Dictionary(model.parameters.map { ($0.name, $0.value.shape) }, uniquingKeysWith: { $1 })
    #expect(found.count == model.parameters.count, "a name comes twice")
    for name in Set(expected.keys).union(found.keys).sorted() {
      #expect(found[name] == expected[name], "\(name)")
    }
    #expect(model.parameterCount == expected.values.reduce(0) { $0 + $1.count })
    Tally.count(expected.count, "\(kind)")
  }

  // The names of the published models, spelled out for one block, in case the patterns above are
  // wrong as a whole.
  @Test func aFewNamesSpelledOut() {
    let teacher = Set(Kind.teacher.model().parameters.map(\.name))
    for name in [
      "model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight", "model.layers.2.self_attn.dense.bias",
      "model.layers.1.mlp.fc1.weight", "model.layers.1.input_layernorm.bias", "model.final_layernorm.weight",
      "lm_head.bias",
    ] { #expect(teacher.contains(name), "\(name)") }
    let student = Set(Kind.student.model().parameters.map(\.name))
    for name in [
      "backbone.embedding.weight", "backbone.layers.0.mixer.in_proj.weight", "backbone.layers.0.mixer.z_bias",
      "backbone.layers.2.mixer.conv1d.weight", "backbone.layers.2.mixer.conv1d.bias", "backbone.layers.1.mixer.D",
      "backbone.layers.1.mixer.out_proj.weight", "backbone.layers.1.mlp.fc2.bias",
      "backbone.layers.0.input_layernorm.weight", "backbone.final_layernorm.bias", "lm_head.weight",
    ] { #expect(student.contains(name), "\(name)") }
  }

  // So that two students of one seed differ in their mixers and in nothing else.
  @Test func whatAPartStartsWithDoesNotDependOnTheMixers() {
    func fresh(_ kind: Kind) -> LanguageModel {
      var random = SeededGenerator(seed: 3)
      return LanguageModel(kind.configuration, using: &random)
    }
    let teacher = fresh(.teacher)
    for kind in [Kind.student, .hybrid] {
      let other = fresh(kind)
      expectIdentical(other.embedding.weight.value, teacher.embedding.weight.value, "embedding")
      expectIdentical(other.head.weight.value, teacher.head.weight.value, "head")
      for (mine, theirs) in zip(other.blocks, teacher.blocks) {
        for (own, its) in zip(mine.parameters(of: .feedForward), theirs.parameters(of: .feedForward)) {
          expectIdentical(own.value, its.value, own.name)
        }
      }
    }
    let blocks = teacher.blocks.map { $0.parameters(of: .feedForward)[0].value.elements }
    #expect(Set(blocks).count == blocks.count, "two blocks begin with the same weights")
  }
}
