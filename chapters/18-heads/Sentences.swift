// # What the chapter says about its results
//
// The stores, cells and sentences of main.swift, with the numbers of the run.

import Book
import Corpora
import Distillation
import Experiments
import Foundation
import Models
import Notebook
import Statistics
import Tensors

// ## The stores

/// The stores of the two languages, with the recipes and the teachers of this chapter.
func openStores() throws -> [(name: String, store: ModelStore)] {
  func recipe(recalling: Bool) -> Recipe { .heads(recalling: recalling, isQuick: chapter.isQuick) }
  let text = chapter.modelStore(
    try Experiment(
      ExperimentSettings(
        isQuick: chapter.isQuick, seed: chapter.seed, corpus: chapter.corpus, bytePairs: chapter.bytePairs,
        recipe: recipe(recalling: false))))
  let recall = try text.speaking(grammar, from: grammarFile, recipe: recipe(recalling: true))
  return [
    ("text", text.keepingTeachers(in: chapter.name, as: "text-teacher")),
    ("recall", recall.keepingTeachers(in: chapter.name, as: "recall-teacher")),
  ]
}

/// Writes the truth with all digits, one row for each student, and the selectors' scores, one for each head.
func record(_ outcomes: [[Outcome]]) {
  let students = chapter.metrics(
    "students", columns: ["text", "seed", "kept", "after", "loss", "kl", "ranked", "written"])
  let scores = chapter.metrics("scores", columns: ["text", "seed", "head"] + Selector.allCases.map(\.rawValue))
  for outcome in outcomes.flatMap({ $0 }) {
    let (contest, seed) = (outcome.contest, "\(outcome.contest.store.seed)")
    for subset in contest.subsets {
      for (moment, score) in zip(Moment.allCases, outcome.truth[subset]!) {
        students.add(row: [
          contest.name, seed, subset.map(\.description).joined(separator: " "), moment.name, "\(score.loss)",
          "\(score.divergence)", "\(score.ranked)", "\(score.written)",
        ])
      }
    }
    for (index, head) in contest.heads.enumerated() {
      scores.add(
        row: [contest.name, seed, "\(head)"] + Selector.allCases.map { "\(outcome.selectors[$0][index])" })
    }
  }
}

// ## Cells

/// Best, mean and worst of all sets of so many heads, by either measure, as means over seeds.
func ranges(of outcomes: [Outcome], _ count: Int) -> [String] {
  Measure.allCases.flatMap { measure -> [String] in
    func mean(_ of: ([Double]) -> Double) -> String {
      let values = outcomes.map { outcome -> Double in
        of(count == 0 ? [outcome.value([], measure, .distilled)] : outcome.values(count, measure, .distilled))
      }
      let value = Estimate(values).mean
      return measure == .likelihood ? number(-value, decimals: 3) : number(100 * value, decimals: 1)
    }
    return [mean { $0.max()! }, mean { Estimate($0).mean }, mean { $0.min()! }]
  }
}

private func names(_ set: [Int], _ outcome: Outcome) -> String {
  set.map { outcome.contest.heads[$0].description }.joined(separator: " ")
}

/// The heads that a selector chooses.
func chosen(_ selector: Selector, _ count: Int, _ outcome: Outcome) -> String {
  let choices = outcome.selectors.choices(of: selector, count: count)
  return choices.count > outcome.contest.recipe.H
    ? "any" : choices.map { names($0, outcome) }.joined(separator: " or ")
}

/// The best heads by a measure.
func best(_ count: Int, _ measure: Measure, _ outcome: Outcome) -> String {
  names(outcome.best(count, measure, .distilled).set, outcome)
}

/// Correlations of several seeds, or a dash where there is no order to compare.
func correlationText(_ values: [Double]) -> String {
  values.contains(where: \.isNaN) ? "–" : spread(values, decimals: 2)
}

/// Correlations and regrets of a selector.
func standing(_ selector: Selector, _ measure: Measure, _ outcomes: [Outcome]) -> [String] {
  [selector.rawValue]
    + [1, 2].map { count in correlationText(outcomes.map { $0.correlation(selector, count, measure, .distilled) }) }
    + [1, 2].map { count in
      measure.text(Estimate(outcomes.map { $0.regret(selector, count, measure, .distilled) }).mean)
    }
}

/// The same for the truth before stage 3.
func standingOfStageTwo(_ measure: Measure, _ outcomes: [Outcome]) -> [String] {
  ["the truth after stage 2"]
    + [1, 2].map { count in
      correlationText(
        outcomes.map {
          rankCorrelation($0.values(count, measure, .assembled), $0.values(count, measure, .distilled))
        })
    }
    + [1, 2].map { count in
      measure.text(
        Estimate(
          outcomes.map {
            $0.best(count, measure, .distilled).value
              - $0.value($0.best(count, measure, .assembled).set, measure, .distilled)
          }
        ).mean)
    }
}

/// The rank correlation of the two measures over all sets of so many heads.
func agreement(of outcome: Outcome, _ count: Int) -> Double {
  rankCorrelation(
    outcome.values(count, .likelihood, .distilled), outcome.values(count, .written, .distilled))
}

/// Best pair, best layer, mean pair, mean layer.
func headsAndLayers(_ outcomes: [Outcome], _ measure: Measure) -> [String] {
  func cell(_ of: (Outcome) -> Double) -> String {
    let value = Estimate(outcomes.map(of)).mean
    return measure == .likelihood ? number(-value, decimals: 3) : number(100 * value, decimals: 1)
  }
  func layers(_ outcome: Outcome) -> [Double] { outcome.layers.map { outcome.value($0, measure, .distilled) } }
  return [
    cell { $0.best(2, measure, .distilled).value }, cell { layers($0).max()! },
    cell { Estimate($0.values(2, measure, .distilled)).mean }, cell { Estimate(layers($0)).mean },
  ]
}

/// The correlations of KL saved with the truth, on the text and on shuffled text.
func shuffledRow(_ measure: Measure, _ outcomes: [Outcome], _ shuffled: [[Double]]) -> [String] {
  let whole = outcomes.map { $0.correlation(.restored, 1, measure, .distilled) }
  let wrong = zip(outcomes, shuffled).map { $0.correlation($1, 1, measure, .distilled) }
  let name = "\(outcomes[0].contest.name), \(measure.rawValue)"
  return [name, correlationText(whole), correlationText(wrong)]
}

extension Contest {
  /// KL saved by each head that stays alone, on windows whose tokens are shuffled.
  nonisolated func savedOnShuffledText(in chapter: String) throws -> [Double] {
    struct Key: Encodable { var arm: Arm, text = "shuffled" }
    let quiet = ModelStore(store.experiment, in: store.out)
    return try quiet.result("\(name)-shuffled", in: chapter, of: Key(arm: arm(keeping: []))) {
      var random = SeededGenerator(seed: 18)
      let batches = store.heldOut.choosing.map { batch in
        let rows = (0..<batch.inputs.B).map { row in
          (batch.inputs.row(row) + [batch.targets.row(row).last!]).shuffled(using: &random)
        }
        return Batch(
          inputs: Tokens(rows.flatMap { $0.dropLast() }, B: batch.inputs.B, T: batch.inputs.T),
          targets: Tokens(rows.flatMap { $0.dropFirst() }, B: batch.inputs.B, T: batch.inputs.T))
      }
      nonisolated(unsafe) let contest = self
      let divergences = onCores([[]] + heads.map { [$0] }) {
        contest.divergence(of: contest.student(keeping: $0).frozen, on: batches)
      }
      return divergences.dropFirst().map { divergences[0] - $0 }
    }
  }
}

// ## Sentences

/// The two pairs with nearly the same loss that write most differently.
func farthestApart(_ outcomes: [Outcome]) -> String {
  let outcome = outcomes[0]
  let (sets, near) = (outcome.sets(2), 0.01)
  var farthest = (a: sets[0], b: sets[0], gap: 0.0)
  for a in sets {
    for b in sets {
      let (one, other) = (outcome.score(a, .distilled), outcome.score(b, .distilled))
      if abs(one.loss - other.loss) < near, one.written - other.written > farthest.gap {
        farthest = (a, b, one.written - other.written)
      }
    }
  }
  let (one, other) = (outcome.score(farthest.a, .distilled), outcome.score(farthest.b, .distilled))
  return """
    \(outcome.contest.name): of the pairs whose losses differ by less than \(number(near, digits: 1)) nats, those of the
    heads \(names(farthest.a, outcome)) and \(names(farthest.b, outcome)) are farthest apart in what they write:
    losses of \(number(one.loss, decimals: 3)) and \(number(other.loss, decimals: 3)), and
    \(number(100 * one.written, decimals: 1)) and \(number(100 * other.written, decimals: 1)) % written as it should be.
    """
}

private func primary(_ name: String) -> Measure { name == "recall" ? .written : .likelihood }

private func mean(_ outcomes: [Outcome], _ of: (Outcome) -> Double) -> Double { Estimate(outcomes.map(of)).mean }

/// What choosing well is worth at all.
func worthOfChoosing(_ name: String, _ outcomes: [Outcome]) -> String {
  let measure = primary(name)
  func gain(_ count: Int, _ value: (Outcome) -> Double) -> String {
    measure.text(mean(outcomes) { value($0) - $0.value([], measure, .distilled) })
  }
  func average(_ count: Int) -> (Outcome) -> Double { { Estimate($0.values(count, measure, .distilled)).mean } }
  return """
    \(name): over keeping none, a single head gains \(gain(1, average(1))) \(measure.unit) on average and
    \(gain(1) { $0.best(1, measure, .distilled).value }) at best; two heads \(gain(2, average(2))) and
    \(gain(2) { $0.best(2, measure, .distilled).value }).
    """
}

/// The selectors in the order of their regret.
func winners(_ name: String, _ outcomes: [Outcome]) -> String {
  let measure = primary(name)
  let regrets = Selector.allCases.map { selector in
    (name: selector.rawValue, regret: mean(outcomes) { $0.regret(selector, 2, measure, .distilled) })
  }.sorted { $0.regret < $1.regret }
  return """
    \(name), by \(measure.rawValue): the regret at two heads, in \(measure.unit), from the least to the greatest:
    \(list(regrets.map { "\($0.name) \(measure.text($0.regret))" })).
    """
}

/// How much of the truth after stage 3 is known before it.
func worthOfKnowing() -> String {
  let texts = zip(stores.map(\.name), outcomes).map { name, outcomes in
    let measure = primary(name)
    let known = mean(outcomes) {
      rankCorrelation($0.values(2, measure, .assembled), $0.values(2, measure, .distilled))
    }
    return "\(number(known, decimals: 2)) (\(name))"
  }
  return """
    The order of the pairs after stage 2 and that after stage 3 have a rank correlation of \(list(texts)): stage 3
    changes the order of the rest.
    """
}

/// How many claims are decided, and how.
func verdicts(_ claims: [(claim: String, gain: PairedDifference)]) -> String {
  func count(_ conclusion: PairedDifference.Conclusion) -> Int { claims.count { $0.gain.conclusion == conclusion } }
  return """
    That a selector beats blind choice was asked \(claims.count) times. With \(seeds.count) seeds the verdicts are: holds
    \(count(.holds)), does not hold \(count(.fails)), undecided \(count(.undecided)). The mean gain is above 0 in
    \(claims.count { $0.gain.mean > 0 }) of them.
    """
}

/// What single heads are worth beyond whole layers.
func worthOfFreedom() -> String {
  let texts = zip(stores.map(\.name), outcomes).map { name, outcomes in
    let measure = primary(name)
    let beyond = measure.text(mean(outcomes) { $0.beyondLayers(measure, .distilled) })
    let inLayers = outcomes.count { $0.beyondLayers(measure, .distilled) == 0 }
    let place = name == "recall" ? "in the language" : "in the text"
    return (
      gain: "\(beyond) \(measure.unit) \(place)", layers: "for \(inLayers) of \(outcomes.count) teachers \(place)"
    )
  }
  return """
    At equal memory the best pair of heads is better than the best whole layer by \(list(texts.map(\.gain))). A layer is
    as good as any pair \(list(texts.map(\.layers))).
    """
}
