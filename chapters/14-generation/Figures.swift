// # What the chapter draws
//
// Axes, colours and legends of the figures of main.swift.

import Book
import Models
import Notebook
import Plots

/// Tokens a second against the number of texts that are read together.
func batchSpeeds(_ names: [String], _ batches: [Int], _ rates: [[Double]], context: Int) -> Figure {
  let series = names.enumerated().map { i, name in
    Series(name, x: batches.map(Double.init), y: rates.map { $0[i] }, style: .linePoints)
  }
  return Figure(
    "Texts written side by side",
    panels: [
      logarithmic("after \(context) tokens each", x: "texts", xUnit: nil, y: "speed", unit: "tokens/s", series)
    ])
}

/// The time of several ways to read a prompt against its length.
func readingTimes(_ names: [String], _ lengths: [Int], _ seconds: [[Double]]) -> Figure {
  let series = names.enumerated().map { i, name in
    Series(name, x: lengths.map(Double.init), y: seconds.map { $0[i] * 1e3 }, style: .linePoints)
  }
  return Figure(
    "Reading a prompt: all heads of a mixer",
    panels: [logarithmic("processor time, on one core", x: "T", y: "time", unit: "ms", series)])
}

/// Agreement and cross-entropy against the position in a window; a line stands where training ended.
func positions(_ agreement: [Series], _ losses: [Series], T: Int, unit: String) -> Figure {
  func panel(_ title: String, _ y: Axis, _ series: [Series], _ ends: [Double]) -> LineChart {
    LineChart(
      title, x: Axis("position, at most", unit: "tokens", logarithmic: true), y: y,
      series: series + [Series("length of training", x: [Double(T), Double(T)], y: ends, style: .dashed)],
      legend: .outside)
  }
  let all = losses.flatMap(\.y)
  return Figure(
    "What the student loses, and where",
    panels: [
      panel("agreement with the teacher", Axis("same most probable token", range: 0...1), agreement, [0, 1]),
      panel("loss on the text", Axis("cross-entropy", unit: unit), losses, [all.min() ?? 0, all.max() ?? 1]),
    ], columns: 2)
}

// ## Tables in files

extension Chapter {
  /// batch.csv: the speed of each model for each number of texts.
  func record(_ rates: [[Double]], of models: [NamedModel], inBatchesOf batches: [Int]) {
    let file = metrics("batch", columns: ["texts", "model", "tokens per second"])
    for (B, rate) in zip(batches, rates) { for (entry, r) in zip(models, rate) { file.add(B, entry.name, r) } }
  }

  /// decoding.csv: the cost of a token for each context and model.
  func record(_ steps: [[DecodingCost]], of models: [NamedModel], at contexts: [Int]) {
    let file = metrics("decoding", columns: ["context", "model", "seconds", "bytes", "peak", "multiplications"])
    for (context, step) in zip(contexts, steps) {
      for (entry, s) in zip(models, step) {
        let count = entry.model.configuration.multiplications(context: context)
        file.add(context, entry.name, s.seconds, s.bytes, s.peak, count)
      }
    }
  }

  /// reading.csv: count and time of each form for each length.
  func record(_ seconds: [[Double]], of forms: [Form], at lengths: [Int]) {
    let file = metrics("reading", columns: ["T", "form", "multiplications", "seconds"])
    for (i, form) in forms.enumerated() {
      for (T, seconds) in zip(lengths, seconds) { file.add(T, form.name, form.count(T), seconds[i]) }
    }
  }

  /// positions.csv: what is lost at each position.
  func record(_ student: ByPosition, _ hybrid: ByPosition) {
    let file = metrics(
      "positions", columns: ["position", "agreement", "agreement of hybrid", "KL", "teacher", "student", "hybrid"])
    for t in student.same.indices {
      let one = t..<(t + 1)
      file.add(
        t + 1, student.mean(\.same, one), hybrid.mean(\.same, one), student.mean(\.divergence, one),
        student.mean(\.teacher, one), student.mean(\.student, one), hybrid.mean(\.student, one))
    }
  }
}
