// # Tensors that stay in their file
//
// The file of a model is mapped into memory: the system fetches its bytes when they are touched, and drops them when
// memory is short. So a tensor that is still in a file is only a place: which bytes, of what type and shape. It is
// decoded each time it is asked for, and the result is not kept here: 98 MB of blocks stand for 540 MB of numbers,
// which should be in memory only once.
//
// A mapped file must not be truncated while it is in use: the system stops a program that touches bytes which are
// gone. `AtomicFile` never truncates a file; it puts a new file in the place of the old one.
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
  /// The type of its numbers in the file.
  let type: ElementType
  private let bytes: Range<Int>
  private let stored: Shape
  /// The shape of the tensor that the caller gets.
  private(set) var shape: Shape
  private var transformations: [@Sendable (Tensor) throws -> Tensor] = []

  /// A tensor whose bytes are known to be in the file and to fill the shape.
  init(_ data: Data, file: String, name: String, type: ElementType, shape: Shape, bytes: Range<Int>) {
    (self.data, self.file, self.name, self.type, self.bytes) = (data, file, name, type, bytes)
    (self.stored, self.shape) = (shape, shape)
  }

  /// The decoded tensor. Throws `CheckpointError` if we cannot decode its type.
  func tensor() throws -> Tensor {
    guard let format = type.format else {
      throw CheckpointError(
        file: file, tensor: name, problem: "the type \(type.name) cannot be decoded",
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
        problem: "the tensor made from it should have the shape \(shape), but has \(tensor.shape)",
        remedy: "correct the transformation, or the shape that was announced for it")
    }
    return tensor
  }

  /// This tensor with a transformation, which is applied when it is decoded and gives the stated shape.
  func transformed(
    to shape: Shape, by transformation: @escaping @Sendable (Tensor) throws -> Tensor
  ) -> MappedTensor {
    var copy = self
    copy.shape = shape
    copy.transformations.append(transformation)
    return copy
  }
}
