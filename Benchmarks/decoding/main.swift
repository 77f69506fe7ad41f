// # bench-decoding
//
// Reading a prompt and writing tokens, one text at a time, to be timed beside the same work in transformers. The
// teacher is that of `../exercise/Exercise.swift`, or a published model:
//
//     bench-decoding                    # the small teacher
//     bench-decoding --random           # a Llama of the sizes of SmolLM2-135M with random weights
//     bench-decoding --quick            # a tiny one, to see that everything works
//     bench-decoding --model FILE       # a folder or a .gguf file
//
// One of these writes its teacher into a folder when it gets the line `export FOLDER`, in the form of transformers, and
// both programs read it from there.
//
// A token that is written needs every weight once, and hardly anything else: no arithmetic makes it faster than reading
// the weights takes. So the program also measures how fast this machine reads, in the same run.
//
//     floor of a token  =  bytes of the weights / bytes that are read in a second
//
// Read before: `Models/Writing/Generation.swift`, `../exercise/Exercise.swift`. Read next:
// `../decoding_transformers.py`, `../decoding_compare.py`.

import ArgumentParser
import Exercise
import Foundation
import Models
import Notebook
import Tensors

struct Command: ParsableCommand {
  @Option(parsing: .unconditional, help: "The model: a folder or a .gguf file.", transform: path)
  var model: String?

  @Flag(help: "Where no model is given: random weights of SmolLM2-135M's sizes.")
  var random = false

  @Flag(help: "Where no model is given: a tiny one.")
  var quick = false

  static let configuration = CommandConfiguration(
    commandName: "bench-decoding", abstract: "Answers lines about reading a prompt and writing tokens.",
    discussion: """
      about             what is timed, as JSON
      export FOLDER     writes the model; "done"
      prefill T         reads T tokens, up to the logits of the next one: milliseconds
      decode N          writes N tokens after a prompt of 16: milliseconds of each, on average
      greedy N          the N tokens that it writes, always the most probable one
      memory            bytes that all cores together read in a second, and that pass when two arrays are added
      quit
      """)

  func teacher() throws -> LanguageModel {
    if let model { return try LanguageModel(contentsOf: URL(filePath: model)) }
    return quick || random ? RealExercise.randomTeacher(quick: quick) : Exercise().teacher
  }
}

/// What is timed.
struct About: Encodable {
  let program = "mohawk, \(scalarName)"
  let threads = WorkerPool.shared.threads
  /// The bytes of the weights that each token needs: all but an embedding that is not the head as well.
  let bytes: Int

  init(_ model: LanguageModel) {
    let c = model.configuration
    let unread = c.hasTiedHead ? 0 : c.V * c.D
    bytes = (model.parameterCount - unread) * MemoryLayout<Scalar>.stride
  }
}

/// Consecutive tokens: the same in both programs.
func prompt(_ count: Int, V: Int) -> [Int] { (0..<count).map { (1000 + $0) % V } }

func milliseconds(_ body: () throws -> Void) rethrows -> Double {
  try ContinuousClock().measure(body) / .milliseconds(1)
}

/// Writes tokens after a prompt of 16; the prompt is not timed.
func written(_ count: Int, by model: FrozenModel) throws -> (tokens: [Int], milliseconds: Double) {
  var generation = Generation(model, prompts: [prompt(16, V: model.configuration.V)], sampler: .greedy)
  var tokens: [Int] = []
  let time = try milliseconds { for _ in 0..<count { tokens += try generation.next() } }
  return (tokens, time / Double(count))
}

/// Bytes a second, the best of several times: reading alone, and reading two arrays to write a third.
func memorySpeeds() -> [Double] {
  let count = 16_000_000  // No cache holds so many.
  let parts = (0..<WorkerPool.shared.threads).map { _ in Tensor(repeating: 0.5, shape: [count]) }
  let bytes = Double(count * MemoryLayout<Scalar>.stride)
  func best(_ bytes: Double, _ body: () -> Void) -> Double {
    bytes / ((0..<7).map { _ in milliseconds(body) }.min()! / 1000)
  }
  return [
    best(bytes * Double(parts.count)) { onAllCores(parts.count) { _ = dot(parts[$0], parts[$0]) } },
    best(3 * bytes) { _ = parts[0] + parts[parts.count - 1] },
  ]
}

func answer(_ line: String, _ model: LanguageModel) throws -> String {
  let words = line.split(separator: " ").map(String.init)
  func number() throws -> Int {
    guard words.count == 2, let number = Int(words[1]), number > 0 else {
      throw CommandError("'\(line)' names no number of tokens")
    }
    return number
  }
  switch words.first {
  case "about": return String(decoding: try JSONEncoder().encode(About(model)), as: UTF8.self)
  case "export":
    guard words.count == 2 else { throw CommandError("'\(line)' names no folder") }
    try model.write(to: URL(filePath: words[1]))
    return "done"
  case "prefill":
    let text = prompt(try number(), V: model.configuration.V)
    return "\(milliseconds { _ = model.frozen.read(texts: [text]) })"
  case "decode": return "\(try written(number(), by: model.frozen).milliseconds)"
  case "greedy": return try written(number(), by: model.frozen).tokens.map { "\($0)" }.joined(separator: " ")
  case "memory": return memorySpeeds().map { "\($0)" }.joined(separator: " ")
  default: throw CommandError("bench-decoding knows no '\(line)'")
  }
}

let command = Command.ofCommandLine()
exitOnError {
  let model = try command.teacher()
  while let line = readLine(), line != "quit" { try StandardOutput.write(answer(line, model) + "\n") }
}
