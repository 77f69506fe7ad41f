// # Checkpoints
//
// A model in a file: tensors by name, and a few texts about them. The format is safetensors, so that other programs
// can read our weights and we can read theirs. What we write we read back bit for bit; a run resumed from a
// checkpoint is the same as one that was never interrupted.
//
// Read before: `SafetensorsHeader.swift`, `AtomicFile.swift`. Read next: `Training/TrainingRun+Checkpoint.swift`.

import Foundation
import Tensors

/// Tensors by name, with texts about them.
public struct Checkpoint: Sendable {
  /// The tensors; a file holds them sorted by name.
  public var tensors: [String: Tensor]
  /// Texts by key: settings, the step, the state of a random generator.
  public var metadata: [String: String]
  /// The path this was read from, for error messages.
  private var origin = "a checkpoint in memory"

  /// A checkpoint in memory.
  public init(tensors: [String: Tensor] = [:], metadata: [String: String] = [:]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  /// Reads a safetensors file. F32, F64, F16, BF16 and I64 become `Scalar`, rounded if it has fewer digits.
  ///
  /// Throws `CheckpointError` if the file is missing, truncated, damaged or of another kind.
  public init(contentsOf url: URL) throws {
    try self.init(mappedContents(of: url), file: url.path)
  }

  /// A checkpoint from the bytes of a file.
  package init(_ data: Data, file: String) throws {
    let header = try SafetensorsHeader(data, file: file)
    tensors = [:]
    metadata = header.metadata
    origin = file
    data.withUnsafeBytes { bytes in
      for entry in header.entries {
        tensors[entry.name] = entry.type.tensor(
          from: UnsafeRawBufferPointer(rebasing: bytes[entry.bytes]), shape: entry.shape)
      }
    }
  }

  /// Writes a safetensors file in the format of `Scalar`, atomically.
  ///
  /// Throws `CheckpointError` if the file cannot be written; an existing file is then unchanged.
  public func write(to url: URL) throws {
    let sorted = tensors.sorted { $0.key < $1.key }.map { (name: $0.key, tensor: $0.value) }
    if tensors[SafetensorsHeader.metadataKey] != nil {
      throw CheckpointError(
        file: url.path, tensor: SafetensorsHeader.metadataKey, problem: "the format keeps this name for the metadata",
        remedy: "name the tensor otherwise")
    }
    let header = SafetensorsHeader.bytes(for: sorted, metadata: metadata)
    guard header.count - 8 <= SafetensorsHeader.maximalLength else {
      throw CheckpointError(
        file: url.path,
        problem: "names and metadata take \(header.count - 8) bytes, more than the"
          + " \(SafetensorsHeader.maximalLength) that are allowed",
        remedy: "keep long texts in a file of their own")
    }
    try AtomicFile.write(to: url) { output in
      try output.write(header)
      for (_, tensor) in sorted {
        try tensor.withElements { elements in try elements.withUnsafeBytes { try output.write($0) } }
      }
    }
  }
}

// ## Reading a model from it
//
// A wrong file is recognised by names that do not match or by shapes that do not. Both are mistakes of the user, not
// of the program, so they are thrown and not trapped.

extension Checkpoint {
  /// The tensor of a name, which must have this shape.
  ///
  /// Throws `CheckpointError` with the file, the tensor, and the expected and the actual shape.
  public func tensor(_ name: String, shape: Shape) throws -> Tensor {
    guard let tensor = tensors[name] else {
      let present = tensors.isEmpty ? "it has none" : "it has \(listed(tensors.keys.sorted()))"
      throw CheckpointError(
        file: origin, tensor: name, problem: "there is no tensor of this name, \(present)",
        remedy: "check that the file is of this model")
    }
    guard tensor.shape == shape else {
      throw CheckpointError(
        file: origin, tensor: name, problem: "the shape should be \(shape), but is \(tensor.shape)",
        remedy: "check that the file is of a model with these settings")
    }
    return tensor
  }

  /// Throws `CheckpointError` unless the tensors have exactly these names; it lists some that are missing or left
  /// over.
  public func expectNames(_ names: some Collection<String>) throws {
    let expected = Set(names)
    let missing = expected.subtracting(tensors.keys).sorted()
    let unexpected = Set(tensors.keys).subtracting(expected).sorted()
    var complaints: [String] = []
    if !missing.isEmpty {
      complaints.append("\(missing.count) of \(expected.count) tensors are missing: \(listed(missing))")
    }
    if !unexpected.isEmpty { complaints.append("\(unexpected.count) are not expected: \(listed(unexpected))") }
    guard complaints.isEmpty else {
      throw CheckpointError(
        file: origin, problem: complaints.joined(separator: ", and "),
        remedy: "check that the file is of a model with these settings")
    }
  }
}
