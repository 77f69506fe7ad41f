// # How a model looks in files
//
// A layout is a published way to write a model down: what its tensors are called, and in which words
// its config.json says how it is made. Four are known here:
//
//     teachers    Phi and Llama of Hugging Face                        `PhiLayout.swift`, `LlamaLayout.swift`
//     students    the authors' Phi-Mamba, and their later framework    `PhiMambaLayout.swift`, `LlamaMambaLayout.swift`
//
// A fifth, GGUF, is read and not written: `GGUFLayout.swift`.
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

  /// The layouts that are known, in the order in which a file is tried; the last reads what no other knows.
  static let all = [phi, llama, llamaMamba, phiMamba]

  /// Whether the published models of this layout have a bias in their head.
  var hasHeadBias: Bool { self == .phi || self == .phiMamba }

  /// The layout of a student of a model in this one.
  var ofStudents: ModelLayout { self == .llama || self == .llamaMamba ? .llamaMamba : .phiMamba }

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
  /// The norm before the head, below `model`.
  var finalNorm = "final_layernorm"
  /// The mixer, below its block; nil for none but the mixer's own module.
  var mixer: String?

  /// The prefix of a mixer's parameters in the block of a name.
  func mixer(_ sizes: some MixerSizes, in block: String) -> String {
    ([block] + [mixer, type(of: sizes).module].compactMap { $0 }).joined(separator: ".")
  }
}

/// What is wrong with a config.json in which a part is of a kind that is not known: problem and remedy.
func unknownKind(_ name: String, _ word: String, of known: [String], in group: String) -> (
  what: String, remedy: String
) {
  (
    "its \(group) is of no kind that is known here: \(word) \(name)",
    "give \(word) one of \(known.joined(separator: ", "))"
  )
}

extension KeyedDecodingContainer {
  /// A number of layers, before a list of so many is made; throws where no model has so many.
  ///
  /// - Parameter others: the layers of the groups before this one
  func layers(_ key: Key, after others: Int = 0) throws -> Int {
    let (count, most) = (try whole(key), ModelConfiguration.largestSize)
    guard (0...most).contains(count) else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: self, debugDescription: "a model has no \(count) layers; the most here are \(most)")
    }
    guard others + count <= most else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: self, debugDescription: "with it there are more than \(most) layers")
    }
    return count
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
