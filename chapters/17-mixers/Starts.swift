// # Where a student begins
//
// The contest of section 8: a Discrete-Mamba-2 student with two sizes of its state, and what it takes over from its
// teacher's attention before the first step.
//
// Read before: `Sources/Layers/Mixers/DiscreteMamba2+Projections.swift`.

import Experiments
import Layers

/// A way to begin.
struct Start {
  /// State size of a head.
  let N: Int
  /// What is taken over; nil for nothing.
  let part: MixerProjections.Part?

  /// In words.
  var title: String {
    switch part {
    case nil: "random numbers"
    case .valuesAndOutput: "values and output"
    case .all: "all four, by singular values"
    case .rows: "all four, as they are"
    }
  }
  /// The name in sweeps.
  var name: String { "N = \(N), \(title)" }

  /// The first `count` stages, with the rates of Discrete-Mamba-2 in stages 1 and 2.
  func arm(stages count: Int = 3, rate: Double = 0) -> Arm {
    let sizes = DiscreteMamba2Sizes(D: recipe.D, H: recipe.H, N: N, Q: recipe.Q)
    var copy = Arm(
      .mixers(Array(repeating: MixerChoice(sizes), count: recipe.L)), way(pure, stages: count, rate: rate).stages)
    copy.copiedProjections = part
    return copy
  }
}

/// All ways to begin, random numbers first for each N.
func contest() -> [Start] {
  let P = recipe.D / recipe.H
  let usual = [nil, MixerProjections.Part.valuesAndOutput, .all].map { Start(N: recipe.N, part: $0) }
  return usual + [nil, MixerProjections.Part.valuesAndOutput, .all, .rows].map { Start(N: P, part: $0) }
}
