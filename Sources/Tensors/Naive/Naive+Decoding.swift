// # Stored numbers, one at a time
//
// Each format is decoded as its definition says, one byte after another. Fast versions: `Decoding.swift`,
// `Dequantising.swift`.

extension Naive {
  /// The numbers that these bytes hold in a format; bytes at the end that do not fill a block are ignored.
  package static func decoded(_ bytes: [UInt8], as format: NumberFormat) -> [Scalar] {
    (0..<(bytes.count / format.bytes)).flatMap { block in
      decodedBlock(Array(bytes[(block * format.bytes)..<((block + 1) * format.bytes)]), as: format)
    }
  }

  private static func decodedBlock(_ bytes: [UInt8], as format: NumberFormat) -> [Scalar] {
    func half(_ at: Int) -> Float { Naive.float(halfBits: UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8) }
    let bits = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    switch format {
    case .f64: return [Scalar(Double(bitPattern: bits))]
    case .f32: return [Scalar(Float(bitPattern: UInt32(bits)))]
    case .f16: return [Scalar(half(0))]
    case .bf16: return [Scalar(Float(bitPattern: UInt32(bits) << 16))]
    case .i64: return [Scalar(Int64(bitPattern: bits))]
    case .q8_0: return bytes[2...].map { Scalar(half(0) * Float(Int8(bitPattern: $0))) }
    case .q4_0: return nibbles(bytes[2...]).map { Scalar(half(0) * Float($0 - 8)) }
    case .q4_1: return nibbles(bytes[4...]).map { Scalar(half(0) * Float($0) + half(2)) }
    }
  }

  /// The lower halves of the bytes, then the upper halves.
  private static func nibbles(_ bytes: ArraySlice<UInt8>) -> [Int] {
    bytes.map { Int($0 % 16) } + bytes.map { Int($0 / 16) }
  }

  /// The value of a number in half precision, by the three cases of its definition.
  package static func float(halfBits bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let exponent = Int(bits >> 10) & 31
    let fraction = Float(bits & 1023)
    switch exponent {
    case 0: return sign * fraction * 0x1p-24
    case 31: return fraction == 0 ? sign * .infinity : .nan
    default: return sign * Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
    }
  }
}
