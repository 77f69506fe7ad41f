// # All forms of all mixers
//
// Recurrent, materialised and chunked are one function. Every length from one token to several chunks and every chunk
// length from one step to more than the whole text are compared, in values and in the gradients by the input and by
// every parameter. The recurrent form is made of elementary primitives, one step after another, and is itself
// compared with the slow twin, so that nothing here is compared with itself.
//
// Read before: `MixerCase.swift`.

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

@Suite("the forms of all mixers", .tallied) struct MixerFormsTests {
  @Test(arguments: MixerCase.all, [1, 2, 11, 17]) func outputAndMatrixAreTheTwins(row: MixerCase, T: Int) {
    var random = SeededGenerator(seed: UInt64(T))
    let (mixer, u) = (row.mixer(), Tensor.normal([2, T, 15], using: &random))
    let (twin, both) = (row.mixed(mixer, u), mixer.outputAndMatrix(u))
    expectClose(both.output, twin.output, within: Tolerance.layer, "output, \(row), T \(T)")
    expectClose(both.matrix, twin.matrix, within: Tolerance.layer, "matrix, \(row), T \(T)")
    expectIdentical(mixer(u), both.output, "output alone, \(row), T \(T)")
    expectIdentical(mixer.matrix(u), both.matrix, "matrix alone, \(row), T \(T)")
  }

  @Test("trap: all forms agree in values and gradients", arguments: MixerCase.all, 1...17)
  func allFormsAgree(row: MixerCase, T: Int) {
    guard let mixer = row.mixer() as? any ThreeFormMixer else { return }
    compare(mixer, row, T)
  }

  private func compare<M: ThreeFormMixer>(_ mixer: M, _ row: MixerCase, _ T: Int) {
    var random = SeededGenerator(seed: UInt64(T))
    let (u, cotangent) = (Tensor.normal([2, T, 15], using: &random), Tensor.normal([2, T, 15], using: &random))
    /// The output, then the cotangent of u and of each parameter for one cotangent of the output.
    func everything(_ form: MambaForm) -> [(name: String, value: Tensor)] {
      let leaf = Variable(leaf: u)
      let output = mixer.output(leaf, form: form)
      let slopes = cotangents(of: output, seed: cotangent, withRespectTo: [leaf] + mixer.parameters.map(\.variable))
      return [("output", output.value)] + Array(zip(["u"] + mixer.parameters.map(\.name), slopes))
    }
    let reference = everything(.recurrent)
    expectClose(reference[0].value, row.mixed(mixer, u).output, within: Tolerance.layer, "twin, \(row), T \(T)")
    if T > 1 { for (name, value) in reference { #expect(largestMagnitude(value) > 1e-3, "\(row): \(name) is idle") } }
    for form in [.materialised] + (1...(T + 1)).map({ MambaForm.chunked(Q: $0) }) {
      for (mine, theirs) in zip(everything(form), reference) {
        expectClose(mine.value, theirs.value, within: Tolerance.forms, "\(row), \(form), T \(T), \(mine.name)")
      }
      // Without a tape the numbers are the same.
      if T == 11 {
        expectIdentical(mixer.output(u, form: form), everything(form)[0].value, "\(row), \(form), no tape")
      }
    }
  }

  // The list of a mixer is what its matrix depends on: no gradient elsewhere, and some in each row that is listed.
  @Test(arguments: MixerCase.all) func theMatrixDependsOnTheRowsThatAreListed(row: MixerCase) {
    var random = SeededGenerator(seed: 23)
    // As long as the longest kernel, so that each of its numbers is seen.
    let (mixer, u) = (row.mixer(), Tensor.normal([2, 23, 15], using: &random))
    let matrix = mixer.matrix(Variable(constant: u))
    let slopes = cotangents(
      of: matrix, seed: .normal(matrix.shape, using: &random), withRespectTo: mixer.parameters.map(\.variable))
    let listed = Dictionary(uniqueKeysWithValues: mixer.matrixRows.map { ($0.parameter.name, Set($0.rows.joined())) })
    #expect(Set(listed.keys).isSubset(of: mixer.parameters.map(\.name)))
    for (parameter, slope) in zip(mixer.parameters, slopes) {
      // A softmax cancels what a key's bias adds to a row, where positions do not turn it.
      if parameter.name == "m.k_proj.bias" { continue }
      for index in 0..<slope.shape[0] {
        let isReached = largestMagnitude(slope.sliced(index..<(index + 1))) > 1e-8
        #expect(
          isReached == listed[parameter.name]?.contains(index) ?? false, "\(row): \(parameter.name), row \(index)")
      }
    }
  }
}

// ## The classes of the matrices

extension MixerFormsTests {
  /// The largest rank of a block below the diagonal of any matrix [B, H, T, T], as far as it is above rounding error.
  private func order(of matrix: Tensor) -> Int {
    let T = matrix.shape[2]
    return (1..<T).map { t0 in
      let values = singularValues(matrix.sliced(t0..<T, along: 2).sliced(0..<t0, along: 3))
      let k = values.shape[2]
      return (0..<(values.count / k)).map { place in
        let own = values.elements[(place * k)..<((place + 1) * k)]
        return own.count { $0 > 1e3 * Scalar.ulpOfOne * own.max()! }
      }.max()!
    }.max()!
  }

  @Test func noBlockBelowTheDiagonalHasARankAboveTheOrderOfItsClass() {
    var random = SeededGenerator(seed: 24)
    let u = Tensor.normal([2, 17, 15], using: &random)
    func made(_ sizes: any MixerSizes) -> Tensor {
      let mixer = sizes.make("m", using: &random)
      randomise(mixer.parameters, using: &random)
      return mixer.matrix(u)
    }
    for N in [1, 2, 5] {
      #expect(order(of: made(CausalLowRankSizes(D: 15, H: 3, N: N))) == N, "low rank, N \(N)")
      #expect(order(of: made(FixedDecaySizes(D: 15, H: 3, N: N))) == N, "fixed decay, N \(N)")
      #expect(order(of: made(Mamba2Sizes(D: 15, H: 3, N: N))) == N, "Mamba-2, N \(N)")
      #expect(order(of: made(GatedDeltaRuleSizes(D: 15, H: 3, N: N))) == N, "delta rule, N \(N)")
      #expect(order(of: made(TrapezoidalMambaSizes(D: 15, H: 3, N: N))) == N, "trapezoid, N \(N)")
      // A kernel that remembers as much: K − 1 = N.
      #expect(order(of: made(CausalToeplitzSizes(D: 15, H: 3, K: N + 1))) == N, "Toeplitz, K \(N + 1)")
    }
  }

  @Test(arguments: [1, 4, 30]) func aToeplitzMatrixIsItsOwnProjectionAndTheSameForAllTexts(K: Int) {
    var random = SeededGenerator(seed: 25)
    let mixer = CausalToeplitz("m", sizes: CausalToeplitzSizes(D: 15, H: 3, K: K), using: &random)
    randomise(mixer.parameters, using: &random)
    let matrix = mixer.matrix(Tensor.normal([2, 11, 15], using: &random))
    expectClose(toeplitzProjection(matrix), matrix, within: Tolerance.value, "K \(K)")
    expectIdentical(matrix.sliced(0..<1), matrix.sliced(1..<2), "K \(K), two texts")
    expectIdentical(
      mixer.matrix(Tensor.zeros([1, 7, 15])), matrix.sliced(0..<1).sliced(0..<7, along: 2).sliced(0..<7, along: 3),
      "K \(K), a shorter text")
  }

  // Where nothing is turned and all tokens are alike, a row has the powers of γ.
  @Test func theDecaysAreRetNets() {
    var random = SeededGenerator(seed: 26)
    let mixer = FixedDecay("m", sizes: FixedDecaySizes(D: 10, H: 5, N: 1), using: &random)
    #expect(mixer.rotaryWidth == 0)
    let alike = Tensor.normal([1, 1, 10], using: &random).broadcast(to: [1, 7, 10])
    let matrix = mixer.matrix(alike)
    let decays: [Scalar] = [31 / 32, 63 / 64, 127 / 128, 255 / 256, 511 / 512]
    let expected = Naive.tabulate([1, 5, 7, 7]) { i in
      i[3] > i[2] ? 0 : (i[3]..<i[2]).reduce(matrix[0, i[1], 0, 0]) { power, _ in power * decays[i[1]] }
    }
    expectClose(matrix, expected, within: Tolerance.layer, "powers of the decay")
    // Beyond the digits of a sum with 1, a head still forgets.
    var far = SeededGenerator(seed: 27)
    let many = FixedDecay("m", sizes: FixedDecaySizes(D: 40, H: 40, N: 1), using: &far)
    #expect(isFinite(many.matrix(Tensor.normal([1, 5, 40], using: &far))))
  }

  // A step writes and forgets at once: with a step of 0 a token leaves no trace, with a large one nothing before it
  // does. The first feature of u is 1 throughout and makes dt what it should be.
  @Test func theStepOfMamba2WritesAndForgets() {
    var random = SeededGenerator(seed: 28)
    let sizes = Mamba2Sizes(D: 15, H: 3, N: 7, Q: 4)
    let mixer = Mamba2("m", sizes: sizes, using: &random)
    randomise(mixer.parameters, using: &random)
    var u = Tensor.normal([1, 9, 15], using: &random)
    u.assign(.ones([1, 9, 1]), at: 0, along: 2)
    let skip = mixer.skip.value
    for level in [Scalar(-800), 800] {
      let rows = Naive.tabulate([3, 15]) { $0[1] == 0 ? level : 0 }
      mixer.inProjection.update { $0.assign(rows, at: sizes.rows(of: .dt).lowerBound) }
      let matrix = mixer.matrix(u)
      for h in 0..<3 {
        for t in 0..<9 {
          for s in 0...t {
            if level < 0 { #expect(matrix[0, h, t, s] == (s == t ? skip[h] : 0), "no step: \(h), \(t), \(s)") }
            if level > 0, s < t { #expect(abs(matrix[0, h, t, s]) < 1e-30, "a large step: \(h), \(t), \(s)") }
          }
        }
      }
    }
  }
}
