// # Random numbers that come again
//
// The generator against the published numbers of xoshiro256** and SplitMix64, its state through a
// file, and the moments of what is drawn.

import Foundation
import Tensors
import TestSupport
import Testing

/// The seeded generator, as a type for which no function is specialised.
private struct Wrapped: RandomNumberGenerator {
  var inner: SeededGenerator
  mutating func next() -> UInt64 { inner.next() }
}

@Suite("random numbers", .tallied) struct RandomTests {
  @Test func theGeneratorGivesThePublishedNumbers() throws {
    var random = try #require(SeededGenerator(state: [1, 2, 3, 4]))
    let published: [UInt64] = [
      11520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360, 607_988_272_756_665_600,
      16_172_922_978_634_559_625, 8_476_171_486_693_032_832, 10_595_114_339_597_558_777, 2_904_607_092_377_533_576,
    ]
    #expect(published.map { _ in random.next() } == published)
    #expect(
      SeededGenerator(seed: 1_234_567).state == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
      ])
  }

  @Test func equalSeedsGiveEqualNumbersAndOthersOthers() {
    var tensors: [Tensor] = []
    for seed in [0, 0, 1, 2, UInt64.max] {
      var random = SeededGenerator(seed: seed)
      tensors.append(.normal([5, 7], using: &random))
    }
    expectIdentical(tensors[0], tensors[1], "seed 0")
    for (index, other) in tensors.enumerated().dropFirst(2) {
      #expect(!zip(tensors[index - 1].elements, other.elements).contains { $0 == $1 })
    }
  }

  @Test func aSavedStateGoesOnWhereItWas() throws {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<100 { _ = random.next() }
    let data = try JSONEncoder().encode(random)
    var read = try JSONDecoder().decode(SeededGenerator.self, from: data)
    var built = try #require(SeededGenerator(state: random.state))
    #expect(read == random && built == random)
    for _ in 0..<1000 {
      let next = random.next()
      #expect(read.next() == next && built.next() == next)
    }
    for words in [[], [1, 2, 3], [0, 0, 0, 0], [1, 2, 3, 4, 5]] as [[UInt64]] {
      #expect(SeededGenerator(state: words) == nil)
    }
  }

  @Test func normalNumbersHaveTheMomentsOfNormalNumbers() {
    var random = SeededGenerator(for: "moments")
    let count = 400_001
    let x = Tensor.normal([count], deviation: 3, using: &random).elements.map { Double($0) / 3 }
    let moment = { (power: Double) in x.reduce(0) { $0 + pow($1, power) } / Double(count) }
    // Each within five deviations of its own.
    for (power, expected, variance) in [(1.0, 0.0, 1.0), (2, 1, 2), (3, 0, 15), (4, 3, 96)] {
      let error = abs(moment(power) - expected)
      #expect(error < 5 * (variance / Double(count)).squareRoot(), "moment \(power) is off by \(error)")
    }
    // The two numbers of a pair, and neighbours of two pairs, are uncorrelated.
    for lag in [1, 2] {
      let product = zip(x, x.dropFirst(lag)).reduce(0) { $0 + $1.0 * $1.1 } / Double(count)
      #expect(abs(product) < 5 / Double(count).squareRoot(), "lag \(lag): \(product)")
    }
    let inside = Double(x.count { abs($0) < 1 }) / Double(count)
    #expect(abs(inside - 0.682_689) < 5 * (0.217 / Double(count)).squareRoot())
  }

  @Test func uniformNumbersFillTheirRange() {
    var random = SeededGenerator(for: "uniform")
    let x = Tensor.uniform([200_000], in: -2..<5, using: &random).elements
    #expect(x.allSatisfy { $0 >= -2 && $0 <= 5 })
    for tenth in 0..<10 {
      let lower = -2 + 0.7 * Scalar(tenth)
      let part = x.count { $0 >= lower && $0 < lower + 0.7 }
      #expect(abs(part - 20_000) < 700, "\(part) numbers in tenth \(tenth)")
    }
    for count in 0..<5 {
      #expect(Tensor.uniform([count], using: &random).count == count)
      #expect(Tensor.normal([count], using: &random).count == count)
      #expect(isFinite(Tensor.normal([count], using: &random)))
    }
  }

  // Tensors are drawn by code that is specialised for the seeded generator; it gives the numbers that generic code
  // gives, and leaves the generator in the same state.
  @Test(arguments: [[7, 11, 13], [1009], [3], [1], [0, 5], []] as [Shape])
  func whoDrawsDoesNotMatter(shape: Shape) {
    for range in [-1..<1, 0..<1e-3, -2..<5] as [Range<Double>] {
      var random = SeededGenerator(for: "\(shape) in \(range)")
      var wrapped = Wrapped(inner: random)
      var single = random
      let mine = Tensor.uniform(shape, in: range, using: &random)
      expectIdentical(mine, .uniform(shape, in: range, using: &wrapped), "\(shape) in \(range)")
      #expect(random == wrapped.inner, "\(shape) in \(range)")
      // Number by number, as the standard library draws them.
      let numbers = (0..<shape.count).map { _ in Scalar(Double.random(in: range, using: &single)) }
      expectIdentical(mine, Tensor(numbers, shape: shape), "\(shape) in \(range), one by one")
      #expect(random == single)
      expectIdentical(.normal(shape, using: &random), .normal(shape, using: &wrapped), "\(shape), normal")
    }
    // Without a range the numbers are from −1 to 1.
    var (random, wrapped) = (SeededGenerator(seed: 3), Wrapped(inner: SeededGenerator(seed: 3)))
    expectIdentical(.uniform(shape, using: &random), .uniform(shape, in: -1..<1, using: &wrapped), "\(shape)")
  }
}
