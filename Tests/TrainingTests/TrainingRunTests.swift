// # The training loop
//
// What a run records, that it is the same twice, and that it stops before a number that is not finite can harm the
// weights.

import Checkpoints
import Foundation
import Gradients
import Tensors
import TestSupport
import Testing
import Training

@Suite("the training loop", .tallied) struct TrainingRunTests {
  @Test func aRunReadsAsAForLoop() throws {
    let problem = Problem()
    let run = try TrainingRun("toy", of: problem.trained, settings: Problem.settings(steps: 5))
    var steps: [Int] = []
    for step in run {
      try problem.step(run)
      steps.append(step)
    }
    #expect(steps == [0, 1, 2, 3, 4] && run.next() == nil)
    #expect(run.records.map(\.step) == steps)
    #expect(run.records.map(\.learningRate) == steps.map { run.settings.schedule.rate(at: $0) })
    #expect(run.detailNames == ["half", "third"])
    #expect(run.records.allSatisfy { $0.details == [$0.loss / 2, $0.loss / 3] })
  }

  // By hand: the same batches, the same gradients, the optimiser by itself.
  @Test func aStepIsGradientsNormAndOptimiser() throws {
    let (problem, twin) = (Problem(), Problem())
    let run = try problem.train()
    let settings = Problem.settings()
    var (random, optimiser) = (
      SeededGenerator(seed: settings.seed), AdamW(twin.trained, settings: settings.optimiser)
    )
    for record in run.records {
      let loss = twin.loss(using: &random)
      let slopes = gradients(of: loss, withRespectTo: twin.parameters)
      #expect(record.loss == Double(loss.value.scalar) && record.gradientNorm == gradientNorm(slopes))
      optimiser.step(slopes, learningRate: record.learningRate, norm: record.gradientNorm)
    }
    // The norm is that before clipping.
    #expect(run.records.contains { $0.gradientNorm > 1 })
    for (mine, theirs) in zip(problem.parameters, twin.parameters) {
      expectIdentical(mine.value, theirs.value, mine.name)
    }
    #expect(random == run.random)
  }

  @Test func aRunIsTheSameTwice() throws {
    let (first, second, other) = (Problem(), Problem(), Problem())
    var settings = Problem.settings()
    let outcome = Outcome(first, try first.train(settings: settings))
    #expect(outcome == Outcome(second, try second.train(settings: settings)))
    settings.seed += 1
    #expect(outcome != Outcome(other, try other.train(settings: settings)))
  }

  @Test func aQuadraticConverges() throws {
    let problem = Problem()
    let start = Problem()
    let w = problem.parameters
    var settings = Problem.settings(steps: 600)
    settings.optimiser.weightDecay = 0
    let run = try TrainingRun("bowl", of: w.map { ParameterRows($0) }, settings: settings)
    for _ in run {
      // The distance from 2, squared, with slopes that differ tenfold between the parameters.
      let terms = w.enumerated().map { index, parameter in
        let error = parameter.variable - Variable(constant: Tensor(2))
        return [1, 10, 0.1][index] * sum(error * error)
      }
      try run.descend(terms[0] + terms[1] + terms[2])
    }
    for (parameter, original) in zip(w, start.parameters) {
      expectClose(
        parameter.value, Tensor(repeating: 2, shape: original.value.shape), within: 1e-3, "minimum, \(parameter.name)"
      )
    }
    #expect(run.records[599].loss < 1e-5 * run.records[0].loss)
  }

  /// Losses that are not finite, and one whose slope is not: the words of the error, by which `loss` makes them.
  static let failures = ["the loss is nan", "the loss is inf", "the loss is -inf", "the norm of the gradient is inf"]

  static func loss(_ failure: String, _ w: Variable) -> Variable {
    switch failure {
    case "the loss is nan": sum(w * Variable(constant: Tensor(.nan)))
    case "the loss is inf": sum(w * w) + Variable(constant: Tensor(.infinity))
    case "the loss is -inf": sum(w * w) + Variable(constant: Tensor(-.infinity))
    // The root is 0 here, and its slope infinite.
    default: sum(sqrt(w - w.detached))
    }
  }

  @Test(arguments: failures) func whatIsNoNumberStopsTheRunBeforeItHarmsTheWeights(failure: String) throws {
    let problem = Problem()
    let run = try problem.train(stop: 4)
    let before = Outcome(problem, run)
    let error = try #require(throws: TrainingError.self) {
      try run.descend(TrainingRunTests.loss(failure, problem.weight.variable), details: [("half", 0), ("third", 0)])
    }
    #expect(error == .notFinite(run: "toy", step: 4, what: failure))
    for mention in ["toy", "step 4", failure, "learning rate"] {
      #expect(error.description.contains(mention), "\(error)")
    }
    #expect(error.localizedDescription == error.description)
    #expect(Outcome(problem, run) == before)
    // Nor are the moments harmed: the run goes on as if nothing had been tried.
    while run.next() != nil { try problem.step(run) }
    let untouched = Problem()
    #expect(Outcome(problem, run) == Outcome(untouched, try untouched.train()))
  }

  @Test func detailsOfOtherNamesStopTheRunBeforeItHarmsTheWeights() throws {
    let problem = Problem()
    let run = try problem.train(stop: 4)
    let before = Outcome(problem, run)
    let error = try #require(throws: TrainingError.self) {
      try run.descend(sum(problem.weight.variable), details: [("half", 0), ("fourth", 0)])
    }
    for names in [#""half", "third""#, #""half", "fourth""#] {
      #expect(error.description.contains(names), "\(error)")
    }
    #expect(Outcome(problem, run) == before)
  }

  @Test func aNormThatOverflowsStopsTheRunToo() throws {
    let problem = Problem()
    let huge = Scalar.greatestFiniteMagnitude.squareRoot() * 2
    let run = try TrainingRun("toy", of: problem.trained, settings: Problem.settings())
    let error = try #require(throws: TrainingError.self) { try run.descend(huge * sum(problem.bias.variable)) }
    #expect(error == .notFinite(run: "toy", step: 0, what: "the norm of the gradient is inf"))
  }

  @Test func aRunThatWouldChangeNothingDoesNotBegin() throws {
    let problem = Problem()
    for trained in [[], [ParameterRows(problem.weight, rows: [])], [ParameterRows(problem.weight, rows: [3..<3])]] {
      let error = try #require(throws: TrainingError.self) {
        try TrainingRun("stage 9", of: trained, settings: Problem.settings())
      }
      #expect(error == .nothingTrained(run: "stage 9"))
      #expect(error.description.contains("stage 9") && error.description.contains("empty"), "\(error)")
    }
  }

  @Test("trap: tokens per update are in the table") func theRecordsBecomeATable() throws {
    let w = Parameter("w", Tensor([2, -4]))
    let settings = TrainingSettings(steps: 2, learningRate: 0.25, tokensPerUpdate: 24, seed: 1)
    let run = try TrainingRun("t", of: [ParameterRows(w)], settings: settings)
    let names = ["step", "tokens", "loss", "learning_rate", "gradient_norm"]
    #expect(run.history.columns == names && run.history.rows.isEmpty)
    for _ in run {
      // Slopes 3 and 4: a norm of 5. Two steps of AdamW with equal slopes go by the learning rate.
      let loss = sum(w.variable * Variable(constant: Tensor([3, 4])))
      try run.descend(loss, details: [("layer 0", 0.5), ("layer 1", 1e-7)])
    }
    let rows = run.history.rows
    #expect(rows.count == 2 && run.history.columns == names + ["layer 0", "layer 1"])
    #expect(rows[0] == ["0", "24", "-10.0", "0.25", "5.0", "0.5", "1e-07"])
    let second = rows[1]
    #expect(second.count == 7 && second[0] == "1" && second[1] == "48")
    #expect(Double(second[2]) == run.records[1].loss)
    #expect(run.history.losses == run.records.map(\.loss))
    #expect(run.history.detail("layer 1") == [1e-7, 1e-7] && run.history.detail("layer 2").isEmpty)
    expectClose(w.value, Tensor([1.5, -4.5]), within: 1e-6, "after two steps")
  }

  @Test func everyStepIsReported() throws {
    let problem = Problem()
    let run = try TrainingRun("toy", of: problem.trained, settings: Problem.settings())
    nonisolated(unsafe) var reported: [StepRecord] = []
    run.onStep = { reported.append($0) }
    for _ in run { try problem.step(run) }
    #expect(reported == run.records && reported.count == 11)
  }
}
