// # Chapter 15 as a process
//
// With the tiny model of `--quick`, which takes the same path as a published one: the chapter can be killed at any
// moment, a second run trains nothing, other commands can read the model that it leaves, and what it cannot do it
// refuses before any work.

import Foundation
import Tensors
import Testing

@Suite struct RealModelChapterTests {
  private let chapter = "15-real-model"
  private let student = "15-real-model/student-quick-seed0/model.safetensors"

  /// The tables of a run, except the one with times.
  private func tables(_ bench: Bench) throws -> [String: Data] {
    let files = bench.files(endingIn: ".csv").filter { !$0.hasSuffix("generation.csv") }
    return try Dictionary(
      uniqueKeysWithValues: files.map { ($0, try Data(contentsOf: bench.out.appending(path: $0))) })
  }

  @Test func `killed again and again, it ends with the same numbers, and then only draws`() throws {
    let (whole, broken) = (try Bench(), try Bench())
    let undisturbed = try whole.run(chapter)
    #expect(
      [0, 1].contains(undisturbed.status) && undisturbed.output.contains("What came out"), "\(undisturbed.errors)")
    var kills = 0
    for attempt in 1...200 {
      let (process, _, _) = try broken.start(chapter)
      let deadline = Date().addingTimeInterval(Double.random(in: 0.1...0.4) * Double(attempt))
      while process.isRunning && Date() < deadline { usleep(2000) }
      guard process.isRunning else { break }
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      kills += 1
    }
    print("killed \(kills) times before the chapter came to its end")
    #expect(kills >= 1)
    let expected = try tables(whole)
    #expect(expected.count >= 8, "\(expected.keys.sorted())")
    let found = try tables(broken)
    #expect(found.keys.sorted() == expected.keys.sorted())
    for (file, bytes) in expected { #expect(found[file] == bytes, "\(file) differs") }
    #expect(
      try Data(contentsOf: whole.out.appending(path: student))
        == Data(contentsOf: broken.out.appending(path: student)))
    #expect(broken.files(endingIn: "").allSatisfy { !$0.contains(".tmp-") && !$0.contains("training.safetensors") })

    let again = try broken.run(chapter)
    #expect(again.errors.contains("used again"), "\(again.errors)")
    #expect(!again.errors.contains("step"), "nothing was trained or measured again: \(again.errors)")
    #expect(try tables(broken) == expected)

    // What it left is a model for the other commands.
    let folder = broken.out.appending(path: student).deletingLastPathComponent().path
    let written = try broken.run("generate", ["--model", folder, "--prompt", "anna took", "--tokens", "9"])
    #expect(written.status == 0 && written.output.hasPrefix("anna took"), "\(written.errors)")
    let measured = try broken.run(
      "evaluate", ["--model", folder, "--corpus", broken.corpus.path, "--windows", "4", "--length", "32"])
    #expect(measured.status == 0 && measured.output.contains("cross-entropy"), "\(measured.errors)")

    // Other options in the same folder: what is there is neither used nor lost.
    let before = try Data(contentsOf: broken.out.appending(path: student))
    let other = try broken.run(chapter, adding: ["--tokens", "640"])
    #expect(other.status == 1 && other.errors.contains("another set of options"), "\(other.errors)")
    #expect(try Data(contentsOf: broken.out.appending(path: student)) == before)
  }

  @Test func `a hybrid keeps what it is asked to keep`() throws {
    let bench = try Bench()
    let outcome = try bench.run(
      chapter, adding: ["--layers", "0-2", "--keep", "1", "--N", "4", "--T", "24", "--first-token", "32"])
    #expect([0, 1].contains(outcome.status) && outcome.output.contains("What came out"), "\(outcome.errors)")
    #expect(outcome.output.contains("layers that keep their attention:   1, 3"), "\(outcome.output)")
    let config = try String(
      contentsOf: bench.out.appending(path: student).deletingLastPathComponent().appending(path: "config.json"),
      encoding: .utf8)
    #expect(config.contains("DiscreteMamba2") && config.contains("Attention"), "\(config)")
  }

  @Test func `the study has every arm, with equal tokens`() throws {
    let bench = try Bench()
    let outcome = try bench.run(chapter, adding: ["--study", "--seeds", "1"])
    #expect([0, 1].contains(outcome.status) && outcome.output.contains("What came out"), "\(outcome.errors)")
    for way in ["transfer + 3", "2-3", "1-2-3", "without column 0"] {
      #expect(outcome.output.contains(way), "\(way) is missing")
    }
    let again = try bench.run(chapter, adding: ["--study", "--seeds", "1"])
    #expect(!again.errors.contains("step"), "nothing was trained again: \(again.errors)")
  }

  @Test(arguments: [
    (["--model", "nowhere"], 64, "nowhere"), (["--layers", "9"], 1, "no layer 9"),
    (["--layers", "2-1"], 64, "2-1"), (["--layers", "a"], 64, "--layers"),
    (["--keep", "0-3"], 1, "no layer is left"),
    (["--first-token", "0"], 64, "--first-token 0"), (["--first-token", "nan"], 64, "--first-token nan"),
    (["--N", "0"], 64, "--N 0"), (["--T", "4"], 64, "--T 4"), (["--T", "400"], 1, "up to 256 tokens"),
    (["--tokens", "0"], 64, "--tokens 0"), (["--seeds", "0"], 64, "--seeds 0"),
    (["--byte-pairs", "300"], 1, "--byte-pairs"), (["--tokens", "99999999999999999999"], 64, "--tokens"),
  ])
  func `what cannot be is one sentence`(_ arguments: [String], _ status: Int32, _ words: String) throws {
    let bench = try Bench()
    let outcome = try bench.run(chapter, adding: arguments)
    #expect(outcome.status == status && outcome.errors.contains(words), "\(outcome)")
    #expect(!outcome.errors.contains("Fatal"), "\(outcome.errors)")
    #expect(!outcome.output.contains("1. The model"), "no work was begun")
  }

  @Test func `a student is no teacher, and a short text is too short`() throws {
    let bench = try Bench()
    #expect([0, 1].contains(try bench.run(chapter).status))
    let folder = bench.out.appending(path: student).deletingLastPathComponent().path
    let outcome = try bench.run(chapter, adding: ["--model", folder])
    #expect(outcome.status == 1 && outcome.errors.contains("no attention to be replaced"), "\(outcome.errors)")
    let short = bench.folder.appending(path: "short.txt")
    try "anna took the key .".write(to: short, atomically: true, encoding: .utf8)
    let refused = try bench.run(
      chapter,
      ["--quick", "--plots", "none", "--corpus", short.path, "--out", bench.folder.appending(path: "o").path])
    #expect(refused.status == 1 && refused.errors.contains("the corpus"), "\(refused.errors)")
    #expect(refused.errors.split(separator: "\n").count == 1, "\(refused.errors)")
  }

  @Test(.enabled(if: MemoryStatistics.available.map { $0 < 60_000_000_000 } ?? false))
  func `a model that does not fit into memory is refused before it is read`() throws {
    let bench = try Bench()
    let folder = bench.folder.appending(path: "large")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // A file with a hole of 34 GB in it, which takes no room on the disk.
    let (V, D) = (1 << 19, 1 << 15)
    let config = """
      {"model_type": "llama", "vocab_size": \(V), "hidden_size": \(D), "intermediate_size": 64, "num_hidden_layers": 1,
       "num_attention_heads": 64, "num_key_value_heads": 64, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
       "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true}
      """
    try config.write(to: folder.appending(path: "config.json"), atomically: true, encoding: .utf8)
    let header =
      #"{"model.embed_tokens.weight":{"dtype":"F16","shape":[\#(V),\#(D)],"data_offsets":[0,\#(2 * V * D)]}}"#
    var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    bytes += Data(header.utf8)
    let file = folder.appending(path: "model.safetensors")
    try bytes.write(to: file)
    let handle = try FileHandle(forWritingTo: file)
    try handle.truncate(atOffset: UInt64(bytes.count + 2 * V * D))
    try handle.close()
    let start = ContinuousClock.now
    let outcome = try bench.run(chapter, adding: ["--model", folder.path])
    #expect(outcome.status == 1 && outcome.errors.contains("of memory"), "\(outcome.errors)")
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    #expect(start.duration(to: .now) < .seconds(5))
  }
}
