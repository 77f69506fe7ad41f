// # The sizes of a mixer
//
// What one needs to know to make a mixer: numbers, no weights. They are in the config.json beside a
// model, in the words of the published code, and each kind of mixer has words of its own. The width
// D of the model is not among them, since a config.json says it once for all blocks.
//
// Read before: `MatrixMixer.swift`. Read next: `Models/ModelParts.swift`, where kinds are looked up.

import Gradients
import Tensors

/// The sizes of a mixer, and how one is made of them.
public protocol MixerSizes: Encodable, Hashable, Sendable {
  /// What a config.json calls the kind: "modules.mixers.discrete_mamba2". Two kinds have two names.
  static var kind: String { get }
  /// Where its parameters stand below the mixer's place in a block: "self_attn"; nil for right there.
  static var module: String? { get }

  /// The width of the model.
  var D: Int { get }
  /// The number of heads.
  var H: Int { get }

  /// Reads what `encode(to:)` has written, D aside, which the model knows.
  init(from decoder: any Decoder, D: Int) throws

  /// Why no mixer has these sizes, in a sentence that goes on "its …"; nil if one can.
  var problem: String? { get }

  /// A new mixer with random weights.
  ///
  /// - Parameter name: the prefix of its parameters' names
  func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer
}

extension MixerSizes {
  /// nil: the parameters stand right at the mixer's place.
  public static var module: String? { nil }

  /// Whether other sizes are of the same kind and equal to these.
  public func isEqual(to other: any MixerSizes) -> Bool { other as? Self == self }

  /// The largest of any one size: products of three of them are no larger than an `Int`.
  private static var largestSize: Int { 1 << 20 }

  /// Why sizes with these names and values cannot be: each is at least 1 and at most 1,048,576, and D is cut evenly into H
  /// heads; nil if they can.
  public func problem(among sizes: [(name: String, value: Int)]) -> String? {
    let all = [("width", D), ("heads", H)] + sizes
    if let (name, value) = all.first(where: { $0.1 < 1 }) {
      return "its \(name) has a size of \(value), where at least 1 is needed"
    }
    if let (name, value) = all.first(where: { $0.1 > Self.largestSize }) {
      return "its \(name) has a size of \(value), where at most \(Self.largestSize) is possible here"
    }
    return D.isMultiple(of: H) ? nil : "its width of \(D) cannot be cut into \(H) heads"
  }
}

// ## Whole numbers
//
// A decoder that is asked for a whole number and finds 1.5 says that the file is no JSON, and not where.

extension KeyedDecodingContainer {
  /// A whole number; a number that is none is named with its key.
  package func whole(_ key: Key) throws -> Int {
    do {
      return try decode(Int.self, forKey: key)
    } catch {
      // Foundation throws an error of its own here; any that is about something else is passed on.
      guard let number = try? decode(Double.self, forKey: key) else { throw error }
      throw DecodingError.dataCorruptedError(
        forKey: key, in: self, debugDescription: "it is \(number), where a whole number is needed")
    }
  }

  /// The same for a key that may be missing or null.
  package func wholeIfPresent(_ key: Key) throws -> Int? {
    guard contains(key), try !decodeNil(forKey: key) else { return nil }
    return try whole(key)
  }
}
