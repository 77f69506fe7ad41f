// # The types of stored numbers
//
// The types of numbers under the names that files give them. Some we decode (`Tensors/Loops/Decoding.swift`). Of the
// others we only know how many bytes they take: a checkpoint often carries a mask of Booleans or a counter that
// nobody asks for, and must be readable all the same. Asking for the numbers of such a tensor throws an error. Small
// integers are deliberately not decoded: as weights they are packed or lack a scale.
//
// Read before: `Tensors/Loops/Decoding.swift`. Read next: `SafetensorsHeader.swift`, `GGUF.swift`.

import Tensors

/// A type of numbers in a file: its name there, its size, and its format, if we can decode it.
package struct ElementType: Sendable {
  package let name: String
  /// How many numbers form a block; 1 unless they share a scale.
  let block: Int
  /// The bytes of one block.
  let bytes: Int
  /// nil if only the size is known.
  let format: NumberFormat?

  private init(_ name: String, _ format: NumberFormat) {
    (self.name, self.format, block, bytes) = (name, format, format.block, format.bytes)
  }

  private init(_ name: String, block: Int = 1, bytes: Int) {
    (self.name, self.block, self.bytes, format) = (name, block, bytes, nil)
  }

  /// The bytes of a tensor with these sizes; nil if there are too many to count, or if a row ends inside a block.
  ///
  /// - Parameter sizes: none of them negative, outermost first
  func extent(of sizes: [Int]) -> Int? {
    // An empty tensor also needs strides that can be computed: sizes of zero count as one in this product.
    var bound = bytes
    for size in sizes {
      let (product, overflow) = bound.multipliedReportingOverflow(by: max(size, 1))
      guard !overflow else { return nil }
      bound = product
    }
    guard block == 1 || (sizes.last ?? 1) % block == 0 else { return nil }
    return sizes.contains(0) ? 0 : bound / block
  }
}

// ## The names of safetensors

extension ElementType {
  /// The dtypes of a safetensors file, by name.
  static let safetensors: [String: ElementType] = {
    let decoded = [
      ElementType("F64", .f64), ElementType("F32", .f32), ElementType("F16", .f16), ElementType("BF16", .bf16),
      ElementType("I64", .i64),
    ]
    let bytes = [
      "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
      "U16": 2, "I16": 2, "U32": 4, "I32": 4, "U64": 8, "C64": 8,
    ]
    let others = bytes.map { ElementType($0.key, bytes: $0.value) }
    return Dictionary((decoded + others).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }()

  /// The dtype in which checkpoints are written.
  package static let ofScalar: ElementType = Scalar.self == Double.self ? .f64 : .f32
  /// 64 and 32 bits, which a checkpoint can be written in.
  package static let (f64, f32) = (ElementType("F64", .f64), ElementType("F32", .f32))
}

// ## The numbers of GGUF
//
// Blocks and bytes are those of ggml's table `type_traits`. Numbers that are missing from that table belonged to
// formats that have been removed.

extension ElementType {
  /// The types of a GGUF file, by their numbers there.
  static let gguf: [UInt32: ElementType] = [
    0: ElementType("F32", .f32), 1: ElementType("F16", .f16), 2: ElementType("Q4_0", .q4_0),
    3: ElementType("Q4_1", .q4_1), 8: ElementType("Q8_0", .q8_0), 27: ElementType("I64", .i64),
    28: ElementType("F64", .f64), 30: ElementType("BF16", .bf16),

    6: ElementType("Q5_0", block: 32, bytes: 22), 7: ElementType("Q5_1", block: 32, bytes: 24),
    9: ElementType("Q8_1", block: 32, bytes: 36), 10: ElementType("Q2_K", block: 256, bytes: 84),
    11: ElementType("Q3_K", block: 256, bytes: 110), 12: ElementType("Q4_K", block: 256, bytes: 144),
    13: ElementType("Q5_K", block: 256, bytes: 176), 14: ElementType("Q6_K", block: 256, bytes: 210),
    15: ElementType("Q8_K", block: 256, bytes: 292), 16: ElementType("IQ2_XXS", block: 256, bytes: 66),
    17: ElementType("IQ2_XS", block: 256, bytes: 74), 18: ElementType("IQ3_XXS", block: 256, bytes: 98),
    19: ElementType("IQ1_S", block: 256, bytes: 50), 20: ElementType("IQ4_NL", block: 32, bytes: 18),
    21: ElementType("IQ3_S", block: 256, bytes: 110), 22: ElementType("IQ2_S", block: 256, bytes: 82),
    23: ElementType("IQ4_XS", block: 256, bytes: 136), 24: ElementType("I8", bytes: 1),
    25: ElementType("I16", bytes: 2), 26: ElementType("I32", bytes: 4),
    29: ElementType("IQ1_M", block: 256, bytes: 56), 34: ElementType("TQ1_0", block: 256, bytes: 54),
    35: ElementType("TQ2_0", block: 256, bytes: 66), 39: ElementType("MXFP4", block: 32, bytes: 17),
  ]
}
