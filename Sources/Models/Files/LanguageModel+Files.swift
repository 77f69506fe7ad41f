// # Models in files
//
// A folder with two files: model.safetensors and config.json. The names of the tensors are the
// published ones, so that what is trained here can be read elsewhere.
//
// Read before: `../LanguageModel.swift`, `ModelLayout.swift`.

import Checkpoints
import Foundation
import Gradients
import Tensors

extension LanguageModel {
  /// All parameters by name, as a checkpoint.
  public var checkpoint: Checkpoint {
    Checkpoint(
      tensors: Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.value) }),
      metadata: ["format": "pt"])
  }

  /// Takes over all parameters of a checkpoint.
  ///
  /// Throws, with no parameter changed, if a name is missing or unknown or a shape differs.
  public func load(_ checkpoint: Checkpoint) throws {
    try checkpoint.expectNames(parameters.map(\.name))
    let values = try parameters.map { try checkpoint.tensor($0.name, shape: $0.value.shape) }
    for (parameter, value) in zip(parameters, values) { parameter.value = value }
  }

  /// Writes model.safetensors and config.json into a folder, which is created if it is not there.
  public func write(to folder: URL) throws {
    try configuration.write(to: folder.appendingPathComponent("config.json"))
    try checkpoint.write(to: folder.appendingPathComponent("model.safetensors"))
  }

  /// Reads a model from a folder with model.safetensors and config.json.
  ///
  /// - Parameter parts: the kinds of mixers and blocks that its config.json may name
  ///
  /// Throws `CheckpointError` if a file is missing or damaged, or they do not fit together.
  public init(contentsOf folder: URL, parts: ModelParts = .standard) throws {
    var random = SeededGenerator(seed: 0)
    self.init(
      try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"), parts: parts), using: &random)
    try load(Checkpoint(contentsOf: folder.appendingPathComponent("model.safetensors")))
  }
}
