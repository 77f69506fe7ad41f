// # The recipe for a published model
//
// A published model differs from the teachers of this book in three ways. They change how it is distilled, but not
// the method:
//
//     a hundred million weights       layers one by one, each with its own optimiser; mixers alone in stage 3
//     fifty thousand tokens           stage 3 predicts those of the text
//     layers of very different size   each loss on the scale of its target
//
// One window of 128 tokens per step is the best use of a small budget: a token of a small batch teaches more than one
// of a large batch, and on two cores costs the same. The rates are those that the sweeps of `--study` found on
// SmolLM2-135M.
//
// Read before: `Recipe.swift`, `Way.swift`. Chapter: 15-real-model.

import Distillation
import Layers
import Models

extension Recipe {
  /// The recipe for distilling a model that is given.
  ///
  /// - Parameters:
  ///   - N: the state size of a head
  ///   - T: the tokens of a window
  ///   - windows: held-out windows that are reported, and as many for choosing
  ///   - sideBySide: how many layers are trained at a time
  public static func published(N: Int = 64, T: Int = 128, windows: Int = 96, sideBySide: Int = 32) -> Recipe {
    var recipe = Recipe()
    (recipe.N, recipe.T, recipe.B, recipe.windows) = (N, T, 1, windows)
    recipe.layersSideBySide = sideBySide
    // Runs of this size keep their state by the clock.
    recipe.checkpointInterval = 1_000_000
    return recipe
  }
}

/// How the steps of a student of a published model are split, and its rates.
public struct PublishedPlan: Sendable {
  /// Steps of stages 1, 2 and 3.
  public var steps: [Int]
  /// Peaks of the learning rates of stages 1, 2 and 3.
  public var rates: [Double]
  /// The part of the teacher's attention that the mixers begin with; nil for none.
  public var copied: MixerProjections.Part?
  /// What the distances of a layer are divided by, in stages 1 and 2.
  public var scale: DistanceScale
  /// The weight of the first token in stage 2.
  public var firstToken: Double
  /// Whether stage 1 leaves out what all tokens take from the first.
  public var ignoresFirstColumn = false

  /// A plan; the defaults are the values that were found best.
  public init(
    steps: [Int], rates: [Double] = [4e-3, 2e-3, 3e-4],
    copied: MixerProjections.Part? = .valuesAndOutput, scale: DistanceScale = .relative, firstToken: Double = 1
  ) {
    (self.steps, self.rates, self.copied, self.scale) = (steps, rates, copied, scale)
    self.firstToken = firstToken
  }

  /// The arm of this plan.
  ///
  /// - Parameters:
  ///   - kept: the layers that keep their attention
  ///   - subset: the tokens that stage 3 predicts
  public func arm(keeping kept: [Int] = [], among subset: TokenSubset) -> Arm {
    let kinds: [StageKind] = [
      .relativeOrientation(scale, ignoringFirstColumn: ignoresFirstColumn),
      .relativeAlignment(scale, firstToken: firstToken), .distillation(among: subset),
    ]
    let stages = zip(kinds, zip(steps, rates)).map { StagePlan($0, steps: $1.0, rate: $1.1) }
    return Arm(kept.isEmpty ? .phiMamba : .hybrid(attention: kept), stages).with {
      $0.trainsMixersOnly = true
      $0.copiedProjections = copied
    }
  }
}
