// # A mixer from outside, through the whole library
//
// Gradients, matrix against recurrence, the three stages, writing with a memory, and a checkpoint: without a change
// to the library, and with one registration where files are read.

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

@Suite("a mixer of one's own", .tallied) struct MixerOfOnesOwnTests {
  static let rows = [
    row("called", { $0.parameters }) { $0($1) },
    row("matrix", { $0.matrixRows.map(\.parameter) }) { $0.matrix($1) },
  ]

  private static func row(
    _ option: String, _ parameters: @escaping @Sendable (FixedDecay) -> [Parameter],
    _ answer: @escaping @Sendable (FixedDecay, Variable) -> Variable
  ) -> LayerCase {
    LayerCase(FixedDecay.self, option) { random in
      let layer = FixedDecay("m", sizes: FixedDecaySizes(D: 6, H: 2, N: 5), using: &random)
      randomise(layer.parameters, using: &random)
      return Subject(parameters(layer), at: [.normal([2, 7, 6], using: &random)]) { answer(layer, $0[0]) }
    }
  }

  @Test(arguments: rows, LayerPromise.allCases)
  func itKeepsEveryPromiseOfALayer(row: LayerCase, promise: LayerPromise) throws { try row.expect(promise) }

  @Test func theMatrixIsTheOneOfTheOutput() {
    var random = SeededGenerator(seed: 1)
    let mixer = FixedDecay("m", sizes: decay, using: &random)
    let u = Tensor.normal([2, 7, 10], using: &random)
    let x = mixer.x(u).reshaped(to: [2, 7, 2, 5])
    let mixed = mixer.output(headMix(mixer.matrix(u), x).reshaped(to: [2, 7, 10]))
    expectClose(mixer(u), mixed, within: 10 * Tolerance.value, "output")
    // For tokens that are all alike a row has the powers of γ.
    let alike = mixer.matrix(Tensor.normal([1, 1, 10], using: &random).broadcast(to: [1, 7, 10]))
    let expected = Naive.tabulate([1, 2, 7, 7]) { place in
      let (h, t, s) = (place[1], place[2], place[3])
      return s > t ? 0 : alike[0, h, 0, 0] * Scalar(Foundation.pow(1 - 1 / Double(32 << h), Double(t - s)))
    }
    expectClose(alike, expected, within: 10 * Tolerance.value, "powers of the decay")
  }

  // What stage 1 trains is what the mixer says; nothing else of the student changes.
  @Test func itGoesThroughTheThreeStages() throws {
    let (teacher, student) = (model(tiny, seed: 1).frozen, model(tiny.student(decay), seed: 2))
    let stages: [any DistillationStage] = [
      MatrixOrientation(from: teacher, to: student), HiddenStateAlignment(from: teacher, to: student),
      KnowledgeDistillation(from: teacher, to: student),
    ]
    for (number, stage) in stages.enumerated() {
      if number == 2 { transferWeights(from: teacher, to: student) }
      let before = Dictionary(uniqueKeysWithValues: student.parameters.map { ($0.name, $0.value) })
      let settings = TrainingSettings(steps: 40, learningRate: 0.01, tokensPerUpdate: 14, seed: 3)
      let history = try train(stage, as: stage.title, settings) { _ in batch }
      // No student can change the teacher's entropy, a part of the last stage's loss.
      let losses = number == 2 ? history.detail("KL") : history.losses
      #expect(losses[39] < 0.9 * losses[0], "\(stage.title): \(losses[0]) to \(losses[39])")
      let changed = Set(student.parameters.filter { $0.value != before[$0.name] }.map(\.name))
      let expected = [".b.weight", ".c.weight"].flatMap { end in
        (0..<2).map { "backbone.layers.\($0).mixer\(end)" }
      }
      if number == 0 { #expect(changed == Set(expected)) }
      if number == 1 { #expect(changed == Set(student.blocks.flatMap { $0.mixer.parameters.map(\.name) })) }
      if number == 2 { #expect(changed == Set(before.keys)) }
    }
  }

  @Test func itWritesWithAMemory() throws {
    let hybrid = model(tiny.student(decay, keeping: [1]), seed: 5)
    let text = [3, 1, 4, 1, 5, 9, 2, 6, 10]
    let whole = hybrid.frozen(Tokens(text)).sliced(8..<9, along: 1).reshaped(to: [1, 11])
    for length in [1, 2, 5, 9] {
      var state = hybrid.frozen.emptyState()
      hybrid.frozen.read(Tokens(text), &state, inPiecesOf: length)
      expectClose(state.logits!, whole, within: Tolerance.isDouble ? 1e-10 : 1e-4, "pieces of \(length)")
      #expect(state.bytes == MemoryLayout<Scalar>.size * (2 * 3 * 5 + 2 * 9 * 10))
    }
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "text.safetensors")
      var generation = Generation(hybrid.frozen, prompts: [[1, 2, 3], [4]], seed: 7)
      for _ in 0..<3 { _ = try generation.next() }
      try generation.write(to: file)
      #expect(try Checkpoint(contentsOf: file).tensors["layers.0.state"]?.shape == [2, 2, 3, 5])
      var other = try Generation(contentsOf: file, of: hybrid.frozen)
      for _ in 0..<5 { #expect(try other.next() == generation.next()) }
    }
  }

  // One registration, where a config.json is read; without it the file is refused by name.
  @Test func itComesBackFromAFolder() throws {
    try withTemporaryFolder { folder in
      let student = model(tiny.student(decay, keeping: [0]), seed: 6)
      try student.write(to: folder)
      let read = try LanguageModel(contentsOf: folder, parts: ModelParts.standard.adding(mixer: FixedDecaySizes.self))
      #expect(read.configuration == student.configuration)
      expectIdentical(read.frozen(batch.inputs), student.frozen(batch.inputs), "logits")
      let error = try #require(throws: CheckpointError.self) { try LanguageModel(contentsOf: folder) }
      #expect(error.description.contains("fixed decay") && error.description.contains("CoreType"), "\(error)")
    }
  }
}
