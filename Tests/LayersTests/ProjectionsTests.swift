// # Values and output projection copied alone
//
// A mixer that begins with them differs from the attention in its matrix and in nothing else: with the attention's
// matrix in place of its own it gives what the attention gives. Queries and keys, which become B and C, are tested in
// `Tests/DistillationTests/WeightTransferTests.swift`.
//
// Read before: `Sources/Layers/Mixers/DiscreteMamba2+Projections.swift`, `Twins.swift`.

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

/// An attention whose projections are copied, and the pairs of B and C of the mixer.
struct CopyCase: Sendable, CustomTestStringConvertible {
  let H, G: Int
  let convention: CausalAttentionSizes.Convention
  let pairs: Int
  var testDescription: String { "\(H) heads over \(G), \(convention), \(pairs) pairs of B and C" }
}

@Suite("values and output copied", .tallied) struct ProjectionsTests {
  static let cases = [
    CopyCase(H: 6, G: 2, convention: .phi, pairs: 6), CopyCase(H: 6, G: 2, convention: .phi, pairs: 1),
    CopyCase(H: 6, G: 3, convention: .llama, pairs: 2), CopyCase(H: 6, G: 1, convention: .phi, pairs: 3),
    CopyCase(H: 3, G: 3, convention: .phi, pairs: 3), CopyCase(H: 3, G: 3, convention: .llama, pairs: 1),
    CopyCase(H: 1, G: 1, convention: .phi, pairs: 1),
  ]

  /// An attention with random biases, and a new mixer of its width that has other heads of B and C.
  private func pair(_ row: CopyCase) -> (attention: CausalAttention, mixer: DiscreteMamba2) {
    var random = SeededGenerator(for: row.testDescription)
    let attention = randomAttention(H: row.H, G: row.G, P: 5, convention: row.convention, using: &random)
    let sizes = DiscreteMamba2Sizes(D: 5 * row.H, H: row.H, N: 7, K: 3, Q: 2, G: row.pairs)
    return (attention, DiscreteMamba2("m", sizes: sizes, using: &random))
  }

  @Test(arguments: cases) func xItsBiasAndTheOutputAreTheTeachers(row: CopyCase) {
    let (attention, mixer) = pair(row)
    let (before, theirs) = (mixer.parameters.map(\.value), attention.parameters.map(\.value))
    #expect(mixer.begin(with: attention.projections!, taking: .valuesAndOutput))
    let (P, served) = (5, row.H / row.G)
    for head in 0..<row.H {
      let (mine, group) = ((head * P)..<((head + 1) * P), (head / served * P)..<((head / served + 1) * P))
      expectIdentical(
        mixer.inProjection.value.sliced(mine), attention.values.weight.value.sliced(group),
        "\(row), x of head \(head)")
      expectIdentical(
        mixer.convolutionBias.value.sliced(mine), attention.values.bias?.value.sliced(group) ?? .zeros([P]),
        "\(row), bias of head \(head)")
    }
    expectIdentical(mixer.output.weight.value, attention.output.weight.value, "\(row), W_o")
    // All else keeps every bit: the rows of B, C, z and a, the gate, the taps, the biases of B and C, D.
    let untouched = (5 * row.H)..<mixer.sizes.projected
    expectIdentical(
      mixer.inProjection.value.sliced(untouched), before[0].sliced(untouched), "\(row), the other rows")
    let channels = (5 * row.H)..<mixer.sizes.channels
    expectIdentical(
      mixer.convolutionBias.value.sliced(channels), before[3].sliced(channels), "\(row), the other biases")
    for index in [1, 2, 4] {
      expectIdentical(mixer.parameters[index].value, before[index], "\(row), \(mixer.parameters[index].name)")
    }
    // And the attention still has what was copied.
    for (parameter, value) in zip(attention.parameters, theirs) {
      expectIdentical(parameter.value, value, "\(row), \(parameter.name)")
    }
  }

  // Mixer and attention do the same with a matrix, except for the last bias, for which the mixer has no place: its
  // own matrix gives the mixer's output, the attention's matrix gives the attention's.
  @Test(arguments: cases) func withTheSameMatrixTheOutputIsTheSame(row: CopyCase) {
    let (attention, mixer) = pair(row)
    #expect(mixer.begin(with: attention.projections!, taking: .valuesAndOutput))
    var random = SeededGenerator(for: "input of \(row)")
    let u = Tensor.normal([2, 11, 5 * row.H], using: &random)
    let channels = MambaPart.x.rows(mixer.sizes)
    let x = naiveLinear(
      u, mixer.inProjection.value.sliced(channels), mixer.convolutionBias.value.sliced(channels))
    func output(_ matrix: Tensor) -> Tensor {
      let mixed = Naive.headMix(matrix, x.reshaped(to: [2, 11, row.H, 5])).reshaped(to: u.shape)
      return naiveLinear(mixed, mixer.output.weight.value)
    }
    expectClose(output(mixer.matrix(u)), mixer(u), within: Tolerance.layer, "\(row), the mixer's")
    let twin = naiveAttention(attention, u)
    let bias = attention.output.bias?.value ?? .zeros([5 * row.H])
    let expected = Naive.elementwise(output(twin.matrix), bias) { $0 + $1 }
    expectClose(attention(u), expected, within: Tolerance.layer, "\(row), the attention's")
    // The matrices differ, so that each comparison would fail with the other's matrix.
    #expect(largestMagnitude(output(mixer.matrix(u)) - output(twin.matrix)) > 0.1)
  }

  // B and C are for queries and keys, which heads that share B and C cannot take.
  @Test func sharedBAndCTakeValuesAndOutputAlone() {
    for row in Self.cases {
      for part in MixerProjections.Part.allCases {
        let (attention, mixer) = pair(row)
        let before = mixer.parameters.map(\.value)
        // Heads of 5 features; no row has a state of 5 numbers.
        let isTaken = part == .valuesAndOutput || part == .all && row.pairs == row.H
        #expect(mixer.begin(with: attention.projections!, taking: part) == isTaken, "\(row), \(part)")
        #expect((mixer.parameters.map(\.value) != before) == isTaken, "\(row), \(part)")
      }
    }
  }

  // Where a head's state has as many numbers as its queries, its rows can be copied as they are; the scores are those
  // of the singular values, and the rows are not.
  @Test func rowsAreCopiedAsTheyAre() {
    var random = SeededGenerator(for: "rows")
    let (attention, D, P) = (randomAttention(H: 6, G: 2, P: 5, using: &random), 30, 5)
    let u = Tensor.normal([2, 7, D], using: &random)
    func begun(_ sizes: any MixerSizes, _ part: MixerProjections.Part) -> any MatrixMixer {
      var same = SeededGenerator(seed: 5)
      let mixer = sizes.make("m", using: &same)
      #expect(mixer.begin(with: attention.projections!, taking: part), "\(sizes), \(part)")
      return mixer
    }
    for sizes in [
      DiscreteMamba2Sizes(D: D, H: 6, N: P), GatedDeltaRuleSizes(D: D, H: 6, N: P),
      TrapezoidalMambaSizes(D: D, H: 6, N: P), CausalLowRankSizes(D: D, H: 6, N: P),
    ] as [any MixerSizes] {
      let (all, rows) = (begun(sizes, .all), begun(sizes, .rows))
      // The delta rule divides keys by their length, so that only the products of the others are the same.
      if !(sizes is GatedDeltaRuleSizes) {
        expectClose(rows.matrix(u), all.matrix(u), within: 100 * Tolerance.layer, "\(sizes)")
      }
      #expect(zip(rows.parameters, all.parameters).contains { $0.value != $1.value }, "\(sizes)")
      // Another state size takes nothing.
      var other = SeededGenerator(seed: 6)
      let small = DiscreteMamba2("m", sizes: DiscreteMamba2Sizes(D: D, H: 6, N: P - 1), using: &other)
      #expect(!small.begin(with: attention.projections!, taking: .rows))
    }
    let mixer = DiscreteMamba2("m", sizes: DiscreteMamba2Sizes(D: D, H: 6, N: P), using: &random)
    #expect(mixer.begin(with: attention.projections!, taking: .rows))
    let root = Scalar(P).squareRoot().squareRoot()
    for head in 0..<6 {
      let (own, group) = ((head * P)..<(head * P + P), (head / 3 * P)..<(head / 3 * P + P))
      func rows(_ part: MambaPart) -> Tensor {
        mixer.inProjection.value.sliced(part.rows(mixer.sizes)).sliced(own) * Tensor(root)
      }
      expectClose(rows(.b), attention.keys.weight.value.sliced(group), within: Tolerance.value, "keys of \(head)")
      expectClose(rows(.c), attention.queries.weight.value.sliced(own), within: Tolerance.value, "queries of \(head)")
    }
  }

  // With queries and keys come the same values and the same output.
  @Test func allIsQueriesAndKeysBesideThem() {
    for row in Self.cases where row.pairs == row.H {
      let ((attention, few), (_, all)) = (pair(row), pair(row))
      #expect(few.begin(with: attention.projections!, taking: .valuesAndOutput))
      #expect(all.begin(with: attention.projections!, taking: .all))
      let rows = MambaPart.b.rows(few.sizes).lowerBound..<MambaPart.c.rows(few.sizes).upperBound
      #expect(all.inProjection.value.sliced(rows) != few.inProjection.value.sliced(rows), "\(row)")
      all.inProjection.update { $0.assign(few.inProjection.value.sliced(rows), at: rows.lowerBound) }
      for (mine, theirs) in zip(all.parameters, few.parameters) {
        expectIdentical(mine.value, theirs.value, "\(row), \(mine.name)")
      }
      // Without a part, all are taken.
      let (_, usual) = pair(row)
      #expect(usual.begin(with: attention.projections!))
      #expect(usual.inProjection.value.sliced(rows) != few.inProjection.value.sliced(rows), "\(row)")
    }
  }

  @Test(arguments: MixerProjections.Part.allCases) func otherSizesTakeNothing(part: MixerProjections.Part) {
    var random = SeededGenerator(for: "other sizes")
    let attention = randomAttention(H: 6, G: 2, P: 5, using: &random)
    for sizes in [
      DiscreteMamba2Sizes(D: 30, H: 5, N: 7), DiscreteMamba2Sizes(D: 30, H: 2, N: 7),
      DiscreteMamba2Sizes(D: 42, H: 6, N: 7), DiscreteMamba2Sizes(D: 6, H: 6, N: 7),
    ] {
      let mixer = DiscreteMamba2("m", sizes: sizes, using: &random)
      let before = mixer.parameters.map(\.value)
      #expect(!mixer.begin(with: attention.projections!, taking: part), "\(sizes)")
      for (parameter, value) in zip(mixer.parameters, before) {
        expectIdentical(parameter.value, value, "\(sizes), \(parameter.name)")
      }
    }
    // An attention does not begin with another's projections.
    let other = randomAttention(H: 6, G: 2, P: 5, using: &random)
    let before = other.parameters.map(\.value)
    #expect(!other.begin(with: attention.projections!, taking: part))
    #expect(other.parameters.map(\.value) == before)
  }
}
