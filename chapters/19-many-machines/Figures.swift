// # What the chapter draws
//
// Read before: main.swift.

import Book
import Experiments
import Foundation
import Notebook
import Plots

/// Numbers of nodes from 1 to `limit`, evenly spaced on a logarithmic axis.
func manyNodes(to limit: Int, points: Int = 240) -> [Int] {
  let all = (0...points).map { Int(exp(Double($0) / Double(points) * log(Double(limit))).rounded()) }
  return Array(Set(all)).sorted()
}

/// The seconds of a step against the number of nodes, a panel for each model, beside growth without loss.
func growthFigure(_ title: String, _ growths: [(model: String, ways: [Growth])], to limit: Int) -> Figure {
  let nodes = manyNodes(to: limit)
  let x = nodes.map(Double.init)
  return Figure(
    title,
    panels: growths.map { model, ways in
      let ideal = Series(
        "without loss", x: [1, Double(limit)], y: [ways[0].seconds(1), ways[0].seconds(1) / Double(limit)],
        style: .dashed)
      return LineChart(
        model, x: Axis("nodes", logarithmic: true), y: Axis("time of a step", unit: "s", logarithmic: true),
        series: ways.map { way in Series(way.name, x: x, y: nodes.map(way.seconds)) } + [ideal],
        legend: .bottomLeft)
    }, columns: 2)
}

/// How far runs drift apart whose gradients are added in different orders.
func driftFigure(_ drifts: [(name: String, relative: [Double])]) -> Figure {
  Figure(
    "One run, added up in different orders",
    panels: [
      LineChart(
        "", x: Axis("step"),
        y: Axis("distance of the weights, relative", logarithmic: true),
        series: drifts.map { name, relative in
          Series(name, x: relative.indices.map { Double($0 + 1) }, y: relative)
        }, legend: .bottomRight)
    ])
}

/// The constants of a message: measured points and the fitted law.
func messageFigure(_ measured: [MeasuredNetwork]) -> Figure {
  Figure(
    "A message between two ranks of this machine",
    panels: [
      LineChart(
        "", x: Axis("bytes of the message", logarithmic: true),
        y: Axis("time", unit: "µs", logarithmic: true),
        series: measured.flatMap { measured in
          [
            Series(
              "\(measured.name), measured", x: measured.bytes, y: measured.seconds.map { $0 * 1e6 }, style: .points),
            Series(
              "\(measured.name), λ + s / β", x: measured.bytes,
              y: measured.bytes.map { 1e6 * measured.network.seconds(bytes: $0) }),
          ]
        }, legend: .topLeft)
    ])
}

/// What delays make of a step, against the number of ranks.
func waitingFigure(
  _ ranks: [Int], _ curves: [WaitingCurve], delay: Double
) -> Figure {
  Figure(
    "What delays of \(number(100 * delay, decimals: 0)) % make of a step",
    panels: [
      LineChart(
        "", x: Axis("ranks", logarithmic: true), y: Axis("time of a step, over its work"),
        series: curves.map { curve in
          Series(
            curve.name, x: ranks.map(Double.init), y: curve.y, style: curve.isFormula ? .dashed : .linePoints)
        }, legend: .topLeft)
    ])
}
