// # Tensors that stay in their file
//
// The file of a model is mapped into memory: its bytes are there to be read, and the system fetches
// them when they are touched and drops them when room is short. A tensor that is still in a file is
// therefore only a place: which bytes, of what type and shape. It is decoded each time it is asked
// for, so that 98 MB of blocks and the 540 MB of numbers that they stand for are never held twice.
//
// A mapped file must not be shortened while it is in use; the system stops a program that touches
// bytes which are gone. `AtomicFile` never does that: it puts a new file in the place of the old one.
//
// Read before: `ElementType.swift`. Read next: `Checkpoint.swift`.

import Foundation
import Tensors

/// A tensor in a mapped file: where its bytes are and what they mean.
struct MappedTensor: Sendable {
  /// The contents of the file.
  private let data: Data
  /// The path of the file, for error messages.
  let file: String
  /// The name in the file, which may differ from the one that the caller uses.
  let name: String
  private let type: ElementType
  private let bytes: Range<Int>
  private let stored: Shape
  /// The shape of the tensor that the caller gets.
  private(set) var shape: Shape
  private var transformations: [@Sendable (Tensor) throws -> Tensor] = []

  /// A tensor whose bytes were found to be in the file and to fill the shape.
  init(_ data: Data, file: String, name: String, type: ElementType, shape: Shape, bytes: Range<Int>) {
    (self.data, self.file, self.name, self.type, self.bytes) = (data, file, name, type, bytes)
    (self.stored, self.shape) = (shape, shape)
  }

  /// The numbers. Throws `CheckpointError` if their type is not decoded.
  func tensor() throws -> Tensor {
    guard let format = type.format else {
      throw CheckpointError(
        file: file, tensor: name, problem: "the type \(type.name) is none of those whose numbers are read",
        remedy: type.block == 1
          ? "convert the file to F32, F16 or BF16, or leave the tensor out"
          : "convert the file with llama-quantize to F16, Q8_0, Q4_0 or Q4_1, or leave the tensor out")
    }
    var tensor = data.withUnsafeBytes { all in
      Tensor(decoding: UnsafeRawBufferPointer(rebasing: all[bytes]), as: format, shape: stored)
    }
    for transformation in transformations { tensor = try transformation(tensor) }
    guard tensor.shape == shape else {
      throw CheckpointError(
        file: file, tensor: name,
        problem: "what is made of it should have the shape \(shape), but has \(tensor.shape)",
        remedy: "correct the transformation, or the shape that was announced for it")
    }
    return tensor
  }

  /// The same tensor, of which `transformation` makes one of the given shape.
  func transformed(
    to shape: Shape, by transformation: @escaping @Sendable (Tensor) throws -> Tensor
  ) -> MappedTensor {
    var copy = self
    copy.shape = shape
    copy.transformations.append(transformation)
    return copy
  }
}
