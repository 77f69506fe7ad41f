// # Rows: Toeplitz, low rank, fixed decay, Mamba-2
//
// The forms of each mixer, its matrix, its frames, a new one, and sizes at their ends.
//
// A norm curves too sharply for differences where the numbers that it divides are small. So the rows with a norm keep
// them away from 0: the tokens of a text are much alike and values are large; queries are nearly keys; and in Mamba-2
// d is large, the gate wide, and what passes through a silu positive.
//
// Read before: `LayerTable.swift`.

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

extension LayerCase {
  static let familyRows = toeplitzRows + lowRankRows + decayRows + mamba2Rows

  private static let toeplitzRows = [
    row(CausalToeplitzSizes(D: 6, H: 3, K: 5, Q: 3), "called") { $0($1) },
    row(CausalToeplitzSizes(D: 6, H: 3, K: 5, Q: 3), "recurrent") { $0.output($1, form: .recurrent) },
    row(CausalToeplitzSizes(D: 6, H: 3, K: 5, Q: 3), "materialised") { $0.output($1, form: .materialised) },
    row(CausalToeplitzSizes(D: 6, H: 3, K: 5, Q: 3), "one chunk") { $0.output($1, form: .chunked(Q: 64)) },
    row(CausalToeplitzSizes(D: 6, H: 3, K: 5, Q: 3), "matrix", ofMatrix: true) { $0.matrix($1) },
    row(CausalToeplitzSizes(D: 6, H: 3, K: 5, Q: 3), "output and matrix") { both($0, $1) },
    row(CausalToeplitzSizes(D: 6, H: 3, K: 11, Q: 3), "a kernel longer than the text") { $0($1) },
    row(CausalToeplitzSizes(D: 5, H: 1, K: 1, Q: 1), "one head, a kernel of one number") { $0($1) },
    row(CausalToeplitzSizes(D: 6, H: 3, K: 5, Q: 3, frame: .mamba), "in Mamba's frame") { $0($1) },
    row(CausalToeplitzSizes(D: 6, H: 3, K: 5, Q: 3, frame: .mamba), "new", isNew: true) { $0($1) },
  ]

  private static let lowRankRows = [
    row(CausalLowRankSizes(D: 6, H: 3, N: 5, Q: 4), "called") { $0($1) },
    row(CausalLowRankSizes(D: 6, H: 3, N: 5, Q: 4), "recurrent") { $0.output($1, form: .recurrent) },
    row(CausalLowRankSizes(D: 6, H: 3, N: 5, Q: 4), "materialised") { $0.output($1, form: .materialised) },
    row(CausalLowRankSizes(D: 6, H: 3, N: 5, Q: 4), "one chunk") { $0.output($1, form: .chunked(Q: 64)) },
    row(CausalLowRankSizes(D: 6, H: 3, N: 5, Q: 4), "matrix", ofMatrix: true) { $0.matrix($1) },
    row(CausalLowRankSizes(D: 6, H: 3, N: 5, Q: 4), "output and matrix") { both($0, $1) },
    row(CausalLowRankSizes(D: 5, H: 1, N: 1, Q: 1), "one head, rank 1") { $0($1) },
    row(CausalLowRankSizes(D: 6, H: 3, N: 5, Q: 4, frame: .mamba), "in Mamba's frame") { $0($1) },
    row(CausalLowRankSizes(D: 6, H: 3, N: 5, Q: 4, frame: .mamba), "in Mamba's frame, matrix", ofMatrix: true) {
      $0.matrix($1)
    },
    row(CausalLowRankSizes(D: 6, H: 3, N: 5, Q: 4, frame: .mamba), "new", isNew: true) { $0($1) },
  ]

  private static let decayRows = [
    row(FixedDecaySizes(D: 10, H: 2, N: 5, Q: 4), "called", awayFromZero) { $0($1) },
    row(FixedDecaySizes(D: 10, H: 2, N: 5, Q: 4), "recurrent", awayFromZero) { $0.output($1, form: .recurrent) },
    row(FixedDecaySizes(D: 10, H: 2, N: 5, Q: 4), "materialised", awayFromZero) {
      $0.output($1, form: .materialised)
    },
    row(FixedDecaySizes(D: 6, H: 2, N: 5, Q: 4), "matrix", ofMatrix: true) { $0.matrix($1) },
    row(FixedDecaySizes(D: 6, H: 2, N: 4, expand: 2, Q: 4), "twice as wide", awayFromZero) { $0($1) },
    row(FixedDecaySizes(D: 6, H: 2, N: 5, Q: 4, frame: .plain), "plain, output and matrix") { both($0, $1) },
    row(FixedDecaySizes(D: 5, H: 1, N: 1, Q: 1, frame: .plain), "one head, a state of one number") { $0($1) },
    row(FixedDecaySizes(D: 6, H: 2, N: 5, Q: 4, frame: .mamba), "in Mamba's frame") { $0($1) },
  ]

  private static let mamba2Rows = [
    row(Mamba2Sizes(D: 6, H: 3, N: 5, Q: 4), "called", awayFromZero) { $0($1) },
    row(Mamba2Sizes(D: 6, H: 3, N: 5, Q: 4), "recurrent", awayFromZero) { $0.output($1, form: .recurrent) },
    row(Mamba2Sizes(D: 6, H: 3, N: 5, Q: 4), "materialised", awayFromZero) { $0.output($1, form: .materialised) },
    row(Mamba2Sizes(D: 6, H: 3, N: 5, Q: 4), "one chunk", awayFromZero) { $0.output($1, form: .chunked(Q: 64)) },
    row(Mamba2Sizes(D: 6, H: 3, N: 5, Q: 4), "matrix", ofMatrix: true) { $0.matrix($1) },
    row(Mamba2Sizes(D: 6, H: 3, N: 5, Q: 4), "output beside the matrix", awayFromZero) { both($0, $1) },
    row(Mamba2Sizes(D: 6, H: 3, N: 5, expand: 2, Q: 4), "twice as wide", awayFromZero) { $0($1) },
    row(Mamba2Sizes(D: 12, H: 4, N: 3, K: 3, Q: 4, G: 2), "two pairs of B and C for four heads", awayFromZero) {
      $0($1)
    },
    row(Mamba2Sizes(D: 8, H: 4, N: 3, K: 3, Q: 4, G: 2), "two pairs of B and C, matrix", ofMatrix: true) {
      $0.matrix($1)
    },
    row(Mamba2Sizes(D: 6, H: 2, N: 1, K: 1, Q: 2), "a state of one number, one tap", awayFromZero) { $0($1) },
  ]

  /// A mixer and one of its answers.
  ///
  /// - Parameters:
  ///   - prepare: what is done to random numbers for the sake of a norm; then tokens are much alike
  ///   - ofMatrix: whether the parameters are those that the matrix depends on
  ///   - isNew: whether it keeps the numbers with which it starts
  private static func row<S: FamilySizes>(
    _ sizes: S, _ option: String, _ prepare: (@Sendable (S.Mixer) -> Void)? = nil, ofMatrix: Bool = false,
    isNew: Bool = false, _ answer: @escaping @Sendable (S.Mixer, Variable) -> Variable
  ) -> LayerCase {
    LayerCase(S.Mixer.self, option) { random in
      let layer = S.Mixer("m", sizes: sizes, using: &random)
      if !isNew { randomise(layer.parameters, using: &random) }
      prepare?(layer)
      var u = Tensor.normal([2, 7, sizes.D], deviation: prepare == nil ? 1 : 0.3, using: &random)
      if prepare != nil { u += .normal([2, 1, sizes.D], using: &random).broadcast(to: u.shape) }
      return Subject(ofMatrix ? layer.matrixRows.map(\.parameter) : layer.parameters, at: [u]) {
        answer(layer, $0[0])
      }
    }
  }

  @Sendable private static func awayFromZero(_ layer: FixedDecay) {
    guard let keys = layer.maps.keys, let queries = layer.maps.queries else { return }
    keys.weight.update { $0 = 2 * $0 }
    queries.weight.update { $0 = 0.5 * $0 + keys.weight.value }
    layer.maps.values.weight.update { $0 = 5 * $0 }
  }

  @Sendable fileprivate static func awayFromZero(_ layer: Mamba2) {
    layer.skip.update { $0 = $0 + Tensor(3) }
    layer.convolutionBias.update { $0 = $0 + Tensor(3) }
    let z = layer.sizes.rows(of: .z)
    layer.inProjection.update { $0.assign(3 * $0.sliced(z), at: z.lowerBound) }
  }
}

/// A mixer that is made from its sizes alone.
private protocol FamilyMixer: ThreeFormMixer {
  init(_ name: String, sizes: Sizes, using random: inout some RandomNumberGenerator)
}
/// The sizes of such a mixer.
private protocol FamilySizes: MixerSizes {
  associatedtype Mixer: FamilyMixer where Mixer.Sizes == Self
}
extension CausalToeplitz: FamilyMixer {}
extension CausalLowRank: FamilyMixer {}
extension FixedDecay: FamilyMixer {}
extension Mamba2: FamilyMixer {}
extension CausalToeplitzSizes: FamilySizes { fileprivate typealias Mixer = CausalToeplitz }
extension CausalLowRankSizes: FamilySizes { fileprivate typealias Mixer = CausalLowRank }
extension FixedDecaySizes: FamilySizes { fileprivate typealias Mixer = FixedDecay }
extension Mamba2Sizes: FamilySizes { fileprivate typealias Mixer = Mamba2 }

// ## Mistakes
//
// Mixers whose gradient is that of another formula: a path that counts as a constant, rows or numbers read at the wrong
// place. Each formula is composed of primitives; without a mistake it is the mixer itself.

extension LayerMutant {
  static let familyLayers = [
    mamba2("a step that counts as a constant where it writes") { composedMamba2($0, $1, writing: { $0.detached }) },
    mamba2("a step that counts as a constant where it forgets") {
      composedMamba2($0, $1, forgetting: { $0.detached })
    },
    mamba2("a norm that divides by a constant") { composedMamba2($0, $1, dividing: { $0.detached }) },
    mamba2("C read a row too early") { layer, u in
      composedMamba2(layer, u, at: { $0 == .c ? ($1.lowerBound - 1)..<($1.upperBound - 1) : $1 })
    },
    earlyKernel, unscaledKeys,
  ]

  private static let earlyKernel = LayerMutant(
    LayerCase(CausalToeplitz.self, "a kernel that begins a token too early") { random in
      let layer = CausalToeplitz("m", sizes: CausalToeplitzSizes(D: 6, H: 3, K: 5, Q: 3), using: &random)
      randomise(layer.parameters, using: &random)
      return Subject(layer.parameters, at: [.normal([2, 7, 6], using: &random)]) {
        mutated(layer($0[0]), pulledBackAs: composedToeplitz(layer, $0[0], early: 1))
      }
    }, caughtBy: [.derivatives])

  private static let unscaledKeys = LayerMutant(
    LayerCase(CausalLowRank.self, "keys without the factor of queries") { random in
      let layer = CausalLowRank("m", sizes: CausalLowRankSizes(D: 6, H: 3, N: 5, Q: 4), using: &random)
      randomise(layer.parameters, using: &random)
      return Subject(layer.parameters, at: [.normal([2, 7, 6], using: &random)]) {
        mutated(layer($0[0]), pulledBackAs: composedLowRank(layer, $0[0], scale: 1))
      }
    }, caughtBy: [.derivatives])

  private static func mamba2(
    _ mistake: String, _ impostor: @escaping @Sendable (Mamba2, Variable) -> Variable
  ) -> LayerMutant {
    LayerMutant(
      LayerCase(Mamba2.self, mistake) { random in
        let layer = Mamba2("m", sizes: Mamba2Sizes(D: 6, H: 3, N: 5, Q: 4), using: &random)
        randomise(layer.parameters, using: &random)
        LayerCase.awayFromZero(layer)
        var u = Tensor.normal([2, 7, 6], deviation: 0.3, using: &random)
        u += .normal([2, 1, 6], using: &random).broadcast(to: u.shape)
        return Subject(layer.parameters, at: [u]) { mutated(layer($0[0]), pulledBackAs: impostor(layer, $0[0])) }
      }, caughtBy: [.derivatives])
  }

  /// Mamba-2 with one B and C, from its primitives, with a change where it writes, forgets, divides or reads its rows.
  static func composedMamba2(
    _ layer: Mamba2, _ u: Variable, writing: (Variable) -> Variable = { $0 },
    forgetting: (Variable) -> Variable = { $0 }, dividing: (Variable) -> Variable = { $0 },
    at place: (Mamba2Sizes.Part, Range<Int>) -> Range<Int> = { $1 }
  ) -> Variable {
    let (sizes, B, T) = (layer.sizes, u.shape[0], u.shape[1])
    func rows(_ part: Mamba2Sizes.Part) -> Variable {
      linear(u, weight: layer.inProjection.variable.sliced(place(part, sizes.rows(of: part))))
    }
    func heads(_ part: Mamba2Sizes.Part, _ width: Int) -> Variable {
      let channels = sizes.channels(of: part)
      let convolved = causalConvolution(
        rows(part), weight: layer.convolutionWeight.variable.sliced(channels),
        bias: layer.convolutionBias.variable.sliced(channels))
      return silu(convolved).reshaped(to: [B, T, part == .x ? sizes.H : 1, width])
    }
    let step = softplus(rows(.dt) + layer.stepBias.variable)
    let written = writing(step).reshaped(to: [B, T, sizes.H, 1]) * heads(.b, sizes.N)
    let asked = heads(.c, sizes.N).broadcast(to: [B, T, sizes.H, sizes.N])
    let y = ssdSequence(
      heads(.x, sizes.P), logDecay: -(exp(layer.logRate.variable) * forgetting(step)), b: written, c: asked,
      d: layer.skip.variable, Q: sizes.Q)
    let gated = y.reshaped(to: [B, T, sizes.inner]) * silu(rows(.z))
    let mean = (1 / Scalar(sizes.inner)) * sum(gated * gated, along: 2) + Variable(constant: Tensor(Mamba2.epsilon))
    return layer.output(gated / dividing(sqrt(mean)).reshaped(to: [B, T, 1]) * layer.normWeight.variable)
  }

  /// A plain Toeplitz mixer as a convolution whose taps are moved towards the past.
  static func composedToeplitz(_ layer: CausalToeplitz, _ u: Variable, early: Int = 0) -> Variable {
    let (H, P, K, D) = (layer.sizes.H, layer.sizes.P, layer.sizes.K, layer.sizes.D)
    let kernel = layer.kernel.variable.reshaped(to: [H, 1, K])
    let moved = Variable.concatenated(
      [kernel.sliced(early..<K, along: 2), kernel.sliced(0..<early, along: 2)], along: 2)
    let taps = moved.broadcast(to: [H, P, K]).reshaped(to: [D, 1, K])
    let y = causalConvolution(layer.maps.values(u), weight: taps, bias: Variable(constant: .zeros([D])))
    return layer.maps.output(y)
  }

  /// A plain linear attention with another factor.
  static func composedLowRank(_ layer: CausalLowRank, _ u: Variable, scale: Scalar? = nil) -> Variable {
    let (B, T, H, N, maps) = (u.shape[0], u.shape[1], layer.sizes.H, layer.sizes.N, layer.maps)
    guard let keys = maps.keys, let queries = maps.queries else { return u }
    let y = ssdSequence(
      maps.values(u).reshaped(to: [B, T, H, layer.sizes.P]), logDecay: Variable(constant: .zeros([B, T, H])),
      b: keys(u).reshaped(to: [B, T, H, N]),
      c: (scale ?? 1 / Scalar(N).squareRoot()) * queries(u).reshaped(to: [B, T, H, N]),
      d: Variable(constant: .zeros([H])), Q: layer.sizes.Q)
    return maps.output(y.reshaped(to: u.shape.array))
  }
}

@Suite("wrong mixers") struct FamilyMutantTests {
  @Test(arguments: LayerMutant.familyLayers) func justThePromisesThatItBreaksSeeIt(mutant: LayerMutant) throws {
    try mutant.expectCaught()
  }

  // Without a mistake, the composed mixers of the mutants are the mixers themselves.
  @Test func theComposedMixersAreTheMixers() {
    var random = SeededGenerator(seed: 29)
    let u = Variable(constant: .normal([2, 7, 6], using: &random))
    let mamba = Mamba2("m", sizes: Mamba2Sizes(D: 6, H: 3, N: 5, Q: 4), using: &random)
    let toeplitz = CausalToeplitz("m", sizes: CausalToeplitzSizes(D: 6, H: 3, K: 5, Q: 3), using: &random)
    let low = CausalLowRank("m", sizes: CausalLowRankSizes(D: 6, H: 3, N: 5, Q: 4), using: &random)
    randomise(mamba.parameters + toeplitz.parameters + low.parameters, using: &random)
    for (mixer, composed) in [
      (mamba, LayerMutant.composedMamba2(mamba, u)), (toeplitz, LayerMutant.composedToeplitz(toeplitz, u)),
      (low, LayerMutant.composedLowRank(low, u)),
    ] as [(any MatrixMixer, Variable)] {
      expectClose(composed.value, mixer(u.value), within: Tolerance.layer, "\(type(of: mixer))")
    }
  }
}
