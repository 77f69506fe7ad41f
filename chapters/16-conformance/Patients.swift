// # Runs with a mistake in them
//
// A planted mistake is a stage of its own kind (`StageKind`), so that a study runs it like any other: its results are
// kept, students are trained side by side, and equal seeds have equal batches.
//
// Read before: `ConformanceKit/FaultyStage.swift`, `Experiments/StagePlan.swift`.

import ConformanceKit
import Corpora
import Experiments
import Foundation
import Models

extension FaultyStage.Kind {
  /// The stage's number.
  var number: Int { FaultyStage.Kind.allCases.firstIndex(of: self)! + 1 }

  /// The stage, right or with a mistake.
  func stage(making fault: Fault?) -> StageKind {
    let right: StageKind =
      switch self {
      case .orientation: .orientation
      case .alignment: .alignment
      case .distillation: .distillation
      }
    guard let fault else { return right }
    return StageKind("\(right.name), \(fault.rawValue)", batches: right.batches, isEndToEnd: right.isEndToEnd) {
      teacher, student, _ in FaultyStage(self, from: teacher, to: student, making: [fault])
    }
  }
}

/// A stage alone, from a new student on: what a corridor is made of.
func alone(_ kind: FaultyStage.Kind, steps: Int, of recipe: Recipe, making fault: Fault? = nil) -> Arm {
  let rate =
    switch kind {
    case .orientation: recipe.orientationRate
    case .alignment: recipe.alignmentRate
    case .distillation: Way.three.lastRate(recipe)
    }
  return Arm(.phiMamba, [StagePlan(kind.stage(making: fault), steps: steps, rate: rate)])
}

/// Stages 1, 2 and 3 by the recipe, all with the same mistake.
func throughAll(_ recipe: Recipe, making fault: Fault?) -> Arm {
  recipe.arm(.all).with { arm in
    for (index, kind) in FaultyStage.Kind.allCases.enumerated() { arm.stages[index].kind = kind.stage(making: fault) }
  }
}

/// The mistakes that are made in an arm's stages.
nonisolated func faults(in arm: Arm) -> Set<Fault> {
  let names = arm.stages.compactMap { $0.kind.name.split(separator: ", ").dropFirst().first }
  return Set(names.compactMap { Fault(rawValue: String($0)) })
}

/// The loss of a student when the code that trained it runs it, mistakes included, on some of the held-out windows.
let lossByOwnCode: Study.Measure = { student, _, arm, heldOut in
  crossEntropy(of: student, making: faults(in: arm), on: Array(heldOut.prefix(max(1, heldOut.count / 4))))
}
