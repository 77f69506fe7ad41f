// # The header of a safetensors file
//
// The format of the models on Hugging Face:
//
//     8 bytes     n, the length of the header, an unsigned little-endian number
//     n bytes     JSON: {"__metadata__": {"key": "text", …},
//                        "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
//     the rest    the numbers, row-major; offsets count from the beginning of this part
//
// The tensors must fill the last part without gaps or overlaps. A file from elsewhere is not trusted: every number in
// it is checked before it is used, since a wrong one could make us read out of bounds or allocate all memory.
//
// Read before: `HeaderParser.swift`, `ElementType.swift`. Read next: `Checkpoint.swift`.
// Source: github.com/huggingface/safetensors, "Format".

import Foundation
import Tensors

/// The header of a safetensors file, after all checks.
struct SafetensorsHeader {
  /// One tensor: its name, format and shape, and where its bytes are, counted from the beginning of the file.
  struct Entry {
    let name: String
    let type: ElementType
    let shape: Shape
    let bytes: Range<Int>
  }

  private(set) var entries: [Entry] = []
  private(set) var metadata: [String: String] = [:]

  /// The key of the header that is not a tensor.
  static let metadataKey = "__metadata__"
  /// The limit of the reference implementation; a longer header means that this is another kind of file.
  static let maximalLength = 100_000_000

  /// Reads and checks the header of a whole file.
  init(_ data: Data, file: String) throws {
    let start = try SafetensorsHeader.startOfNumbers(data, file: file)
    let header = [UInt8](data.dropFirst(8).prefix(start - 8))
    var parser = try HeaderParser(header, file: file, offset: 8)
    var entries: [Entry] = []
    var metadata: [String: String] = [:]
    try parser.object { parser, name in
      if name == SafetensorsHeader.metadataKey {
        try parser.object { parser, key in metadata[key] = try parser.text() }
        return
      }
      parser.tensor = name
      entries.append(try SafetensorsHeader.entry(name, &parser, numbers: start..<data.count))
      parser.tensor = nil
    }
    try parser.end()
    try SafetensorsHeader.checkCoverage(entries, numbers: start..<data.count, file: file)
    self.entries = entries
    self.metadata = metadata
  }

  /// Where the header ends and the numbers begin.
  private static func startOfNumbers(_ data: Data, file: String) throws -> Int {
    func flaw(_ problem: String) -> CheckpointError {
      CheckpointError(
        file: file, byte: 0, problem: problem,
        remedy: "the file is cut off, damaged or not safetensors, so download or make it again")
    }
    guard data.count >= 8 else { throw flaw("the file has \(data.count) bytes, fewer than the 8 of a header length") }
    let length = data.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    guard length <= UInt64(maximalLength) else {
      throw flaw("the header should have \(length) bytes, more than the \(maximalLength) that are allowed")
    }
    guard Int(length) <= data.count - 8 else {
      throw flaw("the header should have \(length) bytes, but only \(data.count - 8) follow")
    }
    return 8 + Int(length)
  }

  /// The description of one tensor.
  private static func entry(_ name: String, _ parser: inout HeaderParser, numbers: Range<Int>) throws -> Entry {
    var type: ElementType?
    var sizes: [Int]?
    var offsets: [Int]?
    try parser.object { parser, key in
      switch key {
      case "dtype":
        let word = try parser.text()
        type = ElementType.safetensors[word]
        if type == nil {
          throw parser.flaw(
            "the dtype \(quoted(word)) does not exist in the format",
            remedy: "convert the file to F64, F32, F16 or BF16")
        }
      case "shape": sizes = try parser.naturalNumbers(of: "the shape")
      case "data_offsets": offsets = try parser.naturalNumbers(of: "the pair of offsets")
      default: throw parser.flaw("the key \(quoted(key)) is not dtype, shape or data_offsets")
      }
    }
    guard let type else { throw parser.flaw("the dtype is missing") }
    guard let sizes else { throw parser.flaw("the shape is missing") }
    guard let offsets else { throw parser.flaw("data_offsets is missing") }

    guard sizes.count <= Shape.maximalRank else {
      throw parser.flaw(
        "the shape has \(sizes.count) axes, more than the \(Shape.maximalRank) that are possible here",
        remedy: "reshape the tensor before it is saved")
    }
    guard let extent = type.extent(of: sizes) else {
      throw parser.flaw("the shape \(sizes) has more elements than can be counted")
    }
    guard offsets.count == 2 else { throw parser.flaw("there are \(offsets.count) offsets instead of two") }
    guard offsets[0] <= offsets[1], offsets[1] <= numbers.count else {
      throw parser.flaw("the offsets \(offsets) are not a range in the \(numbers.count) bytes after the header")
    }
    let shape = Shape(sizes)
    guard offsets[1] - offsets[0] == extent else {
      throw parser.flaw(
        "the offsets span \(offsets[1] - offsets[0]) bytes, but \(type.name) in the shape \(shape) needs \(extent)")
    }
    let bytes = (numbers.lowerBound + offsets[0])..<(numbers.lowerBound + offsets[1])
    return Entry(name: name, type: type, shape: shape, bytes: bytes)
  }

  /// Throws if tensors overlap or leave bytes between them or at the end.
  private static func checkCoverage(_ entries: [Entry], numbers: Range<Int>, file: String) throws {
    var end = numbers.lowerBound
    func isEarlier(_ a: Entry, _ b: Entry) -> Bool {
      (a.bytes.lowerBound, a.bytes.upperBound) < (b.bytes.lowerBound, b.bytes.upperBound)
    }
    for entry in entries.sorted(by: isEarlier) {
      let begin = entry.bytes.lowerBound
      guard begin == end else {
        throw CheckpointError(
          file: file, tensor: entry.name, byte: begin,
          problem: begin < end
            ? "its bytes overlap with those of another tensor"
            : "the \(begin - end) bytes before it belong to no tensor",
          remedy: "the file is damaged, so download or make it again")
      }
      end = entry.bytes.upperBound
    }
    guard end == numbers.upperBound else {
      throw CheckpointError(
        file: file, byte: end, problem: "\(numbers.upperBound - end) bytes after the last tensor belong to none",
        remedy: "the file is damaged, so download or make it again")
    }
  }
}

// ## Writing
//
// The tensors are stored sorted by name. Spaces pad the header to a multiple of eight bytes, so that the
// numbers are aligned when the file is mapped into memory.

extension SafetensorsHeader {
  /// The first bytes of a file: the length of the header and the header.
  ///
  /// - Parameter type: the type of all numbers
  static func bytes(
    for tensors: [(name: String, shape: Shape)], of type: ElementType = .ofScalar, metadata: [String: String]
  ) -> [UInt8] {
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\(json($0.key)):\(json($0.value))" }
      members.append("\(json(metadataKey)):{\(pairs.joined(separator: ","))}")
    }
    var end = 0
    for (name, shape) in tensors {
      let begin = end
      end += shape.count * type.bytes
      let sizes = shape.array.map(String.init).joined(separator: ",")
      members.append(
        "\(json(name)):{\"dtype\":\"\(type.name)\",\"shape\":[\(sizes)],"
          + "\"data_offsets\":[\(begin),\(end)]}")
    }
    var header = Array("{\(members.joined(separator: ","))}".utf8)
    header += Array(repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
    return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header
  }

  /// A text as a JSON string.
  private static func json(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{0}"..<"\u{20}": result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
