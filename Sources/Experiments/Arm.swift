// # An arm
//
// An experiment compares ways to make a student. Each of them, an arm, is a value: what the student is made of, what
// it starts from, and the stages that it goes through with their steps and rates. The value says everything, so that
// one function can run any arm, and its result can be kept under the arm's own description and found again.
//
// Read before: `StagePlan.swift`. Read next: `Way.swift`.

import Foundation
import Layers
import Models

/// A way to make a student.
public struct Arm: Encodable, Hashable, Sendable {
  /// What stands where the teacher has attention.
  public enum Student: Encodable, Hashable, Sendable {
    /// State space mixers in each block.
    case phiMamba
    /// State space mixers, except in these blocks, which keep the teacher's attention.
    case hybrid(attention: [Int])
    /// New attention in each block: the control, with the teacher's own family of matrices.
    case attention
    /// The mixers of this list, one for each block; nil where the teacher's attention stays.
    case mixers([MixerChoice?])
  }

  /// Which layers have new mixers, and of which kind.
  public var student: Student
  /// The stages, in order; those of no steps are left out.
  public var stages: [StagePlan]
  /// Whether embedding, norms, MLPs and head of the teacher are copied, before the first stage that needs them.
  public var transfersWeights = true
  /// Whether stage 3 trains the replaced mixers alone.
  public var trainsMixersOnly = false
  /// Whether the convolution begins as the identity; otherwise with random taps.
  public var beginsWithIdentity = true
  /// Whether the gate begins open; otherwise with random rows and no bias.
  public var beginsWithOpenGate = true
  /// Which of C, B, x and W_o begin as the teacher's queries, keys, values and output projection; nil for none, which is
  /// the paper's way.
  public var copiedProjections: MixerProjections.Part?
  /// Whether all heads of a state space mixer share one B and one C.
  public var isMultiValue = false

  /// An arm with the properties' defaults; plans of no steps are dropped.
  public init(_ student: Student, _ stages: [StagePlan]) {
    self.student = student
    self.stages = stages.filter { $0.steps > 0 }
  }

  /// The same arm with some properties changed.
  public func with(_ change: (inout Arm) -> Void) -> Arm {
    var copy = self
    change(&copy)
    return copy
  }

  /// The steps of all stages.
  public var steps: Int { stages.reduce(0) { $0 + $1.steps } }

  /// The steps of all stages but the last.
  public var stepsBeforeTheLast: Int { stages.dropLast().reduce(0) { $0 + $1.steps } }

  /// The same arm with another rate in its last stage.
  public func with(lastRate rate: Double) -> Arm { with { $0.stages[$0.stages.count - 1].rate = rate } }

  /// The student's configuration; stops the program if a list of mixers is not as long as the teacher is deep.
  ///
  /// - Parameters:
  ///   - teacher: gives all sizes but those of the mixers
  ///   - mixer: what takes the place of attention
  func configuration(of teacher: ModelConfiguration, mixer: DiscreteMamba2Sizes) -> ModelConfiguration {
    var mixer = mixer
    if isMultiValue { mixer.G = 1 }
    return switch student {
    case .phiMamba: teacher.student(mixer)
    case .hybrid(let kept): teacher.student(mixer, keeping: Set(kept))
    case .attention: teacher
    case .mixers(let choices): teacher.student(choices.map { $0?.sizes })
    }
  }

  /// The layers, of L, whose mixers are the student's own; in the control all of them.
  func replacedLayers(of L: Int) -> [Int] {
    switch student {
    case .phiMamba, .attention: Array(0..<L)
    case .hybrid(let kept): (0..<L).filter { !kept.contains($0) }
    case .mixers(let choices): (0..<L).filter { choices[$0] != nil }
    }
  }

  /// Whether the teacher's weights are to be copied before a stage: it is the first that needs them.
  func transfersWeights(before stage: Int) -> Bool {
    transfersWeights && stages[stage].kind.isEndToEnd && !stages[..<stage].contains { $0.kind.isEndToEnd }
  }
}

extension Arm {
  /// Whether the weights that the teacher hands on are still unchanged after the first `count` stages.
  func keepsTransferredWeights(after count: Int) -> Bool {
    transfersWeights && (trainsMixersOnly || !stages.prefix(count).contains { $0.kind.isEndToEnd })
  }
}

// ## Equal budgets
//
// Two arms can be compared when their students saw the same number of tokens.

/// Arms to be compared have different numbers of steps.
public struct UnequalBudgets: Error, Equatable, CustomStringConvertible, LocalizedError {
  /// The steps of the arms, in their order.
  public let steps: [Int]

  /// An error about arms with these steps.
  public init(steps: [Int]) { self.steps = steps }

  /// What is unequal, and what to do.
  public var description: String {
    "arms of \(steps.map(String.init).joined(separator: " and ")) steps are not a fair comparison;"
      + " give each the same number of steps in total"
  }
  /// The same as `description`.
  public var errorDescription: String? { description }
}

/// Throws if the arms' steps differ.
public func requireEqualBudgets(_ arms: [Arm]) throws {
  let steps = arms.map(\.steps)
  if Set(steps).count > 1 { throw UnequalBudgets(steps: steps) }
}
