// # What the chapter draws
//
// The error of a measured slope against the step, beside what theory says of its two flanks, and
// Jacobians as heat maps. The curves and their theory are computed in `Stencils.swift`.

import Plots
import Tensors

/// The errors of all curves against the step h, with the lines of truncation error and of roundoff.
func errorChart(_ curves: [Curve]) -> Figure {
  let measured = curves.map { curve in
    Series(
      "\(curve.stencil.rawValue) points, \(curve.precision)", x: curve.steps, y: curve.errors, style: .linePoints)
  }
  func line(_ name: String, _ steps: [Double], _ height: (Double) -> Double) -> Series {
    // Below the chart's lower end there is nothing to draw.
    let seen = steps.filter { height($0) > 1e-15 }
    return Series(name, x: seen, y: seen.map(height), style: .dashed)
  }
  let theory = [
    line("h²/6√2", curves[1].steps) { missed(.two, $0) }, line("h⁴/30√2", curves[1].steps) { missed(.four, $0) },
    line("ε/h, Float", curves[0].steps) { curves[0].roundoff / $0 },
    line("ε/h, Double", curves[1].steps) { curves[1].roundoff / $0 },
  ]
  let chart = LineChart(
    "sin, root mean square over 64 places", x: Axis("step h", logarithmic: true),
    y: Axis("error of the slope", logarithmic: true, range: 1e-15...10), series: measured + theory, legend: .outside)
  return Figure("The error of a measured slope", panels: [chart])
}

/// Two Jacobians of a softmax of seven numbers, and what the wrong one has too much.
func jacobianMaps(right: Tensor, wrong: Tensor, named name: String) -> Figure {
  let titles = ["as derived", name, "difference"]
  return Figure(
    "The Jacobian of a softmax of seven numbers",
    panels: zip(titles, [right, wrong, wrong - right]).map { title, matrix in
      HeatMap(
        title, values: (0..<7).map { i in (0..<7).map { j in Double(matrix[i, j]) } }, x: Axis("input j"),
        y: Axis("output i"), colourLabel: "∂y[i] / ∂x[j]", scale: .diverging, range: -0.35...0.35,
        showsColourBar: title == titles[2])
    }, columns: 3)
}
