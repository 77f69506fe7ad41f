// # What the next token costs
//
// Time and memory of a token against the length of what was read before it: attention looks at all of it, a state
// space mixer at a state of fixed size.
//
// Read before: `Models/Writing/DecodingState.swift`. Chapters: 14-generation, 15-real-model.

import Models
import Notebook
import Plots
import Tensors

/// A model and what it is called in tables.
public typealias NamedModel = (name: String, model: FrozenModel)

// ## The next token

/// What the next token costs one model at one context.
public struct DecodingCost: Codable, Sendable {
  /// The median time of a token, in seconds.
  public let seconds: Double
  /// The bytes of the state at this context.
  public let bytes: Int
  /// The peak memory of reading one token, in bytes, beside state and weights.
  public let peak: Int
}

/// Lets models read one text, and measures single tokens at each context.
///
/// The models take turns, but not token by token: each reads many in a row, and the first quarter of a row is not
/// counted. It finds the processor's caches full of another model's past, which does not happen to a model that
/// writes alone.
///
/// - Parameters:
///   - contexts: ascending, each at least twice the one before; the text is longer than the last by `tokens` or more
///   - tokens: how many are measured around a context; fewer around short contexts
/// - Returns: for each context the cost of each model
public func measureDecoding(
  _ models: [NamedModel], on text: [Int], contexts: [Int], tokens: Int = 64
) -> [[DecodingCost]] {
  var states = models.map { $0.model.emptyState() }
  func read(to place: Int, _ i: Int) {
    let from = states[i].positions[0]
    if from < place { models[i].model.read(Tokens(Array(text[from..<place])), &states[i], inPiecesOf: 256) }
  }
  return contexts.map { context in
    let half = min(tokens / 2, context / 4)
    let inARow = min(32, half)
    for i in models.indices { read(to: context - half, i) }
    func turns() -> [[Double]] {
      var seconds = models.map { _ in [Double]() }
      for _ in 0..<(half / inARow) {
        for i in models.indices {
          let all = time(repetitions: inARow - 1, { read(to: states[i].positions[0] + 1, i) }).seconds[0]
          seconds[i] += all.dropFirst(inARow / 4)
        }
      }
      return seconds
    }
    let before = turns()
    let bytes = states.map(\.bytes)
    let after = turns()
    return models.indices.map { i in
      let peak = MemoryStatistics.peak { read(to: states[i].positions[0] + 1, i) }.bytes
      return DecodingCost(seconds: median(before[i] + after[i]), bytes: bytes[i], peak: peak)
    }
  }
}

// ## Drawn

/// A chart over two logarithmic axes.
public func logarithmic(
  _ subtitle: String, x: String, xUnit: String? = "tokens", y: String, unit: String? = nil, _ series: [Series]
) -> LineChart {
  LineChart(
    subtitle, x: Axis(x, unit: xUnit, logarithmic: true), y: Axis(y, unit: unit, logarithmic: true), series: series,
    legend: .outside)
}

/// Time and memory of a token against context.
public func decodingCosts(_ names: [String], contexts: [Int], costs: [[DecodingCost]]) -> Figure {
  let x = contexts.map(Double.init)
  func series(_ value: (DecodingCost) -> Double) -> [Series] {
    names.enumerated().map { i, name in Series(name, x: x, y: costs.map { value($0[i]) }, style: .linePoints) }
  }
  return Figure(
    "What the next token costs",
    panels: [
      logarithmic("time", x: "context", y: "time of a token", unit: "µs", series { $0.seconds * 1e6 }),
      logarithmic("memory", x: "context", y: "what is remembered", unit: "kB", series { Double($0.bytes) / 1e3 }),
    ], columns: 2)
}
