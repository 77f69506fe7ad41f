// # The settings in a GGUF file
//
// The file says how its model is built: `llama.block_count` is a whole number, `tokenizer.ggml.tokens` a list of
// 50,000 texts. We keep the kind of a value but not its width: one program writes a count in 32 bits and another in
// 64, and both mean the same. The caller says what kind it expects, and gets the value or an error that names the
// key.
//
//     number 0, 2, 4, 10    unsigned integers, 8, 16, 32, 64 bits            6, 12    Float, Double
//            1, 3, 5, 11    signed integers                                  7        one byte, 0 or 1
//     8    a text                                                            9        a list: kind, count, items
//
// No model that we know uses a list of lists, so it is refused, and no function here is recursive.
//
// Read before: `ByteReader.swift`. Read next: `GGUF.swift`.

/// A value of the metadata of a GGUF file.
public enum GGUFValue: Sendable, Equatable {
  /// A whole number of an unsigned type.
  case unsigned(UInt64)
  /// A whole number of a signed type.
  case signed(Int64)
  /// A number with a fraction; `Float` is widened.
  case number(Double)
  /// A Boolean.
  case flag(Bool)
  /// A text.
  case text(String)
  /// A list of whole numbers of an unsigned type.
  case unsignedList([UInt64])
  /// A list of whole numbers of a signed type.
  case signedList([Int64])
  /// A list of numbers with a fraction.
  case numberList([Double])
  /// A list of Booleans.
  case flagList([Bool])
  /// A list of texts.
  case textList([String])

  /// The kind in words, for error messages.
  var kind: String {
    switch self {
    case .unsigned, .signed: "a whole number"
    case .number: "a number with a fraction"
    case .flag: "a Boolean"
    case .text: "a text"
    case .unsignedList, .signedList: "a list of whole numbers"
    case .numberList: "a list of numbers with fractions"
    case .flagList: "a list of Booleans"
    case .textList: "a list of texts"
    }
  }
}

extension GGUFValue {
  /// More items than any list in a sound file has: a vocabulary has fewer than a million.
  private static let mostItems = 1 << 24

  /// The next value, of the kind with this number.
  init(_ kind: UInt32, key: String, from reader: inout ByteReader) throws {
    let what = "the value of \(quoted(key))"
    switch kind {
    case 0: self = .unsigned(UInt64(try reader.number(UInt8.self, of: what)))
    case 1: self = .signed(Int64(try reader.number(Int8.self, of: what)))
    case 2: self = .unsigned(UInt64(try reader.number(UInt16.self, of: what)))
    case 3: self = .signed(Int64(try reader.number(Int16.self, of: what)))
    case 4: self = .unsigned(UInt64(try reader.number(UInt32.self, of: what)))
    case 5: self = .signed(Int64(try reader.number(Int32.self, of: what)))
    case 6: self = .number(Double(Float(bitPattern: try reader.number(of: what))))
    case 7: self = .flag(try GGUFValue.flag(what, &reader))
    case 8: self = .text(try reader.text(of: what))
    case 9:
      let items: UInt32 = try reader.number(of: what)
      self = try GGUFValue.list(of: items, what, &reader)
    case 10: self = .unsigned(try reader.number(of: what))
    case 11: self = .signed(try reader.number(of: what))
    case 12: self = .number(Double(bitPattern: try reader.number(of: what)))
    default: throw reader.flaw("\(what) is of the kind \(kind), which does not exist")
    }
  }

  private static func flag(_ what: String, _ reader: inout ByteReader) throws -> Bool {
    let byte: UInt8 = try reader.number(of: what)
    guard byte <= 1 else { throw reader.flaw("\(what) should be 0 or 1, but is \(byte)") }
    return byte == 1
  }

  private static func list(of kind: UInt32, _ what: String, _ reader: inout ByteReader) throws -> GGUFValue {
    func items<Item>(_ bytesEach: Int, _ item: (inout ByteReader) throws -> Item) throws -> [Item] {
      let count = try reader.count(of: "items in \(what)", bytesEach: bytesEach, most: mostItems)
      var list: [Item] = []
      list.reserveCapacity(count)
      for _ in 0..<count { list.append(try item(&reader)) }
      return list
    }
    switch kind {
    case 0: return .unsignedList(try items(1) { UInt64(try $0.number(UInt8.self, of: what)) })
    case 1: return .signedList(try items(1) { Int64(try $0.number(Int8.self, of: what)) })
    case 2: return .unsignedList(try items(2) { UInt64(try $0.number(UInt16.self, of: what)) })
    case 3: return .signedList(try items(2) { Int64(try $0.number(Int16.self, of: what)) })
    case 4: return .unsignedList(try items(4) { UInt64(try $0.number(UInt32.self, of: what)) })
    case 5: return .signedList(try items(4) { Int64(try $0.number(Int32.self, of: what)) })
    case 6: return .numberList(try items(4) { Double(Float(bitPattern: try $0.number(of: what))) })
    case 7: return .flagList(try items(1) { try flag(what, &$0) })
    case 8: return .textList(try items(8) { try $0.text(of: "an item in \(what)") })
    case 9:
      throw reader.flaw(
        "\(what) is a list of lists, which is not read", remedy: "leave the key out when the file is made")
    case 10: return .unsignedList(try items(8) { try $0.number(of: what) })
    case 11: return .signedList(try items(8) { try $0.number(of: what) })
    case 12: return .numberList(try items(8) { Double(bitPattern: try $0.number(of: what)) })
    default: throw reader.flaw("\(what) is a list of the kind \(kind), which does not exist")
    }
  }
}
