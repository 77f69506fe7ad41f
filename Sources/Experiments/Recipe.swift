// # The recipe
//
// The sizes, steps and learning rates of the book's main experiment, in one place. The standard recipe takes minutes
// on two cores and shows the paper's order; the quick one takes seconds and shows that everything runs.
//
// The budget is what makes arms comparable: each student sees the same number of tokens in all, however they are
// split over stages. The learning rate of each arm's last stage was chosen beforehand by `10-knowledge-distillation
// --sweep` (`Way.swift`), those of stages 1 and 2 by trying a few with seed 0, and always on other held-out windows
// than those that we report.
//
// Read next: `Arm.swift`, `Experiment.swift`.

import Layers
import Models

/// The sizes, steps and learning rates of an experiment.
public struct Recipe: Codable, Equatable, Sendable {
  // Sizes of teacher and student
  /// Width of the model.
  public var D = 96
  /// Heads, of attention and of the state space mixer.
  public var H = 4
  /// Layers.
  public var L = 4
  /// State size of a head.
  public var N = 16
  /// Length of a chunk; it changes the cost, not the result.
  public var Q = 64
  /// The fraction of an attention head that is rotated by position.
  public var rotaryFraction = 1.0

  // Text
  /// Tokens of a row.
  public var T = 128
  /// Rows of a batch.
  public var B = 8
  /// The number of held-out windows that are reported; as many others are for choosing learning rates.
  public var windows = 200

  // Teacher
  /// The steps of the teacher's training.
  public var teacherSteps = 3000
  /// The peak of the teacher's learning rate.
  public var teacherRate = 3e-3

  // Students: the steps of all stages together are the same for each arm
  /// The steps of all stages of a student together.
  public var studentSteps = 300
  /// The steps of stage 1 in 1-2-3.
  public var orientationSteps = 60
  /// The peak of the learning rate in stage 1.
  public var orientationRate = 2e-2
  /// The steps of stages 1 and 2 together in 1-2-3, and of stage 2 alone in 2-3.
  public var alignmentEnd = 150
  /// The peak of the learning rate in stage 2.
  public var alignmentRate = 1.2e-2

  /// How many steps a run takes between saves of its state.
  public var checkpointInterval = 200

  /// How many layers stages 1 and 2 train side by side, each with an optimiser of its own, which large models need; nil
  /// for all of them on one tape.
  public var layersSideBySide: Int?

  /// Into how many micro-batches each batch is cut, which ranks can share; nil for whole batches. It changes the last
  /// bits of what is trained, and ranks do not.
  public var microBatches: Int?

  /// The full recipe: minutes.
  public static let standard = Recipe()

  /// The small recipe: seconds.
  public static let quick: Recipe = {
    var recipe = Recipe()
    (recipe.D, recipe.H, recipe.L, recipe.N, recipe.Q) = (32, 2, 2, 8, 16)
    (recipe.T, recipe.B, recipe.windows) = (48, 4, 16)
    recipe.teacherSteps = 600
    (recipe.studentSteps, recipe.orientationSteps, recipe.alignmentEnd) = (60, 12, 30)
    recipe.checkpointInterval = 20
    return recipe
  }()

  /// The full recipe for the language of chapter 13. It has one wide head, since recall needs width; a quarter of the
  /// head turns with position, since a word is found by what it is and not by where it stands. With that, and with
  /// one sentence in three a statement, the teachers of seeds 0 to 4 recall from steps 300 to 500 on.
  public static let recall: Recipe = {
    var recipe = Recipe()
    (recipe.D, recipe.H, recipe.L, recipe.rotaryFraction) = (64, 1, 2, 0.25)
    (recipe.B, recipe.windows) = (16, 1024)
    (recipe.teacherSteps, recipe.teacherRate) = (1200, 4e-3)
    (recipe.studentSteps, recipe.orientationSteps, recipe.alignmentEnd) = (600, 100, 300)
    return recipe
  }()

  /// The small recipe for that language.
  public static let quickRecall: Recipe = {
    var recipe = recall
    (recipe.D, recipe.N, recipe.Q, recipe.B, recipe.windows) = (32, 8, 16, 4, 32)
    recipe.teacherSteps = 100
    (recipe.studentSteps, recipe.orientationSteps, recipe.alignmentEnd) = (40, 8, 20)
    recipe.checkpointInterval = 20
    return recipe
  }()

  /// The teacher for a vocabulary of V tokens.
  public func teacher(V: Int) -> ModelConfiguration {
    let attention = CausalAttentionSizes(D: D, H: H, rotaryFraction: rotaryFraction)
    return ModelConfiguration(V: V, D: D, T: T, mixers: Array(repeating: attention, count: L), layout: .phi)
  }

  /// Takes over the sizes of a teacher that is given, so that students fit it.
  mutating func takeSizes(of teacher: ModelConfiguration) {
    (D, L) = (teacher.D, teacher.L)
    H = teacher.mixers.first?.H ?? H
  }

  /// The mixer that takes the place of the teacher's attention.
  public var studentMixer: DiscreteMamba2Sizes { DiscreteMamba2Sizes(D: D, H: H, N: N, Q: Q) }

  /// The tokens that each update sees.
  public var tokensPerUpdate: Int { B * T }
}
