// # What is written is what is read
//
// Bit for bit, through our own reader and through an independent one; and what others write, in their formats.

import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct RoundTripTests {
  static let special: [Scalar] = [
    .nan, -.nan, Scalar(nan: 5, signaling: false), .signalingNaN, 0, -0.0, .infinity, -.infinity,
    .leastNonzeroMagnitude, -.leastNormalMagnitude, .greatestFiniteMagnitude, 1 / 3, .pi,
  ]

  @Test func everyBitSurvives() throws {
    try withTemporaryFolder { directory in
      var random = SeededGenerator(seed: 1)
      let tensors: [String: Tensor] = [
        "special": Tensor(RoundTripTests.special),
        "number": Tensor(-0.0),
        "empty": .zeros([0]),
        "empty.inside": .zeros([2, 0, 3]),
        "six": .normal([1, 2, 1, 3, 5, 7], using: &random),
        "": .normal([5, 3], using: &random),
        "Zeichen \"\\\n\u{1}\u{1F} é 🙂 /": .normal([2, 7], using: &random),
      ]
      let metadata = ["step": "\(UInt64.max)", "text \" \\ \u{7}": "mehrere\nZeilen\t🙂", "": ""]
      let url = directory.appendingPathComponent("a model.safetensors")
      try Checkpoint(tensors: tensors, metadata: metadata).write(to: url)
      let read = try Checkpoint(contentsOf: url)

      #expect(read.metadata == metadata)
      #expect(Set(read.tensors.keys) == Set(tensors.keys))
      for (name, tensor) in tensors {
        #expect(try read.tensor(name, shape: tensor.shape).shape == tensor.shape)
        #expect(bits(read.tensors[name]!) == bits(tensor), "\(name)")
      }
    }
  }

  @Test func equalCheckpointsGiveEqualFiles() throws {
    try withTemporaryFolder { directory in
      let names = (0..<50).map { "tensor.\($0)" }
      var files: Set<Data> = []
      for order in [names, names.reversed(), names.shuffled()] {
        var checkpoint = Checkpoint()
        for name in order {
          checkpoint.tensors[name] = Tensor([Scalar(name.count), 7])
          checkpoint.metadata[name] = name
        }
        let url = directory.appendingPathComponent("x")
        try checkpoint.write(to: url)
        files.insert(try Data(contentsOf: url))
      }
      #expect(files.count == 1)
    }
  }

  @Test func nothingAtAllIsACheckpoint() throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("x")
      try Checkpoint().write(to: url)
      let read = try Checkpoint(contentsOf: url)
      #expect(read.tensors.isEmpty && read.metadata.isEmpty)
    }
  }

  // The reader here shares nothing with the library: Foundation's JSON, and bytes put together one by one.
  @Test func anIndependentReaderAgrees() throws {
    struct Entry: Decodable {
      let dtype: String
      let shape: [Int]
      let data_offsets: [Int]
    }
    try withTemporaryFolder { directory in
      var random = SeededGenerator(seed: 2)
      let tensors: [String: Tensor] = [
        "b": .normal([3, 5], using: &random), "a": .normal([2], using: &random), "c": Tensor(7), "d": .zeros([0, 2]),
      ]
      let url = directory.appendingPathComponent("x.safetensors")
      try Checkpoint(tensors: tensors).write(to: url)
      let file = [UInt8](try Data(contentsOf: url))
      let length = file[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
      #expect(length % 8 == 0)
      #expect(file[8] == UInt8(ascii: "{"))
      let header = try JSONDecoder().decode([String: Entry].self, from: Data(file[8..<(8 + length)]))
      let numbers = Array(file[(8 + length)...])

      let size = MemoryLayout<Scalar>.size
      #expect(Set(header.keys) == Set(tensors.keys))
      #expect(numbers.count == size * tensors.values.map(\.count).reduce(0, +))
      var end = 0
      for name in tensors.keys.sorted() {
        let entry = try #require(header[name])
        #expect(entry.dtype == (size == 8 ? "F64" : "F32"))
        #expect(entry.shape == tensors[name]!.shape.array)
        #expect(entry.data_offsets[0] == end)
        end = entry.data_offsets[1]
        let words = stride(from: entry.data_offsets[0], to: end, by: size).map { start in
          numbers[start..<(start + size)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        #expect(words == bits(tensors[name]!))
      }
    }
  }

  @Test func bothPrecisionsAreRead() throws {
    let values: [Double] = [1 / 3, -0.0, .infinity, 1e300, 2.5, .pi, .leastNonzeroMagnitude]
    let doubles = safetensors(
      #"{"x":{"dtype":"F64","shape":[7],"data_offsets":[0,56]}}"#,
      numbers: values.flatMap { littleEndian($0.bitPattern) })
    let floats = safetensors(
      #"{"x":{"dtype":"F32","shape":[7],"data_offsets":[0,28]}}"#,
      numbers: values.flatMap { littleEndian(Float($0).bitPattern) })
    let fromDoubles = try Checkpoint(doubles, file: "d").tensor("x", shape: [7])
    let fromFloats = try Checkpoint(floats, file: "f").tensor("x", shape: [7])
    #expect(bits(fromDoubles) == bits(Tensor(values.map { Scalar($0) })))
    #expect(bits(fromFloats) == bits(Tensor(values.map { Scalar(Float($0)) })))
  }

  @Test func brainFloatsAndIntegersAreRead() throws {
    let brain = safetensors(
      #"{"x":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}"#, numbers: [0x80, 0x3F, 0x49, 0x40, 0x80, 0xFF])
    #expect(try Checkpoint(brain, file: "b").tensors["x"]!.elements == [1, 3.140625, -.infinity])
    let integers: [Int64] = [0, -1, 1 << 24, .min, 65_537]
    let whole = safetensors(
      #"{"x":{"dtype":"I64","shape":[5],"data_offsets":[0,40]}}"#, numbers: integers.flatMap { littleEndian($0) })
    #expect(try Checkpoint(whole, file: "i").tensors["x"]!.elements == integers.map { Scalar($0) })
  }

  #if !(os(macOS) && arch(x86_64))
  @Test func everyHalfIsRead() throws {
    let all = safetensors(
      #"{"x":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}}"#,
      numbers: (0...UInt16.max).flatMap { littleEndian($0) })
    let read = try Checkpoint(all, file: "h").tensors["x"]!.elements
    for (pattern, number) in zip(0...UInt16.max, read) {
      let half = Float16(bitPattern: pattern)
      if half.isNaN {
        #expect(number.isNaN)
      } else if number.bitPattern != Scalar(half).bitPattern {
        Issue.record("\(pattern) gave \(number) instead of \(half)")
      }
    }
  }
  #endif

  // Spaces, other orders of keys and of tensors, escapes, unaligned numbers: all allowed.
  @Test func foreignHabitsAreUnderstood() throws {
    let header =
      "\n { \"b\\u00e9\\ud83d\\ude42\" : {\"data_offsets\":[ 4 , 8],\t\"shape\" :[ ],\"dtype\":\"F32\"},"
      + "\"__metadata__\":{\"k\\/\":\"\\n\"},"
      + "\"a\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]}} \r\n   "
    let file = safetensors(header, numbers: littleEndian(Float(2).bitPattern) + littleEndian(Float(-3).bitPattern))
    let read = try Checkpoint(file, file: "x")
    #expect(try read.tensor("bé🙂", shape: []).scalar == -3)
    #expect(try read.tensor("a", shape: [1, 1]).elements == [2])
    #expect(read.metadata == ["k/": "\n"])
    try read.expectNames(["a", "bé🙂"])
  }
}
