// # Damaged GGUF files
//
// As for safetensors: whatever the file contains, reading it gives a result or an error that says where and what, and
// takes time in proportion to the file's size.

import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct GGUFDamageTests {
  typealias Made = MadeGGUF

  /// A change of the small file.
  private static func damage(_ name: String, _ change: (inout MadeGGUF) -> Void, _ mentions: String...) -> Damage {
    var file = MadeGGUF.small
    change(&file)
    return Damage(name, file.data, mentions: mentions)
  }

  /// A file with one key.
  private static func value(_ name: String, _ kind: UInt32, _ bytes: [UInt8], _ mentions: String...) -> Damage {
    Damage(name, MadeGGUF(keys: [Made.key("k", kind, bytes)]).data, mentions: mentions + ["\"k\""])
  }

  /// A file with these tensors and 64 bytes of numbers.
  private static func tensors(_ name: String, _ tensors: [[UInt8]], _ mentions: String...) -> Damage {
    Damage(name, MadeGGUF(tensors: tensors, numbers: Array(repeating: 0, count: 64)).data, mentions: mentions)
  }

  static let damages: [Damage] = [
    Damage("four bytes", Data("GGUF".utf8), "ends inside the version"),
    damage("version 1", { $0.version = 1 }, "version 1", "2 and 3"),
    damage("version 4", { $0.version = 4 }, "version 4"),
    damage("big-endian", { $0.version = UInt32(3).byteSwapped }, "big-endian", "convert"),
    damage("10¹² tensors", { $0.tensorCount = 1_000_000_000_000 }, "1000000000000 tensors", "too few"),
    damage("2⁶⁴ − 1 tensors", { $0.tensorCount = .max }, "\(UInt64.max) tensors", "too few"),
    damage("10¹² keys", { $0.keyCount = 1_000_000_000_000 }, "1000000000000 keys", "too few"),
    damage("a key too many", { $0.keyCount = 10 }, "byte"),
    damage("a tensor too many", { $0.tensorCount = 3 }, "byte"),
    damage("key twice", { $0.keys.append(Made.key("u8", 0, [7])) }, "\"u8\"", "twice"),
    damage("key beyond the end", { $0.keys.append(littleEndian(UInt64(1) << 40)) }, "a key", "1099511627776 bytes"),
    damage("tensor twice", { $0.tensors.append(Made.tensor("a", [1])) }, "\"a\"", "twice"),
    damage("split", { $0.keys.append(Made.key("split.count", 2, [3, 0])) }, "3 parts", "merge"),

    value("kind 13", 13, [0], "kind 13"),
    value("truth value of 2", 7, [2], "0 or 1", "2"),
    value("text beyond the end", 8, littleEndian(UInt64.max), "\(UInt64.max) bytes"),
    value("text that is none", 8, littleEndian(UInt64(1)) + [0xFF], "UTF-8"),
    value("list of lists", 9, Made.list(9, 1, Made.list(9, 1, Made.list(0, 1, [0]))), "list of lists"),
    value("list of kind 99", 9, Made.list(99, 1, [0]), "kind 99"),
    value("list of 10¹² texts", 9, Made.list(8, 1_000_000_000_000, []), "1000000000000 items", "too few"),
    value("list of 2⁶⁴ − 1 bytes", 9, Made.list(0, .max, []), "\(UInt64.max) items"),
    value("list of a text beyond the end", 9, Made.list(8, 1, littleEndian(UInt64(50))), "50 bytes"),

    tensors("five axes", [Made.tensor("t", [1, 1, 1, 1, 1])], "\"t\"", "5 axes"),
    tensors("2³² − 1 axes", [Made.text("t") + littleEndian(UInt32.max)], "\"t\"", "4294967295 axes"),
    tensors("size beyond Int", [Made.tensor("t", [.max])], "\"t\"", "too large"),
    tensors("overflow", [Made.tensor("t", [1 << 32, 1 << 32])], "\"t\"", "counted"),
    tensors("overflow beside zero", [Made.tensor("t", [0, 1 << 32, 1 << 32])], "\"t\"", "counted"),
    tensors("large shape", [Made.tensor("t", [1_000_000_000])], "\"t\"", "4000000000 bytes", "64 bytes follow"),
    tensors("gone type", [Made.tensor("t", [32], type: 4)], "\"t\"", "number 4"),
    tensors("unknown type", [Made.tensor("t", [32], type: .max)], "\"t\"", "number 4294967295"),
    tensors("half a block", [Made.tensor("t", [16, 2], type: 8)], "\"t\"", "multiples of the 32", "Q8_0"),
    tensors("offset between", [Made.tensor("t", [1], offset: 4)], "\"t\"", "alignment 32"),
    tensors("offset beyond the end", [Made.tensor("t", [1], offset: 64)], "\"t\"", "64 bytes follow"),
    tensors("offset beyond Int", [Made.tensor("t", [1], offset: 1 << 63)], "\"t\"", "offset"),
    tensors("end beyond Int", [Made.tensor("t", [16], offset: (1 << 63) - 32)], "\"t\"", "beyond the end"),
    tensors("overlap", [Made.tensor("t", [16]), Made.tensor("u", [1], offset: 32)], "\"u\"", "overlap"),
    tensors("the same bytes twice", [Made.tensor("t", [1]), Made.tensor("u", [1])], "overlap"),
  ]

  @Test(arguments: damages) func isRefused(_ damage: Damage) throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("some file.gguf")
      try damage.data.write(to: url)
      for read in [{ _ = try GGUF(contentsOf: url) }, { _ = try Checkpoint(mapping: url) }] {
        let error = try #require(throws: CheckpointError.self) { try read() }
        for mention in damage.mentions + [url.path] {
          #expect(error.description.contains(mention), "\(error) should mention \(mention)")
        }
        #expect(error.description.count < 1000)
      }
    }
  }

  @Test func alignmentsAreRefused() throws {
    // The kinds: 4 is without a sign, as it should be, 5 has one, 8 is a text.
    let values: [(UInt32, [UInt8])] = [
      (4, littleEndian(UInt32(0))), (4, littleEndian(UInt32(3))), (4, littleEndian(UInt32(1) << 21)),
      (4, littleEndian(UInt32.max)), (5, littleEndian(Int32(32))), (8, Made.text("32")),
    ]
    for (kind, value) in values {
      let file = MadeGGUF(keys: [Made.key("general.alignment", kind, value)])
      let error = try #require(throws: CheckpointError.self) { try GGUF(file.data, file: "x") }
      #expect(error.description.contains("general.alignment"), "\(error)")
    }
    for alignment: UInt64 in [1, 64, 4096] {
      let file = MadeGGUF(
        keys: [Made.key("general.alignment", 10, littleEndian(alignment))],
        tensors: [Made.tensor("a", [1]), Made.tensor("b", [1], offset: max(4, alignment))], alignment: Int(alignment),
        numbers: littleEndian(Float(3).bitPattern) + Array(repeating: 0, count: max(4, Int(alignment)) - 4)
          + littleEndian(Float(5).bitPattern))
      let read = try GGUF(file.data, file: "x").checkpoint
      #expect(try read.tensor("a").elements + read.tensor("b").elements == [3, 5])
    }
  }

  /// Reads a damaged file and all its tensors; anything but a result or a `CheckpointError` is an issue.
  private func survives(_ data: Data) -> Bool {
    do {
      let file = try GGUF(data, file: "x")
      for name in file.checkpoint.names { _ = try? file.checkpoint.tensor(name) }
      return true
    } catch is CheckpointError {
      return false
    } catch {
      Issue.record("\(error)")
      return false
    }
  }

  @Test(.timeLimit(.minutes(1))) func everyTruncationIsRefused() {
    let data = MadeGGUF.small.data
    #expect(survives(data) && survives(data + [0]))
    for length in 0..<data.count {
      #expect(!survives(data.prefix(length)), "the first \(length) bytes were accepted")
    }
  }

  @Test(.timeLimit(.minutes(1))) func everyOtherByteIsSurvived() {
    let sound = MadeGGUF.small.data
    var accepted = 0
    for index in sound.indices {
      var data = sound
      for byte in UInt8.min...UInt8.max {
        data[index] = byte
        if survives(data) { accepted += 1 }
      }
    }
    // Any byte is right among the numbers and in most values and names; in counts and lengths only one is.
    #expect(accepted > 100 * 256 && accepted < sound.count * 256 * 3 / 4, "\(accepted) of \(sound.count * 256)")
  }

  @Test(.timeLimit(.minutes(1))) func everyOtherWordIsSurvived() {
    let sound = MadeGGUF.small.data
    let words: [UInt64] = [0, 1, .max, 1 << 63, 1 << 62, 1 << 32, 1 << 31, UInt64(sound.count), 1_000_000_000_000]
    for index in 0..<(sound.count - 8) {
      for word in words {
        var data = sound
        data.replaceSubrange(index..<(index + 8), with: littleEndian(word))
        _ = survives(data)
      }
    }
  }
}
