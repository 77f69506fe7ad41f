// # An arm of a study
//
// A study compares ways to make a student. Each way, an arm, is a value: what the student is made
// of, what it starts from, and the stages that it goes through with their steps and rates. The value
// says all there is to know, so that one function can run any arm, and what came out can be kept
// under the arm's own description and found again.
//
// The five arms of the main job (`Arm.swift`) are among those that can be described here; chapter 10
// keeps their students, a study keeps figures only.
//
// Read before: `Recipe.swift`. Read next: `Study.swift`.

import Foundation
import Models

/// A way to make a student.
public struct StudyArm: Codable, Hashable, Sendable {
  /// What stands where the teacher has attention.
  public enum Student: Codable, Hashable, Sendable {
    /// State space mixers in each block.
    case phiMamba
    /// State space mixers, but for these blocks, which keep the teacher's attention.
    case hybrid(attention: [Int])
    /// New attention in each block: the control, whose family of matrices is the teacher's.
    case attention
  }

  /// A part of the way.
  public struct Stage: Codable, Hashable, Sendable {
    public enum Kind: String, Codable, Sendable {
      /// Stage 1.
      case orientation
      /// Stage 2.
      case alignment
      /// Stage 3: the teacher's distributions.
      case distillation
      /// No teacher: the tokens that really came.
      case tokens
    }
    public var kind: Kind
    public var steps: Int
    /// The peak of the learning rate.
    public var rate: Double

    public init(_ kind: Kind, steps: Int, rate: Double) { (self.kind, self.steps, self.rate) = (kind, steps, rate) }
  }

  public var student: Student
  /// Stages of no steps are left out.
  public var stages: [Stage]
  /// Whether embedding, norms, MLPs and head of the teacher are copied, before the first stage that needs them.
  public var transfersWeights = true
  /// Whether stage 3 trains the replaced mixers alone.
  public var trainsMixersOnly = false
  /// Whether the convolution begins as the identity; else with random taps.
  public var beginsWithIdentity = true
  /// Whether the gate begins open; else with random rows and no bias.
  public var beginsWithOpenGate = true
  /// Whether C, B, x and W_o begin as the teacher's queries, keys, values and output projection. Not in the paper.
  public var copiesAttention = false
  /// Whether all heads of a state space mixer share one B and one C.
  public var isMultiValue = false

  public init(_ student: Student, _ stages: [Stage]) {
    self.student = student
    self.stages = stages.filter { $0.steps > 0 }
  }

  /// The same arm with some properties changed.
  public func with(_ change: (inout StudyArm) -> Void) -> StudyArm {
    var copy = self
    change(&copy)
    return copy
  }

  /// The steps of all stages.
  public var steps: Int { stages.reduce(0) { $0 + $1.steps } }

  /// The same arm with another rate in its last stage.
  public func with(lastRate rate: Double) -> StudyArm { with { $0.stages[$0.stages.count - 1].rate = rate } }

  /// The student's configuration for a teacher's.
  func configuration(for teacher: ModelConfiguration) -> ModelConfiguration {
    var configuration =
      switch student {
      case .phiMamba: teacher.student()
      case .hybrid(let kept): teacher.student(keepingAttentionIn: Set(kept))
      case .attention: teacher
      }
    if isMultiValue { configuration.G = 1 }
    return configuration
  }
}

/// What an arm came to.
public struct StudyResult: Codable, Equatable, Sendable {
  /// Cross-entropy of each reported held-out window, in nats per token.
  public var losses: [Double]
  /// Mean cross-entropy of the windows for choosing rates.
  public var choosingLoss: Double
  /// KL(teacher ‖ student) on the reported windows, in nats per token.
  public var divergence: Double
  /// The part of the tokens at which both rank the same token first.
  public var agreement: Double
  /// Mean over replaced layers of the Frobenius distance of the matrices, on reported and on choosing windows; after
  /// stage 1 or 2 as the last.
  public var matrixDistance: Pair?
  /// Mean over replaced layers of the L2 distance of the mixers' outputs; as above.
  public var hiddenDistance: Pair?
  /// Answers that were recalled on the reported documents, by distance from the last mention, if the text is a
  /// language with recall.
  public var recall: [Recalled]?
  /// The same by distance from the statement.
  public var recallSinceFact: [Recalled]?
  /// Seconds of training and measuring, with another arm at the same time.
  public var seconds: Double

  /// The answers that are so many tokens away from what they need.
  public struct Recalled: Codable, Equatable, Sendable {
    public var distances: ClosedRange<Int>
    public var hits: Int
    public var count: Int
    public var accuracy: Double { Double(hits) / Double(count) }
  }

  public struct Pair: Codable, Equatable, Sendable {
    public var reported: Double
    public var choosing: Double
  }

  /// Mean cross-entropy on the reported windows.
  public var loss: Double { losses.reduce(0, +) / Double(losses.count) }
}

// ## Equal budgets
//
// Two arms can be compared when their students saw the same number of tokens.

/// Arms that were to be compared have different numbers of steps.
public struct UnequalBudgets: Error, Equatable, CustomStringConvertible, LocalizedError {
  /// The steps of the arms, in their order.
  public let steps: [Int]

  public init(steps: [Int]) { self.steps = steps }

  public var description: String {
    "arms of \(steps.map(String.init).joined(separator: " and ")) steps are no fair comparison;"
      + " give each the same number of steps in all"
  }
  public var errorDescription: String? { description }
}

/// Throws if the arms' steps differ.
public func requireEqualBudgets(_ arms: [StudyArm]) throws {
  let steps = arms.map(\.steps)
  if Set(steps).count > 1 { throw UnequalBudgets(steps: steps) }
}
