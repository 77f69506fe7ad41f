// # Commands and a model that was made elsewhere
//
// A Llama in a folder as transformers would write it, with random weights, and models in .gguf files:
// through `generate`, `evaluate` and each chapter that takes a model in the teacher's place. Then files
// that are damaged, cut off, of another kind or too large, each of which gives one sentence at once.

import Corpora
import Experiments
import Foundation
import Layers
import Models
import Tensors
import Testing

@Suite struct PublishedModelTests {
  /// The chapters that take a model in the teacher's place.
  static let chapters = [
    "06-structured-matrices", "07-student", "08-matrix-orientation", "09-hidden-state-alignment",
    "10-knowledge-distillation", "14-generation",
  ]

  static let published = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "ModelsTests/Published")

  /// A Llama of two blocks whose queries share keys and values, with the characters of the bench's text.
  private static func llama(in folder: URL) throws {
    let tokenizer = CharacterTokenizer(trainedOn: Bench.text)
    let attention = CausalAttentionSizes(D: 24, H: 4, G: 2, rotaryBase: 500_000, convention: .llama)
    var random = SeededGenerator(seed: 9)
    let model = LanguageModel(
      ModelConfiguration(
        V: tokenizer.vocabularySize + 3, D: 24, T: 64, block: SequentialBlockSizes(feedForward: 40, epsilon: 1e-6),
        mixers: [attention, attention], hasTiedHead: true, layout: .llama), using: &random)
    try model.write(to: folder)
    for (name, data) in AnyTokenizer.characters(tokenizer).files { try data.write(to: folder.appending(path: name)) }
  }

  @Test(arguments: chapters) func `a chapter takes a Llama in the teacher's place`(_ chapter: String) throws {
    let bench = try Bench()
    let folder = bench.folder.appending(path: "llama")
    try Self.llama(in: folder)
    let outcome = try bench.run(chapter, adding: ["--model", folder.path])
    // Claims about a trained teacher may fail for a random one; the chapter still comes to its end.
    #expect([0, 1].contains(outcome.status) && outcome.output.contains("What came out"), "\(outcome.errors)")
    #expect(!outcome.errors.contains("Fatal") && !outcome.errors.contains("error:"), "\(outcome.errors)")
    #expect(
      !FileManager.default.fileExists(atPath: bench.out.appending(path: "05-teacher").path), "a teacher was made")
  }

  @Test func `a model has a tokenizer of its own`() throws {
    let bench = try Bench()
    let folder = bench.folder.appending(path: "llama")
    try Self.llama(in: folder)
    let outcome = try bench.run("07-student", adding: ["--model", folder.path, "--byte-pairs", "300"])
    #expect(outcome.status == 1 && outcome.errors.contains("--byte-pairs"), "\(outcome.errors)")
    let missing = try bench.run("07-student", adding: ["--model", "nowhere"])
    #expect(missing.status == 64 && missing.errors.contains("nowhere"), "\(missing.errors)")
    // A model that is made for shorter texts than the chapter reads.
    let config = folder.appending(path: "config.json")
    let words = try String(contentsOf: config, encoding: .utf8)
    let length = "\"max_position_embeddings\" : 64"
    #expect(words.contains(length))
    try words.replacing(length, with: "\"max_position_embeddings\" : 8").write(
      to: config, atomically: true, encoding: .utf8)
    let short = try bench.run("06-structured-matrices", adding: ["--model", folder.path])
    #expect(short.status == 1 && short.errors.contains("up to 8 tokens"), "\(short.errors)")
    try words.write(to: config, atomically: true, encoding: .utf8)
    // Students of one teacher are not taken for those of another.
    #expect([0, 1].contains(try bench.run("08-matrix-orientation", adding: ["--model", folder.path]).status))
    let other = try bench.run("08-matrix-orientation")
    #expect(other.status == 1 && other.errors.contains("made from another"), "\(other.errors)")
  }

  // ## generate and evaluate

  @Test func `a folder and a file write and are measured`() throws {
    let bench = try Bench()
    let folder = bench.folder.appending(path: "llama")
    try Self.llama(in: folder)
    let gguf = Self.published.appending(path: "gguf-q8_0/llama.gguf")
    for (place, prompt) in [(folder, "anna took"), (gguf, "the cat sat at")] {
      let outcome = try bench.run("generate", ["--model", place.path, "--prompt", prompt, "--tokens", "20"])
      #expect(outcome.status == 0 && outcome.output.hasPrefix(prompt), "\(outcome.errors)")
    }
    // Padding is never drawn: a token without a spelling would show as U+FFFD.
    let wild = ["--model", folder.path, "--prompt", "anna", "--tokens", "300", "--temperature", "100"]
    #expect(!(try bench.run("generate", wild).output.contains("\u{FFFD}")))

    let measure = ["--model", folder.path, "--corpus", bench.corpus.path, "--windows", "4"]
    let alone = try bench.run("evaluate", measure)
    #expect(
      alone.status == 0 && alone.output.contains("cross-entropy") && !alone.output.contains("KL"), "\(alone.errors)")
    let itself = try bench.run(
      "evaluate", measure + ["--against", folder.path, "--continuations", "5", "--knock-out"])
    #expect(itself.status == 0, "\(itself.errors)")
    #expect(itself.output.contains("KL (teacher ‖ model)        0.0000 ± 0.0000"), "\(itself.output)")
    #expect(itself.output.contains("agreement                   1.0000"), "\(itself.output)")
    #expect(itself.output.contains("exact match, 5 tokens       1.0000 ± 0.0000"), "\(itself.output)")
    #expect(itself.output.contains("without layer 0"), "\(itself.output)")
    for (arguments, word) in [
      (["--against", gguf.path], "tokenizer"), (["--length", "0"], "--length"), (["--windows", "0"], "--windows"),
      (["--length", "100000"], "at most 16384"), (["--continuations", "5"], "--against"),
      (["--grammar", "data/nothing.grammar"], "nothing.grammar"),
      (["--held-out", "1"], "--held-out"), (["--length", "10000"], "held-out part"),
      (["--model", "nowhere"], "nowhere"),
    ] {
      let outcome = try bench.run("evaluate", measure + arguments)
      #expect(
        outcome.status != 0 && outcome.errors.contains(word) && outcome.output.isEmpty, "\(arguments): \(outcome)")
    }
  }

  // ## Files that are no model

  @Test func `a file that is no model gives one sentence at once`() throws {
    let bench = try Bench()
    let place = bench.folder.appending(path: "it")
    let gguf = try Data(contentsOf: Self.published.appending(path: "gguf-q4_1/llama.gguf"))
    var (version, many, other) = (gguf, gguf, gguf)
    version[4] = 9
    many.replaceSubrange(8..<16, with: [255, 255, 255, 255, 255, 255, 255, 63])
    let name = try #require(gguf.range(of: Data("llama".utf8)))
    other.replaceSubrange(name, with: Data("gptj_".utf8))
    let cases: [(String, Data, [String])] = [
      ("half a file", gguf.prefix(gguf.count / 2), ["cut off"]), ("a few bytes", gguf.prefix(9), ["it"]),
      ("version 9", version, ["version 9"]), ("more tensors than bytes", many, ["tensors"]),
      ("another architecture", other, ["gptj_"]), ("a text", Data("In the beginning".utf8), ["not a .gguf file"]),
      ("nothing", Data(), ["it"]),
    ]
    for (what, data, words) in cases {
      try data.write(to: place)
      let start = ContinuousClock.now
      let outcome = try bench.run("generate", ["--model", place.path, "--prompt", "a"])
      let seconds = start.duration(to: .now) / .seconds(1)
      #expect(outcome.status == 1 && outcome.output.isEmpty, "\(what)")
      #expect(
        outcome.errors.split(separator: "\n").count == 1 && !outcome.errors.contains("Fatal"),
        "\(what): \(outcome.errors)")
      for word in words { #expect(outcome.errors.contains(word), "\(what): \(outcome.errors)") }
      #expect(seconds < 3, "\(what): \(seconds) s")
    }
  }
}
