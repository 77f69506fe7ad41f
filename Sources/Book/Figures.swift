// # From tensors and records to figures
//
// What several chapters draw: loss curves over tokens, and matrices as heat maps.
//
// Read before: `Plots/Figure.swift`, `Training/History.swift`.

import Notebook
import Plots
import Tensors
import Training

/// The rows of a causal matrix as numbers for a heat map, and NaN, drawn grey, where t may not look: [T, T].
public func rows(of matrix: Tensor) -> [[Double]] {
  let T = matrix.shape[0]
  let elements = matrix.elements
  return (0..<T).map { t in (0..<T).map { s in s <= t ? Double(elements[t * T + s]) : .nan } }
}

/// One head's matrix out of [B, H, T, T].
public func head(_ h: Int, of matrices: Tensor, window b: Int = 0) -> Tensor {
  let T = matrices.shape[-1]
  return matrices.sliced(b..<(b + 1)).sliced(h..<(h + 1), along: 1).reshaped(to: [T, T])
}

/// One of several causal matrices as a heat map, for a range of tokens as sources and targets: blue below 0, orange
/// above.
///
/// - Parameters:
///   - matrices: [B, T, T], of which the one at `index` is drawn
///   - limit: the magnitude at which the colours end
public func causalMap(
  _ title: String, _ matrices: Tensor, _ index: Int, tokens: Range<Int>, limit: Double, showsColourBar: Bool = true
) -> HeatMap {
  let matrix = matrices.sliced(index..<(index + 1)).reshaped(to: [matrices.shape[1], matrices.shape[2]])
  let seen = Double(tokens.lowerBound)...Double(tokens.upperBound - 1)
  return HeatMap(
    title, values: rows(of: matrix.sliced(tokens).sliced(tokens, along: 1)),
    x: Axis("source s", unit: "token", range: seen), y: Axis("target t", unit: "token", range: seen),
    colourLabel: "weight", scale: .diverging, range: -limit...limit, showsColourBar: showsColourBar)
}

/// The mean of the last `window` values at each index, or of fewer at the beginning.
public func movingAverage(_ values: [Double], over window: Int) -> [Double] {
  var (sum, result) = (0.0, [Double]())
  for (index, value) in values.enumerated() {
    sum += value
    if index >= window { sum -= values[index - window] }
    result.append(sum / Double(min(index + 1, window)))
  }
  return result
}

extension Chapter {
  /// Writes the record of a training run as a CSV file of the chapter.
  public func record(_ history: History, in file: String = "metrics") {
    let metrics = metrics(file, columns: history.columns)
    for row in history.rows { metrics.add(row: row) }
  }
}

/// A loss curve over tokens, smoothed.
///
/// - Parameters:
///   - values: a value for each step
///   - start: the tokens seen before the first step
///   - smoothing: over how many steps
public func lossCurve(
  _ name: String, _ values: [Double], tokensPerUpdate: Int, from start: Int = 0, smoothing: Int = 10,
  style: Series.Style = .line
) -> Series {
  // The first full window is the first point.
  let averages = movingAverage(values, over: smoothing).enumerated().dropFirst(smoothing - 1)
  return Series(
    name, x: averages.map { Double(start + ($0.offset + 1) * tokensPerUpdate) }, y: averages.map(\.element),
    style: style)
}

/// The axes of a matrix that mixes tokens.
public let mixerAxes = (x: Axis("source s", unit: "token"), y: Axis("target t", unit: "token"))
