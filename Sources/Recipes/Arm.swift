// # The arms of the comparison
//
// An arm is a way to spend the students' budget: what the student starts from, and which stages it
// goes through.
//
//     1-2-3              stage 1, stage 2, weight transfer, stage 3
//     2-3                stage 2 for as long as 1 and 2 together, weight transfer, stage 3
//     transfer + 3       weight transfer, stage 3 for the whole budget
//     scratch, soft      nothing of the teacher but its distributions
//     scratch, hard      nothing of the teacher at all: the tokens that really came
//
// Read before: `Recipe.swift`. Read next: `ModelStore.swift`.

/// A way to spend the students' budget.
public enum Arm: String, CaseIterable, Codable, Sendable {
  case scratchHard = "scratch, hard labels"
  case scratchSoft = "scratch, soft labels"
  case transferAndDistil = "transfer + 3"
  case alignAndDistil = "2-3"
  case allStages = "1-2-3"

  /// A name for files.
  public var slug: String {
    switch self {
    case .scratchHard: "scratch-hard"
    case .scratchSoft: "scratch-soft"
    case .transferAndDistil: "transfer-3"
    case .alignAndDistil: "2-3"
    case .allStages: "1-2-3"
    }
  }

  /// Whether the student gets the teacher's embedding, norms, MLPs and head before its last stage.
  public var transfersWeights: Bool { self != .scratchHard && self != .scratchSoft }

  /// The steps before the last stage.
  public func stepsBefore(_ recipe: Recipe) -> Int {
    self == .alignAndDistil || self == .allStages ? recipe.alignmentEnd : 0
  }

  /// The learning rate of the last stage, chosen beforehand from `sweptRates`.
  public var rate: Double {
    switch self {
    case .scratchHard: 6e-3
    case .scratchSoft: 1.2e-2
    case .transferAndDistil: 3e-3
    case .alignAndDistil, .allStages: 1.5e-3
    }
  }

  /// The rates that a sweep tries in the last stage of each arm.
  public static let sweptRates = [7.5e-4, 1.5e-3, 3e-3, 6e-3, 1.2e-2]
}
