// # A parser for headers
//
// The header of a safetensors file is JSON of a fixed form: objects, lists of natural numbers, texts. We parse it
// ourselves, for two reasons. A general parser silently takes the last of two equal keys, and here that would lose a
// tensor; and a flaw should be reported with its byte offset. There is no nesting to follow, so no input can exhaust
// the stack. The index of a model in several files has the same form, with further values that we skip.
//
// Read before: `CheckpointError.swift`. Read next: `SafetensorsHeader.swift`, `ShardIndex.swift`.

import Foundation

/// Walks over the bytes of a header, from left to right.
struct HeaderParser {
  private let bytes: [UInt8]
  private let file: String
  private let offset: Int
  /// What is parsed, for error messages.
  private let what: String
  private var position = 0
  /// The tensor that is being described, for error messages.
  var tensor: String?

  /// A parser for bytes that begin `offset` bytes after the beginning of a file. Throws if they are not UTF-8.
  init(_ bytes: [UInt8], file: String, offset: Int, of what: String = "the header") throws {
    self.bytes = bytes
    self.what = what
    self.file = file
    self.offset = offset
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      position = error.byteOffsets.lowerBound
      throw flaw("\(what) is not UTF-8")
    }
  }

  /// The error for a flaw at the current byte.
  func flaw(
    _ problem: String, remedy: String = "the file is damaged or not safetensors, so download or make it again"
  ) -> CheckpointError {
    CheckpointError(file: file, tensor: tensor, byte: offset + position, problem: problem, remedy: remedy)
  }

  /// The next byte after spaces, or nil at the end.
  private mutating func peek() -> UInt8? {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    return position < bytes.count ? bytes[position] : nil
  }

  /// Steps over a punctuation mark if it is next.
  private mutating func accept(_ mark: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: mark) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ mark: Unicode.Scalar) throws {
    guard accept(mark) else { throw flaw("\(what) should have a “\(mark)” here") }
  }

  /// Reads an object; `visit` must read the value of the key that it is given. Throws if a key comes twice.
  mutating func object(_ visit: (inout HeaderParser, String) throws -> Void) throws {
    try expect("{")
    if accept("}") { return }
    var seen: Set<String> = []
    repeat {
      let key = try text()
      guard seen.insert(key).inserted else { throw flaw("the name \(quoted(key)) comes twice in \(what)") }
      try expect(":")
      try visit(&self, key)
    } while accept(",")
    try expect("}")
  }

  /// A list of natural numbers.
  mutating func naturalNumbers(of what: String) throws -> [Int] {
    try expect("[")
    if accept("]") { return [] }
    var numbers: [Int] = []
    repeat { numbers.append(try naturalNumber(of: what)) } while accept(",")
    try expect("]")
    return numbers
  }

  private mutating func naturalNumber(of what: String) throws -> Int {
    guard let first = peek(), (0x30...0x39).contains(first) else {
      throw flaw(accept("-") ? "\(what) has a negative number" : "\(what) should have a whole number here")
    }
    var number = 0
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
      let (tens, carry) = number.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = tens.addingReportingOverflow(Int(bytes[position] - 0x30))
      guard !carry, !overflow else { throw flaw("\(what) has a number that is too large") }
      number = sum
      position += 1
    }
    return number
  }

  /// Skips a value of any kind, and looks at it no closer than is needed to find its end.
  ///
  /// The open brackets are kept in a list and not on the call stack, so that no depth of nesting can exhaust the
  /// stack.
  mutating func skip() throws {
    var open: [UInt8] = []
    repeat {
      guard let byte = peek() else { throw flaw("\(what) ends inside a value") }
      switch byte {
      case UInt8(ascii: "\""): _ = try text()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        open.append(byte + 2)
        position += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        guard open.popLast() == byte else { throw flaw("\(what) has an unmatched bracket here") }
        position += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        guard !open.isEmpty else { throw flaw("\(what) should have a value here") }
        position += 1
      default:
        let start = position
        while position < bytes.count, HeaderParser.isOfWord(bytes[position]) { position += 1 }
        guard position > start else { throw flaw("\(what) should have a value here") }
      }
    } while !open.isEmpty
  }

  /// Whether a byte can stand in a number or in one of the words true, false and null.
  private static func isOfWord(_ byte: UInt8) -> Bool {
    switch Unicode.Scalar(byte) {
    case "a"..."z", "A"..."Z", "0"..."9", "+", "-", ".": true
    default: false
    }
  }

  /// Throws unless only spaces are left.
  mutating func end() throws {
    guard peek() == nil else { throw flaw("\(what) has something after its closing brace") }
  }

  /// A text in quotation marks.
  mutating func text() throws -> String {
    try expect("\"")
    var content: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return String(decoding: content, as: UTF8.self)
      case UInt8(ascii: "\\"):
        position += 1
        content.append(contentsOf: String(try escaped()).utf8)
      case 0..<0x20:
        throw flaw("a text in \(what) has a control character")
      default:
        content.append(byte)
        position += 1
      }
    }
    throw flaw("a text in \(what) has no closing quotation mark")
  }

  /// The character that an escape sequence means, after its backslash.
  private mutating func escaped() throws -> Unicode.Scalar {
    guard position < bytes.count else { throw flaw("a text in \(what) ends in a backslash") }
    let letter = Unicode.Scalar(bytes[position])
    position += 1
    switch letter {
    case "\"", "\\", "/": return letter
    case "b": return "\u{8}"
    case "f": return "\u{C}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "u":
      let first = try fourHexDigits()
      if let scalar = Unicode.Scalar(first) { return scalar }
      // Beyond U+FFFF: two halves, 0xD800… and 0xDC00…, with ten bits each.
      guard first < 0xDC00, bytes[position...].starts(with: Array("\\u".utf8)) else { break }
      position += 2
      let second = try fourHexDigits()
      guard (0xDC00...0xDFFF).contains(second) else { break }
      if let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) { return scalar }
    default: break
    }
    throw flaw("a text in \(what) has an invalid escape sequence")
  }

  private mutating func fourHexDigits() throws -> UInt32 {
    let digits = bytes[position...].prefix(4)
    guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw flaw("a text in \(what) has an invalid escape sequence") }
    position += 4
    return value
  }
}
