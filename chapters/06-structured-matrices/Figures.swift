// # What the chapter draws
//
// Axes, colours and legends of the figures of main.swift.

import Book
import Plots
import Statistics
import Tensors

/// The distances of all families against the state size, with the bound and two distances that have no N.
func distanceChart(
  of families: [(name: String, distances: [Estimate])], bound: [Estimate], orders: [Int],
  levels: [(name: String, distance: Estimate)], count: Int
) -> Figure {
  let x = orders.map { Double($0) }
  let series = families.map { name, all in
    Series(
      name, x: x, y: all.map(\.mean),
      band: (all.map { $0.mean - $0.standardError }, all.map { $0.mean + $0.standardError }), style: .linePoints)
  }
  return Figure(
    "How near each family comes to the teacher's matrices",
    panels: [
      LineChart(
        "mean over \(count) matrices, band: standard error",
        x: Axis("state size N", logarithmic: true, ticks: x),
        y: Axis("distance", unit: "Frobenius", logarithmic: true),
        series: series + [Series("bound", x: x, y: bound.map(\.mean), style: .dashed)],
        references: levels.map { Reference($0.name, y: $0.distance.mean) }, legend: .outside)
    ])
}

/// A head's matrix and the nearest that was found in each family; below each what is left, where a matrix of zeros
/// leaves all.
func oneHead(_ title: String, _ h: Int, of targets: Tensor, fits: [(String, Tensor)], tokens: Range<Int>) -> Figure {
  func row(_ matrices: [(String, Tensor)], limit: Double) -> [HeatMap] {
    matrices.enumerated().map { place, entry in
      causalMap(
        entry.0, entry.1, h, tokens: tokens, limit: limit, showsColourBar: place == matrices.count - 1)
    }
  }
  return Figure(
    title,
    panels: row([("the head", targets)] + fits, limit: 1)
      + row([("left by zeros", targets)] + fits.map { ("left by \($0)", targets - $1) }, limit: 0.1),
    columns: fits.count + 1)
}
