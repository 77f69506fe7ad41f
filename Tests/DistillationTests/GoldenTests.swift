// # Values from an independent program
//
// All other tests here compare this package with itself: a kernel with its slow twin, a gradient with differences. A
// misunderstanding would be on both sides. So a program in PyTorch, which shares no line with this one, computed a
// tiny teacher and a tiny student: logits, matrices, losses, gradients by its own autograd, ten steps of AdamW. Its
// results are in `Golden`, beside the script that wrote them and explains how. Weights and tokens come from there as
// well.
//
// Every tensor of the file is used; the first test makes sure of that.

import Checkpoints
import Corpora
import Distillation
import Foundation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing
import Training

extension Tolerance {
  /// Everything against the independent program, relative to max(1, |a|).
  static let golden: Scalar = isDouble ? 1e-12 : 2e-5
}

/// The file of the independent program, and our models with its weights.
struct Golden {
  static let configuration = ModelConfiguration(
    V: 11, D: 10, T: 7, block: ParallelBlockSizes(feedForward: 13),
    mixers: Array(repeating: CausalAttentionSizes(D: 10, H: 2, rotaryFraction: 0.8), count: 2), layout: .phi)
  static let mamba = DiscreteMamba2Sizes(D: 10, H: 2, N: 6, K: 4, Q: 3)

  let file: Checkpoint
  let pair: Pair
  let tokens, targets: Tokens

  init() throws {
    let place = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let file = try Checkpoint(contentsOf: place.appendingPathComponent("Golden/golden.safetensors"))
    self.file = file
    func model(_ prefix: String, _ configuration: ModelConfiguration) throws -> LanguageModel {
      var random = SeededGenerator(seed: 1)
      let model = LanguageModel(configuration, using: &random)
      let mine = file.tensors.filter { $0.key.hasPrefix(prefix) }
      try model.load(
        Checkpoint(
          tensors: Dictionary(uniqueKeysWithValues: mine.map { (String($0.key.dropFirst(prefix.count)), $0.value) })))
      return model
    }
    func grid(_ name: String) throws -> Tokens {
      Tokens(try file.tensor(name, shape: [3, 7]).elements.map { Int($0) }, B: 3, T: 7)
    }
    pair = Pair(
      teacher: try model("teacher.", Golden.configuration),
      student: try model("student.", Golden.configuration.student(Golden.mamba)))
    (tokens, targets) = (try grid("tokens"), try grid("targets"))
  }

  /// What the other program computed under a name.
  subscript(_ name: String) -> Tensor {
    get throws { try #require(file.tensors[name], "the file has no \(name)") }
  }

  /// The names of the parameters that have a gradient of this kind.
  func parameters(_ kind: String) -> Set<String> {
    let prefix = "gradient.\(kind)."
    return Set(file.tensors.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
  }

  /// Compares all gradients of a kind.
  func expectGradients(_ kind: String, of loss: Variable, withRespectTo parameters: [Parameter]) throws {
    #expect(self.parameters(kind) == Set(parameters.map(\.name)), "\(kind): other parameters are trained")
    for (parameter, slope) in zip(parameters, gradients(of: loss, withRespectTo: parameters)) {
      expectClose(
        slope, try self["gradient.\(kind).\(parameter.name)"], within: Tolerance.golden,
        "gradients of \(kind): \(parameter.name)")
    }
  }
}

@Suite("an independent program", .talliedByGroup) struct GoldenTests {
  let golden: Golden
  var teacher: LanguageModel { golden.pair.teacher }
  var student: LanguageModel { golden.pair.student }

  init() throws { golden = try Golden() }

  @Test func theFileHoldsWhatTheTestsCompare() {
    let layers = ["attention", "attention_output", "ssd", "mamba_output"].flatMap { ["\($0).0", "\($0).1"] }
    let kinds = ["stage1", "stage2", "stage3", "labels_teacher"]
    var names = Set(["tokens", "targets", "logits.teacher", "logits.student", "loss.labels_student"] + layers)
    names.formUnion(["run.rates", "run.losses", "run.norms"] + kinds.map { "loss.\($0)" })
    names.formUnion(teacher.parameters.map { "teacher.\($0.name)" })
    names.formUnion(student.parameters.flatMap { ["student.\($0.name)", "run.final.\($0.name)"] })
    for kind in kinds { names.formUnion(golden.parameters(kind).map { "gradient.\(kind).\($0)" }) }
    #expect(names == Set(golden.file.tensors.keys))
  }

  // A zero, a one or an identity would hide errors.
  @Test func theWeightsAreNotThoseOfANewModel() throws {
    for (name, tensor) in golden.file.tensors where name.hasPrefix("teacher.") || name.hasPrefix("student.") {
      #expect(tensor.elements.count { $0 == 0 || $0 == 1 } <= 1, "\(name)")
    }
  }

  @Test func logits() throws {
    for (name, model) in [("teacher", teacher), ("student", student)] {
      expectClose(
        model(golden.tokens).value, try golden["logits.\(name)"], within: Tolerance.golden, "logits: \(name)")
    }
  }

  @Test func matricesAndOutputsOfAttention() throws {
    for (layer, trace) in teacher.trace(golden.tokens).enumerated() {
      expectClose(
        try #require(trace.matrix).value, try golden["attention.\(layer)"], within: Tolerance.golden,
        "attention matrices: layer \(layer)")
      expectClose(
        trace.mixerOutput.value, try golden["attention_output.\(layer)"], within: Tolerance.golden,
        "attention outputs: layer \(layer)")
    }
  }

  // The other program uses the recurrence; we use all three forms, with chunks that divide the seven steps and that
  // do not.
  @Test func matricesAndOutputsOfTheStateSpaceMixer() throws {
    for (layer, trace) in teacher.trace(golden.tokens).enumerated() {
      let (u, mixer) = (trace.mixerInput, try #require(student.blocks[layer].mixer as? DiscreteMamba2))
      expectClose(
        mixer.matrix(u).value, try golden["ssd.\(layer)"], within: Tolerance.golden, "SSD matrices: layer \(layer)")
      let expected = try golden["mamba_output.\(layer)"]
      expectClose(mixer(u).value, expected, within: Tolerance.golden, "state space outputs: layer \(layer)")
      for form in [MambaForm.recurrent, .materialised, .chunked(Q: 1), .chunked(Q: 2), .chunked(Q: 7)] {
        expectClose(
          mixer.output(u, form: form).value, expected, within: Tolerance.golden,
          "state space outputs: layer \(layer), \(form)")
      }
    }
  }

  @Test(arguments: [("stage1", StageForm.matrices), ("stage2", .mixerOutputs), ("stage3", .distributions)])
  func lossAndGradientsOfAStage(kind: String, stage: StageForm) throws {
    let stage = stage.between(golden.pair)
    try stage.begin()
    let loss = stage.loss(golden.tokens).total
    expectClose(loss.value, try golden["loss.\(kind)"], within: Tolerance.golden, "losses: \(kind)")
    try golden.expectGradients(kind, of: loss, withRespectTo: stage.trained.map(\.parameter))
  }

  @Test func lossAndGradientsOfTheHardLabels() throws {
    let ofStudent = mean(crossEntropy(student(golden.tokens), targets: golden.targets))
    expectClose(
      ofStudent.value, try golden["loss.labels_student"], within: Tolerance.golden, "losses: labels, student")
    let stage = TokenPrediction(of: teacher)
    try stage.begin()
    let ofTeacher = stage.loss(Batch(inputs: golden.tokens, targets: golden.targets)).total
    expectClose(
      ofTeacher.value, try golden["loss.labels_teacher"], within: Tolerance.golden, "losses: labels, teacher")
    try golden.expectGradients("labels_teacher", of: ofTeacher, withRespectTo: teacher.parameters)
  }

  // Warm-up and decay, clipping in the first three steps and none after them, weight decay.
  @Test func tenStepsOfTheLastStage() throws {
    let stage = KnowledgeDistillation(from: teacher.frozen, to: student)
    try stage.begin()
    var settings = TrainingSettings(steps: 10, learningRate: 0.01, tokensPerUpdate: 21, seed: 1)
    (settings.schedule.warmUp, settings.schedule.decay) = (0.3, 0.4)
    #expect(settings.optimiser == AdamWSettings() && settings.optimiser.clip == 1, "the script has these settings")
    let run = try TrainingRun("golden", of: stage.trained, settings: settings)
    for _ in run { try run.descend(stage.loss(golden.tokens).total) }
    for (name, found) in [
      ("rates", run.records.map(\.learningRate)), ("losses", run.records.map(\.loss)),
      ("norms", run.records.map(\.gradientNorm)),
    ] {
      expectClose(
        Tensor(found.map { Scalar($0) }), try golden["run.\(name)"], within: Tolerance.golden, "the run: \(name)")
    }
    for parameter in student.parameters {
      expectClose(
        parameter.value, try golden["run.final.\(parameter.name)"], within: Tolerance.golden,
        "weights after the run: \(parameter.name)")
    }
  }
}
