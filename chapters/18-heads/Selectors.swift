// # The selectors
//
// A selector gives each head of a teacher a score: how much should it stay? It sees the teacher, the layers after
// stages 1 and 2, and windows for choosing. It does not see the truth, which is measured on other windows.

import Corpora
import Distillation
import Experiments
import Foundation
import Layers
import Models
import Statistics
import Tensors

/// A way to choose the heads that stay.
nonisolated enum Selector: String, CaseIterable, Sendable, Codable {
  case blind = "blind"
  case stageOne = "stage 1"
  case stageTwo = "stage 2"
  case ablation = "ablation on recall"
  case leaveOneOut = "leave one out"
  case restored = "KL saved"
  case layer = "KL saved, by layer"
  case sink = "sink"

  /// What the score of a head is.
  var score: String {
    switch self {
    case .blind: "the same for all"
    case .stageOne: "how far its matrix is from the teacher's after stage 1"
    case .stageTwo: "how much nearer its layer's output is to the teacher's, after stage 2, if it stays"
    case .ablation: "how many nats of recall the teacher loses if it is silent"
    case .leaveOneOut: "KL if it alone is replaced"
    case .restored: "KL saved if it alone stays; the second head after the first has been restored"
    case .layer: "KL saved if its whole layer stays"
    case .sink: "how little of its attention goes to the first token"
    }
  }

  /// Where it was proposed, or the nearest to it that was.
  var source: String {
    switch self {
    case .ablation: "after arXiv 2602.11374"
    case .restored, .layer: "after arXiv 2512.20569, for layers"
    case .sink: "after arXiv 2309.17453"
    default: "–"
    }
  }
}

/// The scores of all selectors for the heads of one teacher.
nonisolated struct HeadScores: Codable, Sendable {
  /// For each selector the score of each head; more is better.
  var scores: [String: [Double]]
  /// The pair that results if heads are restored one after the other.
  var greedy: [Int]

  subscript(selector: Selector) -> [Double] { scores[selector.rawValue]! }

  /// The heads, of those with these numbers, among which a selector chooses `count`: one set, or several that it
  /// cannot tell apart.
  func choices(of selector: Selector, count: Int) -> [[Int]] {
    if selector == .restored && count == 2 { return [greedy] }
    let scores = self[selector]
    let sets = headSets(of: scores.count, count: count)
    let sums = sets.map { set in set.reduce(0) { $0 + scores[$1] } }
    return zip(sets, sums).filter { $0.1 == sums.max()! }.map(\.0)
  }
}

/// All sets of one or two of so many heads.
nonisolated func headSets(of heads: Int, count: Int) -> [[Int]] {
  if count == 1 { return (0..<heads).map { [$0] } }
  return (0..<heads).flatMap { a in ((a + 1)..<heads).map { [a, $0] } }
}

extension Contest {
  /// The scores of all selectors: read from the chapter's folder, or computed.
  nonisolated func selectorScores(in chapter: String) throws -> HeadScores {
    struct Key: Encodable { var arm: Arm, selectors: [String] }
    let quiet = ModelStore(store.experiment, in: store.out)
    let key = Key(arm: arm(keeping: []), selectors: Selector.allCases.map { "\($0.rawValue): \($0.score)" })
    return try quiet.result("\(name)-selectors", in: chapter, of: key) {
      let saved = saved(of: heads.map { [$0] })
      let first = saved.indices.max { saved[$0] < saved[$1] }!
      // The second head is the one that saves most beside the first.
      let others = heads.indices.filter { $0 != first }
      let pairs = divergences(keeping: others.map { [heads[first], heads[$0]].sorted() })
      let second = others[pairs.indices.min { pairs[$0] < pairs[$1] }!]
      let layers = self.saved(of: (0..<recipe.L).map { layer in heads.filter { $0.layer == layer } })
      let scores: [Selector: [Double]] = [
        .blind: heads.map { _ in 0 }, .stageOne: matrixDistances(), .stageTwo: outputGains(),
        .ablation: recallLost(), .leaveOneOut: replacedAlone(), .restored: saved,
        .layer: heads.map { layers[$0.layer] }, .sink: sinkShares().map { -$0 },
      ]
      return HeadScores(
        scores: Dictionary(uniqueKeysWithValues: scores.map { ($0.rawValue, $1) }), greedy: [first, second].sorted())
    }
  }
}

// ## By what the early stages leave
//
// Stage 1 brings matrices together, stage 2 outputs. What is left over says how much of a head its replacement cannot
// imitate. Outputs of heads are added up in the output projection, so there is no distance for a head alone: we compare
// the layer without attention and the layer in which the head stays.

extension Contest {
  /// For each head the mean Frobenius distance of its replacement's matrix after stage 1.
  nonisolated func matrixDistances() -> [Double] {
    let windows = store.heldOut.choosing
    let sums = windows.map { batch in
      zip(teacher.trace(batch.inputs), oriented[0].frozen.blocks).flatMap { trace, block -> [Double] in
        let distances = distance(block.mixer.matrix(trace.mixerInput), trace.matrix!, over: 2)
        return (0..<recipe.H).map { Double(mean(distances.sliced($0..<($0 + 1), along: 1)).scalar) }
      }
    }
    return heads.indices.map { head in Estimate(sums.map { $0[head] }).mean }
  }

  /// For each head how much nearer its layer's output is to the teacher's if it stays.
  nonisolated func outputGains() -> [Double] {
    let distances = aligned.map { layerDistances(of: $0.frozen, from: teacher, on: store.heldOut.choosing) }
    return heads.map { distances[0][$0.layer].hidden - distances[$0.head + 1][$0.layer].hidden }
  }
}

// ## By what is lost
//
// A head can be taken out of the teacher in two ways. Its output can be put to zero, which says what the teacher loses
// without it, on a task of recall: the answers of documents, or in a text the second reading of something that was just
// read. Or it can be replaced as it will be in a student, with all others still there.

extension Contest {
  /// For each head how many more nats an answer costs the teacher if the head is silent.
  nonisolated func recallLost() -> [Double] {
    let tasks = recallTasks()
    let whole = recallLoss(of: teacher, tasks)
    nonisolated(unsafe) let contest = self
    return onCores(heads) { contest.recallLoss(of: contest.teacher.silencing([$0]), tasks) - whole }
  }

  /// Windows, and for each row the places of the targets that have to be recalled.
  nonisolated private func recallTasks() -> [(batch: Batch, places: [[Int]])] {
    if let documents = store.heldOutDocuments?.choosing {
      return documents.map { ($0.batch, $0.recalls.map { $0.map { $0.position - 1 } }) }
    }
    return store.heldOut.choosing.map { batch in
      let (B, T, half) = (batch.inputs.B, batch.inputs.T, batch.inputs.T / 2)
      // The first half of the window, twice, and its first token once more as the last target.
      let twice = (0..<B).map { row in
        let start = Array(batch.inputs.row(row).prefix(half))
        return Array((start + start + start).prefix(T + 1))
      }
      return (
        Batch(
          inputs: Tokens(twice.flatMap { $0.dropLast() }, B: B, T: T),
          targets: Tokens(twice.flatMap { $0.dropFirst() }, B: B, T: T)),
        Array(repeating: Array(half..<T), count: B)
      )
    }
  }

  /// Mean cross-entropy of the targets that have to be recalled.
  nonisolated private func recallLoss(of model: FrozenModel, _ tasks: [(batch: Batch, places: [[Int]])]) -> Double {
    let losses = tasks.flatMap { batch, places -> [Double] in
      let losses = crossEntropy(model(batch.inputs), targets: batch.targets).losses.elements
      return places.enumerated().flatMap { row, places in places.map { Double(losses[row * batch.inputs.T + $0]) } }
    }
    return Estimate(losses).mean
  }

  /// For each head KL of the teacher in which it alone is replaced, its layer's other head being kept.
  nonisolated func replacedAlone() -> [Double] {
    divergences(keeping: heads.map { head in heads.filter { $0 != head } })
  }
}

// ## By what is saved
//
// The other way round: in the student without attention, how much of KL is saved if a head stays?

extension Contest {
  /// KL saved by keeping each of these sets of heads, over keeping none.
  nonisolated func saved(of sets: [[HeadPlace]]) -> [Double] {
    let divergences = divergences(keeping: [[]] + sets)
    return divergences.dropFirst().map { divergences[0] - $0 }
  }
}

// ## By what the head looks at
//
// Heads that find nothing to look at attend to the first token. In published models many heads do so; chapter 15 counts
// them in one.

extension Contest {
  /// For each head the mean weight of the first token, over all later ones.
  nonisolated func sinkShares() -> [Double] {
    let windows = store.heldOut.choosing
    let shares = windows.map { batch in
      teacher.trace(batch.inputs).flatMap { trace -> [Double] in
        let (matrix, T) = (trace.matrix!, batch.inputs.T)
        let column = matrix.sliced(1..<T, along: 2).sliced(0..<1, along: 3)
        return (0..<recipe.H).map { Double(mean(column.sliced($0..<($0 + 1), along: 1)).scalar) }
      }
    }
    return heads.indices.map { head in Estimate(shares.map { $0[head] }).mean }
  }
}
