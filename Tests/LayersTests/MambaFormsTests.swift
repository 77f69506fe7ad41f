// # Three forms of one layer
//
// Recurrent, materialised and chunked are one function; `MixerFormsTests.swift` compares them for every mixer. Here are
// the decays at their ends, which only a projection of Discrete-Mamba-2 can make, and the chunk length of its sizes.

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

/// What a form gives: the output, then the cotangent of u and of each parameter for one cotangent
/// of the output.
private func everything(
  _ mixer: DiscreteMamba2, _ u: Tensor, form: MambaForm, cotangent: Tensor
) -> [(name: String, value: Tensor)] {
  let leaf = Variable(leaf: u)
  let output = mixer.output(leaf, form: form)
  let slopes = cotangents(
    of: output, seed: cotangent, withRespectTo: [leaf] + mixer.parameters.map(\.variable))
  return [("output", output.value)] + Array(zip(["u"] + mixer.parameters.map(\.name), slopes))
}

@Suite("the three forms", .tallied) struct MambaFormsTests {
  // Where the mixer is called as a function, the chunk length of its sizes is used; it changes the
  // cost only.
  @Test(arguments: [1, 4, 64]) func theChunkLengthOfTheSizesChangesNoResult(Q: Int) {
    var random = SeededGenerator(seed: 20)
    let mixer = randomMamba(Q: Q, using: &random)
    let u = Variable(constant: .normal([2, 11, mixer.sizes.D], using: &random))
    expectIdentical(mixer(u).value, mixer.output(u, form: .chunked(Q: Q)).value, "Q \(Q)")
    expectClose(mixer(u).value, mixer.output(u, form: .recurrent).value, within: Tolerance.forms, "Q \(Q)")
  }

  // The first feature of u is a switch that is ±1; one column of W_a turns it into a decay that is
  // exactly 1, exactly 0, or nearly so.
  @Test(
    "trap: segment sums, no ratios of products",
    arguments: [[40, -40, 800], [-800, 800, -40], [800, 800, 800], [-800, -800, -800]])
  func extremeDecaysStayFiniteAndTheFormsAgree(levels: [Double]) {
    var random = SeededGenerator(seed: 21)
    let mixer = randomMamba(using: &random)
    let (D, T) = (mixer.sizes.D, 13)
    var decayRows = Tensor.zeros([mixer.sizes.H, D])
    for (h, level) in levels.enumerated() { decayRows[h, 0] = Scalar(level) }
    mixer.inProjection.update { $0.assign(decayRows, at: MambaPart.a.rows(mixer.sizes).lowerBound) }
    let cotangent = Tensor.normal([2, T, D], using: &random)
    for sign in [{ _ in 1 }, { $0 % 3 == 0 ? -1 : 1 }] as [(Int) -> Scalar] {
      var u = Tensor.normal([2, T, D], using: &random)
      for t in 0..<T { for b in 0..<2 { u[b, t, 0] = sign(t) } }
      let reference = everything(mixer, u, form: .recurrent, cotangent: cotangent)
      for (name, value) in reference { #expect(isFinite(value), "recurrent, \(name)") }
      #expect(isFinite(mixer.matrix(Variable(constant: u)).value))
      for form in [.materialised, .chunked(Q: 1), .chunked(Q: 5), .chunked(Q: T)] as [MambaForm] {
        for (mine, theirs) in zip(everything(mixer, u, form: form, cotangent: cotangent), reference) {
          expectClose(mine.value, theirs.value, within: Tolerance.forms, "\(form), a \(levels), \(mine.name)")
        }
      }
    }
  }

  // With α = 0 at every step nothing is remembered; with α = 1 nothing is forgotten.
  @Test func aClosedDecayForgetsAllAndAnOpenOneNothing() {
    var random = SeededGenerator(seed: 22)
    let mixer = randomMamba(using: &random)
    let (H, D, T) = (mixer.sizes.H, mixer.sizes.D, 7)
    var u = Tensor.normal([1, T, D], using: &random)
    u.assign(.ones([1, T, 1]), at: 0, along: 2)
    for (level, remembered) in [(Scalar(800), Scalar(0)), (-800, 1)] {
      let rows = Naive.tabulate([H, D]) { $0[1] == 0 ? level : 0 }
      mixer.inProjection.update { $0.assign(rows, at: MambaPart.a.rows(mixer.sizes).lowerBound) }
      let twin = MambaTwin(mixer, u)
      let scores = Naive.headScores(twin.c, twin.b)
      let skip = mixer.skip.value
      let expected = Naive.tabulate([1, H, T, T]) { i in
        let score = scores[0, i[1], i[2], i[3]]
        return i[3] > i[2] ? 0 : i[3] < i[2] ? remembered * score : score + skip[i[1]]
      }
      expectClose(mixer.matrix(Variable(constant: u)).value, expected, within: Tolerance.layer, "a \(level)")
    }
  }
}
