// # Stored numbers and their slow twins
//
// Each format, at lengths around those at which loops are cut, against the twin that follows the definition. Equal means
// to the last bit: whoever publishes a model means these numbers and no others.

import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite struct DecodingTests {
  /// Random bytes for some blocks. No scale is NaN, since two implementations may treat its payload differently.
  private static func bytes(_ format: NumberFormat, blocks: Int, _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = (0..<(blocks * format.bytes)).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    for block in 0..<blocks where format.block > 1 {
      for scale in 0..<(format == .q4_1 ? 2 : 1) {
        let half = UInt16.random(in: 0...0x7BFF, using: &random) | (Bool.random(using: &random) ? 0x8000 : 0)
        bytes.replaceSubrange(
          (block * format.bytes + 2 * scale)..<(block * format.bytes + 2 * scale + 2),
          with: littleEndian(half))
      }
    }
    return bytes
  }

  @Test(arguments: NumberFormat.allCases) func equalsItsTwin(_ format: NumberFormat) {
    var random = SeededGenerator(seed: 11)
    for blocks in [0, 1, 2, 3, 7, 8, 9, 255, 257, 8191, 8192, 40_001] {
      let bytes = DecodingTests.bytes(format, blocks: blocks, &random)
      let twin = Naive.decoded(bytes, as: format)
      // A file does not promise that a tensor begins at an aligned address.
      for shift in [0, 1] {
        let moved = Array(repeating: 0, count: shift) + bytes
        let tensor = moved.withUnsafeBytes {
          Tensor(
            decoding: UnsafeRawBufferPointer(rebasing: $0[shift...]), as: format, shape: [blocks, format.block])
        }
        #expect(tensor.shape == [blocks, format.block])
        let different = zip(tensor.elements, twin).enumerated().filter { _, pair in
          pair.0.bitPattern != pair.1.bitPattern && !(pair.0.isNaN && pair.1.isNaN)
        }
        #expect(tensor.count == twin.count && different.isEmpty, "\(blocks) blocks: \(different.prefix(3))")
      }
    }
  }

  @Test func everyHalfEqualsItsTwin() {
    for bits in 0...UInt16.max {
      let (number, twin) = (float(halfBits: bits), Naive.float(halfBits: bits))
      if number.bitPattern != twin.bitPattern && !(number.isNaN && twin.isNaN) {
        Issue.record("\(bits) gave \(number) instead of \(twin)")
      }
    }
    // The first and last value of each case of the definition.
    let table: [(UInt16, Float)] = [
      (0x0001, 0x1p-24), (0x03FF, 0x1.FF8p-15), (0x0400, 0x1p-14), (0x3C00, 1), (0x7BFF, 65504), (0x7C00, .infinity),
      (0x8001, -0x1p-24), (0xBC00, -1), (0xFC00, -.infinity),
    ]
    for (bits, number) in table { #expect(float(halfBits: bits) == number) }
    #expect(float(halfBits: 0x8000).sign == .minus)
  }

  // The layouts, decoded by hand: low halves of the bytes first, eight subtracted in one of them.
  @Test func layoutsByHand() {
    let one: [UInt8] = [0x00, 0x3C]
    let half: [UInt8] = [0x00, 0x38]
    let bytes = (0..<16).map { UInt8($0 << 4 | (15 - $0)) }
    func decoded(_ bytes: [UInt8], _ format: NumberFormat) -> [Scalar] {
      bytes.withUnsafeBytes { Tensor(decoding: $0, as: format, shape: [32]).elements }
    }
    let low = (0..<16).map { Scalar(15 - $0) }
    let high = (0..<16).map { Scalar($0) }
    #expect(decoded(half + bytes, .q4_0) == (low + high).map { ($0 - 8) / 2 })
    #expect(decoded(half + one + bytes, .q4_1) == (low + high).map { $0 / 2 + 1 })
    #expect(
      decoded(half + (0..<32).map { UInt8(truncatingIfNeeded: $0 - 16) }, .q8_0)
        == (0..<32).map { (Scalar($0) - 16) / 2 })
  }

  @Test func whatIsNotFiniteIsFound() {
    for count in [0, 1, 31, 32, 33, 8191, 8192, 8193, 100_003] {
      let finite = Tensor(repeating: .greatestFiniteMagnitude, shape: [count])
      #expect(finite.firstNonFinite == nil, "\(count) numbers")
      for place in Set([0, 1, 30, 8191, 8192, count / 2, count - 1]) where place >= 0 && place < count {
        for value in [Scalar.nan, .infinity, -.infinity, .signalingNaN] {
          var changed = finite
          changed.withMutableElements {
            $0[place] = value
            $0[count - 1] = value
          }
          #expect(changed.firstNonFinite == place, "\(value) at \(place) of \(count)")
        }
      }
    }
  }

  @Test func theChecksumIsThatOfOthers() {
    // zlib.crc32(numpy.array([…], "<f4").tobytes())
    #expect(Tensor([1, -2.5, 0.1]).crc32() == 2_706_677_804)
    #expect(Tensor([]).crc32() == 0)
    // "1234" and "5678" as numbers: the first eight of the nine bytes that everyone tests a checksum with.
    let digits = [0x3433_3231, 0x3837_3635].map { Scalar(Float(bitPattern: $0)) }
    #expect(Tensor(digits).crc32() == 0x9AE0_DAAF)
  }
}
