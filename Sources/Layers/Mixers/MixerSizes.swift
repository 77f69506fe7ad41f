// # The sizes of a mixer
//
// What we need to know to make a mixer: numbers, not weights. They are in the config.json beside a model, in the
// words of the published code, and each kind of mixer has words of its own. The width D of the model is not among
// those words, since a config.json says it once for all blocks.
//
// Read before: `MatrixMixer.swift`. Read next: `Models/ModelParts.swift`, where kinds are looked up.

import Gradients
import Tensors

/// The sizes of a mixer, and how to make one from them.
public protocol MixerSizes: Encodable, Hashable, Sendable {
  /// What a config.json calls the kind, such as "modules.mixers.discrete_mamba2"; different for each kind.
  static var kind: String { get }
  /// The module below the mixer's place in a block that has its parameters, such as "self_attn"; nil if they are at
  /// that place itself.
  static var module: String? { get }

  /// The width of the model.
  var D: Int { get }
  /// The number of heads.
  var H: Int { get }

  /// Reads what `encode(to:)` has written; D comes from the model.
  init(from decoder: any Decoder, D: Int) throws

  /// Why no mixer can have these sizes, in a sentence that begins with "its …"; nil if one can.
  var problem: String? { get }

  /// A new mixer with random weights.
  ///
  /// - Parameter name: the prefix of its parameters' names
  func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer
}

extension MixerSizes {
  /// nil: the parameters are at the mixer's place itself.
  public static var module: String? { nil }

  /// Whether other sizes are of the same kind and equal to these.
  public func isEqual(to other: any MixerSizes) -> Bool { other as? Self == self }

  /// The largest value of any one size: a product of three sizes still fits into an `Int`.
  private static var largestSize: Int { 1 << 20 }

  /// Why sizes with these names and values are impossible; nil if they are not. Each has to be at least 1 and at most
  /// 1,048,576, and H has to divide D.
  public func problem(among sizes: [(name: String, value: Int)]) -> String? {
    let all = [("width", D), ("heads", H)] + sizes
    if let (name, value) = all.first(where: { $0.1 < 1 }) {
      return "its \(name) has a size of \(value), where at least 1 is needed"
    }
    if let (name, value) = all.first(where: { $0.1 > Self.largestSize }) {
      return "its \(name) has a size of \(value), where at most \(Self.largestSize) are possible"
    }
    return D.isMultiple(of: H) ? nil : "its width of \(D) cannot be cut into \(H) heads"
  }
}

// ## Whole numbers
//
// A decoder that is asked for a whole number and finds 1.5 reports that the file is not JSON, without saying where.

extension KeyedDecodingContainer {
  /// A whole number; for any other number, throws an error that names it and its key.
  package func whole(_ key: Key) throws -> Int {
    do {
      return try decode(Int.self, forKey: key)
    } catch {
      // Foundation throws an error of its own here; an error about anything else is passed on.
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
