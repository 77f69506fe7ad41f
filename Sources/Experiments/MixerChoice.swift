// # A mixer of one's own choice in an arm
//
// An arm is a value that is compared, hashed and written down. Sizes of mixers are values too, but of many types. So
// they stand in a box that compares kind and sizes, and is written as its kind with the words of its config.json.
//
// Read before: `Layers/Mixers/MixerSizes.swift`. Read next: `Arm.swift`.

import Layers

/// The sizes of a mixer of any kind, as a value.
public struct MixerChoice: Hashable, Sendable, Encodable {
  /// The sizes.
  public let sizes: any MixerSizes

  /// A choice of these sizes.
  public init(_ sizes: any MixerSizes) { self.sizes = sizes }

  /// Whether kind and sizes are equal.
  public static func == (a: MixerChoice, b: MixerChoice) -> Bool { a.sizes.isEqual(to: b.sizes) }

  /// The hash of the sizes.
  public func hash(into hasher: inout Hasher) { hasher.combine(AnyHashable(sizes)) }

  private enum Word: String, CodingKey { case kind, D, sizes }

  /// Writes kind, width, and the words of the kind's config.json.
  public func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    try words.encode(type(of: sizes).kind, forKey: .kind)
    try words.encode(sizes.D, forKey: .D)
    try sizes.encode(to: words.superEncoder(forKey: .sizes))
  }
}
