// # A model and its tokenizer
//
// What a model needs to write: its weights, and the dictionary between token numbers and text. A chapter leaves both
// in a folder, and published models come in the same form:
//
//     config.json               which layers, of which sizes
//     model.safetensors         the weights; or shards, with model.safetensors.index.json
//     tokenizer.json            the vocabulary
//     tokenizer_config.json     which of its tokens ends a text
//
// A .gguf file holds all of it.
//
// Read before: `Models/Files/LanguageModel+Files.swift`, `Corpora/Tokenizers/Files/AnyTokenizer+Files.swift`. Used by:
// the command `generate`.

import Checkpoints
import Corpora
import Foundation
import Models

/// A model with its tokenizer.
public struct SavedModel {
  /// The model.
  public let model: FrozenModel
  /// The dictionary with which the model was trained; it has at most as many tokens as the model.
  public let tokenizer: AnyTokenizer

  /// Reads the folder of a chapter's model or of a published one, or a .gguf file.
  ///
  /// Throws `CheckpointError` or `CorpusError` if a file is missing or damaged, or if they do not belong together.
  public init(contentsOf place: URL) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder) else {
      throw CheckpointError(
        file: place.path, problem: "there is no such folder or file",
        remedy: "give one that a chapter has written, such as out/05-teacher/teacher-seed0 after `make chapter N=05`,"
          + " the folder of a published model, or a .gguf file")
    }
    let gguf = GGUF.file(at: place)
    guard isFolder.boolValue || gguf != nil else {
      throw CheckpointError(
        file: place.path, problem: "this is not a .gguf file",
        remedy: "give one, or the folder that holds config.json and its model")
    }
    model = try LanguageModel(contentsOf: place).frozen
    tokenizer = try SavedModel.tokenizer(of: place)
    // A vocabulary may be padded; one that is mostly padding belongs to another model.
    let (tokens, V) = (tokenizer.vocabularySize, model.configuration.V)
    guard tokens <= V, 2 * tokens >= V, tokens > 0 else {
      throw CorpusError(
        place.path, problem: "its tokenizer has \(tokens) tokens, but the model has \(V)",
        remedy: "give the tokenizer with which the model was trained")
    }
  }

  /// The tokenizer of a model: in a folder's tokenizer.json, or in a .gguf file.
  ///
  /// Throws `CheckpointError` or `CorpusError` if there is none, or it is of a kind that we do not read.
  public static func tokenizer(of place: URL) throws -> AnyTokenizer {
    if let file = GGUF.file(at: place) { return try AnyTokenizer(ofGGUF: file) }
    return try AnyTokenizer(contentsOf: place.appending(path: "tokenizer.json"))
  }

  /// A sampler that draws no token beyond those of the tokenizer.
  public func sampler(_ sampler: Sampler) -> Sampler {
    var limited = sampler
    limited.vocabulary = tokenizer.vocabularySize
    return limited
  }
}
