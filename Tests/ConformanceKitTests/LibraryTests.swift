// # The plain program against the library
//
// Both compute the method, and share no line above the elementary operations: the plain program has its own layers,
// losses and optimiser. So the kit describes what this library does, tensor by tensor.
//
// Read before: `ConformanceKit/PlainProgram.swift`. Read next: `FaultTests.swift`.

import Checkpoints
import Corpora
import Distillation
import Gradients
import Layers
import Models
import TestSupport
import Tensors
import Testing
import Training

import ConformanceKit

extension Tolerance {
  /// The kit against the library, relative to max(1, |a|).
  static let kit: Scalar = isDouble ? 1e-12 : 2e-4
}

/// Teacher and student of this library with the weights of a case.
struct Loaded {
  let kit: KitCase
  let computation: Computation
  let teacher, student: LanguageModel

  init(_ kit: KitCase) throws {
    (self.kit, computation) = (kit, Computation(kit))
    let inputs = computation.inputs
    func model(_ prefix: String, _ configuration: ModelConfiguration) throws -> LanguageModel {
      var random = SeededGenerator(seed: 1)
      let model = LanguageModel(configuration, using: &random)
      let mine = inputs.filter { $0.key.hasPrefix(prefix) }
      try model.load(
        Checkpoint(
          tensors: Dictionary(uniqueKeysWithValues: mine.map { (String($0.key.dropFirst(prefix.count)), $0.value) })))
      return model
    }
    (teacher, student) = (try model("teacher.", kit.teacher), try model("student.", kit.student))
  }

  var tokens: Tokens { computation.inputs["tokens"]!.tokens }
  var batch: Batch { Batch(inputs: tokens, targets: computation.inputs["targets"]!.tokens) }

  func expect(_ actual: Tensor, _ name: String) throws {
    let expected = try #require(computation.tensor(name), "the case \(kit.name) has no \(name)")
    expectClose(actual, expected, within: Tolerance.kit, "\(kit.name): \(name)")
  }
}

@Suite("the kit against the library", .talliedByGroup) struct LibraryTests {
  static let models = KitCase.all.filter { $0.block != nil }

  @Test(arguments: models) func statesAndMatrices(kit: KitCase) throws {
    let loaded = try Loaded(kit)
    for (l, trace) in loaded.teacher.trace(loaded.tokens).enumerated() {
      for (name, value) in [
        ("input", trace.input), ("mixer_input", trace.mixerInput), ("mixer_output", trace.mixerOutput),
        ("output", trace.output), ("matrix", try #require(trace.matrix)),
      ] { try loaded.expect(value.value, "teacher.\(l).\(name)") }
      guard kit.replaced.contains(l) else { continue }
      let mixer = try #require(loaded.student.blocks[l].mixer as? DiscreteMamba2)
      try loaded.expect(mixer.matrix(trace.mixerInput).value, "student.\(l).matrix")
      try loaded.expect(mixer(trace.mixerInput).value, "student.\(l).mixer_output")
    }
    try loaded.expect(loaded.teacher(loaded.tokens).value, "teacher.logits")
    try loaded.expect(loaded.student(loaded.tokens).value, "student.logits")
  }

  @Test(arguments: models) func lossesAndGradients(kit: KitCase) throws {
    let loaded = try Loaded(kit)
    let teacher = loaded.teacher.frozen
    func compare(_ kind: String, _ stage: some Stage, _ loss: String? = nil) throws {
      try stage.begin()
      let total = stage.loss(loaded.batch).total
      try loaded.expect(total.value, "loss.\(loss ?? kind)")
      let parameters = stage.trained.map(\.parameter)
      for (parameter, slope) in zip(parameters, gradients(of: total, withRespectTo: parameters)) {
        try loaded.expect(slope, "gradient.\(kind).\(parameter.name)")
      }
    }
    try compare("stage1", MatrixOrientation(from: teacher, to: loaded.student, replacing: kit.replaced))
    try compare("stage2", HiddenStateAlignment(from: teacher, to: loaded.student, replacing: kit.replaced))
    try compare("stage3", KnowledgeDistillation(from: teacher, to: loaded.student, replacing: kit.replaced))
    let blocks = HiddenStateAlignment(
      from: teacher, to: loaded.student, comparing: .blockOutput, replacing: kit.replaced)
    try loaded.expect(blocks.loss(loaded.batch).total.value, "loss.stage2_blocks")
    try compare("labels", TokenPrediction(of: loaded.teacher), "labels.teacher")
  }

  @Test(arguments: models) func steps(kit: KitCase) throws {
    for kind in ["stage1", "stage3"] {
      let loaded = try Loaded(kit)
      let teacher = loaded.teacher.frozen
      let stage: any Stage =
        kind == "stage1"
        ? MatrixOrientation(from: teacher, to: loaded.student, replacing: kit.replaced)
        : KnowledgeDistillation(from: teacher, to: loaded.student, replacing: kit.replaced)
      try stage.begin()
      var settings = TrainingSettings(steps: 10, learningRate: 0.004, tokensPerUpdate: 1, seed: 1)
      (settings.schedule.warmUp, settings.schedule.decay) = (0.3, 0.4)
      let run = try TrainingRun("kit", of: stage.trained, settings: settings)
      for step in run {
        try run.descend(stage.loss(loaded.batch).total)
        if kind == "stage1" {
          for parameter in stage.trained.map(\.parameter) {
            try loaded.expect(parameter.value, "step.stage1.\(parameter.name)")
          }
          break
        }
        guard step == 0 || step == 9 else { continue }
        for parameter in loaded.student.parameters {
          try loaded.expect(parameter.value, "run.\(step + 1).\(parameter.name)")
        }
      }
      if kind == "stage3" {
        try loaded.expect(Tensor(run.records.map { Scalar($0.loss) }), "run.losses")
        try loaded.expect(Tensor(run.records.map { Scalar($0.gradientNorm) }), "run.norms")
        try loaded.expect(Tensor(run.records.map { Scalar($0.learningRate) }), "run.rates")
      }
    }
  }

  @Test(arguments: models) func transfer(kit: KitCase) throws {
    let loaded = try Loaded(kit)
    transferWeights(from: loaded.teacher.frozen, to: loaded.student, replacing: kit.replaced)
    for parameter in loaded.student.parameters { try loaded.expect(parameter.value, "transfer.\(parameter.name)") }
    for l in kit.replaced {
      let mixer = loaded.student.blocks[l].mixer
      let attention = try #require(loaded.teacher.blocks[l].mixer.projections)
      #expect(mixer.begin(with: attention, taking: .valuesAndOutput))
      for parameter in mixer.parameters {
        let name = "transfer_values_and_output.\(parameter.name)"
        if loaded.computation.tensor(name) != nil { try loaded.expect(parameter.value, name) }
      }
    }
  }

  @Test(arguments: models) func readingOn(kit: KitCase) throws {
    let loaded = try Loaded(kit)
    let (n, tokens) = (kit.sizes.prefix, loaded.tokens)
    func columns(_ range: Range<Int>) -> Tokens {
      Tokens((0..<tokens.B).flatMap { Array(tokens.row($0))[range] }, B: tokens.B, T: range.count)
    }
    var x: Tensor = loaded.student.embedding(columns(0..<n))
    for (l, block) in loaded.student.blocks.enumerated() {
      func check(_ mixer: some MatrixMixer, _ u: Tensor) throws -> Tensor {
        var memory = mixer.emptyMemory(B: tokens.B)
        let y = mixer.advance(u, &memory)
        if let memory = memory as? DiscreteMamba2.Memory {
          try loaded.expect(memory.past, "decoding.\(l).past")
          try loaded.expect(memory.state, "decoding.\(l).state")
        }
        return y
      }
      let u = block.mixerInput(x)
      let mixed = try check(block.mixer, u)
      x = block.output(x, mixerInput: u) { mixed }
    }
    let all: Tensor = loaded.student(columns(0..<(n + 1))).value
    try loaded.expect(all.sliced(n..<(n + 1), along: 1).reshaped(to: [tokens.B, kit.sizes.V]), "decoding.logits")
  }

  @Test func strongDecays() throws {
    let computation = Computation(.decays)
    let inputs = computation.inputs
    let leaves = ["log_decay", "b", "c", "d"].map { Variable(leaf: inputs[$0]!) }
    let matrix = ssdMatrix(logDecay: leaves[0], b: leaves[1], c: leaves[2], d: leaves[3])
    let slopes = gradients(of: sum(Variable(constant: inputs["weights"]!) * matrix), withRespectTo: leaves)
    func expect(_ actual: Tensor, _ name: String) throws {
      expectClose(actual, try #require(computation.tensor(name)), within: Tolerance.kit, "decays: \(name)")
    }
    try expect(matrix.value, "matrix")
    for (name, slope) in zip(["log_decay", "b", "c", "d"], slopes) { try expect(slope, "gradient.\(name)") }
    #expect(computation.names().allSatisfy { isFinite(computation.tensor($0)!) })
  }
}

extension KitCase: CustomTestStringConvertible {
  public var testDescription: String { name }
}
