// # The gated delta rule and the trapezoidal recurrence
//
// Three forms that agree in values and gradients for every length and every chunk; the slow twin; reading in pieces
// of every kind; the class of the matrix; and what each recurrence is at its ends.
//
// Read before: `Twins+Recurrent.swift`. Derivatives are in the table of layers (`LayerTable+Recurrent.swift`).

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

/// The two mixers, with random numbers everywhere.
enum RecurrentKind: String, CaseIterable, Sendable {
  case delta, trapezoid

  func mixer(N: Int = 7, K: Int = 3, Q: Int = 4, seed: UInt64) -> any MatrixMixer {
    var random = SeededGenerator(seed: seed)
    let mixer: any MatrixMixer =
      switch self {
      case .delta: GatedDeltaRule("m", sizes: GatedDeltaRuleSizes(D: 15, H: 3, N: N, K: K, Q: Q), using: &random)
      case .trapezoid:
        TrapezoidalMamba("m", sizes: TrapezoidalMambaSizes(D: 15, H: 3, N: N, K: K, Q: Q), using: &random)
      }
    randomise(mixer.parameters, using: &random)
    return mixer
  }

  func output<A: Activation>(_ mixer: any MatrixMixer, _ u: A, form: MambaForm) -> A {
    (mixer as? GatedDeltaRule)?.output(u, form: form) ?? (mixer as! TrapezoidalMamba).output(u, form: form)
  }
}

@Suite("delta rule and trapezoid", .tallied) struct RecurrentMixerTests {
  /// The output, then the cotangent of u and of each parameter for one cotangent of the output.
  private func everything(
    _ kind: RecurrentKind, _ mixer: any MatrixMixer, _ u: Tensor, form: MambaForm, cotangent: Tensor
  ) -> [(name: String, value: Tensor)] {
    let leaf = Variable(leaf: u)
    let output = kind.output(mixer, leaf, form: form)
    let slopes = cotangents(of: output, seed: cotangent, withRespectTo: [leaf] + mixer.parameters.map(\.variable))
    return [("output", output.value)] + Array(zip(["u"] + mixer.parameters.map(\.name), slopes))
  }

  // ## At their ends

  // One written at its own place is read there, whatever came before: the difference is corrected in full.
  @Test func aFullCorrectionIsReadBackExactly() {
    var random = SeededGenerator(seed: 12)
    let (B, T, H, N, P) = (2, 11, 3, 5, 7)
    let x = Tensor.normal([B, T, H, P], using: &random)
    let places = Tensor.normal([B, T, H, N], using: &random)
    let keys = rmsNorm(places, weight: Tensor(repeating: 1 / Scalar(N).squareRoot(), shape: [N]), epsilon: 0).output
    let log = Tensor.uniform([B, T, H], in: -2..<0, using: &random)
    let value = deltaSequence(x, logDecay: log, b: keys, c: keys, beta: .ones([B, T, H]), Q: 4)
    expectClose(value.output, x, within: 10 * Tolerance.value, "β = 1, asked with its own key")
    // Nothing written, nothing read.
    expectZero(deltaSequence(x, logDecay: log, b: keys, c: keys, beta: .zeros([B, T, H]), Q: 4).output, "β = 0")
  }

  // Keys that are orthogonal have nothing to correct: an SSD.
  @Test func withOrthogonalKeysTheDeltaRuleIsAnSSD() {
    var random = SeededGenerator(seed: 13)
    let (T, H, P) = (5, 2, 3)
    let keys = Naive.tabulate([1, T, H, T]) { $0[1] == $0[3] ? 1 : 0 }
    let x = Tensor.normal([1, T, H, P], using: &random), c = Tensor.normal([1, T, H, T], using: &random)
    let log = Tensor.uniform([1, T, H], in: -2..<0, using: &random)
    let beta = Tensor.uniform([1, T, H], in: 0..<1, using: &random)
    let ssd = ssdSequence(
      x, logDecay: log, b: beta.reshaped(to: [1, T, H, 1]) * keys, c: c, d: .zeros([H]), Q: 2)
    let delta = deltaSequence(x, logDecay: log, b: keys, c: c, beta: beta, Q: 2)
    expectClose(delta.output, ssd.output, within: 5 * Tolerance.value, "orthogonal keys")
    expectClose(delta.finalState, ssd.finalState, within: 5 * Tolerance.value, "orthogonal keys, state")
  }

  // λ = 1 is Discrete-Mamba-2 with the same numbers.
  @Test func aTrapezoidThatTakesTheEndAloneIsDiscreteMamba2() {
    var random = SeededGenerator(seed: 14)
    let mixer = TrapezoidalMamba("m", sizes: TrapezoidalMambaSizes(D: 15, H: 3, N: 7, K: 4, Q: 4), using: &random)
    let mamba = DiscreteMamba2("m", sizes: DiscreteMamba2Sizes(D: 15, H: 3, N: 7, K: 4, Q: 4), using: &random)
    randomise(mamba.parameters, using: &random)
    let frame = mixer.frame
    // One feature is 1 throughout and makes λ so.
    let rows = Naive.tabulate([3, 15]) { $0[1] == 0 ? 800 : 0 }
    frame.inProjection.value = .concatenated([mamba.inProjection.value, rows])
    for (mine, theirs) in zip(mixer.parameters.dropFirst(), mamba.parameters.dropFirst()) {
      mine.value = theirs.value
    }
    var u = Tensor.normal([2, 9, 15], using: &random)
    u.assign(.ones([2, 9, 1]), at: 0, along: 2)
    expectClose(mixer(u), mamba(u), within: Tolerance.layer, "output")
    expectClose(mixer.matrix(u), mamba.matrix(u), within: Tolerance.layer, "matrix")
  }

  // The first feature of u is a switch; one column of the rows of a turns it into decays of exactly 1 and 0.
  @Test(
    arguments: RecurrentKind.allCases, [[40, -40, 800], [-800, 800, -40], [800, 800, 800], [-800, -800, -800]])
  func extremeDecaysStayFiniteAndTheFormsAgree(kind: RecurrentKind, levels: [Double]) {
    var random = SeededGenerator(seed: 15)
    let mixer = kind.mixer(seed: 16)
    let frame = (mixer as? GatedDeltaRule)?.frame ?? (mixer as! TrapezoidalMamba).frame
    let rows = Naive.tabulate([3, 15]) { $0[1] == 0 ? Scalar(levels[$0[0]]) : 0 }
    frame.inProjection.update { $0.assign(rows, at: frame.rows(of: .scalar(0)).lowerBound) }
    let (T, cotangent) = (13, Tensor.normal([2, 13, 15], using: &random))
    for sign in [{ _ in 1 }, { $0 % 3 == 0 ? -1 : 1 }] as [(Int) -> Scalar] {
      var u = Tensor.normal([2, T, 15], using: &random)
      for t in 0..<T { for b in 0..<2 { u[b, t, 0] = sign(t) } }
      let reference = everything(kind, mixer, u, form: .recurrent, cotangent: cotangent)
      for (name, value) in reference { #expect(isFinite(value), "recurrent, \(name)") }
      for form in [.materialised, .chunked(Q: 1), .chunked(Q: 5), .chunked(Q: T)] as [MambaForm] {
        for (mine, theirs) in zip(everything(kind, mixer, u, form: form, cotangent: cotangent), reference) {
          expectClose(mine.value, theirs.value, within: Tolerance.forms, "\(kind), \(form), \(levels), \(mine.name)")
        }
      }
    }
  }

  // ## Where they start, and what they begin with

  @Test func aNewMixerStartsAsDiscreteMamba2Does() {
    var random = SeededGenerator(seed: 17)
    let frame = GatedDeltaRule("m", sizes: GatedDeltaRuleSizes(D: 15, H: 3, N: 7), using: &random).frame
    #expect(frame.convolutionWeight.value == Naive.tabulate([57, 1, 4]) { $0[2] == 3 ? 1 : 0 })
    #expect(frame.convolutionBias.value == .zeros([57]) && frame.skip.value == .ones([3]))
    #expect(frame.inProjection.value.shape == [15 + 42 + 15 + 6, 15])
    #expect(frame.inProjection.value.sliced(frame.rows(of: .z)) == .zeros([15, 15]))
    for part in [RecurrentFrame.Part.x, .b, .c, .scalar(0), .scalar(1)] {
      let rows = frame.inProjection.value.sliced(frame.rows(of: part)).elements
      #expect(rows.allSatisfy { $0 != 0 } && Set(rows).count == rows.count, "\(part)")
    }
    var end = 0
    for part in [RecurrentFrame.Part.x, .b, .c, .z, .scalar(0), .scalar(1)] {
      #expect(frame.rows(of: part).lowerBound == end, "\(part)")
      end = frame.rows(of: part).upperBound
    }
    #expect(end == frame.inProjection.value.shape[0])
  }

  // What a frame takes over from an attention is what Discrete-Mamba-2 takes over.
  @Test(arguments: [MixerProjections.Part.valuesAndOutput, .all]) func projectionsAreTakenAsByDiscreteMamba2(
    part: MixerProjections.Part
  ) {
    var random = SeededGenerator(seed: 18)
    let attention = randomAttention(H: 6, G: 2, P: 5, using: &random)
    let mamba = DiscreteMamba2("m", sizes: DiscreteMamba2Sizes(D: 30, H: 6, N: 7, K: 3), using: &random)
    #expect(mamba.begin(with: attention.projections!, taking: part))
    for kind in RecurrentKind.allCases {
      let mixer: any MatrixMixer =
        kind == .delta
        ? GatedDeltaRule("m", sizes: GatedDeltaRuleSizes(D: 30, H: 6, N: 7, K: 3), using: &random)
        : TrapezoidalMamba("m", sizes: TrapezoidalMambaSizes(D: 30, H: 6, N: 7, K: 3), using: &random)
      let untouched = mixer.parameters[0].value.sliced(30..<(30 + 84))
      #expect(mixer.begin(with: attention.projections!, taking: part))
      let taken = part == .all ? 0..<(30 + 84) : 0..<30
      expectIdentical(
        mixer.parameters[0].value.sliced(taken), mamba.inProjection.value.sliced(taken), "\(kind), \(part), rows")
      if part == .valuesAndOutput {
        expectIdentical(mixer.parameters[0].value.sliced(30..<(30 + 84)), untouched, "\(kind), B and C")
      }
      expectIdentical(mixer.parameters[3].value, mamba.convolutionBias.value, "\(kind), bias")
      expectIdentical(mixer.parameters[5].value, mamba.output.weight.value, "\(kind), W_o")
      // Other heads take nothing.
      let other = kind.mixer(seed: 19)
      let before = other.parameters.map(\.value)
      #expect(!other.begin(with: attention.projections!, taking: part))
      #expect(other.parameters.map(\.value) == before)
    }
  }
}
