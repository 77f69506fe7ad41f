// # A stage with its steps and its rate
//
// An arm is a list of plans: which stage, for how many steps, at which learning rate. A plan is a value that can be
// compared and written down, long before there is a teacher or a student. A stage needs both, so a plan does not hold
// a stage but a kind: a name, and a function that makes a stage of that kind for a teacher and a student.
//
// A stage of your own goes through an arm under a kind of your own:
//
//     let warm = StageKind("temperature 2", isEndToEnd: true) { teacher, student, arm in
//       WarmDistillation(teacher: teacher, model: student)
//     }
//     let arm = Arm(.phiMamba, [StagePlan(warm, steps: 100, rate: 1e-3)])
//
// Read before: `Distillation/Stage.swift`. Read next: `Arm.swift`.

import Distillation
import Models

/// A kind of stage; equal names are equal kinds.
public struct StageKind: Hashable, Sendable {
  /// The name, by which results are filed and kinds compared.
  public let name: String
  /// What the batches are drawn for: stages with the same word here see the same batches, whatever they do with them.
  public let batches: String
  /// Whether the student runs on its own states, so that it needs the teacher's embedding, norms, MLPs and head first.
  public let isEndToEnd: Bool
  /// The stage for a teacher and the student of an arm.
  public let make: @Sendable (_ teacher: FrozenModel, _ student: LanguageModel, _ arm: Arm) -> any Stage

  /// - Parameter batches: nil for `name`
  public init(
    _ name: String, batches: String? = nil, isEndToEnd: Bool,
    _ make: @escaping @Sendable (_ teacher: FrozenModel, _ student: LanguageModel, _ arm: Arm) -> any Stage
  ) {
    (self.name, self.batches, self.isEndToEnd, self.make) = (name, batches ?? name, isEndToEnd, make)
  }

  /// Kinds with equal names are the same, whatever they make.
  public static func == (a: StageKind, b: StageKind) -> Bool { a.name == b.name }
  /// The hash of the name.
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension StageKind: Encodable {
  /// Writes the name alone; a kind cannot be read back.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(name)
  }
}

// ## The four of this book

extension StageKind {
  /// Stage 1.
  public static let orientation = StageKind("orientation", batches: "matrix orientation", isEndToEnd: false) {
    MatrixOrientation(from: $0, to: $1, replacing: $2.replacedLayers(of: $1.configuration.L))
  }

  /// Stage 2.
  public static let alignment = StageKind("alignment", batches: "hidden-state alignment", isEndToEnd: false) {
    HiddenStateAlignment(from: $0, to: $1, replacing: $2.replacedLayers(of: $1.configuration.L))
  }

  /// Stage 3: the teacher's distributions.
  public static let distillation = StageKind("distillation", batches: endToEnd, isEndToEnd: true) {
    KnowledgeDistillation(
      from: $0, to: $1, training: $2.trainsMixersOnly ? .mixers : .everything,
      replacing: $2.replacedLayers(of: $1.configuration.L))
  }

  /// No teacher: the actual tokens. The batches are those of stage 3.
  public static let tokens = StageKind("tokens", batches: endToEnd, isEndToEnd: true) { _, student, _ in
    TokenPrediction(of: student)
  }

  private static let endToEnd = "knowledge distillation"
}

// ## For large models
//
// In a large model the losses of layers differ a hundredfold, and a text uses only a part of the vocabulary. The
// batches are those of the paper's stages.

extension StageKind {
  /// Stage 1 with the losses of all layers on one scale.
  ///
  /// - Parameter ignoresFirstColumn: whether what all tokens take from the first is left out
  public static func relativeOrientation(
    _ scale: DistanceScale = .relative, ignoringFirstColumn ignoresFirstColumn: Bool = false
  ) -> StageKind {
    let more = ignoresFirstColumn ? ", without the first column" : ""
    return StageKind("orientation, \(scale.rawValue)\(more)", batches: orientation.batches, isEndToEnd: false) {
      MatrixOrientation(
        from: $0, to: $1, replacing: $2.replacedLayers(of: $1.configuration.L), scale: scale,
        ignoringFirstColumn: ignoresFirstColumn)
    }
  }

  /// Stage 2 with the losses of all layers on one scale.
  ///
  /// - Parameter firstToken: the weight of a text's first token, where every other has weight 1
  public static func relativeAlignment(_ scale: DistanceScale = .relative, firstToken: Double = 1) -> StageKind {
    let more = firstToken == 1 ? "" : ", first token \(firstToken)"
    return StageKind("alignment, \(scale.rawValue)\(more)", batches: alignment.batches, isEndToEnd: false) {
      HiddenStateAlignment(
        from: $0, to: $1, replacing: $2.replacedLayers(of: $1.configuration.L), scale: scale,
        firstTokenWeight: firstToken)
    }
  }

  /// Stage 3 among some of the tokens.
  public static func distillation(among subset: TokenSubset) -> StageKind {
    StageKind("distillation among \(subset.count) tokens", batches: endToEnd, isEndToEnd: true) {
      KnowledgeDistillation(
        from: $0, to: $1, training: $2.trainsMixersOnly ? .mixers : .everything,
        replacing: $2.replacedLayers(of: $1.configuration.L), among: subset)
    }
  }
}

/// A stage with its steps and its rate.
public struct StagePlan: Encodable, Hashable, Sendable {
  /// Which stage.
  public var kind: StageKind
  /// How many steps it takes.
  public var steps: Int
  /// The peak of the learning rate.
  public var rate: Double

  /// A plan; an arm drops a plan of no steps.
  public init(_ kind: StageKind, steps: Int, rate: Double) {
    (self.kind, self.steps, self.rate) = (kind, steps, rate)
  }
}
