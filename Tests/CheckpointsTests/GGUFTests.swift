// # GGUF against the program of its authors
//
// The files in `Golden` were written by the package `gguf` on PyPI, and the numbers were decoded by it; the script beside
// them says how.

import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct GGUFTests {
  static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")

  private func gguf(_ name: String) throws -> GGUF {
    try GGUF(contentsOf: GGUFTests.golden.appendingPathComponent("\(name).gguf"))
  }

  @Test func tensorsAreEqualToTheLastBit() throws {
    let expected = try Checkpoint(contentsOf: GGUFTests.golden.appendingPathComponent("expected.safetensors"))
    var compared: Set<String> = []
    for file in ["formats", "aligned"] {
      let checkpoint = try gguf(file).checkpoint
      for name in checkpoint.names where name != "unread" {
        let wanted = try expected.tensor("\(file).\(name)")
        #expect(checkpoint.shape(of: name) == wanted.shape)
        #expect(bits(try checkpoint.finiteTensor(name, shape: wanted.shape)) == bits(wanted), "\(file) \(name)")
        compared.insert("\(file).\(name)")
      }
    }
    #expect(compared == expected.names)
    #expect(compared.count == 11)
  }

  // The lines are what Tests/RealModel/tensors.py prints for the same file.
  @Test func checksumsAreThoseOfTheOtherProgram() throws {
    let checkpoint = try gguf("formats").checkpoint.renamed { ["bf16", "f16", "f32"].contains($0) ? $0 : nil }
    #expect(try checkpoint.checksums() == ["bf16 5x7 3094918520", "f16 13x3 1879951367", "f32 3x5x7 3195399421"])
    #expect(throws: CheckpointError.self) { try gguf("formats").checkpoint.checksums() }
  }

  @Test func formatsThatAreNotReadAreNamedWhenAskedFor() throws {
    let checkpoint = try gguf("formats").checkpoint
    #expect(checkpoint.shape(of: "unread") == [1, 256])
    let error = try #require(throws: CheckpointError.self) { try checkpoint.tensor("unread") }
    for mention in ["formats.gguf", "\"unread\"", "Q6_K", "convert"] {
      #expect(error.description.contains(mention), "\(error)")
    }
  }

  @Test func everyKindOfValueIsRead() throws {
    let file = try gguf("formats")
    let expected: [String: GGUFValue] = [
      "u8": .unsigned(200), "i8": .signed(-100), "u16": .unsigned(60_000), "i16": .signed(-30_000),
      "u32": .unsigned(4_000_000_000), "i32": .signed(-2_000_000_000), "u64": .unsigned(.max), "i64": .signed(.min),
      "f32": .number(Double(Float(0.1))), "f64": .number(0.1), "bool": .flag(true), "text": .text("Zeichen \"\n é 🙂"),
      "texts": .textList(["a", "", "Ġthe", "🙂"]), "integers": .signedList([1, -2, 3]),
      "numbers": .numberList([0.5, -1.5]), "flags": .flagList([true, false]),
    ]
    for (key, value) in expected { #expect(file.metadata["kind.\(key)"] == value, "\(key)") }
    #expect(file.metadata.count == expected.count + 2)

    #expect(try file.integer("llama.block_count") == 30)
    #expect(try file.integer("kind.i64") == .min)
    #expect(try file.number("kind.f64") == 0.1 && file.number("kind.i8") == -100 && file.number("kind.u8") == 200)
    #expect(try file.flag("kind.bool"))
    #expect(try file.text("general.architecture") == "llama")
    #expect(try file.texts("kind.texts").count == 4)
    #expect(try file.integers("kind.integers") == [1, -2, 3])
    #expect(try file.numbers("kind.numbers") == [0.5, -1.5])
    #expect(file.checkpoint.metadata == ["general.architecture": "llama", "kind.text": "Zeichen \"\n é 🙂"])
  }

  @Test func aWrongQuestionNamesTheKey() throws {
    let file = try gguf("formats")
    let cases: [(String, [String], (String) throws -> Void)] = [
      ("llama.head_count", ["should have the key", "\"llama.block_count\""], { _ = try file.integer($0) }),
      ("other.key", ["should have the key", "\"general.architecture\""], { _ = try file.text($0) }),
      ("kind.text", ["a whole number", "a text"], { _ = try file.integer($0) }),
      ("kind.f32", ["a whole number", "fraction"], { _ = try file.integer($0) }),
      ("kind.u64", ["2⁶³ − 1"], { _ = try file.integer($0) }),
      ("kind.bool", ["a number", "Boolean"], { _ = try file.number($0) }),
      ("kind.u8", ["a Boolean", "whole"], { _ = try file.flag($0) }),
      ("kind.texts", ["a text", "list of texts"], { _ = try file.text($0) }),
      ("kind.text", ["a list of texts", "a text"], { _ = try file.texts($0) }),
      ("kind.numbers", ["a list of whole numbers", "fractions"], { _ = try file.integers($0) }),
      ("kind.flags", ["a list of numbers", "Booleans"], { _ = try file.numbers($0) }),
    ]
    for (key, mentions, ask) in cases {
      let error = try #require(throws: CheckpointError.self) { try ask(key) }
      for mention in mentions + ["\"\(key)\"", "formats.gguf"] {
        #expect(error.description.contains(mention), "\(error) should mention \(mention)")
      }
    }
  }

  @Test func theSecondVersionIsReadToo() throws {
    var file = MadeGGUF.small
    file.version = 2
    let read = try GGUF(file.data, file: "x")
    #expect(try read.checkpoint.tensor("a", shape: [2, 3]).elements == [0, 1, 2, 3, 4, 5])
    #expect(read.checkpoint.shape(of: "b") == [64])
  }

  @Test func aLongListIsReadAtOnce() throws {
    let words = (0..<50_000).map { "word \($0)" }
    let file = MadeGGUF(keys: [
      MadeGGUF.key("words", 9, MadeGGUF.list(8, 50_000, words.flatMap { MadeGGUF.text($0) }))
    ])
    #expect(try GGUF(file.data, file: "x").texts("words") == words)
  }
}
