// # From the options to the text
//
// A model is loaded, it reads the prompts, and then there is one loop: draw a token for each text,
// show it, and drop the texts that are complete.
//
// A text that ends before the others leaves the batch, and its state is kept, so that `--save` can join all of them
// again.
//
// Read before: `Command.swift`, `Texts.swift`.

import Checkpoints
import Corpora
import Experiments
import Foundation
import Models
import Notebook
import Tensors

/// Prompts are read in pieces of this many tokens, which bounds the memory needed (`FrozenModel.read`).
private let pieceLength = 1024

/// The metadata key for incomplete characters, kept beside the state: the bytes of each text, in hexadecimal.
private let unfinishedKey = "unfinished characters"

/// Does what the command asks for; throws an error whose description is one sentence.
func write(_ command: Command) throws {
  let saved = try SavedModel(contentsOf: URL(filePath: command.model))
  if let file = command.save { try requirePlace(for: URL(filePath: file)) }

  // Read what there is
  let start = ContinuousClock.now
  var (generation, texts) = try begin(command, saved)
  let reading = start.duration(to: .now) / .seconds(1)

  // Write
  var open = Array(0..<generation.B)
  var ended: [Int: Generation] = [:]
  let beginning = ContinuousClock.now
  for step in 0..<command.tokens {
    let complete = try zip(open, generation.next()).map { row, token in
      // The token that ends a text is not part of it.
      try token == saved.tokenizer.endOfText || texts.write(token, in: row)
    }
    // The last step ends all texts, below.
    if step == command.tokens - 1 || !complete.contains(true) { continue }
    for index in open.indices where complete[index] {
      ended[open[index]] = generation.keeping([index])
      try texts.end(open[index], goesOn: command.save != nil)
    }
    let going = open.indices.filter { !complete[$0] }
    open = going.map { open[$0] }
    if going.isEmpty { break }
    generation.keep(going)
  }
  let writing = beginning.duration(to: .now) / .seconds(1)
  for (index, row) in open.enumerated() {
    ended[row] = generation.keeping([index])
    try texts.end(row, goesOn: command.save != nil)
  }

  // Save the state, and report the speed
  let all = Generation.joined(ended.sorted { $0.key < $1.key }.map(\.value))
  if let file = command.save {
    var checkpoint = all.checkpoint
    checkpoint.metadata[unfinishedKey] = texts.texts
      .map { "[" + $0.stream.unfinished.map { String($0, radix: 16) }.joined(separator: ",") + "]" }
      .joined(separator: " ")
    try checkpoint.write(to: URL(filePath: file))
  }
  report(all, texts, T: saved.model.configuration.T, reading: reading, writing: writing)
}

// ## Beginning

/// The texts after their prompts: new ones, or those of a file.
private func begin(_ command: Command, _ saved: SavedModel) throws -> (Generation, Texts) {
  let prompts = try command.prompt.map { try encode($0, saved.tokenizer) }
  guard let file = command.resume.map({ URL(filePath: $0) }) else {
    let all = command.copies.map { Array(repeating: prompts[0], count: $0) } ?? prompts
    try requireMemory(for: all, of: saved.model)
    var texts = Texts(all.map { _ in TextStream(saved.tokenizer) }, stop: command.stop)
    for (row, prompt) in all.enumerated() { try texts.read(prompt, in: row) }
    let progress = ReadingProgress(of: all.map(\.count), by: saved.model)
    let generation = Generation(
      saved.model, prompts: all, sampler: saved.sampler(command.sampler(resuming: nil)), seed: command.seed ?? 0,
      inPiecesOf: pieceLength, onPiece: progress.update)
    progress.end()
    return (generation, texts)
  }
  var generation = try Generation(contentsOf: file, of: saved.model)
  generation.sampler = saved.sampler(command.sampler(resuming: generation.sampler))
  let unfinished = try unfinishedCharacters(in: file, count: generation.B)
  var texts = Texts(
    unfinished.map { TextStream(saved.tokenizer, goingOnFrom: $0) }, stop: command.stop)
  if let prompt = prompts.first {
    for row in 0..<generation.B { try texts.read(prompt, in: row) }
    let progress = ReadingProgress(
      of: Array(repeating: prompt.count, count: generation.B), by: saved.model,
      after: generation.state.positions.max()!)
    for first in stride(from: 0, to: prompt.count, by: pieceLength) {
      let piece = Array(prompt[first..<min(prompt.count, first + pieceLength)])
      generation.read(Array(repeating: piece, count: generation.B))
      progress.update(generation.B * (first + piece.count))
    }
    progress.end()
  }
  return (generation, texts)
}

/// Throws if the states of the texts, and the activations while a piece of each is read, do not fit into memory.
private func requireMemory(for prompts: [[Int]], of model: FrozenModel) throws {
  guard prompts.count > 1, let available = MemoryStatistics.available else { return }
  let c = model.configuration
  let lengths = prompts.map(\.count)
  let remembered = model.blocks.reduce(0) { sum, block in
    sum + block.mixer.memoryShapes(lengths: lengths).values.reduce(0) { $0 + $1.count }
  }
  // Two sets of logits, and the hidden activations, inputs and outputs of one block.
  let perToken = 2 * c.block.feedForward + 8 * c.D
  let held = prompts.count * (2 * c.V + min(pieceLength, lengths.max()!) * perToken)
  let needed = (2 * remembered + held) * MemoryLayout<Scalar>.size
  guard needed > available else { return }
  throw CommandError(
    "\(prompts.count) texts side by side need some \(bytes(needed)) of memory, but only \(bytes(available)) is left;"
      + " write fewer at a time")
}

/// The tokens of a prompt; an error names the prompt and lists what a prompt can contain.
private func encode(_ prompt: String, _ tokenizer: AnyTokenizer) throws -> [Int] {
  do {
    return try tokenizer.encode(prompt)
  } catch let error as CorpusError {
    let shown = prompt.count > 40 ? "\(prompt.prefix(40))…" : prompt
    throw CorpusError(
      "--prompt \(String(reflecting: shown))", problem: error.problem,
      remedy: "this model knows \(tokenizer.alphabet)")
  }
}

private func unfinishedCharacters(in file: URL, count: Int) throws -> [[UInt8]] {
  // A file written by another program of this book has no such key.
  guard let words = try Checkpoint(contentsOf: file).metadata[unfinishedKey] else {
    return Array(repeating: [], count: count)
  }
  let bytes: [[UInt8]?] = words.split(separator: " ").map { word in
    guard word.first == "[", word.last == "]" else { return nil }
    let digits = word.dropFirst().dropLast().split(separator: ",")
    let bytes = digits.compactMap { UInt8($0, radix: 16) }
    return bytes.count == digits.count && TextStream.isUnfinished(bytes) ? bytes : nil
  }
  let whole = bytes.compactMap(\.self)
  guard whole.count == bytes.count, whole.count == count else {
    throw CheckpointError(
      file: file.path, problem: "the metadata \"\(unfinishedKey)\" is damaged",
      remedy: "give a file that is whole; this one may have been changed by hand")
  }
  return whole
}

/// Throws if no file can be written there: before the work, not after it.
private func requirePlace(for file: URL) throws {
  let folder = file.deletingLastPathComponent()
  var isFolder: ObjCBool = false
  if FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder), isFolder.boolValue {
    throw CommandError("--save \(file.path): this is a folder; give the name of a file")
  }
  guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder), isFolder.boolValue,
    FileManager.default.isWritableFile(atPath: folder.path)
  else {
    throw CommandError(
      "--save \(file.path): nothing can be written in \(folder.path); give a file in a folder that exists")
  }
}

// ## The line at the end

private func report(_ generation: Generation, _ texts: Texts, T: Int, reading: Double, writing: Double) {
  let written = texts.texts.reduce(0) { $0 + $1.count }
  let speed = written == 0 ? "nothing" : "\(written) tokens in \(duration(seconds: writing))"
  let rate = written == 0 ? "" : ", \(number(Double(written) / writing, decimals: 0)) a second"
  let longest = generation.state.positions.max() ?? 0
  let beyond = longest > T ? "; trained on \(T) tokens, the longest text has \(longest)" : ""
  let line =
    "prompt read in \(duration(seconds: reading)), \(speed) written\(rate);"
    + " remembers \(bytes(generation.state.bytes)), numbers are \(scalarName)\(beyond)\n"
  Screen.shared.write(line)
}
