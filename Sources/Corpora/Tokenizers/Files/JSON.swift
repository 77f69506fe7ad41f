// # JSON, exact to the byte
//
// A vocabulary in a file is an object whose keys are tokens. Swift's dictionaries treat “é” and “e” with a combining
// accent as the same key, which is right for text, and Foundation's reader silently keeps one of two equal keys.
// Either would lose tokens of a vocabulary. So we read JSON ourselves: the members of an object stay in their order,
// a key that occurs twice is an error, and an error gives its line.
//
// Read before: RFC 8259. Read next: `JSON+Writing.swift`, `JSONField.swift`.

/// A value of a JSON text. Objects are equal whatever the order of their members.
enum JSON: Equatable, Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case text(String)
  case list([JSON])
  case object([Member])

  /// A key and its value.
  struct Member: Equatable, Sendable {
    let key: String
    let value: JSON
  }

  static func == (a: JSON, b: JSON) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.text(let a), .text(let b)): a.utf8.elementsEqual(b.utf8)
    case (.list(let a), .list(let b)): a == b
    case (.object(let a), .object(let b)): sorted(a) == sorted(b)
    default: false
    }
  }

  /// Members in the order of their keys' Unicode numbers.
  static func sorted(_ members: [Member]) -> [Member] {
    members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }

  /// What is wrong with a text that is not JSON, and where.
  struct Flaw: Error {
    let problem: String
    let offset: Int
  }

  /// Reads a whole text. Throws `Flaw`.
  init(_ bytes: [UInt8]) throws {
    guard String(validating: bytes, as: UTF8.self) != nil else { throw Flaw(problem: "it is not UTF-8", offset: 0) }
    var reader = JSONReader(bytes)
    self = try reader.document()
  }
}

/// A reader at a place in a text; the place moves on as values are read.
private struct JSONReader {
  /// The deepest nesting; anything deeper is refused, so that no text exhausts the stack.
  private static let deepest = 100

  private let bytes: [UInt8]
  private var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private func flaw(_ problem: String) -> JSON.Flaw {
    JSON.Flaw(problem: place < bytes.count ? problem : "it ends too early", offset: place)
  }

  mutating func document() throws -> JSON {
    // Some editors mark UTF-8 with three bytes at the beginning; the decoder that reads config.json skips them too.
    _ = skip(word: "\u{FEFF}")
    let value = try value(depth: 0)
    skipSpace()
    guard place == bytes.count else { throw flaw("something follows the end of the value") }
    return value
  }

  private mutating func skipSpace() {
    while place < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[place]) { place += 1 }
  }

  /// Skips white space, and then this character if it is next; returns whether it was.
  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard place < bytes.count, bytes[place] == UInt8(ascii: character) else { return false }
    place += 1
    return true
  }

  private mutating func skip(word: String) -> Bool {
    guard bytes[place...].starts(with: word.utf8) else { return false }
    place += word.utf8.count
    return true
  }

  private mutating func value(depth: Int) throws -> JSON {
    guard depth < JSONReader.deepest else {
      throw flaw("more than \(JSONReader.deepest) values are nested")
    }
    if skip("{") { return .object(try members(depth: depth)) }
    if skip("[") { return .list(try elements(depth: depth)) }
    if skip("\"") { return .text(try text()) }
    if skip(word: "null") { return .null }
    if skip(word: "true") { return .bool(true) }
    if skip(word: "false") { return .bool(false) }
    let digits = bytes[place...].prefix { "+-.0123456789eE".utf8.contains($0) }
    guard let first = digits.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "."),
      let number = Double(String(decoding: digits, as: UTF8.self)), number.isFinite
    else { throw flaw("a value is missing") }
    place = digits.endIndex
    return .number(number)
  }

  private mutating func elements(depth: Int) throws -> [JSON] {
    if skip("]") { return [] }
    var elements: [JSON] = []
    repeat { elements.append(try value(depth: depth + 1)) } while skip(",")
    guard skip("]") else { throw flaw("a comma or ] is missing") }
    return elements
  }

  private mutating func members(depth: Int) throws -> [JSON.Member] {
    if skip("}") { return [] }
    var members: [JSON.Member] = []
    var keys: Set<[UInt8]> = []
    repeat {
      guard skip("\"") else { throw flaw("a key in quotation marks is missing") }
      let key = try text()
      guard keys.insert(Array(key.utf8)).inserted else {
        throw flaw("the key \(key.debugDescription) occurs twice")
      }
      guard skip(":") else { throw flaw("a colon is missing") }
      members.append(JSON.Member(key: key, value: try value(depth: depth + 1)))
    } while skip(",")
    guard skip("}") else { throw flaw("a comma or } is missing") }
    return members
  }
}

// ## Texts
//
// Most texts have no escapes and are copied as they stand. A character above U+FFFF can be written as two escapes,
// the halves of its UTF-16; one half alone is not a character.

extension JSONReader {
  /// The text after a quotation mark, up to the next one.
  private mutating func text() throws -> String {
    var scalars = String.UnicodeScalarView()
    while true {
      let run = bytes[place...].prefix { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
      scalars.append(contentsOf: String(decoding: run, as: UTF8.self).unicodeScalars)
      place = run.endIndex
      guard place < bytes.count, bytes[place] >= 0x20 else { throw flaw("a text does not end on its line") }
      place += 1
      if bytes[place - 1] == UInt8(ascii: "\"") { return String(scalars) }
      scalars.append(try escaped())
    }
  }

  private mutating func escaped() throws -> Unicode.Scalar {
    guard place < bytes.count else { throw flaw("an escape sequence has no end") }
    place += 1
    switch Unicode.Scalar(bytes[place - 1]) {
    case "\"": return "\""
    case "\\": return "\\"
    case "/": return "/"
    case "b": return "\u{8}"
    case "f": return "\u{C}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "u":
      let unit = try hexadecimal()
      if let scalar = Unicode.Scalar(unit) { return scalar }
      if (0xD800..<0xDC00).contains(unit), skip(word: "\\u") {
        let low = try hexadecimal()
        if (0xDC00..<0xE000).contains(low),
          let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + low - 0xDC00)
        {
          return scalar
        }
      }
      throw flaw("half a character is escaped")
    default: throw flaw("an escape sequence is unknown")
    }
  }

  private mutating func hexadecimal() throws -> UInt32 {
    let digits = bytes[place...].prefix(4)
    guard digits.count == 4, digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-"),
      let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw flaw("an escape sequence is damaged") }
    place += 4
    return value
  }
}
