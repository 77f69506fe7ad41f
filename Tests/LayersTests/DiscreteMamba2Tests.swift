// # The Discrete-Mamba-2 mixer
//
// Where it starts, how its in-projection is laid out, and what its matrix is: lower triangular, D
// on the diagonal, and the same function as the layer.

import Foundation
import Gradients
import Layers
import Tensors
import TestSupport
import Testing

@Suite("the Discrete-Mamba-2 mixer", .tallied) struct DiscreteMamba2Tests {
  static let sizes = [
    DiscreteMamba2Sizes(D: 15, H: 3, N: 7), DiscreteMamba2Sizes(D: 7, H: 7, N: 2, K: 3),
    DiscreteMamba2Sizes(D: 5, H: 1, N: 1, K: 1), DiscreteMamba2Sizes(D: 2048, H: 32, N: 64),
  ]

  @Test(arguments: sizes) func thePartsTileTheInProjection(sizes: DiscreteMamba2Sizes) {
    let (D, H, N) = (sizes.D, sizes.H, sizes.N)
    let counts: [(MambaPart, Int)] = [(.x, D), (.b, H * N), (.c, H * N), (.z, D), (.a, H)]
    var end = 0
    for (part, count) in counts {
      #expect(part.rows(sizes) == end..<(end + count), "\(part)")
      end += count
    }
    #expect(counts.map(\.0) == MambaPart.allCases)
    #expect(end == sizes.projected)
    #expect(MambaPart.c.rows(sizes).upperBound == sizes.channels)
  }

  @Test(arguments: sizes.dropLast()) func aNewMixerStartsAsTheMethodNeedsIt(sizes: DiscreteMamba2Sizes) {
    var random = SeededGenerator(seed: 1)
    let mixer = DiscreteMamba2("m", sizes: sizes, using: &random)
    let (D, H, K, channels) = (sizes.D, sizes.H, sizes.K, sizes.channels)
    // The convolution is the identity.
    let taps = Naive.tabulate([channels, 1, K]) { $0[2] == K - 1 ? 1 : 0 }
    #expect(mixer.convolutionWeight.value == taps)
    #expect(mixer.convolutionBias.value == .zeros([channels]))
    // The gate is open, whatever comes in.
    let z = MambaPart.z.rows(sizes)
    #expect(mixer.inProjection.value.sliced(z) == .zeros([D, D]))
    for bias in mixer.zBias.value.elements {
      #expect(abs(Double(bias) / (1 + Foundation.exp(-Double(bias))) - 1) < (Tolerance.isDouble ? 1e-12 : 1e-6))
    }
    // D is 1, and all else random.
    #expect(mixer.skip.value == .ones([H]))
    for part in [MambaPart.x, .b, .c, .a] {
      let rows = mixer.inProjection.value.sliced(part.rows(sizes)).elements
      #expect(rows.allSatisfy { $0 != 0 } && Set(rows).count == rows.count)
    }
    #expect(mixer.output.bias == nil && mixer.output.weight.value.elements.allSatisfy { $0 != 0 })
  }

  // The consequence of these: y alone passes to W_o, and x is W_x u.
  @Test func aNewMixersGateAndConvolutionChangeNothing() {
    var random = SeededGenerator(seed: 2)
    let mixer = DiscreteMamba2("m", sizes: DiscreteMamba2Sizes(D: 15, H: 3, N: 7), using: &random)
    let u = Tensor.normal([2, 5, 15], using: &random)
    let x = naiveLinear(u, mixer.inProjection.value.sliced(0..<15)).reshaped(to: [2, 5, 3, 5])
    let y = Naive.headMix(mixer.matrix(Variable(constant: u)).value, x).reshaped(to: [2, 5, 15])
    let expected = naiveLinear(y, mixer.output.weight.value)
    expectClose(mixer(Variable(constant: u)).value, expected, within: Tolerance.layer, "new mixer")
  }

  @Test(arguments: [1, 2, 3, 7]) func theMatrixIsTheOneOfTheRecurrence(T: Int) {
    var random = SeededGenerator(seed: 3)
    let mixer = randomMamba(using: &random)
    let u = Tensor.normal([2, T, mixer.sizes.D], using: &random)
    let twin = MambaTwin(mixer, u)
    let matrix = mixer.matrix(Variable(constant: u)).value
    expectClose(matrix, twin.matrix, within: Tolerance.layer, "matrix, T \(T)")
    // Mixing x by it, gate and W_o give the layer's output.
    let output = mixer(Variable(constant: u)).value
    expectClose(output, twin.output(Naive.headMix(matrix, twin.x)), within: Tolerance.layer, "output, T \(T)")
    let both = mixer.outputAndMatrix(Variable(constant: u))
    expectIdentical(both.output.value, output, "output beside the matrix")
    expectIdentical(both.matrix.value, matrix, "matrix beside the output")
  }

  @Test func theMatrixIsLowerTriangularToTheBit() {
    var random = SeededGenerator(seed: 4)
    let mixer = randomMamba(using: &random)
    let T = 11
    let matrix = mixer.matrix(Variable(constant: .normal([2, T, mixer.sizes.D], using: &random))).value
    for batch in 0..<2 {
      for h in 0..<mixer.sizes.H {
        for t in 0..<T {
          for s in 0..<T { #expect((matrix[batch, h, t, s] == 0) == (s > t), "\(batch), \(h), \(t), \(s)") }
        }
      }
    }
  }

  @Test func dStandsOnTheDiagonalAndNowhereElse() {
    var random = SeededGenerator(seed: 5)
    let mixer = randomMamba(using: &random)
    let (H, T) = (mixer.sizes.H, 7)
    let u = Variable(constant: .normal([2, T, mixer.sizes.D], using: &random))
    let before = mixer.matrix(u).value
    let added = Tensor.normal([H], using: &random)
    mixer.skip.update { $0 = $0 + added }
    let change = mixer.matrix(u).value - before
    let expected = Naive.tabulate(change.shape) { $0[2] == $0[3] ? added[$0[1]] : 0 }
    expectClose(change, expected, within: Tolerance.layer, "D moved")
    // Without B nothing but D is left.
    let rows = MambaPart.b.rows(mixer.sizes)
    mixer.inProjection.update { $0.assign(.zeros([rows.count, mixer.sizes.D]), at: rows.lowerBound) }
    mixer.convolutionBias.update { $0.assign(.zeros([rows.count]), at: rows.lowerBound) }
    let skip = mixer.skip.value
    let diagonal = Naive.tabulate(change.shape) { $0[2] == $0[3] ? skip[$0[1]] : 0 }
    #expect(mixer.matrix(u).value == diagonal)
  }

  // "Multi-head": B and C of one head are not those of another. Changing one head's rows of B
  // leaves the other heads' matrices as they are.
  @Test(arguments: [MambaPart.b, .c, .a]) func eachHeadHasItsOwn(part: MambaPart) {
    var random = SeededGenerator(seed: 6)
    let mixer = randomMamba(using: &random)
    let (sizes, T) = (mixer.sizes, 5)
    let u = Variable(constant: .normal([2, T, sizes.D], using: &random))
    let before = mixer.matrix(u).value
    let width = part.rows(sizes).count / sizes.H
    let rows = Tensor.normal([width, sizes.D], using: &random)
    mixer.inProjection.update { $0.assign(rows, at: part.rows(sizes).lowerBound + width) }
    let after = mixer.matrix(u).value
    for h in 0..<sizes.H {
      let (mine, theirs) = (before.sliced(h..<(h + 1), along: 1), after.sliced(h..<(h + 1), along: 1))
      #expect((mine == theirs) == (h != 1), "head \(h)")
    }
  }
}
