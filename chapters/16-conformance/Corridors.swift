// # The corridors of the standard recipe
//
// Around the curves of right runs, with the curves of runs that have a planted mistake beside them: what
// data/conformance/corridors.json holds.
//
// Read before: `Patients.swift`, `ConformanceKit/Corridor.swift`.

import ConformanceKit
import Experiments
import Notebook
import Plots

/// The mistakes that are planted in a stage.
private func planted(in kind: FaultyStage.Kind) -> [Fault] {
  if chapter.isQuick {
    return switch kind {
    case .orientation: [.decayDetached, .stage1Squared]
    case .alignment: [.gateBiasDropped, .studentOnOwnStates]
    case .distillation: [.hardLabels, .temperatureTwo]
    }
  }
  return switch kind {
  case .orientation:
    [
      .matrixTransposed, .decayEarly, .decayOwnStep, .decayDetached, .skipMissing, .skipTwice, .bScaledByStep,
      .convolutionReversed, .convolutionActivated, .stage1Squared, .stage1DividedByT, .headsSummed, .layersAveraged,
      .studentOnOwnStates,
    ]
  case .alignment:
    [
      .matrixTransposed, .decayOwnStep, .gateBiasDropped, .gateIsSigmoid, .normBeforeOutput, .stage2Squared,
      .stage2MeanSquare, .timeSummed, .layersAveraged, .studentOnOwnStates,
    ]
  case .distillation:
    [
      .matrixTransposed, .gateBiasDropped, .hardLabels, .labelsNotShifted, .temperatureTwo, .divergenceAsLoss,
      .divergenceReversed, .tokensSummed,
    ]
  }
}

/// The corridor of each stage, with the planted mistakes as means of two seeds.
///
/// - Parameter right: for each stage the losses of its right runs, step by step
func bookCorridors(of study: Study, around right: [[[Double]]], steps: Int) throws -> [Corridor] {
  let recipe = study.store.recipe
  let pairs = FaultyStage.Kind.allCases.flatMap { kind in planted(in: kind).map { (kind: kind, fault: $0) } }
  let seeds = study.seeds.prefix(2)
  let runs = try study.results(
    "planted mistakes",
    of: pairs.flatMap { pair in
      seeds.map { Study.Job(alone(pair.kind, steps: steps, of: recipe, making: pair.fault), seed: $0) }
    })
  let curves = pairs.indices.map { index in
    let own = runs[(index * seeds.count)..<((index + 1) * seeds.count)].map { $0.curves![0] }
    return own[0].indices.map { step in own.reduce(0) { $0 + $1[step] } / Double(own.count) }
  }
  return FaultyStage.Kind.allCases.map { kind in
    Corridor(
      model: "book", stage: kind.number,
      words: "stage \(kind.number) alone from a new student, \(steps) steps of the standard recipe",
      curves: right[kind.number - 1],
      planted: pairs.indices.filter { pairs[$0].kind == kind }.map { (pairs[$0].fault, curves[$0]) })
  }
}

// ## In a figure

extension Corridor {
  /// The step in the middle of each window.
  var steps: [Double] { mean.indices.map { Double($0 * window + window / 2) } }
}

/// A corridor, its mean and its band, with other curves.
func panel(_ corridor: Corridor, beside others: [Series] = []) -> LineChart {
  let (mean, widths) = (corridor.mean, corridor.halfWidths)
  return LineChart(
    "stage \(corridor.stage)", x: Axis("step"), y: Axis(corridor.stage == 3 ? "loss / nats" : "loss"),
    series: [
      Series(
        "\(corridor.runs) right runs", x: corridor.steps, y: mean,
        band: (zip(mean, widths).map { $0 - $1 }, zip(mean, widths).map { $0 + $1 }))
    ] + others)
}

/// For each curve, whether it is inside the corridor of all others.
func insideTheOthers(_ curves: [[Double]]) -> [Bool] {
  curves.indices.map { place in
    let others = curves.indices.filter { $0 != place }.map { curves[$0] }
    return Corridor(model: "book", stage: 1, words: "", curves: others).verdict(on: curves[place]).outsideFrom == nil
  }
}
