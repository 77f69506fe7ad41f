// # A model and its words
//
// What a model needs to write: its weights, and the dictionary between its numbers and text. A chapter
// leaves both in a folder, and so do others:
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
  /// The dictionary with which it was trained; at most as many tokens as the model has.
  public let tokenizer: AnyTokenizer

  /// Reads a folder, of a chapter or of a published model, or a .gguf file.
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
        file: place.path, problem: "this file is no .gguf file",
        remedy: "give one, or the folder in which config.json and its model lie")
    }
    model = try LanguageModel(contentsOf: place).frozen
    tokenizer = try SavedModel.tokenizer(of: place)
    // A vocabulary may be padded; one that is mostly padding is another model's.
    let (tokens, V) = (tokenizer.vocabularySize, model.configuration.V)
    guard tokens <= V, 2 * tokens >= V, tokens > 0 else {
      throw CorpusError(
        place.path, problem: "its tokenizer has \(tokens) tokens, but the model \(V)",
        remedy: "give the tokenizer with which the model was trained")
    }
  }

  /// The tokenizer that lies with a model: in a folder's tokenizer.json, or in a .gguf file.
  ///
  /// Throws `CheckpointError` or `CorpusError` if there is none, or of a kind that is not read.
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
