// # The command line of a chapter that takes any teacher
//
// The book trains its own teacher, so that everything can be seen from the beginning. What a chapter does with a
// teacher does not depend on that: with this option it takes a published model instead.
//
//     08-matrix-orientation --quick --model ~/models/SmolLM2-135M --out out/smollm2
//
// Read before: `Notebook/ChapterOptions.swift`. Read next: `Experiments/SavedModel.swift`.

import ArgumentParser
import Foundation
import Notebook

/// The option of chapters that take a model in the teacher's place.
public struct ModelOptions: ParsableArguments, TakesModel {
  /// `--model`, a folder with a config.json, or a .gguf file; nil for the teacher of chapter 05.
  @Option(parsing: .unconditional, help: "A published model as teacher: a folder or a .gguf file.", transform: path)
  public var model: String?

  /// The defaults; the command line is read into them.
  public init() {}

  /// Throws `ValidationError` if there is nothing of this name.
  public func validate() throws {
    if let model, !FileManager.default.fileExists(atPath: model) {
      throw ValidationError("--model \(model): there is no such folder or file.")
    }
  }
}

/// Options that may name a model to take the teacher's place.
public protocol TakesModel {
  /// The model's path; nil for none.
  var model: String? { get }
}
