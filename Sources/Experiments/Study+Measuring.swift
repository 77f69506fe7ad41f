// # What we measure of a student
//
// On the held-out windows of the experiment we measure the cross-entropy, divergence and agreement of every student,
// and on a second text too if there is one. If the last stage compares layers, we also measure the distances of
// matrices and outputs; if the text is a language in which recall can be counted, what the student recalls.
//
// Read before: `Study.swift`, `Distillation/Evaluation.swift`, `Corpora/Grammar/RecallTally.swift`.

import Corpora
import Distillation
import Models
import Statistics
import Tensors

extension Study {
  /// Measures the student of an arm.
  ///
  /// - Parameter start: when its training began
  func measure(
    _ student: FrozenModel, of arm: Arm, _ teacher: FrozenModel, since start: ContinuousClock.Instant
  ) -> StudyResult {
    let heldOut = store.heldOut
    let evaluation = evaluate(student, against: teacher, on: heldOut.reported)
    var result = StudyResult(
      losses: evaluation.losses, choosingLoss: crossEntropy(of: student, on: heldOut.choosing).mean,
      divergence: evaluation.divergence.mean, agreement: evaluation.agreement.mean, seconds: 0)
    if arm.stages.last.map({ !$0.kind.isEndToEnd }) == true {
      // Distances vary little from window to window: a third of the windows is enough.
      func distances(_ batches: [Batch]) -> [LayerDistance] {
        let replaced = Set(arm.replacedLayers(of: student.configuration.L))
        return layerDistances(of: student, from: teacher, on: Array(batches.prefix(max(1, batches.count / 3))))
          .filter { replaced.contains($0.layer) }
      }
      let (reported, choosing) = (distances(heldOut.reported), distances(heldOut.choosing))
      func pair(_ of: (LayerDistance) -> Double) -> StudyResult.Pair {
        StudyResult.Pair(reported: Estimate(reported.map(of)).mean, choosing: Estimate(choosing.map(of)).mean)
      }
      (result.matrixDistance, result.hiddenDistance) = (pair(\.matrix), pair(\.hidden))
    }
    if let documents = store.heldOutDocuments?.reported {
      (result.recall, result.recallSinceFact) = recall(of: student, on: documents)
    }
    if let second = store.second {
      let evaluation = evaluate(student, against: teacher, on: second.heldOut)
      result.second = StudyResult.Second(
        losses: evaluation.losses, divergence: evaluation.divergence.mean, agreement: evaluation.agreement.mean)
    }
    result.seconds = start.duration(to: .now) / .seconds(1)
    return result
  }

  /// What a seed's teacher recalls on the reported documents.
  public func teachersRecall(seed: UInt64) -> [StudyResult.Recalled]? {
    store.heldOutDocuments.map { recall(of: teachers[seed]!, on: $0.reported).sinceMention }
  }

  /// The greatest distance of each class of distances, in tokens.
  static let recallBounds = [4, 8, 16, 32, 64, 128]

  private func recall(
    of model: FrozenModel, on documents: [RecallBatch]
  ) -> (sinceMention: [StudyResult.Recalled], sinceFact: [StudyResult.Recalled]) {
    var mention = RecallTally(upTo: Self.recallBounds, from: .mention)
    var fact = RecallTally(upTo: Self.recallBounds, from: .fact)
    for batch in documents {
      let logits = model(batch.batch.inputs)
      mention.add(logits, batch)
      fact.add(logits, batch)
    }
    func classes(_ tally: RecallTally) -> [StudyResult.Recalled] {
      tally.bins.map { StudyResult.Recalled(distances: $0.distances, hits: $0.hits, count: $0.count) }
    }
    return (classes(mention), classes(fact))
  }
}
