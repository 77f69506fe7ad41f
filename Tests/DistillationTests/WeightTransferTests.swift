// # Weight transfer
//
// What is copied and what is not, by name, for each kind of student.

import Distillation
import Gradients
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
    let table = transferTable(from: pair.teacher, to: pair.student)
    #expect(table.map(\.teacher.name).sorted() == pair.teacher.parameters.map(\.name).sorted())
    let places = WeightTransferTests.places(student)
    for row in table { #expect(row.student?.name == places[row.teacher.name], "\(row.teacher.name)") }
  }

  @Test(arguments: Student.allCases) func whatHasAPlaceIsCopiedAndAllElseStays(student: Student) {
    let pair = Pair(student)
    let before = Dictionary(uniqueKeysWithValues: pair.student.parameters.map { ($0.name, $0.value) })
    let teachers = Dictionary(uniqueKeysWithValues: pair.teacher.parameters.map { ($0.name, $0.value) })
    let copied = transferWeights(from: pair.teacher, to: pair.student)
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

  // After the transfer only the mixers stand between student and teacher.
  @Test func aControlWithTheTeachersMixersTooIsTheTeacher() {
    let pair = Pair(.control)
    transferWeights(from: pair.teacher, to: pair.student)
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
    transferWeights(from: pair.teacher, to: pair.student)
    let trace = pair.teacher.trace(tokens)[1]
    expectIdentical(
      pair.student.blocks[1](trace.input).value, trace.output.value, "block 1 on the teacher's state")
  }
}
