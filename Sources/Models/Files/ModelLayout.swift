// # How a model looks in files
//
// A layout is a published way to write a model into files: the names of its tensors, and the keys of its config.json.
// Four are known here:
//
//     teachers    Phi and Llama of Hugging Face                        `PhiLayout.swift`, `LlamaLayout.swift`
//     students    the authors' Phi-Mamba, and their later framework    `PhiMambaLayout.swift`, `LlamaMambaLayout.swift`
//
// A fifth, GGUF, is read but not written: `GGUFLayout.swift`.
//
// Read before: `../ModelConfiguration.swift`. Read next: `LanguageModel+Files.swift`.

import Checkpoints
import Foundation
import Layers

/// A way to write a model into files.
public struct ModelLayout: Sendable {
  /// The name of the layout.
  public let name: String
  let names: ModelNames
  /// Makes the config.json of a configuration.
  let words: @Sendable (ModelConfiguration) -> any Encodable
  /// Reads a config.json; nil if it is of another layout.
  let read: @Sendable (_ file: URL, _ parts: ModelParts) throws -> ModelConfiguration?
  /// Why a model cannot be written in this layout, in a sentence that begins with "its …"; nil if it can.
  let problem: @Sendable (ModelConfiguration) -> String?

  /// The layouts that are known, in the order in which they are tried on a file; the last is tried on every file that
  /// the others leave.
  static let all = [phi, llama, llamaMamba, phiMamba]

  /// Whether the published models of this layout have a bias in their head.
  var hasHeadBias: Bool { self == .phi || self == .phiMamba }

  /// The layout of a student whose teacher has this layout.
  var ofStudents: ModelLayout { self == .llama || self == .llamaMamba ? .llamaMamba : .phiMamba }

  func problem(_ configuration: ModelConfiguration) -> String? { problem(configuration) as String? }
}

extension ModelLayout: Equatable {
  /// Layouts with equal names are the same.
  public static func == (a: ModelLayout, b: ModelLayout) -> Bool { a.name == b.name }
}

/// The prefixes of the names of a model's parameters.
struct ModelNames: Sendable {
  /// What the names of all but the head begin with.
  var model: String
  /// The embedding, below `model`.
  var embedding: String
  /// The norm before the head, below `model`.
  var finalNorm = "final_layernorm"
  /// The mixer, below its block; nil if the mixer's own module follows the block directly.
  var mixer: String?

  /// The prefix of the parameters of a mixer in the block with this name.
  func mixer(_ sizes: some MixerSizes, in block: String) -> String {
    ([block] + [mixer, type(of: sizes).module].compactMap { $0 }).joined(separator: ".")
  }
}

/// Problem and remedy for a config.json that names a part of an unknown kind.
func unknownKind(_ name: String, _ word: String, of known: [String], in group: String) -> (
  what: String, remedy: String
) {
  (
    "its \(group) is of an unknown kind: \(word) \(name)",
    "give \(word) one of \(known.joined(separator: ", "))"
  )
}

extension KeyedDecodingContainer {
  /// A number of layers, checked before a list of that length is made; throws if no model can have so many.
  ///
  /// - Parameter others: the number of layers in the groups before this one
  func layers(_ key: Key, after others: Int = 0) throws -> Int {
    let (count, most) = (try whole(key), ModelConfiguration.largestSize)
    guard (0...most).contains(count) else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: self, debugDescription: "a model cannot have \(count) layers, only 0 to \(most)")
    }
    guard others + count <= most else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: self, debugDescription: "with it there are more than \(most) layers")
    }
    return count
  }
}

extension ModelConfiguration {
  /// Writes a config.json with the keys of the layout.
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
  /// Throws `CheckpointError`, naming file and key, if it is of no known layout, or if no model can have its sizes.
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
      file: file.path, problem: "its layout is not known here",
      remedy: "give one in the layout of \(ModelLayout.all.map(\.name).joined(separator: " or "))")
  }
}
