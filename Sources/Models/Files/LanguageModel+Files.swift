// # Models in files
//
// A model is saved as a folder with two files, model.safetensors and config.json. The tensors have their published
// names, so that other programs can read what is trained here. We also read the forms that others write: shards, half
// precision, GGUF (`ModelFiles.swift`).
//
// Read before: `../LanguageModel.swift`, `ModelLayout.swift`, `ModelFiles.swift`.

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

  /// Sets all parameters to those of a checkpoint.
  ///
  /// Throws, with no parameter changed, if a name is missing or unknown, a shape differs or a number is not finite.
  public func load(_ checkpoint: Checkpoint) throws {
    try checkpoint.expectNames(parameters.map(\.name))
    let values = try parameters.map { try checkpoint.finiteTensor($0.name, shape: $0.value.shape) }
    for (parameter, value) in zip(parameters, values) { parameter.value = value }
  }

  /// Writes model.safetensors and config.json into a folder, which is created if it does not exist.
  public func write(to folder: URL) throws {
    try configuration.write(to: folder.appendingPathComponent("config.json"))
    try checkpoint.write(to: folder.appendingPathComponent("model.safetensors"))
  }

  /// Reads a model from a folder with a config.json and weights in one file or in shards, or from a .gguf file.
  ///
  /// - Parameter parts: the kinds of mixers and blocks that its config.json may name
  ///
  /// Throws `CheckpointError` if a file is missing or damaged, if the files do not fit together, or if the kind of
  /// the model or one of its settings is not supported here.
  public init(contentsOf place: URL, parts: ModelParts = .standard) throws {
    let files = try ModelFiles(place, parts: parts)
    self.init(unset: files.configuration)
    try load(files.checkpoint)
  }
}
