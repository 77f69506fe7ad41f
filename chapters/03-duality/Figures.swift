// # What the chapter draws
//
// Axes, colours and legends of the figures of main.swift.

import Plots
import Tensors

/// Who computes which entry of M in the chunked algorithm, T a multiple of Q with three chunks.
func whoComputes(T: Int, Q: Int) -> Figure {
  func role(_ t: Int, _ s: Int) -> Double {
    let back = t / Q - s / Q
    return back < 0 ? .nan : back > 0 ? Double(back + 1) : s > t ? 0 : 1
  }
  let names = [
    "computed and masked", "inside a chunk", "through the state, one border", "through the state, two borders",
  ]
  let map = HeatMap(
    "T = \(T), Q = \(Q)", values: (0..<T).map { t in (0..<T).map { s in role(t, s) } }, x: Axis("source s"),
    y: Axis("target t"), colourLabel: "how it is computed; grey: not at all", scale: .categories(names))
  return Figure("Who computes which entry of M", panels: [map])
}

/// M, its diagonal blocks and the three factors of the rest, in common colours.
func factorisation(of m: Rows, _ factors: Head.Factors) -> Figure {
  let (s, t, state) = (Axis("source s"), Axis("target t"), Axis("state"))
  let parts = [
    ("M", m, s, t), ("diagonal blocks", factors.blocks, s, t), ("left factor C̃", factors.left, state, t),
    ("centre A", factors.centre, state, state), ("right factor B̃", factors.right, s, state),
  ]
  return Figure(
    "M = diagonal blocks + C̃ A B̃",
    panels: parts.enumerated().map { index, part in
      let (title, values, x, y) = part
      return HeatMap(
        "\(title), \(values.count) × \(values[0].count)", values: values, x: x, y: y, colourLabel: "value",
        scale: .diverging, range: -2...2, showsColourBar: index == parts.count - 1)
    }, columns: parts.count)
}

/// Curves over two logarithmic axes.
func logarithmic(
  _ title: String, _ subtitle: String, x: String, unit: String, y: String, yUnit: String? = nil, _ series: [Series],
  references: [Reference] = []
) -> Figure {
  let (x, y) = (Axis(x, unit: unit, logarithmic: true), Axis(y, unit: yUnit, logarithmic: true))
  return Figure(
    title, panels: [LineChart(subtitle, x: x, y: y, series: series, references: references, legend: .outside)]
  )
}

/// Multiplications and time against the length of a chunk, each divided by its least.
func bestChunk(T: Int, Q: [Int], counts: [Double], times: [Double], optimum: Double) -> Figure {
  func relative(_ name: String, _ values: [Double]) -> Series {
    let least = values.min() ?? .nan
    return Series(name, x: Q.map(Double.init), y: values.map { $0 / least }, style: .linePoints)
  }
  return logarithmic(
    "The best chunk, counted and measured", "T = \(T); each curve divided by its minimum", x: "Q", unit: "steps",
    y: "relative to the minimum",
    [
      relative("multiplications", counts), relative("processor time", times),
      Series("Q* by the count", x: [optimum, optimum], y: [1, 10], style: .dashed),
    ])
}

/// Attention in units of chunked forms, in time and in multiplications, against length.
func crossing(T: [Int], names: [String], times: [[Double]], counts: [[Double]]) -> Figure {
  let x = T.map(Double.init)
  return logarithmic(
    "What attention costs, in units of the chunked form", "above 1 chunks are cheaper", x: "T", unit: "tokens",
    y: "attention / chunked",
    names.indices.flatMap { index in
      [
        Series("\(names[index]), time", x: x, y: times[index], style: .linePoints),
        Series("\(names[index]), count", x: x, y: counts[index], style: .dashed),
      ]
    }, references: [Reference("equal", y: 1)])
}

/// Relative errors of the neighbours' weights, the largest of 16 steps, drawn no lower than the roundoff of Double.
func underflow(_ single: Neighbours<Float>, _ double: Neighbours<Double>, segments: [Double]) -> Figure {
  let curves = [
    ("ratio of products, Float", Array(single.byRatio.prefix(single.zero))),
    ("ratio of products, Double", Array(double.byRatio.prefix(double.zero))),
    ("difference of running sums, Float", single.byDifference), ("segment sums, \(scalarName)", segments),
  ]
  let series = curves.map { name, errors in
    let parts = stride(from: 0, to: errors.count, by: 16).map { errors[$0..<min($0 + 16, errors.count)] }
    return Series(
      name, x: parts.map { Double($0.endIndex) }, y: parts.map { max($0.max() ?? .nan, .ulpOfOne / 2) })
  }
  return Figure(
    "The neighbour's weight L[t, t − 1] = α[t], by four ways to compute it",
    panels: [
      LineChart(
        "largest relative error of 16 steps; the ratios end where ρ[t] is 0", x: Axis("t", unit: "steps"),
        y: Axis("relative error", logarithmic: true), series: series, legend: .outside)
    ])
}
