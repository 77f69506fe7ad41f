// # How a model looks in files
//
// A layout is a published way to write a model down: what its tensors are called, and in which words
// its config.json says how it is made. Two are known here, Phi of Hugging Face for teachers
// (`PhiLayout.swift`) and the authors' Phi-Mamba for students and hybrids (`PhiMambaLayout.swift`).
//
// Read before: `../ModelConfiguration.swift`. Read next: `LanguageModel+Files.swift`.

import Checkpoints
import Foundation
import Layers

/// A way to write a model down.
public struct ModelLayout: Sendable {
  /// The name of the layout.
  public let name: String
  let names: ModelNames
  /// The config.json of a configuration.
  let words: @Sendable (ModelConfiguration) -> any Encodable
  /// Reads a config.json; nil if it is of another layout.
  let read: @Sendable (_ file: URL, _ parts: ModelParts) throws -> ModelConfiguration?
  /// Why a model cannot be written in this layout, in a sentence that goes on "its …"; nil if it can.
  let problem: @Sendable (ModelConfiguration) -> String?

  /// The layouts that are known, in the order in which a file is tried.
  static let all = [phi, phiMamba]

  func problem(_ configuration: ModelConfiguration) -> String? { problem(configuration) as String? }
}

extension ModelLayout: Equatable {
  /// Layouts with equal names are the same.
  public static func == (a: ModelLayout, b: ModelLayout) -> Bool { a.name == b.name }
}

/// The names in front of a model's parameters.
struct ModelNames: Sendable {
  /// What all but the head begin with.
  var model: String
  /// The embedding, below `model`.
  var embedding: String
  /// The mixer, below its block; nil for none but the mixer's own module.
  var mixer: String?

  /// The prefix of a mixer's parameters in the block of a name.
  func mixer(_ sizes: some MixerSizes, in block: String) -> String {
    ([block] + [mixer, type(of: sizes).module].compactMap { $0 }).joined(separator: ".")
  }
}

extension KeyedDecodingContainer {
  /// A number of layers, before a list of so many is made; throws where no model has so many.
  func layers(_ key: Key) throws -> Int {
    let (count, most) = (try decode(Int.self, forKey: key), ModelConfiguration.largestSize)
    if (0...most).contains(count) { return count }
    throw DecodingError.dataCorruptedError(
      forKey: key, in: self, debugDescription: "a model has no \(count) layers; the most here are \(most)")
  }
}

extension ModelConfiguration {
  /// Writes a config.json in the words of the layout.
  ///
  /// Throws `CheckpointError` if the sizes have a `problem` or the file cannot be written.
  public func write(to file: URL) throws {
    if let problem {
      throw CheckpointError(file: file.path, problem: problem, remedy: "choose other sizes, or another layout")
    }
    try writeJSON(words, to: file)
  }

  private var words: any Encodable { layout.words(self) }

  /// Reads a config.json of any layout.
  ///
  /// - Parameter parts: the kinds of mixers and blocks that it may name
  ///
  /// Throws `CheckpointError`, naming file and key, if it is of no known layout, or of sizes that no model has.
  public init(contentsOf file: URL, parts: ModelParts = .standard) throws {
    for layout in ModelLayout.all {
      guard let found = try layout.read(file, parts) else { continue }
      if let problem = found.problem {
        throw CheckpointError(
          file: file.path, problem: problem, remedy: "give the file that was written with the model")
      }
      self = found
      return
    }
    throw CheckpointError(
      file: file.path, problem: "it is of no layout that is known here",
      remedy: "give one in the words of \(ModelLayout.all.map(\.name).joined(separator: " or "))")
  }
}
