// # A reader for binary headers
//
// The header of a GGUF file is a sequence of numbers, texts and lists, and each text or list states its own length.
// These lengths come from a file that is not trusted. So nothing is read or allocated before we know that its bytes
// are there: a list of 10¹² items is refused because the file is too short for it, not after an attempt to read it.
//
// Read before: `CheckpointError.swift`. Read next: `GGUF.swift`. For headers that are texts: `HeaderParser.swift`.

/// Walks over the bytes of a file, from left to right, and never beyond their end.
struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  private let file: String
  /// The offset of the next byte.
  private(set) var position = 0
  /// The tensor that is being described, for error messages.
  var tensor: String?

  /// A reader for the bytes of a whole file, which must outlive it.
  init(_ bytes: UnsafeRawBufferPointer, file: String) {
    self.bytes = bytes
    self.file = file
  }

  /// The number of bytes that are left.
  var rest: Int { bytes.count - position }

  /// The error for a flaw at the current byte.
  func flaw(
    _ problem: String, remedy: String = "the file is cut off, damaged or not GGUF, so download or make it again"
  ) -> CheckpointError {
    CheckpointError(file: file, tensor: tensor, byte: position, problem: problem, remedy: remedy)
  }

  /// The next number, little-endian.
  mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
    _ type: Number.Type = Number.self, of what: @autoclosure () -> String
  ) throws -> Number {
    let size = MemoryLayout<Number>.size
    guard rest >= size else { throw flaw("the file ends inside \(what())") }
    defer { position += size }
    return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Number.self))
  }

  /// The next number, in eight bytes, as a count of items that take at least `bytesEach` bytes each; the file must
  /// hold the bytes of all of them.
  ///
  /// - Parameter most: a count that no sound file exceeds; it bounds what is allocated
  mutating func count(of what: @autoclosure () -> String, bytesEach: Int, most: Int) throws -> Int {
    let count: UInt64 = try number(of: "the number of \(what())")
    guard count <= UInt64(rest / bytesEach) else {
      throw flaw("the file should have \(count) \(what()), for which its \(bytes.count) bytes are too few")
    }
    guard count <= UInt64(most) else {
      throw flaw("the file has \(count) \(what()), more than the \(most) that are allowed")
    }
    return Int(count)
  }

  /// The next text: its length in eight bytes, then that many bytes of UTF-8.
  mutating func text(of what: @autoclosure () -> String) throws -> String {
    let length: UInt64 = try number(of: "the length of \(what())")
    guard length <= UInt64(rest) else {
      throw flaw("\(what()) should have \(length) bytes, but only \(rest) follow")
    }
    let content = UnsafeRawBufferPointer(rebasing: bytes[position..<(position + Int(length))])
    guard let text = String(validating: content, as: UTF8.self) else { throw flaw("\(what()) is not UTF-8") }
    position += Int(length)
    return text
  }
}
