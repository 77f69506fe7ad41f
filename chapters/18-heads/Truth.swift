// # The truth
//
// Every student of a contest is measured twice: as it is assembled, after stage 2, and after a short stage 3. A result
// is kept as soon as it is there, one file for each student, so that an interrupted run goes on where it stopped.

import Corpora
import Distillation
import Experiments
import Foundation
import Layers
import Models
import Notebook
import Statistics
import Synchronization
import Tensors
import Training

/// How good a student is.
nonisolated struct Score: Codable, Sendable {
  /// Cross-entropy on held-out windows, in nats per token.
  var loss: Double
  /// KL(teacher ‖ student) on the same windows.
  var divergence: Double
  /// After the true text: the fraction of the answers that are ranked first, or in a text the fraction of tokens for
  /// which the teacher's first is also the student's.
  var ranked: Double
  /// After its own text: the fraction of the answers that are right, or in a text the part of a continuation that is
  /// written as the teacher writes it.
  var written: Double
}

/// What decides which of two students is better.
nonisolated enum Measure: String, CaseIterable, Sendable {
  /// The smaller loss.
  case likelihood = "likelihood"
  /// More of what was asked for, written token by token.
  case written = "what is written"

  /// The value of a score: more is better.
  func value(_ score: Score) -> Double { self == .likelihood ? -score.loss : score.written }

  /// The unit of a difference, in words.
  var unit: String { self == .likelihood ? "nats" : "points" }

  /// A difference of two values as text: nats with three decimals, or hundredths of the whole with one.
  @MainActor func text(_ difference: Double) -> String {
    self == .likelihood ? number(difference, decimals: 3) : number(100 * difference, decimals: 1)
  }
}

/// When a student is measured.
nonisolated enum Moment: Int, CaseIterable, Sendable {
  /// After stage 2, as it is assembled.
  case assembled
  /// After a short stage 3.
  case distilled

  /// "stage 2" or "stage 3".
  var name: String { self == .assembled ? "stage 2" : "stage 3" }
}

// ## What is written
//
// Likelihood is asked for after the true text. A user lets a model write. In the language with recall a student reads
// documents and answers their questions, and its own answers stay in the text (`Distillation/OwnAnswers.swift`). In a
// text it continues prompts, always with the token that it ranks first, and we count how far it writes what the
// teacher writes (`Distillation/Continuations.swift`).

nonisolated struct Exam {
  private let documents: [RecallBatch]
  private let beginnings: [[Int]]
  private let theirs: [[Int]]
  /// The tokens of a continuation.
  let count: Int

  init(of store: ModelStore, _ teacher: FrozenModel) throws {
    documents = store.heldOutDocuments?.reported ?? []
    let T = store.recipe.T
    count = T / 4
    beginnings = documents.isEmpty ? prompts(from: store.heldOut.reported, length: T / 4) : []
    theirs = try continuations(of: teacher, after: beginnings, count: count, sideBySide: 64)
  }

  /// What a student ranks first and what it writes, both 0 … 1.
  func take(_ student: FrozenModel, agreement: Double) throws -> (ranked: Double, written: Double) {
    if documents.isEmpty {
      let match = try continuationMatch(of: student, against: theirs, after: beginnings, count: count, sideBySide: 64)
      return (agreement, Estimate(match.agreeing.map { Double($0) }).mean / Double(count))
    }
    var tally = RecallTally(upTo: [documents[0].batch.inputs.T])
    for batch in documents { tally.add(student(batch.batch.inputs), batch) }
    return (tally.total.accuracy, ownAnswers(of: student, on: documents).fraction)
  }
}

extension Contest {
  /// Measures a student on the windows that are reported.
  nonisolated func score(of student: FrozenModel) throws -> Score {
    let evaluation = evaluate(student, against: teacher, on: store.heldOut.reported)
    let (ranked, written) = try exam.take(student, agreement: evaluation.agreement.mean)
    return Score(
      loss: evaluation.crossEntropy.mean, divergence: evaluation.divergence.mean, ranked: ranked, written: written)
  }

  /// The student that keeps these heads, assembled and taken through stage 3.
  nonisolated func distilled(keeping subset: [HeadPlace]) throws -> LanguageModel {
    let student = student(keeping: subset)
    let plan = arm(keeping: subset).stages.last!
    _ = try train(
      KnowledgeDistillation(from: teacher, to: student), as: "stage 3",
      // The same batches for every student of this teacher.
      TrainingSettings(
        steps: plan.steps, learningRate: plan.rate, tokensPerUpdate: recipe.tokensPerUpdate,
        seed: 0x18 &+ store.seed),
      on: { draw(using: &$0) })
    return student
  }

  /// The scores of students that keep these heads, at each moment: read from the folder of the chapter, or made on all
  /// cores.
  nonisolated func scores(keeping subsets: [[HeadPlace]], in chapter: String) throws -> [[HeadPlace]: [Score]] {
    struct Key: Encodable { var arm: Arm, measured = "loss, KL, ranked, written" }
    // A store of the same folder that does not name each of its files.
    nonisolated(unsafe) let (contest, quiet) = (self, ModelStore(store.experiment, in: store.out))
    let done = Lock<(count: Int, error: (any Error)?)>((0, nil))
    let bar = ProgressBar("\(name), seed \(store.seed), students", total: subsets.count, unit: "student")
    let scores = onCores(subsets) { subset -> [Score] in
      if done.withLock({ $0.error != nil }) { return [] }
      do {
        let scores = try quiet.result(
          "\(contest.name)-truth", in: chapter, of: Key(arm: contest.arm(keeping: subset))
        ) {
          let assembled = try contest.score(of: contest.student(keeping: subset).frozen)
          return [assembled, try contest.score(of: contest.distilled(keeping: subset).frozen)]
        }
        done.withLock { $0.count += 1 }
        bar.update(done.withLock { $0.count })
        return scores
      } catch {
        done.withLock { $0.error = $0.error ?? error }
        return []
      }
    }
    bar.finish()
    if let error = done.withLock({ $0.error }) { throw error }
    return Dictionary(uniqueKeysWithValues: zip(subsets, scores))
  }
}
