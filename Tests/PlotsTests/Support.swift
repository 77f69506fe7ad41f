// # What the tests of figures share
//
// A folder that goes away with its test, stand-ins for gnuplot, and a few figures. Read after: ScriptTests.swift.

import Foundation
import Plots

/// A directory of its own, removed at the end.
final class Folder: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("plots-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// The names of all files, hidden ones too, sorted.
  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted() }

  func text(_ name: String) throws -> String {
    try String(contentsOf: url.appendingPathComponent(name), encoding: .utf8)
  }

  func bytes(_ name: String) throws -> Data { try Data(contentsOf: url.appendingPathComponent(name)) }

  /// A program called gnuplot that runs shell commands instead; `$4` is the script, `$3` sets format and file.
  func impostor(_ commands: String, timeLimit: Double = 20) throws -> Gnuplot {
    let bin = url.appendingPathComponent("bin")
    try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
    let program = bin.appendingPathComponent("gnuplot")
    // Another process writes it: a child that another test starts while this one writes would hold the file open, and
    // what is open for writing cannot be executed.
    let writer = Process()
    writer.executableURL = URL(filePath: "/bin/sh")
    writer.arguments = [
      "-c", #"printf '%s' "$1" > "$0" && chmod 755 "$0""#, program.path, "#!/bin/sh\n\(commands)\n",
    ]
    try writer.run()
    writer.waitUntilExit()
    return Gnuplot(searchPath: bin.path, timeLimit: timeLimit)
  }
}

/// No gnuplot anywhere.
let absent = Gnuplot(searchPath: "/nonexistent/bin:/dev/null")

/// Whether the machine can draw.
let hasGnuplot = Gnuplot().executable != nil

/// Characters that mean something to gnuplot, to the shell or to SVG.
let troublesome = #"a_b ^ {c @d } "q" 's' \ `touch PWNED` $x 100 %d % & <tag> #5 ü→ 漢字 \"#

func lines(
  _ series: [Series], x: Axis = Axis("step"), y: Axis = Axis("loss", unit: "nats"), title: String = "Loss",
  references: [Reference] = [], legend: LegendPlace = .topRight
) -> LineChart {
  LineChart(title, x: x, y: y, series: series, references: references, legend: legend)
}

func map(
  _ values: [[Double]], title: String = "Map", x: Axis = Axis("column"), y: Axis = Axis("row"),
  scale: ColourScale = .sequential, range: ClosedRange<Double>? = nil
) -> HeatMap {
  HeatMap(title, values: values, x: x, y: y, colourLabel: "weight", scale: scale, range: range)
}

func dots(
  _ rows: [DotPlot.Row], value: Axis = Axis("loss", unit: "nats"), references: [Reference] = [],
  title: String = "Arms"
) -> DotPlot {
  DotPlot(title, value: value, rows: rows, references: references)
}

let simple = Series("a", x: [1, 2, 3], y: [3, 2, 2.5])

/// One panel of each kind, with a gap, a cell without value, a row without error, groups and references.
let everything = Figure(
  "Everything",
  panels: [
    lines(
      [
        Series("curve", x: [1, 2, 3, 4], y: [4, .nan, 2, 1], band: ([3, .nan, 1, 0.5], [5, .nan, 3, 1.5])),
        Series("dashed", x: [1, 4], y: [2, 2.5], style: .dashed),
        Series("points", x: [1, 2, 4], y: [1, 3, 2], style: .points),
        Series("both", x: [1, 2, 4], y: [1.5, 3.5, 2.5], style: .linePoints),
      ], x: Axis("step", logarithmic: true), references: [Reference("floor", y: 0.5)]),
    map([[1, 2, 3], [.nan, -5, .infinity]], scale: .diverging),
    dots(
      [
        .init(name: "teacher", value: 1, error: 0.1, group: "given"),
        .init(name: "student", value: 1.5, error: nil, group: "trained"),
      ], references: [Reference("entropy", y: 0.9)]),
  ])
