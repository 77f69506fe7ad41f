// # Checksums
//
// Checksums guard against mistaking one text or one model for another, not against malice. The first is for our own
// use. The second is one that every other program has, so that two programs can compare tensors without exchanging
// them.
//
// Used by: `Models/Writing/Generation+Files.swift`, `Experiments/Experiment.swift`, `Tests/RealModel/tensors.py`.

import Tensors

/// FNV-1a over 64-bit numbers: each number is combined with the hash so far by exclusive or, and the result is
/// multiplied by a prime.
///
/// The loops are here and not in the callers, for concrete types: a generic sequence that another module passes in is
/// walked through its protocol, which for the numbers of a model takes a minute in place of a moment.
///
/// Source: Fowler, Noll and Vo, whose version takes bytes.
package struct Checksum: Equatable, Sendable {
  /// The hash of what was added so far.
  package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  /// The checksum of nothing.
  package init() {}

  private mutating func combine(_ number: UInt64) { value = (value ^ number) &* 0x100_0000_01b3 }

  /// Adds the bits of a tensor's numbers as Doubles, row-major.
  package mutating func add(_ tensor: Tensor) {
    tensor.withElements { elements in
      for index in elements.indices { combine(Double(elements[index]).bitPattern) }
    }
  }

  /// Adds tokens, none of them negative.
  package mutating func add(_ tokens: [Int]) {
    for token in tokens { combine(UInt64(token)) }
  }

  /// Adds the bytes of a text in UTF-8, each as a number.
  package mutating func add(_ text: String) {
    for byte in text.utf8 { combine(UInt64(byte)) }
  }
}

// ## CRC-32
//
// The bits are the coefficients of a polynomial over the field of two elements, and the checksum is its remainder
// modulo a polynomial of degree 32. Two sequences of bits that differ only within 32 neighbouring bits always have
// different checksums, and so have two tensors that differ in one number.
//
//     Python:    zlib.crc32(array.astype("<f4").tobytes())

extension Tensor {
  /// The CRC-32 of the numbers as little-endian `Float`s, row-major; the same as in zip, PNG and zlib.
  package func crc32() -> UInt32 {
    withElements { elements in
      var remainder = UInt32.max
      for index in elements.indices {
        remainder ^= Float(elements[index]).bitPattern
        for _ in 0..<4 { remainder = remainders[Int(remainder & 255)] ^ remainder >> 8 }
      }
      return ~remainder
    }
  }
}

extension Checkpoint {
  /// A line for each tensor, sorted by name: "NAME SIZES CHECKSUM", as `Tests/RealModel/tensors.py` writes it.
  ///
  /// Throws `CheckpointError` if a tensor cannot be decoded.
  package func checksums() throws -> [String] {
    try names.sorted().map { name in
      let tensor = try tensor(name)
      let sizes = tensor.rank == 0 ? "-" : tensor.shape.array.map(String.init).joined(separator: "x")
      return "\(name) \(sizes) \(tensor.crc32())"
    }
  }
}

/// The remainder for each value of a byte.
private let remainders: [UInt32] = (0..<256).map { byte in
  (0..<8).reduce(UInt32(byte)) { remainder, _ in remainder & 1 == 0 ? remainder >> 1 : remainder >> 1 ^ 0xEDB8_8320 }
}
