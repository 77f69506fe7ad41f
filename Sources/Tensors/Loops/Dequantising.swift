// # Weights in a few bits
//
// A published model often stores its weights in blocks: 32 neighbours of a row share a scale in half precision, and
// each weight is a small whole number q times that scale. A file of 98 MB then holds 135 million weights. We read
// three layouts, with d and m in half precision, little-endian:
//
//     Q8_0    34 bytes: d, then 32 signed bytes             xᵢ = d · qᵢ
//     Q4_0    18 bytes: d, then 16 bytes                    xᵢ = d · (qᵢ − 8)
//     Q4_1    20 bytes: d, m, then 16 bytes                 xᵢ = d · qᵢ + m
//
// With four bits, byte i holds the q of place i in its lower half and the q of place i + 16 in its upper half.
//
// The arithmetic is in `Float` in both builds, so that the weights equal those of other programs to the last bit. The
// product is exact, since d has 11 binary digits and q no more than 8; only the sum with m is rounded. `Double`
// widens the result, which adds no precision.
//
// A block is a row of the result. Its whole numbers are loaded at once, and the loops over 16 or 32 places have a
// length that the compiler knows, so it vectorises them.
//
// Read before: `Decoding.swift`. The slow twin: `../Naive/Naive+Decoding.swift`.
// Source: github.com/ggml-org/ggml, ggml-quants.c; the package `gguf` on PyPI, quants.py.

extension Tensor {
  /// A tensor from bytes in a format that has blocks; the caller has checked that the bytes fill the shape.
  init(dequantising bytes: UnsafeRawBufferPointer, as format: NumberFormat, shape: Shape) {
    let count = shape.count / format.block
    let stored = StoredBlocks(bytes, size: format.bytes, count: count)
    self.init(uninitialised: shape)
    switch format {
    case .q8_0: stored.write(to: &self) { block, x in block.write(eightBits: block.scale(at: 0), to: x) }
    case .q4_0: stored.write(to: &self) { block, x in block.write(fourBits: block.scale(at: 0), to: x) }
    case .q4_1:
      stored.write(to: &self) { block, x in
        block.write(fourBits: block.scale(at: 0), plus: block.scale(at: 2), to: x)
      }
    default: preconditionFailure("the format \(format) has no blocks")
    }
  }
}

/// Blocks of 32 numbers, one after another.
private struct StoredBlocks {
  let start: UnsafeRawPointer
  let size, count: Int

  init(_ bytes: UnsafeRawBufferPointer, size: Int, count: Int) {
    precondition(bytes.count == size * count, "\(bytes.count) bytes are not \(count) blocks of \(size)")
    // An empty tensor has no address, and nothing is read from it.
    start = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 64)!
    (self.size, self.count) = (size, count)
  }

  /// Calls `body` with each block and the 32 places that it fills.
  @inline(__always)
  func write(to target: inout Tensor, _ body: (StoredBlock, UnsafeMutablePointer<Scalar>) -> Void) {
    writing(&target, rows: count, .runs(atLeast: Parallel.grain / 32)) { block, numbers in
      body(StoredBlock(start: start + block &* size), address(&numbers))
    }
  }
}

/// One block. Its bytes exist: `StoredBlocks` has checked the size of all blocks together.
private struct StoredBlock {
  let start: UnsafeRawPointer

  /// The number in half precision that begins at a byte.
  @inline(__always)
  func scale(at byte: Int) -> Float { float(halfBits: start.loadUnaligned(fromByteOffset: byte, as: UInt16.self)) }

  /// Q8_0.
  @inline(__always)
  func write(eightBits d: Float, to x: UnsafeMutablePointer<Scalar>) {
    let q = (start + 2).loadUnaligned(as: SIMD32<Int8>.self)
    for place in 0..<32 { x[place] = Scalar(Float(q[place]) * d) }
  }

  /// Q4_0.
  @inline(__always)
  func write(fourBits d: Float, to x: UnsafeMutablePointer<Scalar>) {
    let q = (start + 2).loadUnaligned(as: SIMD16<UInt8>.self)
    let (low, high) = (q & 15, q &>> 4)
    for place in 0..<16 { x[place] = Scalar(d * Float(Int32(low[place]) - 8)) }
    for place in 0..<16 { x[place + 16] = Scalar(d * Float(Int32(high[place]) - 8)) }
  }

  /// Q4_1.
  @inline(__always)
  func write(fourBits d: Float, plus m: Float, to x: UnsafeMutablePointer<Scalar>) {
    let q = (start + 4).loadUnaligned(as: SIMD16<UInt8>.self)
    let (low, high) = (q & 15, q &>> 4)
    for place in 0..<16 { x[place] = Scalar(d * Float(low[place]) + m) }
    for place in 0..<16 { x[place + 16] = Scalar(d * Float(high[place]) + m) }
  }
}
