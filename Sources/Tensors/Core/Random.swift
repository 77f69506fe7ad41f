// # Randomness
//
// A generator whose state can be saved, so that an interrupted run continues with the same random numbers. There is
// no global generator; a function that needs randomness takes one as an `inout` argument.
//
// Read before: `Tensor.swift`.

import Foundation

/// xoshiro256**, with a state that can be saved (Blackman and Vigna, "Scrambled linear pseudorandom number
/// generators", 2021).
public struct SeededGenerator: RandomNumberGenerator, Codable, Equatable, Sendable {
  /// The state, four words that are not all zero.
  public private(set) var state: [UInt64]

  /// The generator for a seed; equal seeds give equal numbers on every machine.
  public init(seed: UInt64) {
    // SplitMix64 spreads the seed over the four words.
    var word = seed
    state = (0..<4).map { _ in
      word &+= 0x9E37_79B9_7F4A_7C15
      var mixed = word
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  /// The generator in a saved state, or nil unless there are four words that are not all zero.
  public init?(state: [UInt64]) {
    guard state.count == 4, state.contains(where: { $0 != 0 }) else { return nil }
    self.state = state
  }

  /// A generator that draws nothing: tensors made with it hold whatever was in memory before.
  ///
  /// For models whose weights are about to be read: no time goes into numbers that are overwritten anyway, and memory
  /// that is never written to is not taken from the system. As a source of bits it gives zeros.
  public static let idle = SeededGenerator(words: [0, 0, 0, 0])
  /// Whether it draws nothing.
  public var isIdle: Bool { state.allSatisfy { $0 == 0 } }

  private init(words: [UInt64]) { state = words }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    func rotated(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
    let result = rotated(state[1] &* 5, 7) &* 9
    let shifted = state[1] << 17
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = rotated(state[3], 45)
    return result
  }
}

extension Tensor {
  /// A tensor of independent normal numbers with mean 0.
  public static func normal(
    _ shape: Shape, deviation: Double = 1, using random: inout some RandomNumberGenerator
  ) -> Tensor {
    var result = Tensor(uninitialised: shape)
    if isIdle(random) { return result }
    let count = shape.count
    result.withMutableElements { elements in
      // Box and Muller: two independent normal numbers from a radius and an angle.
      for index in stride(from: 0, to: count, by: 2) {
        let radius = (-2 * log(1 - Double.random(in: 0..<1, using: &random))).squareRoot()
        let angle = 2 * Double.pi * Double.random(in: 0..<1, using: &random)
        elements[index] = Scalar(deviation * radius * cos(angle))
        if index + 1 < count { elements[index + 1] = Scalar(deviation * radius * sin(angle)) }
      }
    }
    return result
  }

  /// A tensor of independent numbers, uniform in an interval.
  @_specialize(where Generator == SeededGenerator)
  public static func uniform<Generator: RandomNumberGenerator>(
    _ shape: Shape, in range: Range<Double> = -1..<1, using random: inout Generator
  ) -> Tensor {
    var result = Tensor(uninitialised: shape)
    if isIdle(random) { return result }
    let count = shape.count
    result.withMutableElements { elements in
      for index in 0..<count { elements[index] = Scalar(Double.random(in: range, using: &random)) }
    }
    return result
  }
}

/// Whether a generator is `SeededGenerator.idle`.
private func isIdle(_ random: some RandomNumberGenerator) -> Bool { (random as? SeededGenerator)?.isIdle ?? false }
