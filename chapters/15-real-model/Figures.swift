// # What the chapter draws
//
// Axes, colours and legends of the figures of main.swift.

import Book
import Experiments
import Layers
import Notebook
import Plots
import Statistics
import Tensors
import Training

/// Some heads of a model on a sentence, with its words on the axes.
func attentionOnWords(
  _ heads: [(what: String, head: Head, matrix: Tensor)], _ words: [String], of model: String
) -> Figure {
  Figure(
    "Four heads of \(model) on one sentence",
    panels: heads.map { what, head, matrix in
      HeatMap(
        "layer \(head.layer), head \(head.number): \(what)", values: Book.rows(of: matrix),
        x: Axis("looks at", labels: words), y: Axis("token", labels: words), colourLabel: "weight", range: 0...1)
    }, columns: 2)
}

/// Layer by layer: the attention on the first token, and the size of its state.
func sinks(_ layers: [LayerAttention]) -> Figure {
  let x = layers.indices.map(Double.init)
  let axis = Axis("layer", ticks: x)
  return Figure(
    "The sink, and the state that makes it",
    panels: [
      LineChart(
        "attention on the first token", x: axis, y: Axis("fraction", range: 0...1),
        series: [
          Series("weight, second half of the rows", x: x, y: layers.map(\.sink), style: .linePoints),
          Series("column 0 of ‖A‖²", x: x, y: layers.map(\.firstColumn), style: .linePoints),
        ], legend: .outside),
      LineChart(
        "state that enters the layer", x: axis, y: Axis("L2 norm", logarithmic: true),
        series: [
          Series("first token", x: x, y: layers.map(\.firstState), style: .linePoints),
          Series("other tokens, mean", x: x, y: layers.map(\.otherStates), style: .linePoints),
        ], legend: .outside),
    ], columns: 2)
}

/// Distance over norm of the families against N. The families have the order, and so the colours, of chapter 06.
func familyDistances(_ fits: Fits, of model: String, T: Int) -> Figure {
  let x = fits.orders.map { Double($0) }
  let order = [
    "low rank, descent", "SSD, descent", "low rank, rows solved", "SSD, rows solved", "semiseparable", "bound",
  ]
  let lowest = 1e-4
  let series = order.map { family in
    let all = fits.orders.indices.map { fits.relative(family, $0) }
    return Series(
      Fits.title(of: family), x: x, y: all.map { max($0.mean, lowest / 100) },
      style: family == "bound" ? .dashed : .linePoints)
  }
  let leaving = series.contains { $0.y.contains { $0 < lowest } }
  return Figure(
    "How near each family comes to the attention of \(model)",
    panels: [
      LineChart(
        "mean over \(fits.heads.count) heads, T = \(T)"
          + (leaving ? "; what leaves the frame is below \(number(lowest, digits: 1))" : ""),
        x: Axis("state size N", logarithmic: true, ticks: x),
        y: Axis("distance / norm", logarithmic: true, range: lowest...2), series: series,
        references: [Reference("Toeplitz", y: Estimate(zip(fits.toeplitz, fits.norms).map { $0 / $1 }).mean)],
        legend: .outside)
    ])
}

/// The losses of stage 2, some layers and all, and of stage 3.
func losses(_ layers: [(layer: Int, losses: [Double])], _ two: History, _ three: History) -> Figure {
  let smoothing = max(1, two.records.count / 20)
  let shown = layers.count <= 5 ? layers : [0, 1, 2, 3, 4].map { layers[$0 * (layers.count - 1) / 4] }
  return Figure(
    "Stage 2 by layer, and stage 3",
    panels: [
      LineChart(
        "stage 2", x: Axis("tokens"), y: Axis("distance / norm", logarithmic: true),
        series: shown.map { layer, values in
          lossCurve("layer \(layer)", values, tokensPerUpdate: two.tokensPerUpdate, smoothing: smoothing)
        }, legend: .outside),
      LineChart(
        "stage 3", x: Axis("tokens"), y: Axis("KL", unit: "nats per token"),
        series: [
          lossCurve(
            "student", three.detail("KL"), tokensPerUpdate: three.tokensPerUpdate,
            smoothing: max(1, three.records.count / 20))
        ], legend: .outside),
    ], columns: 2)
}

/// KL of hybrids against the number of replaced layers, and of the student that keeps attention in one layer.
func hybridFigure(_ exploration: Exploration, L: Int) -> Figure {
  func series(_ name: String, _ prefix: String) -> Series {
    let ends = exploration.ladder.filter { ["none", "all"].contains($0.hybrid.name) }
    let own = (exploration.ladder.filter { $0.hybrid.name.hasPrefix(prefix) } + ends)
      .sorted { $0.hybrid.kept.count > $1.hybrid.kept.count }
    return Series(name, x: own.map { Double(L - $0.hybrid.kept.count) }, y: own.map(\.divergence), style: .linePoints)
  }
  let mended = exploration.mends.filter { $0.hybrid.name.hasSuffix("weighted") }
  // Both axes begin at 0, so that a small difference does not look large.
  func divergence(_ label: String, _ values: [HybridResult]) -> Axis {
    Axis(label, unit: "nats per token", range: 0...max(1e-6, 1.05 * (values.map(\.divergence).max() ?? 0)))
  }
  return Figure(
    "Hybrids after stage 2",
    panels: [
      LineChart(
        "how many, and which", x: Axis("layers replaced", ticks: (0...L).map(Double.init)),
        y: divergence("KL to the teacher", exploration.ladder + mended),
        series: [
          series("from the first on", "the first"), series("from the last on", "the last"),
          Series(
            "first token weighted", x: mended.map { Double(L - $0.hybrid.kept.count) }, y: mended.map(\.divergence),
            style: .points),
        ], legend: .outside),
      LineChart(
        "attention given back in one layer",
        x: Axis("layer that keeps its attention", ticks: (0..<L).map(Double.init)),
        y: divergence("KL, all others replaced", exploration.restored),
        series: [
          Series(
            "all others replaced", x: exploration.restored.indices.map(Double.init),
            y: exploration.restored.map(\.divergence), style: .linePoints)
        ], legend: .outside),
    ], columns: 2)
}

/// The first layer that meets a state of the first token more than ten times as large as the others'; if there is
/// none, a third of the layers.
func massiveLayer(_ layers: [LayerAttention]) -> Int {
  layers.firstIndex { $0.isFirstStateMassive } ?? max(1, layers.count / 3)
}

/// The arms' losses, by total and by what was copied.
func studyFigure(_ arms: [StudyArm], _ results: [[StudyResult]], teacher: Double, unit: String) -> Figure {
  Figure(
    "Held-out loss of the arms",
    panels: [
      DotPlot(
        barsOverSeeds(results[0].count), value: Axis("held-out cross-entropy", unit: unit),
        rows: zip(arms, results).map { arm, results in
          let estimate = Estimate(results.map(\.loss))
          return DotPlot.Row(
            name: arm.name, value: estimate.mean, error: estimate.standardError,
            group: "\(arm.tokens) tokens, \(arm.copied == nil ? "nothing" : "V and O") copied")
        }, references: [Reference("teacher", y: teacher)])
    ])
}
