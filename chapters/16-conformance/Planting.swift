// # Runs with a mistake in them
//
// A planted mistake is a stage of its own kind (`StageKind`), so that a study runs it like any other: its results are
// kept, two students are trained side by side, and equal seeds have equal batches.
//
// Read before: `ConformanceKit/FaultyStage.swift`, `Experiments/StagePlan.swift`.

import ConformanceKit
import Corpora
import Experiments
import Foundation
import Models

/// The three stages of the method, as the book runs them.
enum Stages {
  static let kinds: [FaultyStage.Kind] = FaultyStage.Kind.allCases

  /// The stage, right or with a mistake.
  static func kind(_ kind: FaultyStage.Kind, making fault: Fault?) -> StageKind {
    let right: StageKind =
      switch kind {
      case .orientation: .orientation
      case .alignment: .alignment
      case .distillation: .distillation
      }
    guard let fault else { return right }
    return StageKind("\(right.name), \(fault.rawValue)", batches: right.batches, isEndToEnd: right.isEndToEnd) {
      teacher, student, _ in FaultyStage(kind, from: teacher, to: student, making: [fault])
    }
  }

  static func title(_ kind: FaultyStage.Kind) -> String {
    switch kind {
    case .orientation: "stage 1"
    case .alignment: "stage 2"
    case .distillation: "stage 3"
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
  return Arm(.phiMamba, [StagePlan(Stages.kind(kind, making: fault), steps: steps, rate: rate)])
}

/// Stages 1, 2 and 3 by the recipe, with a mistake in those in which it can be made.
func throughAll(_ recipe: Recipe, making fault: Fault?, in kinds: [FaultyStage.Kind] = Stages.kinds) -> Arm {
  var arm = recipe.arm(.all)
  for (index, kind) in Stages.kinds.enumerated() where kinds.contains(kind) {
    arm.stages[index].kind = Stages.kind(kind, making: fault)
  }
  return arm
}
