// # Variants of a kind
//
// What the answers train: a kind with one thing changed, on the first seed.
//
// Read before: `Kinds.swift`. Used by: `Answers.swift`.

import Experiments
import Layers

/// A variant of a kind, with its rates in all stages.
func variant(_ sizes: any MixerSizes, of kind: Int) -> Arm {
  Arm(
    .mixers(Array(repeating: MixerChoice(sizes), count: recipe.L)),
    way(kinds[kind], rate: lastRates[kind].best).stages)
}

/// The losses of variants on the first seed.
func losses(_ title: String, of arms: [Arm]) throws -> [Double] {
  try study.results(title, of: arms.map { Study.Job($0, seed: study.seeds[0]) }).map(\.loss)
}
