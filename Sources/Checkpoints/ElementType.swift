// # Number formats
//
// A file may hold its numbers in another format than ours: a published model in sixteen bits, a teacher that was
// trained in `Float` and is examined in `Double`. Equal formats are copied byte by byte, so that even the payload of
// a NaN survives; other formats are converted number by number. Bytes are little-endian in the file and on every
// machine that this package supports.
//
// Read before: `Tensors/Core/Scalar.swift`. Read next: `SafetensorsHeader.swift`.

import Foundation
import Tensors

/// The formats of safetensors that can be read, by their names in the file.
enum ElementType: String, CaseIterable {
  case f64 = "F64"
  case f32 = "F32"
  case f16 = "F16"
  case bf16 = "BF16"
  case i64 = "I64"

  /// The format of `Scalar`, in which checkpoints are written.
  static let ofScalar: ElementType = Scalar.self == Double.self ? .f64 : .f32

  /// The number of bytes of one number.
  var size: Int {
    switch self {
    case .f64, .i64: 8
    case .f32: 4
    case .f16, .bf16: 2
    }
  }

  /// A tensor from its bytes. Numbers with more digits are rounded; beyond the range of `Float` they become infinite.
  func tensor(from bytes: UnsafeRawBufferPointer, shape: Shape) -> Tensor {
    precondition(bytes.count == shape.count * size, "\(bytes.count) bytes do not fill the shape \(shape)")
    var result = Tensor.zeros(shape)
    result.withMutableElements { elements in
      if self == .ofScalar {
        elements.withUnsafeMutableBytes { $0.copyMemory(from: bytes) }
        return
      }
      switch self {
      case .f64: convert(bytes, &elements) { (number: Double) in Scalar(number) }
      case .f32: convert(bytes, &elements) { (number: Float) in Scalar(number) }
      case .f16: convert(bytes, &elements) { (bits: UInt16) in Scalar(float(halfBits: bits)) }
      case .bf16: convert(bytes, &elements) { (bits: UInt16) in Scalar(Float(bitPattern: UInt32(bits) << 16)) }
      case .i64: convert(bytes, &elements) { (number: Int64) in Scalar(number) }
      }
    }
    return result
  }
}

/// Fills `elements` from stored values, which need not be aligned.
@inline(__always)
private func convert<Stored: BitwiseCopyable>(
  _ bytes: UnsafeRawBufferPointer, _ elements: inout MutableSpan<Scalar>, _ number: (Stored) -> Scalar
) {
  let size = MemoryLayout<Stored>.size
  for index in 0..<(bytes.count / size) {
    elements[index] = number(bytes.loadUnaligned(fromByteOffset: index * size, as: Stored.self))
  }
}

// ## Half precision
//
// IEEE 754 binary16 has a sign, 5 bits of exponent with bias 15 and 10 bits of fraction f. Swift's `Float16` does not
// exist on every machine, so we move the bits ourselves.
//
//     exponent 1…30    (1 + f/1024) · 2^(exponent − 15)    the same fields in Float, the bias 127 instead of 15
//     exponent 0       f · 2^−24                           zero and the subnormal numbers: exact in Float
//     exponent 31      ∞ where f = 0, else NaN

/// The value of a number in half precision, which `Float` holds exactly.
func float(halfBits bits: UInt16) -> Float {
  let sign = UInt32(bits & 0x8000) << 16
  let exponent = UInt32(bits >> 10) & 31
  let fraction = UInt32(bits & 1023)
  switch exponent {
  case 0:
    let magnitude = Float(fraction) * 0x1p-24
    return sign == 0 ? magnitude : -magnitude
  case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
  default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
  }
}
