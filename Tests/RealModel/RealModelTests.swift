// # A real model
//
// SmolLM2-135M, whose weights were made elsewhere, against what other programs say about the same file: PyPI's gguf
// about its numbers, Hugging Face's tokenizers about a million and more tokens, transformers and PyTorch about its
// logits and its losses.
//
// `make test-real` fetches the model, runs those programs (`tensors.py`, whose list is beside it, `tokens.py`,
// `reference.py`), leaves their results in a folder and tells these tests where it is. Without it they are skipped.
//
// Read before: `../ModelsTests/PublishedTests.swift`.

import Checkpoints
import Corpora
import Distillation
import Experiments
import Foundation
import Models
import Tensors
import Testing

/// The python3 that has transformers.
private let python = ProcessInfo.processInfo.environment["MOHAWK_PYTHON"]

/// What the other programs have left: model.gguf, text.txt, tokens.bin, starts.txt, logits.safetensors and loss.json.
private let folder = ProcessInfo.processInfo.environment["MOHAWK_REAL_MODEL"].map { URL(filePath: $0) }

private func file(_ name: String) throws -> URL { try #require(folder).appending(path: name) }

private func say(_ text: String) { print("real model: \(text)") }

@Suite("a real model", .enabled(if: folder != nil), .serialized) struct RealModelTests {
  @Test func everyTensorIsEqualBitForBit() throws {
    let list = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "smollm2-135m-instruct-q4_1.txt")
    let theirs = try String(contentsOf: list, encoding: .utf8).split(separator: "\n").map(String.init)
    let ours = try Checkpoint(mapping: file("model.gguf")).checksums()
    #expect(ours == theirs)
    say("\(zip(ours, theirs).filter { $0 == $1 }.count) of \(theirs.count) tensors are equal to PyPI's gguf")
  }

  @Test func everyTokenIsHuggingFaces() throws {
    let tokenizer = try SavedModel.tokenizer(of: file("model.gguf"))
    let text = try Corpus.text(contentsOf: file("text.txt"))
    let start = ContinuousClock.now
    let ours = try tokenizer.encode(text)
    let seconds = start.duration(to: .now) / .seconds(1)
    let theirs = try Data(contentsOf: file("tokens.bin")).withUnsafeBytes { bytes in
      (0..<(bytes.count / 4)).map { Int(bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self)) }
    }
    #expect(theirs.count > 1_200_000)
    #expect(ours.count == theirs.count)
    if let place = zip(ours, theirs).enumerated().first(where: { $1.0 != $1.1 })?.offset {
      Issue.record(
        "token \(place): \(ours[place]) here, \(theirs[place]) there, after \(tokenizer.decode(Array(ours[max(0, place - 8)..<place])))"
      )
    }
    #expect(tokenizer.decode(ours) == text)
    let speed = Double(text.utf8.count) / 1e6 / seconds
    #expect(speed >= 2, "\(speed) MB/s")
    say("\(ours.count) tokens as Hugging Face's, \((speed * 10).rounded() / 10) MB/s")
  }

  @Test func itsLogitsAreThoseOfTransformers() throws {
    let model = try LanguageModel(contentsOf: file("model.gguf")).frozen
    let theirs = try Checkpoint(contentsOf: file("logits.safetensors"))
    var (worst, largest, places, different) = (0.0, 0.0, 0, 0)
    for text in 0..<3 {
      let tokens = try theirs.tensor("tokens.\(text)").elements.map { Int($0) }
      let argmax = try theirs.tensor("argmax.\(text)").elements.map { Int($0) }
      let logits = model(Tokens(tokens))
      let found = indicesOfLargest(logits)
      for (mine, other) in zip(found, argmax) where mine != other { different += 1 }
      places += tokens.count
      let last = try theirs.tensor("logits.\(text)")
      let mine = logits.sliced((tokens.count - last.shape[0])..<tokens.count, along: 1).reshaped(to: last.shape.array)
      worst = max(worst, Double(largestMagnitude(mine - last)))
      largest = max(largest, Double(largestMagnitude(last)))
    }
    #expect(worst < 1e-4 * max(1, largest / 37), "largest difference \(worst), largest logit \(largest)")
    #expect(different == 0)
    #expect(places >= 200)
    say(
      "logits within \(worst) of transformers' (largest \(largest)), the same first token at all \(places - different) of \(places) places"
    )
  }

  @Test func itsLossIsPyTorchs() throws {
    struct Loss: Decodable { var mean: Double, losses: [Double] }
    let theirs = try readJSON(Loss.self, from: file("loss.json"))
    let model = try LanguageModel(contentsOf: file("model.gguf")).frozen
    let tokens = try Data(contentsOf: file("tokens.bin")).withUnsafeBytes { bytes in
      (0..<(bytes.count / 4)).map { Int(bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self)) }
    }
    let starts = try String(contentsOf: file("starts.txt"), encoding: .utf8).split(whereSeparator: \.isWhitespace)
      .compactMap { Int($0) }.prefix(theirs.losses.count)
    let T = 128
    let losses = starts.map { start in
      let batch = Batch(
        inputs: Tokens(Array(tokens[start..<(start + T)])), targets: Tokens(Array(tokens[(start + 1)...(start + T)])))
      return crossEntropy(of: model, on: [batch]).mean
    }
    #expect(losses.count == theirs.losses.count && losses.count >= 16)
    let mean = losses.reduce(0, +) / Double(losses.count)
    #expect(abs(mean - theirs.mean) < 1e-4)
    for (mine, other) in zip(losses, theirs.losses) { #expect(abs(mine - other) < 1e-4) }
    say("\(losses.count) windows of \(T): \(mean) nats per token here, \(theirs.mean) in PyTorch")
  }
}

// ## There and back
//
// What we write, transformers reads, continues with the same tokens, and saves again in its own way; we read that
// again.

@Suite("through transformers and back", .enabled(if: folder != nil && python != nil), .serialized)
struct RoundTripTests {
  /// What `round_trip.py` prints.
  private struct Report: Decodable { var prompt: [Int], tokens: [Int], margin: Double }

  /// Lets transformers read a folder, go on from a prompt, and save what it has read.
  private func throughTransformers(_ place: URL, _ saved: URL, _ prompt: [String]) throws -> Report {
    let process = Process()
    process.executableURL = URL(filePath: try #require(python))
    let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "ModelsTests/Published/round_trip.py")
    process.arguments = [script.path, place.path, saved.path, "--tokens", "24"] + prompt
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
    return try JSONDecoder().decode(Report.self, from: Data(try #require(lines.last { $0.hasPrefix("{") }).utf8))
  }

  private func expectTheSame(_ model: LanguageModel, in place: URL, _ prompt: [String], _ name: String) throws {
    let saved = place.deletingLastPathComponent().appending(path: "\(name)-saved")
    let report = try throughTransformers(place, saved, prompt)
    let ours = try model.frozen.generate([report.prompt], count: report.tokens.count, .greedy)[0]
    #expect(ours == report.tokens, "\(name), least margin \(report.margin)")
    let read = try LanguageModel(contentsOf: saved)
    #expect(read.configuration == model.configuration, "\(name)")
    for (mine, theirs) in zip(read.parameters, model.parameters) {
      #expect(mine.value == theirs.value, "\(mine.name)")
    }
    say("\(name): \(report.tokens.count) tokens the same there, and \(read.parameterCount) numbers back unchanged")
  }

  // A teacher of chapter 05, with its characters.
  @Test func aTeacherOfTheBook() throws {
    let place = try file("05-teacher/teacher-quick-seed0")
    let model = try SavedModel(contentsOf: place)
    try expectTheSame(model.model.model, in: place, ["--prompt", "And God said"], "phi of chapter 05")
    let saved = place.deletingLastPathComponent().appending(path: "phi of chapter 05-saved")
    let text = "And it came to pass,\nthat the LORD"
    #expect(try SavedModel.tokenizer(of: saved).encode(text) == model.tokenizer.encode(text))
  }

  @Test(arguments: ["phi-tied", "phi-gqa", "llama", "llama-tied"]) func aPublishedOneWrittenByUs(variant: String)
    throws
  {
    let published = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "ModelsTests/Published").appending(path: variant)
    let place = try file("round-trip/\(variant)")
    let model = try LanguageModel(contentsOf: published)
    try model.write(to: place)
    try expectTheSame(model, in: place, ["--ids", "3,1,4,1,5"], variant)
  }

  // SmolLM2 as a folder of ours, with its tokenizer.
  @Test func theRealModelAsAFolder() throws {
    let saved = try SavedModel(contentsOf: file("model.gguf"))
    let place = try file("smollm2")
    try saved.model.model.write(to: place)
    for (name, data) in saved.tokenizer.files { try data.write(to: place.appending(path: name)) }
    try expectTheSame(
      saved.model.model, in: place, ["--prompt", "In the year 1987 the train's driver said,\n\n \"It's 42!\""],
      "SmolLM2")
  }
}
