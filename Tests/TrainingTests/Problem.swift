// # A small problem to train on
//
// A linear map learns from random points to become another one: a matrix of which only some rows are trained, a bias,
// and a number without axes. Small enough that a run is over in a millisecond, with everything in it that a run can
// get wrong.

import Foundation
import Gradients
import Tensors
import TestSupport
import Training

/// One process that trains: parameters as they are at the start, or as a checkpoint brings them.
final class Problem {
  let weight, bias, gain: Parameter
  private let target: Tensor

  init() {
    var random = SeededGenerator(seed: 1)
    weight = Parameter("weight", .normal([5, 3], using: &random))
    bias = Parameter("bias", .normal([5], using: &random))
    gain = Parameter("gain", Tensor(1.5))
    target = .normal([5, 3], using: &random)
  }

  /// The rows 0, 1 and 4 of the matrix, and all of the others.
  var trained: [ParameterRows] {
    [ParameterRows(weight, rows: [0..<2, 4..<5]), ParameterRows(bias), ParameterRows(gain)]
  }

  var parameters: [Parameter] { [weight, bias, gain] }

  /// Mean of the squared errors at seven random points.
  func loss(using random: inout SeededGenerator) -> Variable { loss(at: .normal([7, 3], using: &random)) }

  /// Mean of the squared errors at given points, [points, 3].
  func loss(at x: Tensor) -> Variable {
    let error =
      gain.variable * linear(Variable(constant: x), weight: weight.variable, bias: bias.variable)
      - Variable(constant: matmul(x, target, transposingB: true))
    return mean(error * error)
  }

  /// The settings of its runs.
  static func settings(steps: Int = 11) -> TrainingSettings {
    TrainingSettings(steps: steps, learningRate: 0.05, tokensPerUpdate: 24, seed: 7)
  }

  /// Trains until the run is over or `stop` steps are done in this process.
  func train(
    _ name: String = "toy", settings: TrainingSettings = settings(), checkpoint: URL? = nil, every interval: Int = 3,
    stop: Int = .max
  ) throws -> TrainingRun {
    let run = try TrainingRun(name, of: trained, settings: settings, checkpoint: checkpoint, every: interval)
    var done = 0
    while done < stop, run.next() != nil {
      try step(run)
      done += 1
    }
    return run
  }

  /// One step of a run, with two details.
  func step(_ run: TrainingRun) throws {
    let loss = loss(using: &run.random)
    try run.descend(
      loss, details: [("half", Double(loss.value.scalar) / 2), ("third", Double(loss.value.scalar) / 3)])
  }
}

/// Everything that must be the same after two ways to run the same steps.
struct Outcome: Equatable {
  let weights: [[UInt64]]
  let records: [StepRecord]
  let detailNames: [String]
  let random: SeededGenerator

  init(_ problem: Problem, _ run: TrainingRun) {
    weights = problem.parameters.map { bits($0.value) }
    (records, detailNames, random) = (run.records, run.detailNames, run.random)
  }
}

/// The bits of every number, so that −0 differs from 0.
func bits(_ tensor: Tensor) -> [UInt64] { tensor.elements.map { UInt64($0.bitPattern) } }
