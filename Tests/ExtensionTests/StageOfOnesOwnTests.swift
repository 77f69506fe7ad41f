// # A stage from outside
//
// Distillation at temperature 2: both distributions are flattened before they are compared, and the loss is
// multiplied by four, so that its gradient keeps its size (arXiv 1503.02531). An answer of chapter 10 has it too;
// here it goes through the loop, an arm and a study like the stages of the book.

import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Models
import Tensors
import TestSupport
import Testing
import Training

/// The cross-entropy against the teacher's distribution, both at a temperature.
struct WarmDistillation: Stage {
  let title = "distillation at temperature 2"
  let teacher: FrozenModel
  let model: LanguageModel
  let temperature: Scalar = 2

  var trained: [ParameterRows] { model.parameters.map { ParameterRows($0) } }

  func loss(_ batch: Batch) -> StageLoss {
    let distributions = softmax(teacher(batch.inputs), scale: 1 / temperature)
    let logits = (1 / temperature) * model(batch.inputs)
    return StageLoss(temperature * temperature * mean(crossEntropy(logits, distributions: distributions)))
  }
}

@Suite("a stage of one's own", .tallied) struct StageOfOnesOwnTests {
  private let teacher = model(tiny, seed: 1).frozen

  @Test func itsLossIsTheNaiveOne() {
    let student = model(tiny.student(decay), seed: 2)
    let p = Naive.softmax(0.5 * teacher(batch.inputs)).elements
    let q = Naive.softmax(0.5 * student.frozen(batch.inputs)).elements
    let expected = -4 * zip(p, q).reduce(0.0) { $0 + Double($1.0) * Foundation.log(Double($1.1)) } / 14
    let loss = WarmDistillation(teacher: teacher, model: student).loss(batch)
    expectClose(loss.total.value, Tensor(Scalar(expected)), within: Tolerance.isDouble ? 1e-12 : 1e-4, "loss")
    #expect(loss.parts.isEmpty)
  }

  @Test func itGoesThroughTheLoopAndResumes() throws {
    let settings = TrainingSettings(steps: 12, learningRate: 0.01, tokensPerUpdate: 14, seed: 3)
    func stage() -> WarmDistillation {
      WarmDistillation(teacher: teacher, model: model(tiny.student(decay), seed: 2))
    }
    let whole = stage()
    let history = try train(whole, as: "warm", settings) { _ in batch }
    #expect(history.losses[11] < history.losses[0])
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "run.safetensors")
      struct Interrupted: Error {}
      let first = stage()
      #expect(throws: Interrupted.self) {
        var steps = 0
        try first.begin()
        let run = try TrainingRun("warm", of: first.trained, settings: settings, checkpoint: file, every: 5)
        for _ in run {
          if steps == 7 { throw Interrupted() }
          steps += 1
          try run.step(first, on: batch)
        }
      }
      let second = stage()
      let resumed = try train(second, as: "warm", settings, on: { _ in batch }, checkpoint: file)
      #expect(resumed.losses == history.losses)
      for (mine, theirs) in zip(second.model.parameters, whole.model.parameters) {
        expectIdentical(mine.value, theirs.value, mine.name)
      }
    }
  }

  // Under a kind of its own in an arm of a study, whose results are kept and found again.
  @Test func itGoesThroughAnArm() throws {
    let warm = StageKind("temperature 2", isEndToEnd: true) { teacher, student, _ in
      WarmDistillation(teacher: teacher, model: student)
    }
    let arm = Arm(
      .phiMamba, [StagePlan(.alignment, steps: 2, rate: 1e-2), StagePlan(warm, steps: 3, rate: 1e-3)])
    let usual = Arm(
      .phiMamba, [StagePlan(.alignment, steps: 2, rate: 1e-2), StagePlan(.distillation, steps: 3, rate: 1e-3)])
    try withTemporaryFolder { folder in
      let text = folder.appending(path: "text.txt")
      var random = SeededGenerator(seed: 4)
      let words = (0..<3000).map { _ in
        ["in", "the", "beginning", "was", "a", "word"][Int.random(in: 0..<6, using: &random)]
      }
      try words.joined(separator: " ").write(to: text, atomically: true, encoding: .utf8)
      let experiment = try Experiment(ExperimentSettings(isQuick: true, corpus: text, teacherSteps: 8))
      let study = try Study(in: ModelStore(experiment, in: folder), seeds: 1)
      let results = try study.results("both", of: [arm, usual])
      #expect(results[0][0].losses != results[1][0].losses && results[0][0].loss.isFinite)
      #expect(try study.keptCount == 2)
      #expect(try study.results("again", of: [arm]) == [results[0]])
    }
  }
}
