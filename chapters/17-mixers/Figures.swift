// # The figures of this chapter
//
// Read before: main.swift, up to the table.

import Book
import Corpora
import Distillation
import Experiments
import Plots
import Statistics

/// The held-out loss of each kind, by what it can be compared with.
func lossesByKind() -> Figure {
  Figure(
    "Held-out loss by kind of student",
    panels: [
      DotPlot(
        barsOverSeeds(study.seeds.count), value: Axis("held-out cross-entropy", unit: store.unit),
        rows: kinds.indices.map { index in
          let estimate = Estimate(losses(index))
          return DotPlot.Row(
            name: kinds[index].name, value: estimate.mean, error: estimate.standardError,
            group: index < equal ? "equal memory" : "apart")
        }, references: [Reference("teacher", y: Estimate(teachers).mean)])
    ])
}

/// Matrices after stage 1 and outputs after stage 2 against the loss at the end, a point for each kind.
func fitAgainstLoss() -> Figure {
  func panel(_ title: String, _ x: String, legend: Bool, _ distance: (Int) -> Double) -> LineChart {
    LineChart(
      title, x: Axis(x), y: Axis("held-out cross-entropy", unit: store.unit),
      series: kinds.indices.map { index in
        Series(kinds[index].name, x: [distance(index)], y: [Estimate(losses(index)).mean], style: .points)
      }, legend: legend ? .outside : .none)
  }
  return Figure(
    "Fit against quality",
    panels: [
      panel("matrices", "distance from the teacher's after stage 1", legend: false) { index in
        Estimate(afterOne[index].map { $0.matrixDistance!.reported }).mean
      },
      panel("outputs", "distance from the teacher's after stage 2", legend: true) { Estimate(hidden($0)).mean },
    ])
}

/// Loss by the length of the text before a token, a line for each kind and the teacher.
func lossByLength() -> Figure {
  Figure(
    "Loss beyond the length of training",
    panels: [
      LineChart(
        "windows of \(stretches.last!.upperBound * recipe.T) tokens, read by models of \(recipe.T)",
        x: Axis("tokens read before, at most", unit: "tokens", logarithmic: true),
        y: Axis("held-out cross-entropy", unit: store.unit),
        series: zip(kinds.map(\.name) + ["teacher"], byLength).map { name, seeds in
          Series(
            name, x: stretches.map { Double($0.upperBound * recipe.T) },
            y: stretches.indices.map { stretch in Estimate(seeds.map { $0[stretch] }).mean }, style: .linePoints)
        }, legend: .outside)
    ])
}
