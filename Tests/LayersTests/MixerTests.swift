// # What every mixer promises
//
// Both mixers at once: nothing flows from the future to the past, rows of a batch do not see each
// other, and the list of parameters is just what the output depends on.

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

@Suite("both mixers", .tallied) struct MixerTests {
  /// The mixers, with random numbers everywhere.
  static func mixers() -> [(name: String, mixer: any MatrixMixer)] {
    var random = SeededGenerator(seed: 30)
    return [
      ("attention", randomAttention(using: &random)), ("mamba", randomMamba(using: &random)),
      ("mamba in one chunk", randomMamba(Q: 64, using: &random)),
    ]
  }

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
      // At the token itself and after it, everything moves.
      for later in t..<T {
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

  @Test func theListOfParametersIsWhatTheOutputDependsOn() {
    var random = SeededGenerator(seed: 33)
    let u = Variable(constant: .normal([2, 5, 15], using: &random))
    for (name, mixer) in MixerTests.mixers() {
      let tape = TapeSummary(of: mixer(u))
      #expect(tape.leafCount == mixer.parameters.count, "\(name)")
      for parameter in mixer.parameters { #expect(tape.reaches(parameter), "\(name): \(parameter.name)") }
      #expect(Set(mixer.parameters.map(\.name)).count == mixer.parameters.count, "\(name): a name twice")
    }
  }

  // Of a matrix, stage 1 trains this and nothing else.
  @Test func theMatrixDependsOnAPartOfThem() {
    var random = SeededGenerator(seed: 34)
    let (attention, mamba) = (randomAttention(using: &random), randomMamba(using: &random))
    let u = Variable(constant: .normal([2, 5, 15], using: &random))
    let cases: [(any MatrixMixer, [Parameter])] = [
      (attention, attention.queries.parameters + attention.keys.parameters),
      (mamba, [mamba.inProjection, mamba.convolutionWeight, mamba.convolutionBias, mamba.skip]),
    ]
    for (mixer, expected) in cases {
      let tape = TapeSummary(of: mixer.matrix(u))
      #expect(tape.leafCount == expected.count)
      for parameter in expected { #expect(tape.reaches(parameter), "\(parameter.name)") }
    }
  }

  @Test func frozenParametersLeaveNoTape() {
    var random = SeededGenerator(seed: 35)
    let u = Variable(constant: .normal([2, 5, 15], using: &random))
    for (name, mixer) in MixerTests.mixers() {
      for parameter in mixer.parameters { parameter.isFrozen = true }
      let both = mixer.outputAndMatrix(u)
      #expect(both.output.isConstant && both.matrix.isConstant, "\(name)")
    }
  }
}
