// # What the chapter draws
//
// Read before: main.swift.

import Book
import Distillation
import Experiments
import Foundation
import Notebook
import Plots
import Statistics

/// The value of every pair of heads of one teacher each, single heads on the diagonal.
func pairMaps(_ outcomes: [Outcome]) -> Figure {
  Figure(
    "The value of each pair of heads after stage 3; single heads on the diagonal",
    panels: outcomes.map { outcome in
      let measure: Measure = outcome.contest.name == "recall" ? .written : .likelihood
      let indices = outcome.contest.heads.indices
      func value(_ a: Int, _ b: Int) -> Double {
        let value = outcome.value(a == b ? [a] : [min(a, b), max(a, b)], measure, .distilled)
        return measure == .likelihood ? value - outcome.value([], measure, .distilled) : 100 * value
      }
      let labels = outcome.contest.heads.map(\.description)
      return HeatMap(
        "\(outcome.contest.name), seed \(outcome.contest.store.seed)",
        values: indices.map { a in indices.map { value(a, $0) } }, x: Axis("head", labels: labels),
        y: Axis("head", labels: labels),
        colourLabel: measure == .likelihood ? "gain over no head / nats" : "answers right / %")
    })
}

/// The value of each head that stays alone, the best first.
func singleHeads(_ outcomes: [Outcome]) -> Figure {
  Figure(
    "A single head that stays, after stage 3",
    panels: outcomes.map { outcome in
      let measure: Measure = outcome.contest.name == "recall" ? .written : .likelihood
      let order = outcome.contest.heads.indices.sorted {
        outcome.value([$0], measure, .distilled) > outcome.value([$1], measure, .distilled)
      }
      func shown(_ value: Double) -> Double { measure == .likelihood ? -value : 100 * value }
      return DotPlot(
        "\(outcome.contest.name), seed \(outcome.contest.store.seed)",
        value: measure == .likelihood ? Axis("held-out loss", unit: "nats") : Axis("answers right", unit: "%"),
        rows: order.map {
          DotPlot.Row(
            name: outcome.contest.heads[$0].description, value: shown(outcome.value([$0], measure, .distilled)),
            error: nil)
        }, references: [Reference("no head", y: shown(outcome.value([], measure, .distilled)))])
    })
}

/// The regret of each selector at two heads, in each language.
func regrets(_ outcomes: [[Outcome]]) -> Figure {
  Figure(
    "What it costs to follow a selector, two heads, after stage 3",
    panels: outcomes.map { outcomes in
      let measure: Measure = outcomes[0].contest.name == "recall" ? .written : .likelihood
      let factor = measure == .written ? 100.0 : 1
      return DotPlot(
        "\(outcomes[0].contest.name); \(barsOverSeeds(outcomes.count))",
        value: Axis("regret, by \(measure.rawValue)", unit: measure.unit),
        rows: Selector.allCases.map { selector in
          let estimate = Estimate(outcomes.map { factor * $0.regret(selector, 2, measure, .distilled) })
          return DotPlot.Row(name: selector.rawValue, value: estimate.mean, error: estimate.standardError)
        })
    })
}

/// Loss against what is written, a point for each pair, a series for each seed.
func scatter(_ outcomes: [[Outcome]]) -> Figure {
  Figure(
    "Two measures of the same students, after stage 3",
    panels: outcomes.map { outcomes in
      LineChart(
        "\(outcomes[0].contest.name): each pair of heads", x: Axis("held-out loss", unit: "nats"),
        y: Axis("written as it should be", unit: "%"),
        series: outcomes.map { outcome in
          let scores = outcome.sets(2).map { outcome.score($0, .distilled) }
          return Series(
            "seed \(outcome.contest.store.seed)", x: scores.map(\.loss), y: scores.map { 100 * $0.written },
            style: .points)
        }, legend: .outside)
    })
}
