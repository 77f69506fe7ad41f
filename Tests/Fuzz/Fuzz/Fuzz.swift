// # Inputs that nobody thought of
//
// libFuzzer makes inputs, watches which parts of the program each one reaches, and changes those that reached
// something new. It looks for traps: every reader must end, with a value or with an error. The environment variable
// FUZZ_READER names the reader, and FUZZ_WEIGHTS the weights to put beside a config.json. `make fuzz` asks the
// readers one after another.
//
// A file that this book writes itself, the state of a text or of a run, names the model or the recipe that it belongs
// to. A seed in the repository would not fit them for long, so the seeds of these two are written afresh into the
// folder that FUZZ_WRITTEN names.
//
// Read before: `Tests/Fuzz/Package.swift`.

import Checkpoints
import ConformanceKit
import Corpora
import Foundation
import Gradients
import Layers
import Models
import Notebook
import Tensors
import Training

/// Reads the bytes; it may write into the folder.
private typealias Reader = @Sendable (Data, URL) throws -> Void

/// Readers of what comes from outside, by name.
private let readers: [String: Reader] = [
  "safetensors": { data, folder in
    let file = folder.appending(path: "model.safetensors")
    try data.write(to: file)
    let checkpoint = try Checkpoint(contentsOf: file)
    for name in checkpoint.names { _ = try checkpoint.tensor(name) }
  },
  "gguf": { data, folder in
    let file = folder.appending(path: "model.gguf")
    try data.write(to: file)
    _ = try LanguageModel(contentsOf: file)
  },
  "config": { data, folder in
    try data.write(to: folder.appending(path: "config.json"))
    _ = try LanguageModel(contentsOf: folder)
  },
  "corpus": { data, folder in
    let file = folder.appending(path: "text.txt")
    try data.write(to: file)
    let text = try Corpus.text(contentsOf: file)
    let corpus = try Corpus(text: text, tokenizer: CharacterTokenizer(trainedOn: text)).validated(forWindow: 4)
    _ = try corpus.heldOutBatches(count: 2, B: 2, T: 4)
    let pairs = try BytePairTokenizer(trainedOn: text, vocabularySize: 264)
    _ = pairs.decode(pairs.encode(text))
  },
  "conformance": { data, folder in
    let (history, corridors) = (folder.appending(path: "history.csv"), folder.appending(path: "corridors.json"))
    try data.write(to: history)
    if let curve = try? Corridor.curve(contentsOf: history) {
      _ = Corridor(model: "m", stage: 1, words: "", curves: [[1, 2, 3], [2, 3, 4]]).verdict(on: curve)
    }
    try data.write(to: corridors)
    for corridor in try Corridor.all(in: folder) { _ = corridor.verdict(on: Array(repeating: 1, count: 40)) }
  },
  // No reader: to see that a trap is found, and reported.
  "trap": { data, _ in precondition(data.count < 4, "found") },
  "generation": { data, folder in
    let file = folder.appending(path: "state.safetensors")
    try data.write(to: file)
    var generation = try Generation(contentsOf: file, of: hybrid)
    for _ in 0..<2 { _ = try generation.next() }
  },
  "run": { data, folder in
    let file = folder.appending(path: "training.safetensors")
    try data.write(to: file)
    try takeStep(goingOnFrom: file)
  },
  "transcript": { data, _ in
    // Two texts, cut where the first has its first zero.
    let parts = data.split(separator: 0, maxSplits: 1).map { Transcript(String(decoding: $0, as: UTF8.self)) }
    if let first = parts.first, let last = parts.last { _ = last.differences(fromExpected: first) }
  },
  "grammar": { data, _ in _ = try Grammar(String(decoding: data, as: UTF8.self)) },
  "tokenizer": { data, folder in
    let file = folder.appending(path: "tokenizer.json")
    try data.write(to: file)
    let tokenizer = try AnyTokenizer(contentsOf: file)
    _ = try tokenizer.decode(tokenizer.encode("in the beginning, 12 Ünïcödé 🙂\n"))
  },
]

// ## Files of the book's own

/// A model with both kinds of memory: a state, and keys and values that grow. libFuzzer asks from one thread.
nonisolated(unsafe) private let hybrid: FrozenModel = {
  let teacher = ModelConfiguration(
    V: 5, D: 4, T: 6, mixers: [CausalAttentionSizes(D: 4, H: 2), CausalAttentionSizes(D: 4, H: 2)], layout: .phi)
  var random = SeededGenerator(seed: 1)
  return LanguageModel(teacher.student(DiscreteMamba2Sizes(D: 4, H: 2, N: 2, Q: 3), keeping: [1]), using: &random)
    .frozen
}()

/// A run of three steps on two numbers goes on from a file, if it is there, and takes one step.
private func takeStep(goingOnFrom file: URL) throws {
  let x = Parameter("x", Tensor([1, -1]))
  let run = try TrainingRun(
    "parabola", of: [ParameterRows(x)],
    settings: TrainingSettings(steps: 3, learningRate: 0.1, tokensPerUpdate: 1, seed: 1), checkpoint: file, every: 1,
    madeFrom: #"{"text":"1"}"#)
  guard run.next() != nil else { return }
  try run.descend(sum(Variable(x) * Variable(x)))
}

private func writeSeeds(into folder: URL) throws {
  var generation = Generation(hybrid, prompts: [[1, 2, 3], [4]], seed: 1)
  _ = try generation.next()
  try generation.write(to: folder.appending(path: "generation/seed.safetensors"))
  try takeStep(goingOnFrom: folder.appending(path: "run/seed.safetensors"))
}

// ## What libFuzzer calls

private let reader: Reader = {
  let name = ProcessInfo.processInfo.environment["FUZZ_READER"] ?? ""
  guard let reader = readers[name] else {
    FileHandle.standardError.write(Data("FUZZ_READER is one of \(readers.keys.sorted())\n".utf8))
    exit(64)
  }
  return reader
}()

private let folder: URL = {
  let folder = FileManager.default.temporaryDirectory.appending(path: "mohawk-fuzz-\(getpid())")
  try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  if let weights = ProcessInfo.processInfo.environment["FUZZ_WEIGHTS"] {
    try? FileManager.default.copyItem(atPath: weights, toPath: folder.appending(path: "model.safetensors").path)
  }
  return folder
}()

@_cdecl("LLVMFuzzerInitialize")
public func initialize(_ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?) -> Int32 {
  guard let folder = ProcessInfo.processInfo.environment["FUZZ_WRITTEN"] else { return 0 }
  do { try writeSeeds(into: URL(filePath: folder)) } catch {
    FileHandle.standardError.write(Data("FUZZ_WRITTEN: \(error)\n".utf8))
    exit(64)
  }
  return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let data = start.map { Data(bytes: $0, count: count) } ?? Data()
  do { try reader(data, folder) } catch {}
  return 0
}
