// # Checkpoints
//
// A checkpoint is a model in a file: tensors by name, and a few texts about them. The format is safetensors, so that
// other programs can read our weights and we can read theirs. What we write we read back bit for bit; a run resumed
// from a checkpoint is the same as one that was never interrupted.
//
// Our own files are read whole. Published files can be larger than what we want to hold in memory:
// `Checkpoint+Mapping.swift` leaves their tensors in the file until each is asked for.
//
// Read before: `SafetensorsHeader.swift`, `AtomicFile.swift`. Read next: `Checkpoint+Reading.swift`,
// `Training/TrainingRun+Checkpoint.swift`.

import Foundation
import Tensors

/// Tensors by name, with texts about them; the tensors are in memory or still in their file.
public struct Checkpoint: Sendable {
  /// The tensors in memory; a file holds them sorted by name. A tensor put here hides one of the same name in a file.
  public var tensors: [String: Tensor]
  /// Texts by key: settings, the step, the state of a random generator.
  public var metadata: [String: String]
  /// The tensors that are still in files.
  var mapped: [String: MappedTensor] = [:]
  /// The path this was read from, for error messages.
  var origin = "a checkpoint in memory"

  /// A checkpoint in memory.
  public init(tensors: [String: Tensor] = [:], metadata: [String: String] = [:]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  /// Reads a whole safetensors file. F32, F64, F16, BF16 and I64 become `Scalar`, rounded if it has fewer digits.
  ///
  /// Throws `CheckpointError` if the file is missing, truncated, damaged, of another kind, or has a tensor of another
  /// type.
  public init(contentsOf url: URL) throws {
    try self.init(mappedContents(of: url), file: url.path)
  }

  /// A checkpoint from the bytes of a file.
  package init(_ data: Data, file: String) throws {
    try self.init(mapping: data, file: file)
    tensors = try mapped.mapValues { try $0.tensor() }
    mapped = [:]
  }

  /// A checkpoint whose tensors stay among the bytes of a safetensors file.
  package init(mapping data: Data, file: String) throws {
    let header = try SafetensorsHeader(data, file: file)
    self.init(metadata: header.metadata)
    origin = file
    for entry in header.entries {
      mapped[entry.name] = MappedTensor(
        data, file: file, name: entry.name, type: entry.type, shape: entry.shape, bytes: entry.bytes)
    }
  }

  /// Writes a safetensors file in the format of `Scalar`, atomically; tensors that are still in other files are
  /// decoded one by one.
  ///
  /// Throws `CheckpointError` if the file cannot be written; an existing file is then unchanged.
  public func write(to url: URL) throws { try write(to: url, as: .ofScalar) }

  /// The same in another type of numbers: F64 or F32, to which each number is rounded.
  package func write(to url: URL, as type: ElementType) throws {
    let sorted = shapes.sorted { $0.key < $1.key }.map { (name: $0.key, shape: $0.value) }
    if names.contains(SafetensorsHeader.metadataKey) {
      throw CheckpointError(
        file: url.path, tensor: SafetensorsHeader.metadataKey,
        problem: "the format reserves this name for the metadata",
        remedy: "give the tensor another name")
    }
    let header = SafetensorsHeader.bytes(for: sorted, of: type, metadata: metadata)
    guard header.count - 8 <= SafetensorsHeader.maximalLength else {
      throw CheckpointError(
        file: url.path,
        problem: "names and metadata take \(header.count - 8) bytes, more than the"
          + " \(SafetensorsHeader.maximalLength) that are allowed",
        remedy: "keep long texts in a file of their own")
    }
    try AtomicFile.write(to: url) { output in
      try output.write(header)
      for (name, shape) in sorted {
        let tensor = try tensor(name, shape: shape)
        if type.format == .ofScalar {
          try tensor.withElements { try $0.withUnsafeBytes { try output.write($0) } }
        } else if type.format == .f32 {
          try tensor.elements.map { Float($0) }.withUnsafeBytes { try output.write($0) }
        } else {
          precondition(type.format == .f64, "a checkpoint is written as F64 or F32, not as \(type.name)")
          try tensor.elements.map { Double($0) }.withUnsafeBytes { try output.write($0) }
        }
      }
    }
  }
}
