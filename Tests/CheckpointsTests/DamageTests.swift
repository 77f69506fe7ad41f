// # Damaged files
//
// Whatever a file contains, reading it ends in a checkpoint or in an error that says where and what: never in a
// crash, never in an attempt to take all memory.

import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// A file that must be refused, and what the message must say besides the name of the file.
struct Damage: CustomTestStringConvertible {
  let name: String
  let data: Data
  let mentions: [String]
  var testDescription: String { name }

  init(_ name: String, _ data: Data, mentions: [String]) {
    self.name = name
    self.data = data
    self.mentions = mentions
  }

  init(_ name: String, _ data: Data, _ mentions: String...) { self.init(name, data, mentions: mentions) }

  init(_ name: String, header: String, bytes: Int = 0, _ mentions: String...) {
    self.init(name, safetensors(header, numbers: Array(repeating: 1, count: bytes)), mentions: mentions)
  }
}

@Suite struct DamageTests {
  static let damages: [Damage] = [
    Damage("empty", Data(), "empty"),
    Damage("seven bytes", Data(repeating: 0, count: 7), "7 bytes", "byte 0"),
    Damage("header beyond the end", Data(littleEndian(UInt64(100)) + Array("{}".utf8)), "100 bytes", "only 2"),
    Damage("absurd header", Data(littleEndian(UInt64.max) + Array("{}".utf8)), "\(UInt64.max)"),
    Damage("header of 2^63", Data(littleEndian(UInt64(1) << 63) + Array("{}".utf8)), "\(UInt64(1) << 63)"),
    Damage("no header", header: "", "“{”", "byte 8"),
    Damage("not JSON", header: "hello", "“{”", "byte 8"),
    Damage("another JSON", header: "[1, 2]", "“{”"),
    Damage("open", header: "{", "“\"”"),
    Damage("open text", header: "{\"a", "closing quotation mark"),
    Damage("open escape", header: "{\"a\\", "backslash"),
    Damage("wrong escape", header: "{\"\\x\":1}", "escape"),
    Damage("half a surrogate", header: "{\"\\ud83dxx\":1}", "escape"),
    Damage("two first halves", header: "{\"\\ud83d\\ud83d\":1}", "escape"),
    Damage("second half first", header: "{\"\\ude42\":1}", "escape"),
    Damage("short code", header: "{\"\\u12", "escape"),
    Damage("signed code", header: "{\"\\u+123\":1}", "escape"),
    Damage("control character", header: "{\"a\nb\":1}", "control character"),
    Damage("something after", header: "{} {}", "after its closing brace", "byte 11"),
    Damage("comma at the end", header: "{\"__metadata__\":{},}", "“\"”"),
    Damage("metadata not text", header: "{\"__metadata__\":{\"a\":1}}", "“\"”"),
    Damage("not UTF-8", safetensors(header: [0x7B, 0x22, 0x61, 0xFF, 0x22, 0x3A, 0x31, 0x7D]), "UTF-8", "byte 11"),
    Damage("tensor not an object", header: #"{"w":[1]}"#, "\"w\"", "“{”"),
    Damage("unknown key", header: #"{"w":{"size":3}}"#, "\"w\"", "\"size\""),
    Damage("unknown dtype", header: #"{"w":{"dtype":"I9","shape":[1]}}"#, "\"w\"", "\"I9\"", "BF16", "convert"),
    Damage(
      "numbers that are not read", header: #"{"w":{"dtype":"I8","shape":[3],"data_offsets":[0,3]}}"#, bytes: 3,
      "\"w\"", "type I8", "BF16", "convert"),
    Damage("no dtype", header: #"{"w":{"shape":[1],"data_offsets":[0,4]}}"#, bytes: 4, "\"w\"", "dtype is missing"),
    Damage("no shape", header: #"{"w":{"dtype":"F32","data_offsets":[0,4]}}"#, bytes: 4, "\"w\"", "shape is missing"),
    Damage("no offsets", header: #"{"w":{"dtype":"F32","shape":[1]}}"#, bytes: 4, "\"w\"", "data_offsets is missing"),
    row("negative size", "[-1]", "[0,4]", "negative"),
    row("broken size", "[1.5]", "[0,4]", "“]”"),
    row("exponent", "[1e3]", "[0,4]", "“]”"),
    row("text for a size", "[\"1\"]", "[0,4]", "whole number"),
    row("size beyond Int", "[99999999999999999999]", "[0,4]", "too large"),
    row("overflow", "[4294967296,4294967296]", "[0,4]", "counted"),
    row("overflow of bytes", "[4611686018427387904]", "[0,4]", "counted"),
    row("overflow beside zero", "[0,4294967296,4294967296]", "[0,0]", "counted"),
    row("seven axes", "[1,1,1,1,1,1,1]", "[0,4]", "7 axes"),
    row("one offset", "[1]", "[0]", "1 offsets"),
    row("three offsets", "[1]", "[0,4,4]", "3 offsets"),
    row("backward offsets", "[1]", "[4,0]", "range"),
    row("negative offset", "[1]", "[-4,0]", "negative"),
    row("offset beyond the end", "[2]", "[0,8]", "range", "4 bytes"),
    row("huge offset", "[1]", "[0,9223372036854775807]", "range"),
    row("too many bytes", "[]", "[0,3]", "span 3 bytes", "needs 4"),
    row("large shape", "[1000000000]", "[0,4]", "span 4 bytes", "4000000000"),
    Damage("bytes left over", header: #"{"__metadata__":{}}"#, bytes: 4, "4 bytes after the last tensor"),
    pair("overlap", 0..<8, 4..<12, bytes: 12, "\"w\"", "overlap"),
    pair("the same bytes twice", 0..<8, 0..<8, bytes: 8, "overlap"),
    pair("inside another", 4..<8, 0..<12, bytes: 12, "\"v\"", "overlap"),
    pair("gap", 12..<16, 0..<8, bytes: 16, "\"v\"", "4 bytes before"),
    pair("gap at the beginning", 8..<16, 4..<8, bytes: 16, "\"w\"", "4 bytes before"),
    pair("name twice", second: "\\u0076", 0..<8, 8..<16, bytes: 16, "\"v\"", "twice"),
    Damage("key twice", header: #"{"w":{"dtype":"F32","dtype":"F32"}}"#, "\"dtype\"", "twice"),
    Damage("metadata twice", header: #"{"__metadata__":{},"__metadata__":{}}"#, "\"__metadata__\"", "twice"),
    Damage("deep", header: String(repeating: "[", count: 100_000), "“{”"),
    Damage("deep objects", header: String(repeating: "{\"a\":", count: 100_000), "not dtype"),
    Damage(
      "long name", header: "{\"\(String(repeating: "long", count: 100_000))\":1}", "longlong", "…"),
  ]

  /// A file with one tensor "w" of F32 and four bytes of numbers.
  static func row(_ name: String, _ shape: String, _ offsets: String, _ mentions: String...) -> Damage {
    let header = "{\"w\":{\"dtype\":\"F32\",\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
    return Damage(name, safetensors(header, numbers: [1, 1, 1, 1]), mentions: ["\"w\""] + mentions)
  }

  /// A file with two tensors of F32, "v" and another, at these offsets.
  static func pair(
    _ name: String, second: String = "w", _ v: Range<Int>, _ w: Range<Int>, bytes: Int, _ mentions: String...
  ) -> Damage {
    let entries = [("v", v), (second, w)].map { name, range in
      let offsets = "[\(range.lowerBound),\(range.upperBound)]"
      return "\"\(name)\":{\"dtype\":\"F32\",\"shape\":[\(range.count / 4)],\"data_offsets\":\(offsets)}"
    }
    let header = "{\(entries.joined(separator: ","))}"
    return Damage(name, safetensors(header, numbers: Array(repeating: 1, count: bytes)), mentions: mentions)
  }

  @Test(arguments: damages) func isRefused(_ damage: Damage) throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("some file.safetensors")
      try damage.data.write(to: url)
      let error = try #require(throws: CheckpointError.self) { try Checkpoint(contentsOf: url) }
      for mention in damage.mentions + [url.path] {
        #expect(error.description.contains(mention), "\(error) should mention \(mention)")
      }
      #expect(error.description.count < 1000)
      #expect(error.localizedDescription == error.description)
    }
  }

  @Test func whatIsNoFileIsRefused() throws {
    try withTemporaryFolder { directory in
      let cases = [
        (directory, "directory"), (directory.appendingPathComponent("absent"), "no such file"),
        (URL(fileURLWithPath: "/dev/null"), "a device"), (URL(string: "https://example.org/x")!, "address"),
      ]
      for (url, mention) in cases {
        let error = try #require(throws: CheckpointError.self) { try Checkpoint(contentsOf: url) }
        #expect(error.description.contains(mention), "\(error)")
        #expect(error.description.contains(url.isFileURL ? url.path : url.absoluteString), "\(error)")
      }
    }
  }

  static let small: Data = {
    let header =
      #"{"__metadata__":{"step":"12"},"ab":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"#
      + #""c\n":{"dtype":"F16","shape":[5],"data_offsets":[24,34]},"#
      + #""d":{"dtype":"I64","shape":[],"data_offsets":[34,42]}}"#
    return safetensors(header, numbers: (0..<42).map { UInt8($0) })
  }()

  /// Reads a damaged file; anything but a checkpoint or a `CheckpointError` is an issue.
  private func survives(_ data: Data) -> Bool {
    do {
      _ = try Checkpoint(data, file: "x")
      return true
    } catch is CheckpointError {
      return false
    } catch {
      Issue.record("\(error)")
      return false
    }
  }

  @Test func everyTruncationIsRefused() throws {
    #expect(survives(DamageTests.small))
    for length in 0..<DamageTests.small.count {
      #expect(!survives(DamageTests.small.prefix(length)), "the first \(length) bytes were accepted")
    }
    #expect(!survives(DamageTests.small + [0]))
  }

  @Test func everyOtherByteIsSurvived() {
    var accepted = 0
    for index in DamageTests.small.indices {
      var data = DamageTests.small
      for byte in UInt8.min...UInt8.max {
        data[index] = byte
        if survives(data) { accepted += 1 }
      }
    }
    // Any byte is right among the numbers; in the header only few are.
    #expect(accepted > 42 * 256)
    #expect(accepted < DamageTests.small.count * 256 / 2)
  }

  @Test func randomChangesAreSurvived() {
    var random = SeededGenerator(seed: 3)
    let signs = ["{", "}", "[", "]", ",", ":", "\"", "\\u", "-", "9999999999", "\"w\":", "\"shape\":", "F64"]
    let pieces = signs.map { Data($0.utf8) }
    for _ in 0..<20_000 {
      var data = DamageTests.small
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 8..<(data.count - 42), using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: data.insert(contentsOf: pieces.randomElement(using: &random)!, at: place)
        case 1: data.removeSubrange(place..<min(place + Int.random(in: 1...5, using: &random), data.count - 42))
        default: data.replaceSubrange(place..<(place + 1), with: pieces.randomElement(using: &random)!)
        }
        if data.count < 60 { break }
      }
      // So that the changes reach the parser, we make the length in front fit again.
      data.replaceSubrange(0..<8, with: littleEndian(UInt64(data.count - 8 - 42)))
      _ = survives(data)
    }
  }
}
