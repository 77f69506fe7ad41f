// # The ways through the stages
//
// What the paper compares: which stages a student goes through, for one budget.
//
//     1-2-3              stage 1, stage 2, weight transfer, stage 3
//     2-3                stage 2 for as long as 1 and 2 together, weight transfer, stage 3
//     3                  weight transfer, stage 3 for the whole budget
//     2                  stage 2 for the whole budget, weight transfer
//     scratch, soft      nothing of the teacher but its distributions
//     scratch, hard      nothing of the teacher at all: the actual tokens
//
// A way is the name of a list of stages. With the steps and rates of a recipe, and a student, it
// becomes an arm.
//
// Read before: `Recipe.swift`, `Arm.swift`. Read next: `Experiment.swift`.

/// Which stages a student goes through.
public enum Way: String, CaseIterable, Sendable {
  /// Nothing of the teacher: the actual tokens.
  case scratchHard = "scratch, hard labels"
  /// Nothing of the teacher but its distributions.
  case scratchSoft = "scratch, soft labels"
  /// Stage 2 for the whole budget, weight transfer.
  case two = "2"
  /// Weight transfer, stage 3 for the whole budget.
  case three = "transfer + 3"
  /// Stage 2, weight transfer, stage 3.
  case twoThree = "2-3"
  /// Stage 1, stage 2, weight transfer, stage 3.
  case all = "1-2-3"

  /// The five of the main job, in the order in which they are reported: all that end in a language model.
  public static let ofMainJob: [Way] = [.scratchHard, .scratchSoft, .three, .twoThree, .all]

  /// A name for files.
  public var slug: String {
    switch self {
    case .scratchHard: "scratch-hard"
    case .scratchSoft: "scratch-soft"
    case .three: "transfer-3"
    case .two, .twoThree, .all: rawValue
    }
  }

  /// Whether the student gets the teacher's embedding, norms, MLPs and head.
  public var transfersWeights: Bool { self != .scratchHard && self != .scratchSoft }

  /// The learning rate of the last stage in the main job, chosen beforehand from `sweptRates`.
  public func lastRate(_ recipe: Recipe) -> Double {
    switch self {
    case .scratchHard: 6e-3
    case .scratchSoft: 1.2e-2
    case .two: recipe.alignmentRate
    case .three: 3e-3
    case .twoThree, .all: 1.5e-3
    }
  }

  /// The rates that a sweep tries in the last stage of each arm of the main job.
  public static let sweptRates = [7.5e-4, 1.5e-3, 3e-3, 6e-3, 1.2e-2]
}

extension Recipe {
  /// A way with the steps and rates of this recipe.
  ///
  /// - Parameter rate: of the last stage; nil for the one that was chosen beforehand
  public func arm(_ way: Way, _ student: Arm.Student = .phiMamba, lastRate rate: Double? = nil) -> Arm {
    let last = rate ?? way.lastRate(self)
    let orientation = StagePlan(.orientation, steps: orientationSteps, rate: orientationRate)
    func alignment(from start: Int) -> StagePlan {
      StagePlan(.alignment, steps: alignmentEnd - start, rate: alignmentRate)
    }
    let rest = StagePlan(.distillation, steps: studentSteps - alignmentEnd, rate: last)
    let stages =
      switch way {
      case .scratchHard: [StagePlan(.tokens, steps: studentSteps, rate: last)]
      case .two: [StagePlan(.alignment, steps: studentSteps, rate: last)]
      case .scratchSoft, .three: [StagePlan(.distillation, steps: studentSteps, rate: last)]
      case .twoThree: [alignment(from: 0), rest]
      case .all: [orientation, alignment(from: orientationSteps), rest]
      }
    return Arm(student, stages).with { $0.transfersWeights = way.transfersWeights }
  }

  /// The same recipe with the students' steps scaled by a function, stage by stage.
  public func scaled(_ steps: (Int) -> Int) -> Recipe {
    var scaled = self
    (scaled.studentSteps, scaled.orientationSteps) = (steps(studentSteps), steps(orientationSteps))
    scaled.alignmentEnd = steps(alignmentEnd)
    return scaled
  }
}
