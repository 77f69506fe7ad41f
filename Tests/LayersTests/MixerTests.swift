// # What every mixer promises
//
// All mixers at once: nothing flows from the future to the past, and rows of a batch do not see each other. What output
// and matrix depend on is in the table of layers.
//
// Read before: `MixerCase.swift`.

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

@Suite("every mixer", .tallied) struct MixerTests {
  /// The mixers, with random numbers everywhere.
  static func mixers() -> [(name: String, mixer: any MatrixMixer)] { MixerCase.all.map { ($0.name, $0.mixer()) } }

  @Test(arguments: [0, 1, 4, 6, 10]) func aChangeOfOneTokenChangesNothingBeforeIt(t: Int) {
    var random = SeededGenerator(seed: 31)
    let (B, T, D) = (2, 11, 15)
    let u = Tensor.normal([B, T, D], using: &random)
    var changed = u
    changed.assign(.normal([B, 1, D], using: &random), at: t, along: 1)
    for (name, mixer) in MixerTests.mixers() {
      let (before, after) = (
        mixer.outputAndMatrix(Variable(constant: u)), mixer.outputAndMatrix(Variable(constant: changed))
      )
      expectIdentical(
        after.output.value.sliced(0..<t, along: 1), before.output.value.sliced(0..<t, along: 1), "\(name), output")
      // Compared by ==, since the zeros above the diagonal have signs.
      #expect(
        after.matrix.value.sliced(0..<t, along: 2) == before.matrix.value.sliced(0..<t, along: 2), "\(name), matrix")
      // At the token itself and after it, everything moves, as far as the mixer looks back.
      let reach = (mixer as? CausalToeplitz).map { $0.sizes.K + max(0, $0.sizes.frame.K - 1) } ?? T
      for later in t..<min(T, t + reach) {
        let change = (after.output.value - before.output.value).sliced(later..<(later + 1), along: 1)
        #expect(change.elements.allSatisfy { $0 != 0 }, "\(name): output \(later) does not see token \(t)")
      }
    }
  }

  @Test func rowsOfABatchDoNotSeeEachOther() {
    var random = SeededGenerator(seed: 32)
    let u = Tensor.normal([3, 7, 15], using: &random)
    for (name, mixer) in MixerTests.mixers() {
      let together = mixer.outputAndMatrix(Variable(constant: u))
      for b in 0..<3 {
        let alone = mixer.outputAndMatrix(Variable(constant: u.sliced(b..<(b + 1))))
        expectClose(
          together.output.value.sliced(b..<(b + 1)), alone.output.value, within: Tolerance.layer, "\(name), output")
        expectClose(
          together.matrix.value.sliced(b..<(b + 1)), alone.matrix.value, within: Tolerance.layer, "\(name), matrix")
      }
    }
  }
}
