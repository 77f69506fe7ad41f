// # Weight transfer
//
// What is copied and what is not, by name, for each kind of student.

import Distillation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite("weight transfer", .tallied) struct WeightTransferTests {
  /// The teacher's names and those of the student's parameters that take over their values.
  static func places(_ student: Student) -> [String: String] {
    let prefix = student == .control ? "model" : "backbone"
    var places = [
      "model.embed_tokens.weight": student == .control ? "model.embed_tokens.weight" : "backbone.embedding.weight",
      "lm_head.weight": "lm_head.weight", "lm_head.bias": "lm_head.bias",
    ]
    for name in ["final_layernorm.weight", "final_layernorm.bias"] { places["model.\(name)"] = "\(prefix).\(name)" }
    for layer in 0..<3 {
      for name in [
        "mlp.fc1.weight", "mlp.fc1.bias", "mlp.fc2.weight", "mlp.fc2.bias", "input_layernorm.weight",
        "input_layernorm.bias",
      ] { places["model.layers.\(layer).\(name)"] = "\(prefix).layers.\(layer).\(name)" }
    }
    // A hybrid keeps the teacher's attention where it has one. The control's attention is new, as a
    // mixer would be.
    if student == .hybrid {
      for projection in ["q_proj", "k_proj", "v_proj", "dense"] {
        for kind in ["weight", "bias"] {
          places["model.layers.1.self_attn.\(projection).\(kind)"] =
            "backbone.layers.1.mixer.self_attn.\(projection).\(kind)"
        }
      }
    }
    return places
  }

  @Test(arguments: Student.allCases) func theTableNamesEachTeacherWeightAndItsPlace(student: Student) {
    let pair = Pair(student)
    let table = transferTable(from: pair.teacher.frozen, to: pair.student, replacing: pair.replaced)
    #expect(table.map(\.teacher.name).sorted() == pair.teacher.parameters.map(\.name).sorted())
    let places = WeightTransferTests.places(student)
    for row in table { #expect(row.student?.name == places[row.teacher.name], "\(row.teacher.name)") }
  }

  @Test(arguments: Student.allCases) func whatHasAPlaceIsCopiedAndAllElseStays(student: Student) {
    let pair = Pair(student)
    let before = Dictionary(uniqueKeysWithValues: pair.student.parameters.map { ($0.name, $0.value) })
    let teachers = Dictionary(uniqueKeysWithValues: pair.teacher.parameters.map { ($0.name, $0.value) })
    let copied = transferWeights(from: pair.teacher.frozen, to: pair.student, replacing: pair.replaced)
    let sources = Dictionary(
      uniqueKeysWithValues: WeightTransferTests.places(student).map { ($0.value, $0.key) })
    for parameter in pair.student.parameters {
      if let source = sources[parameter.name] {
        expectIdentical(parameter.value, teachers[source]!, "\(student), \(parameter.name)")
        #expect(parameter.value != before[parameter.name]!)
      } else {
        #expect(parameter.name.contains("mixer") || parameter.name.contains("self_attn"), "\(parameter.name)")
        expectIdentical(parameter.value, before[parameter.name]!, "\(student), \(parameter.name)")
      }
    }
    #expect(copied == sources.values.reduce(0) { $0 + teachers[$1]!.count })
    for parameter in pair.teacher.parameters {
      expectIdentical(parameter.value, teachers[parameter.name]!, "teacher")
    }
    // Both own their weights: what is trained in one does not move the other.
    pair.student.head.weight.update { $0 = 2 * $0 }
    expectIdentical(pair.teacher.head.weight.value, teachers["lm_head.weight"]!, "teacher's head")
  }

  // After the transfer only the mixers distinguish student and teacher.
  @Test func aControlWithTheTeachersMixersTooIsTheTeacher() {
    let pair = Pair(.control)
    transferWeights(from: pair.teacher.frozen, to: pair.student, replacing: pair.replaced)
    #expect(pair.student(tokens).value != pair.teacher(tokens).value)
    for (mine, theirs) in zip(pair.student.blocks, pair.teacher.blocks) {
      for (parameter, source) in zip(mine.mixer.parameters, theirs.mixer.parameters) {
        parameter.value = source.value
      }
    }
    expectIdentical(pair.student(tokens).value, pair.teacher(tokens).value, "logits")
  }

  @Test func theKeptAttentionOfAHybridDoesWhatTheTeachersDoes() {
    let pair = Pair(.hybrid)
    transferWeights(from: pair.teacher.frozen, to: pair.student, replacing: pair.replaced)
    let trace = pair.teacher.trace(tokens)[1]
    expectIdentical(
      pair.student.blocks[1](trace.input).value, trace.output.value, "block 1 on the teacher's state")
  }
}

// ## Attention into a mixer
//
// The copy can be compared with attention before softmax, rotation and bias: in the scores. With N = P the mixer's C
// · B are the same numbers; with a smaller N they are the best that is possible, by Eckart and Young.

@Suite("attention copied into a mixer", .tallied) struct CopiedAttentionTests {
  private func scores(_ random: inout SeededGenerator, N: Int) -> (attention: Tensor, mixer: Tensor, parts: [Tensor])
  {
    let (D, H, P, T) = (15, 3, 5, 7)
    let attention = CausalAttention(
      "a", sizes: CausalAttentionSizes(D: D, H: H, rotaryFraction: 0), using: &random)
    let mixer = DiscreteMamba2("m", sizes: DiscreteMamba2Sizes(D: D, H: H, N: N), using: &random)
    attention.values.bias!.value = .normal([D], using: &random)
    #expect(mixer.begin(with: attention.projections!))
    let u = Tensor.normal([1, T, D], using: &random)
    func heads(_ weight: Tensor, _ width: Int) -> Tensor {
      linear(u, weight: weight, bias: nil).reshaped(to: [1, T, H, width])
    }
    func part(_ part: MambaPart, _ width: Int) -> Tensor {
      heads(mixer.inProjection.value.sliced(part.rows(mixer.sizes)), width)
    }
    let theirs =
      (1 / Scalar(P).squareRoot())
      * headScores(heads(attention.queries.weight.value, P), heads(attention.keys.weight.value, P))
    let channels = MambaPart.x.rows(mixer.sizes)
    return (
      theirs, headScores(part(.c, N), part(.b, N)),
      [
        mixer.inProjection.value.sliced(channels) - attention.values.weight.value,
        mixer.convolutionBias.value.sliced(channels) - attention.values.bias!.value,
        mixer.output.weight.value - attention.output.weight.value,
      ]
    )
  }

  // Two heads that share keys and values each get a copy of them.
  @Test func whatHeadsShareIsCopiedForEach() {
    var random = SeededGenerator(for: "shared heads")
    let (D, H, G, P, N, T) = (20, 4, 2, 5, 5, 7)
    let sizes = CausalAttentionSizes(D: D, H: H, G: G, rotaryFraction: 0, convention: .llama)
    let attention = CausalAttention("a", sizes: sizes, using: &random)
    let mixer = DiscreteMamba2("m", sizes: DiscreteMamba2Sizes(D: D, H: H, N: N), using: &random)
    #expect(mixer.begin(with: attention.projections!))
    let written = mixer.inProjection.value
    for head in 0..<H {
      let shared = (head / 2 * P)..<((head / 2 + 1) * P)
      expectIdentical(
        written.sliced((head * P)..<((head + 1) * P)), attention.values.weight.value.sliced(shared),
        "values of head \(head)")
    }
    // C · B are the scores of each head of queries with the keys that it reads.
    let u = Tensor.normal([1, T, D], using: &random)
    func heads(_ weight: Tensor, _ width: Int) -> Tensor {
      linear(u, weight: weight, bias: nil).reshaped(to: [1, T, weight.shape[0] / width, width])
    }
    let (b, c) = (MambaPart.b.rows(mixer.sizes), MambaPart.c.rows(mixer.sizes))
    let keys = heads(attention.keys.weight.value, P)
    let each = Naive.tabulate([1, T, H, P]) { keys[$0[0], $0[1], $0[2] / 2, $0[3]] }
    let scores = (1 / Scalar(P).squareRoot()) * headScores(heads(attention.queries.weight.value, P), each)
    expectClose(
      headScores(heads(written.sliced(c), N), heads(written.sliced(b), N)), scores, within: Tolerance.loss, "scores")
  }

  // A mixer that cannot take the projections says so and keeps every bit.
  @Test func otherSizesTakeNothing() {
    var random = SeededGenerator(for: "misfits")
    let attention = CausalAttention("a", sizes: CausalAttentionSizes(D: 12, H: 3), using: &random).projections!
    for sizes in [
      DiscreteMamba2Sizes(D: 12, H: 2, N: 3), DiscreteMamba2Sizes(D: 6, H: 3, N: 3),
      DiscreteMamba2Sizes(D: 12, H: 3, N: 3, G: 1),
    ] {
      let mixer = DiscreteMamba2("m", sizes: sizes, using: &random)
      let before = mixer.parameters.map(\.value)
      #expect(!mixer.begin(with: attention) && mixer.parameters.map(\.value) == before)
    }
    let other = CausalAttention("b", sizes: CausalAttentionSizes(D: 12, H: 3), using: &random)
    #expect(!other.begin(with: attention))
  }

  @Test func aStateAsWideAsAHeadHoldsTheScores() {
    var random = SeededGenerator(for: "copied")
    let (attention, mixer, parts) = scores(&random, N: 5)
    expectClose(mixer, attention, within: 20 * Tolerance.value, "scores")
    for part in parts { expectZero(part, "values, their bias, output") }
  }

  @Test func aNarrowerStateHoldsLessAndAWiderOneNoMore() {
    var random = SeededGenerator(for: "narrow")
    let errors = [1, 3, 5, 8].map { N in
      let (attention, mixer, _) = scores(&random, N: N)
      return Double(largestMagnitude(mixer - attention))
    }
    #expect(errors[0] > 0.05 && errors[1] > 0.01)
    #expect(errors[2] < Double(20 * Tolerance.value) && errors[3] < Double(20 * Tolerance.value))
  }
}
