// # The library's own answers
//
// What another program has to do, in Swift: read the inputs of a case, compute what it can, write tensors named
// CASE/NAME. Here the other program is this library. It shares no line with the program that made the kit but the
// elementary operations, and it computes by other ways: in chunks, with fused kernels, by BLAS.
//
// Read before: `ConformanceKit/KitCase.swift`, `Checkpoints/Checkpoint.swift`.

import Checkpoints
import ConformanceKit
import Corpora
import Distillation
import Foundation
import Gradients
import Layers
import Models
import Tensors

/// A model of this library with the weights that the kit gives to teacher or student.
private func model(_ prefix: String, _ configuration: ModelConfiguration, _ inputs: Checkpoint) throws
  -> LanguageModel
{
  var random = SeededGenerator(seed: 0)
  let model = LanguageModel(configuration, using: &random)
  try model.load(inputs.renamed { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : nil })
  return model
}

/// What the library computes for a case: matrices, outputs, logits, losses and the gradients of all three stages.
func answers(to kit: KitCase, in folder: URL) throws -> [String: Tensor] {
  let inputs = try Checkpoint(mapping: folder.appending(path: "\(kit.name).inputs.safetensors"))
  func tokens(_ name: String) throws -> Tokens {
    Tokens(try inputs.tensor(name).elements.map { Int($0) }, B: kit.sizes.B, T: kit.sizes.T)
  }
  let teacher = try model("teacher.", kit.teacher, inputs)
  let student = try model("student.", kit.student, inputs)
  let batch = Batch(inputs: try tokens("tokens"), targets: try tokens("targets"))
  var result = ["teacher.logits": teacher(batch.inputs).value, "student.logits": student(batch.inputs).value]
  for (l, trace) in teacher.frozen.trace(batch.inputs, keepingMatrices: true).enumerated() {
    result["teacher.\(l).mixer_input"] = trace.mixerInput
    result["teacher.\(l).matrix"] = trace.matrix
    result["teacher.\(l).mixer_output"] = trace.mixerOutput
    guard kit.replaced.contains(l) else { continue }
    let mixer = student.blocks[l].mixer
    result["student.\(l).matrix"] = mixer.matrix(trace.mixerInput)
    result["student.\(l).mixer_output"] = mixer(trace.mixerInput)
  }
  let stages: [(String, any Stage)] = [
    ("stage1", MatrixOrientation(from: teacher.frozen, to: student, replacing: kit.replaced)),
    ("stage2", HiddenStateAlignment(from: teacher.frozen, to: student, replacing: kit.replaced)),
    ("stage3", KnowledgeDistillation(from: teacher.frozen, to: student, replacing: kit.replaced)),
  ]
  for (name, stage) in stages {
    try stage.begin()
    let loss = stage.loss(batch).total
    result["loss.\(name)"] = loss.value
    let parameters = stage.trained.map(\.parameter)
    for (parameter, slope) in zip(parameters, gradients(of: loss, withRespectTo: parameters)) {
      result["gradient.\(name).\(parameter.name)"] = slope
    }
  }
  return Dictionary(uniqueKeysWithValues: result.map { ("\(kit.name)/\($0)", $1) })
}
