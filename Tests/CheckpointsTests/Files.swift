// # Help for tests with files
//
// Safetensors files put together by hand, the bits of a tensor, and the names in a directory.

import Checkpoints
import Foundation
import Tensors

/// The bytes of a file with this header, then `numbers`.
func safetensors(_ header: String, numbers: [UInt8] = []) -> Data {
  safetensors(header: Array(header.utf8), numbers: numbers)
}

func safetensors(header: [UInt8], numbers: [UInt8] = []) -> Data {
  Data(littleEndian(UInt64(header.count)) + header + numbers)
}

func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// The bits of every number, so that NaN equals itself and −0 differs from 0.
func bits(_ tensor: Tensor) -> [UInt64] { tensor.elements.map { UInt64($0.bitPattern) } }

/// The names in a directory.
func entries(_ directory: URL) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
}
