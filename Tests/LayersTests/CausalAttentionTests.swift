// # Attention
//
// Against its slow twin, for heads that positions rotate not at all, in part and as a whole; and the matrix as the
// method needs it: after the softmax, rows that sum to 1.

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

extension CausalAttentionSizes.Convention {
  static let both: [CausalAttentionSizes.Convention] = [.phi, .llama]
}

/// Heads, features of a head, the fraction of them that is rotated, and how many that must be.
struct RotaryCase: Sendable, CustomTestStringConvertible {
  let H, P: Int
  let fraction: Double
  let width: Int
  var testDescription: String { "H \(H), P \(P), rotary \(fraction)" }
}

@Suite("causal attention", .tallied) struct CausalAttentionTests {
  static let cases = [
    RotaryCase(H: 3, P: 5, fraction: 0.5, width: 2), RotaryCase(H: 2, P: 7, fraction: 1, width: 6),
    RotaryCase(H: 7, P: 2, fraction: 0.5, width: 0), RotaryCase(H: 5, P: 4, fraction: 0.5, width: 2),
    RotaryCase(H: 1, P: 8, fraction: 1, width: 8), RotaryCase(H: 3, P: 5, fraction: 0, width: 0),
  ]

  @Test(arguments: cases, [1, 2, 11]) func itIsItsTwin(heads: RotaryCase, T: Int) {
    var random = SeededGenerator(seed: 1)
    let mixer = randomAttention(H: heads.H, P: heads.P, rotaryFraction: heads.fraction, using: &random)
    #expect(mixer.rotaryWidth == heads.width)
    let u = Tensor.normal([2, T, heads.H * heads.P], using: &random)
    let twin = naiveAttention(mixer, u)
    let both = mixer.outputAndMatrix(Variable(constant: u))
    expectClose(both.output.value, twin.output, within: Tolerance.layer, "output, \(heads), T \(T)")
    expectClose(both.matrix.value, twin.matrix, within: Tolerance.layer, "matrix, \(heads), T \(T)")
    expectIdentical(mixer(Variable(constant: u)).value, both.output.value, "output alone")
    expectIdentical(mixer.matrix(Variable(constant: u)).value, both.matrix.value, "matrix alone")
  }

  @Test(arguments: [(6, 3), (6, 2), (6, 1), (4, 2), (1, 1)], CausalAttentionSizes.Convention.both)
  func headsThatShareAreTheirTwin(heads: (H: Int, G: Int), convention: CausalAttentionSizes.Convention) {
    var random = SeededGenerator(seed: 6)
    let mixer = randomAttention(H: heads.H, G: heads.G, P: 6, convention: convention, using: &random)
    #expect(mixer.rotaryWidth == (convention == .phi ? 2 : 6))
    let u = Tensor.normal([2, 7, heads.H * 6], using: &random)
    let (both, twin) = (mixer.outputAndMatrix(u), naiveAttention(mixer, u))
    expectClose(both.output, twin.output, within: Tolerance.layer, "output, \(heads), \(convention)")
    expectClose(both.matrix, twin.matrix, within: Tolerance.layer, "matrix, \(heads), \(convention)")
    // Token by token, and in two pieces.
    for pieces in [[1, 1, 1, 1, 1, 1, 1], [3, 4], [7]] {
      var (memory, start) = (mixer.emptyMemory(B: 2), 0)
      let outputs = pieces.map { T in
        defer { start += T }
        return mixer.advance(u.sliced(start..<(start + T), along: 1), &memory)
      }
      expectClose(
        Tensor.concatenated(outputs, along: 1), twin.output, within: Tolerance.layer, "\(heads), pieces \(pieces)")
      // The cache holds the G heads of keys and values, not one for each head that reads them.
      #expect(memory.bytes == 2 * 2 * 7 * heads.G * 6 * MemoryLayout<Scalar>.size)
    }
  }

  @Test func llamasAttentionHasNoBiasesAndItsOwnNames() {
    var random = SeededGenerator(seed: 7)
    let sizes = CausalAttentionSizes(D: 24, H: 6, G: 2, convention: .llama)
    let mixer = CausalAttention("a", sizes: sizes, using: &random)
    #expect(mixer.parameters.map(\.name) == ["q_proj", "k_proj", "v_proj", "o_proj"].map { "a.\($0).weight" })
    #expect(mixer.parameters.map(\.value.shape) == [[24, 24], [8, 24], [8, 24], [24, 24]])
    #expect(CausalAttentionSizes(D: 24, H: 6, G: 4).problem?.contains("shared evenly") == true)
    #expect(CausalAttentionSizes(D: 24, H: 6, G: 0).problem?.contains("keys and values") == true)
  }

  @Test(arguments: cases) func rowsSumToOneAndSeeNoFuture(heads: RotaryCase) {
    var random = SeededGenerator(seed: 2)
    let mixer = randomAttention(H: heads.H, P: heads.P, rotaryFraction: heads.fraction, using: &random)
    let T = 13
    let matrix = mixer.matrix(Variable(constant: .normal([2, T, heads.H * heads.P], using: &random))).value
    #expect(matrix.shape == [2, heads.H, T, T])
    expectClose(sum(matrix, along: 3), .ones([2, heads.H, T]), "sums of rows, \(heads)")
    for (place, weight) in matrix.elements.enumerated() {
      let (t, s) = (place / T % T, place % T)
      #expect(s > t ? weight == 0 : weight > 0)
    }
  }

  // Tokens that are all alike: without positions a row shares its weight equally, with them it cannot.
  @Test func positionsTellEqualTokensApart() {
    for fraction in [0.0, 0.5, 1] {
      var random = SeededGenerator(seed: 3)
      let mixer = randomAttention(H: 2, P: 7, rotaryFraction: fraction, using: &random)
      let row = Tensor.normal([1, 1, 14], using: &random)
      let matrix = mixer.matrix(Variable(constant: row.broadcast(to: [1, 5, 14]))).value
      let even = Naive.tabulate([1, 2, 5, 5]) { $0[3] <= $0[2] ? 1 / Scalar($0[2] + 1) : 0 }
      if fraction == 0 {
        expectClose(matrix, even, within: Tolerance.layer, "no positions")
      } else {
        #expect(largestMagnitude(matrix - even) > 0.001, "rotary \(fraction)")
      }
    }
  }

  @Test func aNewAttentionHasBiasesOfZeroAndTheNamesOfPhi() {
    var random = SeededGenerator(seed: 4)
    let mixer = CausalAttention("a", sizes: CausalAttentionSizes(D: 15, H: 3), using: &random)
    let names = ["q_proj", "k_proj", "v_proj", "dense"].flatMap { ["a.\($0).weight", "a.\($0).bias"] }
    #expect(mixer.parameters.map(\.name) == names)
    for parameter in mixer.parameters {
      let isBias = parameter.name.hasSuffix("bias")
      #expect(parameter.value.shape == (isBias ? [15] : [15, 15]))
      #expect(parameter.value.elements.allSatisfy { ($0 == 0) == isBias })
    }
  }
}
