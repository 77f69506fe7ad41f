// # Numbers as files hold them
//
// A file can hold its numbers in a format other than ours: a published model often uses sixteen bits per number, or
// blocks of numbers with four bits each. Here stored bytes become a tensor. A format equal to ours is copied byte by
// byte, so that even the payload of a NaN survives; others are converted number by number. Bytes are little-endian in
// the file and on every machine that this package supports, and need not be aligned.
//
// The bytes belong to a file that is mapped into memory and can be larger than the memory that is free; they are read
// once, from front to back, by all cores. The caller has checked that they are there.
//
// Read before: `../Core/Tensor+Writing.swift`. Read next: `Dequantising.swift`. The slow twin:
// `../Naive/Naive+Decoding.swift`. Used by: `Checkpoints/ElementType.swift`.

/// The formats of stored numbers that can be decoded.
package enum NumberFormat: CaseIterable, Sendable {
  /// IEEE 754, with 64, 32 and 16 bits.
  case f64, f32, f16
  /// The upper half of a `Float` of 32 bits.
  case bf16
  /// A signed integer of 64 bits.
  case i64
  /// Blocks of 32 numbers that share a scale; `Dequantising.swift` has their layouts.
  case q8_0, q4_0, q4_1

  /// The format of `Scalar`.
  package static let ofScalar: NumberFormat = Scalar.self == Double.self ? .f64 : .f32

  /// How many numbers form a block: 1, or 32 where they share a scale.
  package var block: Int {
    switch self {
    case .f64, .f32, .f16, .bf16, .i64: 1
    case .q8_0, .q4_0, .q4_1: 32
    }
  }

  /// The bytes of one block.
  package var bytes: Int {
    switch self {
    case .f64, .i64: 8
    case .f32: 4
    case .f16, .bf16: 2
    case .q8_0: 34
    case .q4_0: 18
    case .q4_1: 20
    }
  }
}

extension Tensor {
  /// The numbers stored in these bytes, row-major.
  ///
  /// Numbers with more digits than `Scalar` are rounded; those beyond its range become infinite. Stops the program if
  /// the bytes do not fill the shape.
  package init(decoding bytes: UnsafeRawBufferPointer, as format: NumberFormat, shape: Shape) {
    precondition(
      shape.count % format.block == 0 && bytes.count == shape.count / format.block * format.bytes,
      "\(bytes.count) bytes in the format \(format) do not fill the shape \(shape)")
    if format == .ofScalar {
      self.init(writing: shape, grain: Parallel.grain) { places, numbers in
        let size = MemoryLayout<Scalar>.size
        let own = UnsafeRawBufferPointer(
          rebasing: bytes[(places.lowerBound * size)..<(places.upperBound * size)])
        numbers.withUnsafeMutableBytes { $0.copyMemory(from: own) }
      }
      return
    }
    switch format {
    case .f64: self = converted(bytes, shape) { (number: Double) in Scalar(number) }
    case .f32: self = converted(bytes, shape) { (number: Float) in Scalar(number) }
    case .f16: self = converted(bytes, shape) { (bits: UInt16) in Scalar(float(halfBits: bits)) }
    case .bf16: self = converted(bytes, shape) { (bits: UInt16) in Scalar(Float(bitPattern: UInt32(bits) << 16)) }
    case .i64: self = converted(bytes, shape) { (number: Int64) in Scalar(number) }
    case .q8_0, .q4_0, .q4_1: self.init(dequantising: bytes, as: format, shape: shape)
    }
  }
}

/// A tensor from stored values, one number from each.
@inline(__always)
private func converted<Stored: BitwiseCopyable>(
  _ bytes: UnsafeRawBufferPointer, _ shape: Shape, _ number: (Stored) -> Scalar
) -> Tensor {
  Tensor(writing: shape, grain: Parallel.grain) { places, numbers in
    let size = MemoryLayout<Stored>.size
    let own = UnsafeRawBufferPointer(rebasing: bytes[(places.lowerBound * size)..<(places.upperBound * size)])
    // What is stored is not a result: numbers that are subnormal in `Scalar` are kept.
    Parallel.flushing(false) {
      for index in numbers.indices {
        numbers[index] = number(own.loadUnaligned(fromByteOffset: index * size, as: Stored.self))
      }
    }
  }
}

// ## Half precision
//
// IEEE 754 binary16 has a sign, 5 bits of exponent with bias 15 and 10 bits of fraction f. Swift's
// `Float16` does not exist on every machine, so we move the bits ourselves.
//
//     exponent 1…30    (1 + f/1024) · 2^(exponent − 15)    the same fields in Float, the bias 127 instead of 15
//     exponent 0       f · 2^−24                           zero and the subnormal numbers: exact in Float
//     exponent 31      ∞ where f = 0, else NaN
//
// One formula serves the first two rows. The fifteen bits after the sign, moved to where `Float` has them, form a
// number whose exponent is too small by 112; multiplying by 2^112 corrects it, and is exact for subnormal numbers
// too. For exponent 31, all bits of the exponent are set instead. There are no branches, so the compiler vectorises
// it.

/// The value of a number in half precision, which `Float` holds exactly.
@inline(__always)
package func float(halfBits bits: UInt16) -> Float {
  let magnitude = UInt32(bits & 0x7FFF) << 13
  let finite = (Float(bitPattern: magnitude) * 0x1p112).bitPattern
  let pattern = bits & 0x7C00 == 0x7C00 ? magnitude | 0x7F80_0000 : finite
  return Float(bitPattern: pattern | UInt32(bits & 0x8000) << 16)
}
