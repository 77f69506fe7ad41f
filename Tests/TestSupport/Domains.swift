// # Random inputs
//
// Every case draws its numbers from a generator seeded by the case's own name: adding a row does not
// change the numbers of any other, and a failure recurs when the case is run alone. A domain keeps
// the numbers where the function is defined, and far enough from kinks and poles that a nudge of two
// steps stays on one side.

import Tensors

extension SeededGenerator {
  /// The generator that belongs to a name.
  public init(for name: String) {
    // FNV-1a: the hash of the standard library changes from run to run.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    self.init(seed: hash)
  }
}

/// Where the entries of a random tensor lie.
public enum Domain: Sendable {
  /// Normal, deviation 1: functions that are smooth everywhere.
  case any
  /// Normal, deviation 4: into the flat parts of a sigmoid.
  case wide
  /// 0.7 … 2: logarithms, roots, divisors.
  case positive
  /// ±0.7 … ±2: divisors of both signs.
  case awayFromZero
  /// −2 … −0.1: logarithms of decays.
  case logDecay
  /// Rows that are positive and sum to 1.
  case distribution
}

extension Tensor {
  /// A random tensor whose entries lie in a domain.
  public static func random(
    _ shape: Shape, _ domain: Domain = .any, using random: inout some RandomNumberGenerator
  ) -> Tensor {
    switch domain {
    case .any: return .normal(shape, using: &random)
    case .wide: return .normal(shape, deviation: 4, using: &random)
    case .positive: return .uniform(shape, in: 0.7..<2, using: &random)
    case .logDecay: return .uniform(shape, in: -2..<(-0.1), using: &random)
    case .distribution: return softmax(.normal(shape, using: &random))
    case .awayFromZero:
      let signs = Tensor((0..<shape.count).map { _ in Bool.random(using: &random) ? 1 : -1 }, shape: shape)
      return signs * .uniform(shape, in: 0.7..<2, using: &random)
    }
  }

  /// A random tensor that depends on a name alone.
  public static func random(_ shape: Shape, _ domain: Domain = .any, for name: String) -> Tensor {
    var generator = SeededGenerator(for: name)
    return random(shape, domain, using: &generator)
  }
}
