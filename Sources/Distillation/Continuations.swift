// # Do they write the same?
//
// Likelihood, KL and agreement ask about one token at a time, each after the actual text. Written text is a harder
// test: the first token that differs changes everything after it. So we let teacher and student continue the same
// prompts, each always with the token that it ranks first, and count how many tokens the student writes as the teacher
// would before the first that differs. For a length n, the exact match is the fraction of prompts after which at least
// n tokens are the same.
//
// Where one token in ten is ranked differently, fewer than half of all continuations are the same for ten tokens, and
// hardly any for fifty. Two students can be close in likelihood and far apart in this.
//
// Read before: `Evaluation.swift`, `Models/Writing/Generation.swift`.

import Corpora
import Models
import Statistics

/// How far a student's greedy continuations are those of its teacher.
public struct ContinuationMatch: Codable, Equatable, Sendable {
  /// The tokens that were written after each prompt.
  public let count: Int
  /// For each prompt, how many tokens are the teacher's before the first that is not.
  public let agreeing: [Int]

  /// The fraction of the prompts after which the first n tokens are the teacher's, n at most `count`.
  public func exactMatch(_ n: Int) -> Estimate { Estimate(agreeing.map { $0 >= n ? 1 : 0 }) }

  /// 1, 2, 4, … up to `count`, and `count` itself: the lengths that are reported.
  public var lengths: [Int] {
    let powers = sequence(first: 1) { 2 * $0 }.prefix { $0 < count }
    return Array(powers) + (count > 0 ? [count] : [])
  }
}

/// The first tokens of each text of some batches: prompts that stand for the text.
///
/// - Parameter length: the tokens of each, at most T
public func prompts(from batches: some Sequence<Batch>, length: Int) -> [[Int]] {
  batches.flatMap { batch in (0..<batch.inputs.B).map { Array(batch.inputs.row($0).prefix(length)) } }
}

/// Lets student and teacher continue the same prompts, and compares what they write.
///
/// - Parameters:
///   - prompts: at least one, of at least one token each
///   - count: how many tokens are written after each
///   - group: how many prompts are continued side by side
///
/// Throws `SamplingError` if what a model computes is not finite.
public func continuationMatch(
  of student: FrozenModel, with teacher: FrozenModel, after prompts: [[Int]], count: Int, sideBySide group: Int = 16
) throws -> ContinuationMatch {
  let theirs = try continuations(of: teacher, after: prompts, count: count, sideBySide: group)
  return try continuationMatch(of: student, against: theirs, after: prompts, count: count, sideBySide: group)
}

/// Compares what a student writes with continuations that its teacher has written before: for many students of one
/// teacher.
///
/// - Parameter theirs: what `continuations` gives for the teacher, the prompts and the count
public func continuationMatch(
  of student: FrozenModel, against theirs: [[Int]], after prompts: [[Int]], count: Int, sideBySide group: Int = 16
) throws -> ContinuationMatch {
  let mine = try continuations(of: student, after: prompts, count: count, sideBySide: group)
  return ContinuationMatch(count: count, agreeing: zip(mine, theirs).map { zip($0, $1).prefix { $0 == $1 }.count })
}

/// What a model writes after each prompt if it always takes the token that it ranks first.
///
/// Throws `SamplingError` if what the model computes is not finite.
public func continuations(
  of model: FrozenModel, after prompts: [[Int]], count: Int, sideBySide group: Int = 16
) throws -> [[Int]] {
  try stride(from: 0, to: prompts.count, by: group).flatMap { first in
    try model.generate(Array(prompts[first..<min(first + group, prompts.count)]), count: count, .greedy)
  }
}
