// # GGUF files put together by hand
//
// The header as its definition says, so that a test can make each of its numbers wrong.

import Foundation

/// The parts of a small .gguf file, each of which can be made wrong.
struct MadeGGUF {
  var magic = "GGUF"
  var version: UInt32 = 3
  var tensorCount: UInt64?
  var keyCount: UInt64?
  var keys: [[UInt8]] = []
  var tensors: [[UInt8]] = []
  var alignment = 32
  var numbers: [UInt8] = []

  /// The bytes of the file.
  var data: Data {
    var bytes = Array(magic.utf8) + littleEndian(version)
    bytes += littleEndian(tensorCount ?? UInt64(tensors.count)) + littleEndian(keyCount ?? UInt64(keys.count))
    bytes += keys.joined()
    bytes += tensors.joined()
    bytes += Array(repeating: 0, count: (alignment - bytes.count % alignment) % alignment)
    return Data(bytes + numbers)
  }

  static func text(_ text: String) -> [UInt8] { littleEndian(UInt64(text.utf8.count)) + Array(text.utf8) }

  /// A key, the number of its kind, and the bytes of its value.
  static func key(_ name: String, _ kind: UInt32, _ value: [UInt8]) -> [UInt8] {
    text(name) + littleEndian(kind) + value
  }

  /// A list: the number of the kind of its items, their number, and their bytes.
  static func list(_ kind: UInt32, _ count: UInt64, _ items: [UInt8]) -> [UInt8] {
    littleEndian(kind) + littleEndian(count) + items
  }

  /// A tensor; the sizes are innermost first, as in the file.
  static func tensor(_ name: String, _ sizes: [UInt64], type: UInt32 = 0, offset: UInt64 = 0) -> [UInt8] {
    text(name) + littleEndian(UInt32(sizes.count)) + sizes.flatMap { littleEndian($0) } + littleEndian(type)
      + littleEndian(offset)
  }

  /// A sound file: a key of each kind, a matrix [2, 3] of F32 and a row of 64 numbers in Q8_0.
  static let small = MadeGGUF(
    keys: [
      key("general.architecture", 8, text("llama")), key("u8", 0, [7]), key("i16", 3, littleEndian(Int16(-2))),
      key("f32", 6, littleEndian(Float(0.5).bitPattern)), key("flag", 7, [1]),
      key("f64", 12, littleEndian(Double(0.5).bitPattern)),
      key("texts", 9, list(8, 2, text("a") + text("é"))),
      key("flags", 9, list(7, 3, [0, 1, 1])), key("i64s", 9, list(11, 1, littleEndian(Int64(-5)))),
    ],
    tensors: [tensor("a", [3, 2]), tensor("b", [64], type: 8, offset: 32)],
    numbers: (0..<6).flatMap { littleEndian(Float($0).bitPattern) } + Array(repeating: 0, count: 8)
      + (0..<68).map { UInt8($0) })
}
