// # A model and its words
//
// What a chapter leaves in a folder, so that the model can write: the model, and the dictionary
// between its numbers and text.
//
//     config.json              which layers, of which sizes
//     model.safetensors        the weights
//     tokenizer.json           the vocabulary
//     tokenizer_config.json    how other programs read it, and the token that ends a text
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
  /// The dictionary with which it was trained; as many tokens as the model has.
  public let tokenizer: AnyTokenizer

  /// Reads a folder that a chapter has written.
  ///
  /// Throws `CheckpointError` or `CorpusError` if a file is missing or damaged, or if they do not belong together.
  public init(contentsOf folder: URL) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) else {
      throw CheckpointError(
        file: folder.path, problem: "there is no such folder",
        remedy: "give one that a chapter has written, such as out/05-teacher/teacher-seed0 after `make chapter N=05`")
    }
    guard isFolder.boolValue else {
      throw CheckpointError(
        file: folder.path, problem: "this is a file", remedy: "give the folder in which config.json and its model lie"
      )
    }
    model = try LanguageModel(contentsOf: folder).frozen
    let file = folder.appending(path: "tokenizer.json")
    tokenizer = try AnyTokenizer(contentsOf: file)
    guard tokenizer.vocabularySize == model.configuration.V else {
      throw CorpusError(
        file.path,
        problem: "it has \(tokenizer.vocabularySize) tokens, but the model beside it \(model.configuration.V)",
        remedy: "give the tokenizer with which the model was trained")
    }
  }
}
