// # bench-cost
//
// What a step costs, the least it could cost, and how the cost grows. No other program is needed.
//
//     1  a step of each kind, kernel by kernel, each timed alone; with --real also at the sizes of a published model
//     2  time and memory of a step against T, D, L and B
//     3  the chunked algorithm to 65,536 tokens
//     4  what the tape adds to an operation
//     5  what it costs to share a loop between cores
//     6  writing a token
//
// Two ceilings are measured: arithmetic, by the fastest of three products of matrices (256², 512², 1024²), and
// memory, by the sum of two arrays that no cache holds.
//
// Claims about memory follow from sizes and are always checked. Claims about times are checked too, but other
// programs on the machine can make them false: with --shared they are only reported.
//
// Read before: `Steps.swift`, `../exercise/Exercise.swift`, `../exercise/RealExercise.swift`.

import ArgumentParser
import Exercise
import Experiments
import Foundation
import Gradients
import Models
import Notebook
import Plots
import Tensors

struct Options: ParsableArguments {
  @Flag(help: "Report what depends on times instead of checking it: for a machine that others use as well.")
  var shared = false

  @Flag(help: "Take the steps of a published model's size apart as well, for short and for long texts.")
  var real = false
}

let chapter = Chapter(
  "bench-cost", question: "What does a step cost, and how does it grow?",
  duration: "2 minutes, 10 with --real; a minute with --quick", options: Options.self)
let repetitions = chapter.isQuick ? 7 : 21

/// The median seconds of some work, after one run to warm up.
func seconds(_ repetitions: Int, _ body: @escaping () -> Void) -> Double {
  time(repetitions: repetitions, body).medians[0]
}

/// A claim about times.
func timed(
  _ claim: String, _ value: Double, atMost bound: Double, digits: Int = 3, file: String = #fileID, line: Int = #line
) {
  if chapter.options.shared {
    report(claim, value, atMost: bound, digits: digits, file: file, line: line)
  } else {
    check(claim, value, atMost: bound, digits: digits, file: file, line: line)
  }
}
func timed(
  _ claim: String, _ value: Double, atLeast bound: Double, digits: Int = 3, file: String = #fileID, line: Int = #line
) {
  if chapter.options.shared {
    report(claim, value, atLeast: bound, digits: digits, file: file, line: line)
  } else {
    check(claim, value, atLeast: bound, digits: digits, file: file, line: line)
  }
}

// MARK: - The ceilings

chapter.section("0. The ceilings of this machine")
let squares = [256, 512, 1024].map { Tensor(repeating: 0.5, shape: [$0, $0]) }
let long = Tensor(repeating: 0.5, shape: [8_000_000])
let arithmetic = squares.map { x in 2 * pow(Double(x.shape[0]), 3) / seconds(repetitions) { _ = matmul(x, x) } }
  .max()!
let bandwidth = Double(3 * long.count * MemoryLayout<Scalar>.stride) / seconds(repetitions) { _ = long + long }
show("arithmetic, GFLOP/s", arithmetic / 1e9, digits: 3)
show("memory, GB/s", bandwidth / 1e9, digits: 3)

// MARK: - Kernel by kernel

/// A step and the kernels that it consists of.
struct Step {
  let title: String
  let parts: [Part]
  /// Makes some whole steps and gives the seconds of each.
  let times: (Int) throws -> [Double]
}

let recipe = Recipe.standard

func step(_ title: String, _ kind: Kind, of exercise: any TimedExercise, _ sizes: Sizes) throws -> Step {
  let stepper = try Stepper(kind, of: exercise)
  _ = try stepper.time(2)
  return Step(
    title: title, parts: Parts(sizes).step(kind, training: stepper.trained),
    times: { count in try stepper.time(count).map { $0 / 1000 } })
}

let details = chapter.metrics(
  "kernels", columns: ["step", "kernel", "calls", "operations", "bytes", "seconds", "floor"])

/// Times each kernel, and in between some whole steps, so that a slow moment affects both.
///
/// - Parameters:
///   - rounds: how often each kernel is timed, and at most about how often the step
///   - isTiny: whether the step is so small that most of its time is not in kernels, so that nothing is claimed
func tabulate(_ step: Step, rounds: Int, isTiny: Bool = false) throws {
  struct Sum { var calls = 0, operations = 0, bytes = 0, seconds = 0.0, floor = 0.0 }
  var sums: [Part.Family: Sum] = [:]
  var (atMemoryCeiling, total, wholes) = (0.0, Sum(), [Double]())
  func add(_ part: Part, _ time: Double, _ floor: Double, to sum: inout Sum) {
    sum.calls += part.count
    sum.operations += part.count * part.operations
    sum.bytes += part.count * part.bytes
    sum.seconds += Double(part.count) * time
    sum.floor += Double(part.count) * floor
  }
  let pause = (step.parts.count + rounds - 1) / rounds
  for (index, part) in step.parts.enumerated() {
    let time = seconds(rounds, part.run)
    if index % pause == 0 { wholes += try step.times(1) }
    let floor = max(Double(part.operations) / arithmetic, Double(part.bytes) / bandwidth)
    add(part, time, floor, to: &sums[part.family, default: Sum()])
    add(part, time, floor, to: &total)
    if ![.product, .attention, .stateSpace].contains(part.family), Double(part.bytes) / time >= 0.8 * bandwidth {
      atMemoryCeiling += Double(part.count) * time
    }
    details.add(step.title, part.name, part.count, part.operations, part.bytes, time, floor)
  }
  let whole = median(wholes)
  func row(_ name: String, _ sum: Sum) -> [String] {
    [
      name, "\(sum.calls)", number(Double(sum.operations) / 1e9, digits: 3),
      number(Double(sum.bytes) / 1e6, digits: 3),
      number(1000 * sum.floor, digits: 3), number(1000 * sum.seconds, digits: 3),
      "\(number(100 * sum.seconds / whole, decimals: 0)) %",
      number(Double(sum.operations) / sum.seconds / 1e9, digits: 3),
      number(Double(sum.bytes) / sum.seconds / 1e9, digits: 3),
    ]
  }
  volatileTable(
    ["\(step.title)", "calls", "GFLOP", "MB", "floor, ms", "ms", "of the step", "GFLOP/s", "GB/s"],
    rows: Part.Family.allCases.filter { sums[$0] != nil }.map { row($0.rawValue, sums[$0]!) } + [row("all", total)])
  show("\(step.title): the whole step, ms", 1000 * whole, digits: 3)
  if isTiny { return }
  let speed = Double(sums[.product]!.operations) / sums[.product]!.seconds / arithmetic
  let inProducts = [Part.Family.product, .attention, .stateSpace].reduce(0) { $0 + (sums[$1]?.seconds ?? 0) }
  let busy = inProducts + atMemoryCeiling
  timed("\(step.title): products reach half of the arithmetic ceiling", speed, atLeast: 0.5)
  timed("\(step.title): part of the step in products, or as fast as memory allows", busy / whole, atLeast: 0.6)
  timed(
    "\(step.title): its kernels, timed alone, make up the step: relative difference",
    abs(total.seconds / whole - 1), atMost: 1 / 3, digits: 2)
}

chapter.section("1. Kernel by kernel")
chapter.say(
  """
  The sizes are those of the standard recipe. MB and GFLOP are what a kernel has to move and to compute at least, \
  and the floor is the time that this takes at the ceilings. A kernel whose tensors are still in a cache can be \
  faster than memory. Each kernel is timed alone, between some whole steps; in the step it finds its arguments where \
  others have left them.
  """)
for kind in Kind.allCases {
  let title = kind == .teacher ? "teacher" : "stage \(kind.rawValue.suffix(1))"
  exitOnError {
    try tabulate(step(title, kind, of: Exercise(), Sizes(recipe, V: charactersOfKJV)), rounds: repetitions)
  }
}
if chapter.options.real || chapter.isQuick {
  let model = chapter.isQuick ? "a tiny Llama" : "a Llama of 135M"
  for T in chapter.isQuick ? [32, 64] : [128, 1024] {
    exitOnError {
      let teacher = RealExercise.randomTeacher(quick: chapter.isQuick, T: T)
      let exercise = try RealExercise(of: teacher, T: T, stepsBefore: 1)
      for kind in exercise.kinds {
        let title = "\(model), T = \(T), stage \(kind.rawValue.suffix(1))"
        try tabulate(step(title, kind, of: exercise, Sizes(exercise)), rounds: 7, isTiny: chapter.isQuick)
      }
    }
    MemoryStatistics.releaseFreeBlocks()
  }
}

// MARK: - Growth

chapter.section("2. Growth")

/// Seconds and bytes of one step of each recipe; they take turns, so that a slow moment affects all of them.
func costs(_ recipes: [Recipe], _ kind: Kind) throws -> [(seconds: Double, bytes: Double)] {
  let steppers = try recipes.map { try Stepper(kind, of: Exercise($0)) }
  let bytes = try steppers.map { stepper in
    _ = try stepper.time(1)
    return try MemoryStatistics.peak { try stepper.time(1) }.bytes
  }
  var least = recipes.map { _ in Double.infinity }
  for _ in 0..<(chapter.isQuick ? 5 : 10) {
    for (index, stepper) in steppers.enumerated() { least[index] = min(least[index], try stepper.time(2)[1] / 1000) }
  }
  return zip(least, bytes).map { ($0, Double($1)) }
}

struct Scan {
  let axis: String
  let values: [Int]
  let change: (inout Recipe, Int) -> Void
}

let scans = [
  Scan(axis: "T", values: [64, 128, 256, 512]) { $0.T = $1 },
  Scan(axis: "D", values: [48, 96, 192, 384]) { $0.D = $1 },
  Scan(axis: "L", values: [1, 2, 4, 8, 16, 32]) { $0.L = $1 },
  Scan(axis: "B", values: [2, 4, 8, 16]) { $0.B = $1 },
]
var growth: [String: (time: PowerLaw, memory: PowerLaw)] = [:]
var growthRows: [[String]] = []
/// By kind: milliseconds and megabytes of a block, for each number of blocks.
var ofBlocks: [Kind: [[String]]] = [:]
let scanned = chapter.metrics("growth", columns: ["step", "axis", "value", "seconds", "bytes"])
for kind in [Kind.teacher, .stage3] {
  for scan in scans {
    let recipes = scan.values.map { value in
      var changed = recipe
      changed.B = 4
      scan.change(&changed, value)
      return changed
    }
    let measured = exitOnError { try costs(recipes, kind) }
    for (value, cost) in zip(scan.values, measured) {
      scanned.add(kind.rawValue, scan.axis, value, cost.seconds, cost.bytes)
    }
    if scan.axis == "L" {
      ofBlocks[kind] = zip(scan.values, measured).map { blocks, cost in
        [cost.seconds * 1e3, cost.bytes / 1e6].map { number($0 / Double(blocks), digits: 3) }
      }
    }
    let x = scan.values.map { Double($0) }
    let laws = (PowerLaw(x: x, y: measured.map(\.seconds)), PowerLaw(x: x, y: measured.map(\.bytes)))
    growth["\(kind.rawValue) \(scan.axis)"] = laws
    growthRows.append([
      kind.rawValue, scan.axis, "\(scan.values[0]) to \(scan.values.last!)", laws.0.text, laws.1.text,
    ])
  }
}
volatileTable(["step", "of", "from", "exponent of time", "exponent of memory"], rows: growthRows)
// A power law hides a single step that is too long, so the cost of a block is shown for each number of blocks.
volatileTable(
  ["blocks", "teacher: ms a block", "MB a block", "stage 3: ms a block", "MB a block"],
  rows: scans.first { $0.axis == "L" }!.values.enumerated().map { index, blocks in
    ["\(blocks)"] + [Kind.teacher, .stage3].flatMap { ofBlocks[$0]![index] }
  })
for kind in [Kind.teacher, .stage3] {
  func law(_ axis: String) -> (time: PowerLaw, memory: PowerLaw) { growth["\(kind.rawValue) \(axis)"]! }
  for axis in ["L", "B"] {
    timed("\(kind.rawValue): time grows no faster than \(axis)", law(axis).time.exponent, atMost: 1.1)
    check("\(kind.rawValue): so does memory", law(axis).memory.exponent, atMost: 1.05, digits: 3)
  }
  timed("\(kind.rawValue): time grows no faster than D²", law("D").time.exponent, atMost: 2)
  check(
    "\(kind.rawValue): so does memory, of which the parameters have D²", law("D").memory.exponent, lessThan: 2,
    digits: 3)
  timed("\(kind.rawValue): with T, time grows no faster than T²", law("T").time.exponent, atMost: 2)
  check("\(kind.rawValue): memory as well", law("T").memory.exponent, lessThan: 2, digits: 3)
}

MemoryStatistics.releaseFreeBlocks()

// MARK: - The chunked algorithm

chapter.section("3. The chunked algorithm, to 65,536 tokens")
let (H, P, N, Q) = (8, 64, 64, 64)
func stateSpace(_ T: Int) -> [Tensor] {
  var random = SeededGenerator(seed: 3)
  func draw(_ width: Int) -> Tensor { .normal([1, T, H, width], deviation: 0.1, using: &random) }
  return [draw(P), -1 * sigmoid(.normal([1, T, H], using: &random)), draw(N), draw(N), .ones([H])]
}
let lengths = [256, 1024, 4096, 16_384, 65_536]
// The lengths take turns, so that a slow moment affects all of them.
let runs = lengths.map { T in
  let x = stateSpace(T)
  return { _ = ssdSequence(x[0], logDecay: x[1], b: x[2], c: x[3], d: x[4], Q: Q) }
}
let chunkBytes = runs.map { run in Double(MemoryStatistics.peak { run() }.bytes) }
let chunkTimes = time(repetitions: repetitions, runs).medians
let perToken = zip(lengths, chunkTimes).map { 1e6 * $1 / Double($0) }
volatileTable(
  ["T", "ms", "µs a token", "MB beside the inputs"],
  rows: lengths.indices.map {
    [
      "\(lengths[$0])", number(1e3 * chunkTimes[$0], digits: 3),
      number(perToken[$0], digits: 3), number(chunkBytes[$0] / 1e6, digits: 4),
    ]
  })
let line = PowerLaw(x: lengths.map { Double($0) }, y: chunkTimes)
show("exponent of time", line.text)
timed("time is linear in T: |exponent − 1|", abs(line.exponent - 1), atMost: 0.1)
let slope = (chunkBytes.last! - chunkBytes[2]) / Double(lengths.last! - lengths[2])
let expected = Double((H * P + H * N * P / Q) * MemoryLayout<Scalar>.stride)
show("bytes a token: output and a state for each chunk", slope, digits: 6)
check("memory grows by output and entering states: relative difference", slope / expected - 1, within: 0.01)
chapter.plot(
  Figure(
    "The chunked algorithm, forward: H = 8, P = N = Q = 64",
    panels: [
      LineChart(
        "", x: Axis("T", unit: "token", logarithmic: true),
        y: Axis("time of a token", unit: "µs", range: 0...ceil(1.2 * perToken.max()!)),
        series: [
          Series(
            "measured", x: lengths.map { Double($0) }, y: perToken, style: .linePoints)
        ], legend: .bottomRight)
    ]), "chunked")

// MARK: - The tape

chapter.section("4. What the tape adds")
let depth = 10_000
let small = Tensor([1, 2, 3, 4])
let plain = seconds(repetitions) {
  var x = small
  for _ in 0..<depth { x = -1 * x }
  var back = x
  for _ in 0..<depth { back = -1 * back }
}
let taped = seconds(repetitions) {
  let leaf = Variable(leaf: small)
  var x = leaf
  for _ in 0..<depth { x = -1 * x }
  _ = cotangents(of: x, seed: small, withRespectTo: [leaf])
}
let added = 1e6 * (taped - plain) / Double(depth)
show("µs that an operation costs more on the tape, there and back", added, digits: 2)
timed("at most 2 µs", added, atMost: 2, digits: 2)

// MARK: - Sharing a loop

chapter.section("5. What it costs to share a loop")
/// Work that no compiler can leave out: a chain of additions and roots.
@inline(never) nonisolated func chain(_ links: Int) -> Float {
  (0..<links).reduce(Float(0)) { ($0 + Float($1)).squareRoot() }
}
var sharing: [[String]] = []
for links in [300, 3000, 10_000] {
  nonisolated(unsafe) var results = [Float(0), 0]
  let ways: [() -> Void] = [
    { for index in 0..<2 { results[index] = chain(links) } },
    {
      results.withUnsafeMutableBufferPointer { buffer in
        nonisolated(unsafe) let buffer = buffer
        DispatchQueue.concurrentPerform(iterations: 2) { buffer[$0] = chain(links) }
      }
    },
    {
      results.withUnsafeMutableBufferPointer { buffer in
        nonisolated(unsafe) let buffer = buffer
        onAllCores(2) { buffer[$0] = chain(links) }
      }
    },
  ]
  // One way after the other, as a step has one loop after the other: each finds its own threads as it left them.
  let times = ways.map { 1e6 * seconds(100 * repetitions, $0) }
  sharing.append([number(times[0] / 2, digits: 2)] + times.map { number($0, digits: 3) })
}
volatileTable(["two pieces of, µs", "one after the other", "concurrentPerform", "worker pool"], rows: sharing)

// MARK: - Writing

chapter.section("6. A token that is written")
let exercise = Exercise()
var writing: [[String]] = []
for (name, model) in [("teacher", exercise.teacher.frozen), ("student", exercise.student.frozen)] {
  for length in [128, 1024] {
    let text = Tokens((0..<length).map { $0 * 7 % charactersOfKJV }, B: 1, T: length)
    var state = model.emptyState()
    let read = seconds(3) {
      state = model.emptyState()
      model.read(text, &state)
    }
    let one = Tokens([5], B: 1, T: 1)
    let write = seconds(200) { model.read(one, &state) }
    writing.append([
      name, "\(length)", number(1e6 * read / Double(length), digits: 3), number(1e6 * write, digits: 3),
      number(1 / write, digits: 3),
    ])
  }
}
volatileTable(
  ["model", "tokens before", "reading, µs a token", "writing, µs a token", "tokens a second"], rows: writing)

chapter.finish()
