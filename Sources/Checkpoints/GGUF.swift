// # GGUF
//
// GGUF is the format of llama.cpp: one file with the weights, mostly quantised in blocks to a few bits each, the
// settings and the tokenizer. All numbers are little-endian. A text is its length in 8 bytes, then its UTF-8.
//
//     4 bytes     "GGUF"
//     4 bytes     the version, 3 or 2; they differ only in that 3 can be big-endian, which is not read here
//     8, 8        the number of tensors, the number of keys
//     each key    a text, 4 bytes for the kind of the value, the value (`GGUFValue.swift`)
//     each tensor a text, 4 bytes for the number of axes, 8 for each size, 4 for the type, 8 for the offset
//     zeros       up to a multiple of the alignment: `general.alignment`, or 32
//     the rest    the numbers of the tensors; offsets count from the beginning of this part
//
// Two things differ from safetensors. The sizes come innermost first: a matrix [out, in] is stored row by row, as
// here, but its sizes are written as in, out. And there can be gaps, since each tensor begins at a multiple of the
// alignment. As with safetensors, a file is not trusted: counts, lengths, sizes and offsets are checked against the
// length of the file before anything is read or allocated.
//
// Some matrices have their rows in another order than in the published model: q and k of a Llama, where the two
// halves of each head are interleaved. That concerns the model and not the file format; a caller undoes it with
// `Checkpoint.transforming`.
//
// Read before: `ByteReader.swift`, `GGUFValue.swift`, `ElementType.swift`. Read next: `GGUF+Metadata.swift`.
// Source: github.com/ggml-org/ggml, docs/gguf.md.

import Foundation
import Tensors

/// A .gguf file: the settings of a model, its tokenizer, and its tensors, which stay in the file.
public struct GGUF: Sendable {
  /// The values by key; methods such as `integer("llama.block_count")` ask for one.
  public let metadata: [String: GGUFValue]
  /// The tensors under the names of the file, row-major, and as metadata the keys that hold a single text.
  ///
  /// Each tensor is decoded when it is asked for, and throws then if its type is none of F64, F32, F16, BF16, I64,
  /// Q8_0, Q4_0 and Q4_1.
  public let checkpoint: Checkpoint

  /// Reads the settings, and where each tensor is. The file must not be truncated while this value is in use.
  ///
  /// Throws `CheckpointError` if the file is missing, truncated, damaged or of another kind.
  public init(contentsOf url: URL) throws { try self.init(mappedContents(of: url), file: url.path) }

  /// The contents of a file.
  package init(_ data: Data, file: String) throws {
    let header = try data.withUnsafeBytes { try Header($0, file: file) }
    metadata = header.metadata
    var checkpoint = Checkpoint()
    checkpoint.origin = file
    for (key, value) in metadata { if case .text(let text) = value { checkpoint.metadata[key] = text } }
    for entry in header.entries {
      checkpoint.mapped[entry.name] = MappedTensor(
        data, file: file, name: entry.name, type: entry.type, shape: entry.shape, bytes: entry.bytes)
    }
    self.checkpoint = checkpoint
  }
}

// ## The header

/// The header of a file, after all checks.
private struct Header {
  struct Entry {
    let name: String
    let type: ElementType
    let shape: Shape
    var bytes: Range<Int>
  }

  private(set) var metadata: [String: GGUFValue] = [:]
  private(set) var entries: [Entry] = []

  /// More than any sound file has.
  private static let mostKeys = 1 << 16
  private static let mostTensors = 1 << 20
  private static let mostAlignment = 1 << 20
  /// The number of axes in ggml.
  private static let mostAxes = 4

  init(_ bytes: UnsafeRawBufferPointer, file: String) throws {
    var reader = ByteReader(bytes, file: file)
    try Header.checkVersion(&reader)
    // The shortest tensor has an empty name and no axes, the shortest key an empty name and a value of one byte.
    let tensors = try reader.count(of: "tensors", bytesEach: 8 + 4 + 4 + 8, most: Header.mostTensors)
    let keys = try reader.count(of: "keys", bytesEach: 8 + 4 + 1, most: Header.mostKeys)
    for _ in 0..<keys {
      let key = try reader.text(of: "a key")
      guard metadata[key] == nil else { throw reader.flaw("the key \(quoted(key)) comes twice") }
      metadata[key] = try GGUFValue(reader.number(of: "the kind of \(quoted(key))"), key: key, from: &reader)
    }
    try checkThatItIsWhole(reader)
    let alignment = try alignment(reader)

    var seen: Set<String> = []
    for _ in 0..<tensors {
      let entry = try Header.entry(&reader, alignment: alignment)
      guard seen.insert(entry.name).inserted else { throw reader.flaw("the tensor comes twice") }
      reader.tensor = nil
      entries.append(entry)
    }
    let start = (reader.position + alignment - 1) / alignment * alignment
    try place(from: start, end: bytes.count, file: file)
  }

  private static func checkVersion(_ reader: inout ByteReader) throws {
    let magic: UInt32 = try reader.number(of: "its first four bytes")
    guard magic == 0x4655_4747 else { throw reader.flaw("the file does not begin with “GGUF”") }
    let version: UInt32 = try reader.number(of: "the version")
    guard version != 2, version != 3 else { return }
    if version != 0, version & 0xFFFF == 0 {
      throw reader.flaw(
        "the file is big-endian (version \(version.byteSwapped))", remedy: "convert it with gguf_convert_endian.py")
    }
    throw reader.flaw(
      "the file is GGUF version \(version), but only versions 2 and 3 are read", remedy: "convert the model again")
  }

  /// Throws if the file is one of several.
  private func checkThatItIsWhole(_ reader: ByteReader) throws {
    let parts: UInt64 =
      switch metadata["split.count"] {
      case .unsigned(let count): count
      case .signed(let count): UInt64(clamping: count)
      default: 1
      }
    guard parts <= 1 else {
      throw reader.flaw(
        "the file is one of \(parts) parts of a model", remedy: "join them with llama-gguf-split --merge")
    }
  }

  private func alignment(_ reader: ByteReader) throws -> Int {
    guard let value = metadata["general.alignment"] else { return 32 }
    guard case .unsigned(let alignment) = value, alignment.nonzeroBitCount == 1, alignment <= Header.mostAlignment
    else {
      throw reader.flaw(
        "the value of \"general.alignment\" should be a power of two up to \(Header.mostAlignment)")
    }
    return Int(alignment)
  }
}

// ## The tensors

extension Header {
  /// The description of one tensor. Its bytes are counted from where the numbers begin, and are not yet known to
  /// exist.
  private static func entry(_ reader: inout ByteReader, alignment: Int) throws -> Entry {
    let name = try reader.text(of: "the name of a tensor")
    reader.tensor = name
    let rank: UInt32 = try reader.number(of: "the number of axes")
    guard rank <= mostAxes else {
      throw reader.flaw("the tensor has \(rank) axes, more than the \(mostAxes) that are allowed")
    }
    var sizes: [Int] = []
    for _ in 0..<rank {
      let size: UInt64 = try reader.number(of: "the sizes")
      guard let size = Int(exactly: size) else { throw reader.flaw("a size of \(size) is too large") }
      sizes.append(size)
    }
    // Innermost first in the file, outermost first here.
    sizes.reverse()
    let number: UInt32 = try reader.number(of: "the type")
    guard let type = ElementType.gguf[number] else {
      throw reader.flaw(
        "the type with the number \(number) is not known", remedy: "convert the file to F16, Q8_0, Q4_0 or Q4_1")
    }
    guard let length = type.extent(of: sizes) else {
      throw reader.flaw(
        "the shape \(sizes) has more elements than can be counted, or rows that are not multiples of the"
          + " \(type.block) of a block of \(type.name)")
    }
    let offset: UInt64 = try reader.number(of: "the offset")
    guard let begin = Int(exactly: offset), begin % alignment == 0 else {
      throw reader.flaw("the offset \(offset) is not a multiple of the alignment \(alignment)")
    }
    let (end, overflow) = begin.addingReportingOverflow(length)
    guard !overflow else { throw reader.flaw("the offset \(offset) is beyond the end of every file") }
    return Entry(name: name, type: type, shape: Shape(sizes), bytes: begin..<end)
  }

  /// Gives each tensor its place in the file. Throws if one ends beyond the end of the file or two overlap.
  private mutating func place(from start: Int, end: Int, file: String) throws {
    func flaw(_ entry: Entry, _ problem: String) -> CheckpointError {
      CheckpointError(
        file: file, tensor: entry.name, byte: entry.bytes.lowerBound, problem: problem,
        remedy: "the file is cut off or damaged, so download or make it again")
    }
    for index in entries.indices {
      let bytes = entries[index].bytes
      guard bytes.upperBound <= max(0, end - start) else {
        throw flaw(
          entries[index],
          "it should have \(bytes.count) bytes from \(bytes.lowerBound) on, counted from the end of the header, but only"
            + " \(max(0, end - start)) bytes follow that")
      }
      entries[index].bytes = (start + bytes.lowerBound)..<(start + bytes.upperBound)
    }
    var last = start
    func isEarlier(_ a: Entry, _ b: Entry) -> Bool {
      (a.bytes.lowerBound, a.bytes.upperBound) < (b.bytes.lowerBound, b.bytes.upperBound)
    }
    for entry in entries.sorted(by: isEarlier) {
      guard entry.bytes.lowerBound >= last else {
        throw flaw(entry, "its bytes overlap with those of another tensor")
      }
      last = entry.bytes.upperBound
    }
  }
}
