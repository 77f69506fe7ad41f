// # Toeplitz, low rank, fixed decay, Mamba-2: what each is
//
// Where each starts, the numbers of published code, the words of a config.json, and what an attention can hand over.
// What all mixers promise is tested in `MixerFormsTests.swift` and `MixerMemoryTests.swift`.
//
// Read before: `MixerCase.swift`.

import Foundation
import Gradients
import Layers
import Tensors
import TestSupport
import Testing

/// Mixer sizes from a JSON object, for a model of a width that the decoder is told.
private struct Read<Sizes: MixerSizes>: Decodable {
  let sizes: Sizes
  init(from decoder: any Decoder) throws {
    sizes = try Sizes(from: decoder, D: decoder.userInfo[CodingUserInfoKey(rawValue: "D")!] as! Int)
  }
}

private func read<Sizes: MixerSizes>(_ kind: Sizes.Type, _ json: Data, D: Int) throws -> Sizes {
  let decoder = JSONDecoder()
  decoder.userInfo[CodingUserInfoKey(rawValue: "D")!] = D
  return try decoder.decode(Read<Sizes>.self, from: json).sizes
}

@Suite("Toeplitz, low rank, fixed decay, Mamba-2", .tallied) struct FamiliesTests {
  // ## Where they start

  @Test(arguments: [MixerFrame.plain, .mamba]) func aNewToeplitzMixerMixesNothing(frame: MixerFrame) {
    var random = SeededGenerator(seed: 60)
    let mixer = CausalToeplitz("m", sizes: CausalToeplitzSizes(D: 15, H: 3, K: 5, frame: frame), using: &random)
    let u = Tensor.normal([2, 7, 15], using: &random)
    #expect(mixer.matrix(u) == Tensor.identity(7).reshaped(to: [1, 1, 7, 7]).broadcast(to: [2, 3, 7, 7]))
    let values = naiveLinear(u, mixer.maps.values.weight.value)
    expectClose(mixer(u), naiveLinear(values, mixer.maps.output.weight.value), within: Tolerance.layer, "new")
  }

  @Test func aNewMamba2StartsAsPublished() {
    var random = SeededGenerator(seed: 61)
    let sizes = Mamba2Sizes(D: 64, H: 32, N: 7, expand: 2)
    let mixer = Mamba2("m", sizes: sizes, using: &random)
    let steps = softplus(mixer.stepBias.value).elements
    #expect(steps.allSatisfy { $0 > 0.00099 && $0 < 0.1001 } && Set(steps).count == 32)
    // On a logarithmic scale: half of them below a hundredth.
    #expect((8...24).contains(steps.count { $0 < 0.01 }))
    let rates = exp(mixer.logRate.value).elements
    #expect(rates.allSatisfy { $0 > 0.999 && $0 < 16.01 } && rates.max()! > 12 && rates.min()! < 4)
    #expect(mixer.skip.value == .ones([32]) && mixer.normWeight.value == .ones([128]))
    for parameter in [mixer.convolutionWeight, mixer.convolutionBias] {
      #expect(parameter.value.elements.allSatisfy { abs($0) <= 0.5 && $0 != 0 }, "\(parameter.name)")
    }
  }

  // Names and shapes as state-spaces/mamba has them, for its model of 130 million parameters.
  @Test func namesAndShapesAreThePublishedOnes() {
    var random = SeededGenerator(seed: 62)
    let mamba = Mamba2("mixer", sizes: Mamba2Sizes(D: 768, H: 24, N: 128, expand: 2, Q: 256), using: &random)
    let shapes: [String: Shape] = [
      "mixer.dt_bias": [24], "mixer.A_log": [24], "mixer.D": [24], "mixer.in_proj.weight": [3352, 768],
      "mixer.conv1d.weight": [1792, 1, 4], "mixer.conv1d.bias": [1792], "mixer.norm.weight": [1536],
      "mixer.out_proj.weight": [768, 1536],
    ]
    #expect(Dictionary(uniqueKeysWithValues: mamba.parameters.map { ($0.name, $0.value.shape) }) == shapes)
    #expect(mamba.sizes.P == 64)
    let retention = FixedDecay("attn", sizes: FixedDecaySizes(D: 24, H: 4, N: 6, expand: 2), using: &random)
    #expect(
      retention.parameters.map { "\($0.name) \($0.value.shape.array)" } == [
        "attn.q_proj.weight [24, 24]", "attn.k_proj.weight [24, 24]", "attn.v_proj.weight [48, 24]",
        "attn.g_proj.weight [48, 24]", "attn.g_norm_swish_gate.weight [12]", "attn.o_proj.weight [24, 48]",
      ])
    let linear = CausalLowRank("attn", sizes: CausalLowRankSizes(D: 24, H: 4, N: 6), using: &random)
    #expect(linear.parameters.map(\.name) == ["q", "k", "v", "o"].map { "attn.\($0)_proj.weight" })
    let framed = CausalToeplitz("m", sizes: CausalToeplitzSizes(D: 24, H: 4, K: 6, frame: .mamba), using: &random)
    #expect(
      framed.parameters.map { "\($0.name) \($0.value.shape.array)" } == [
        "m.toeplitz_matrix.weight [4, 1, 1, 6]", "m.v_proj.weight [24, 24]", "m.conv1d.weight [24, 1, 4]",
        "m.conv1d.bias [24]", "m.g_proj.weight [24, 24]", "m.g_proj.bias [24]", "m.o_proj.weight [24, 24]",
      ])
  }

  @Test(arguments: [Mamba2Sizes(D: 6, H: 6, N: 2, expand: 2, K: 3, G: 3), Mamba2Sizes(D: 7, H: 1, N: 3)])
  func thePartsOfMamba2TileItsInProjection(sizes: Mamba2Sizes) {
    let (inner, state) = (sizes.D * sizes.expand, sizes.G * sizes.N)
    let counts: [(Mamba2Sizes.Part, Int)] = [(.z, inner), (.x, inner), (.b, state), (.c, state), (.dt, sizes.H)]
    var end = 0
    for (part, count) in counts {
      #expect(sizes.rows(of: part) == end..<(end + count), "\(part)")
      end += count
    }
    #expect(counts.map(\.0) == Mamba2Sizes.Part.allCases && end == sizes.projected)
    #expect(sizes.channels(of: .x).lowerBound == 0 && sizes.channels(of: .c).upperBound == sizes.channels)
  }

  // ## The numbers of published code
  //
  // What the published modules give in 64 bits for weights and inputs that are a sine for each place, with the
  // parameters counted in this library's order. For Mamba-2 both its forward pass and its steps.

  /// centre + sin(1 + 0.7 i + index) / 2 for place i.
  private func sines(_ shape: Shape, _ index: Int, centre: Double = 0, times factor: Double = 1) -> Tensor {
    let numbers = (0..<shape.count).map { place -> Scalar in
      let angle = 1 + 0.7 * Double(place) + Double(index)
      return Scalar(factor * (centre + 0.5 * Foundation.sin(angle)))
    }
    return Tensor(numbers, shape: shape)
  }

  /// The last token of the second of two texts of six tokens.
  private func last(_ mixer: some MatrixMixer) -> Tensor {
    for (index, parameter) in mixer.parameters.enumerated() {
      parameter.value = sines(parameter.value.shape, index, centre: parameter.name.contains("norm") ? 1 : 0)
    }
    return mixer(sines([2, 6, mixer.sizes.D], 20, times: 2)).sliced(1..<2).sliced(5..<6, along: 1)
  }

  @Test func theNumbersArePublishedOnes() {
    var random = SeededGenerator(seed: 63)
    func expectPublished(_ mixer: some MatrixMixer, _ numbers: [Scalar], _ name: String) {
      let expected = Tensor(numbers, shape: [1, 1, numbers.count])
      expectClose(last(mixer), expected, within: Tolerance.isDouble ? 2e-12 : 1e-4, name)
    }
    expectPublished(
      Mamba2("m", sizes: Mamba2Sizes(D: 4, H: 2, N: 3, Q: 4), using: &random),
      [0.185939509587, -0.719347794576, 1.169631615934, -1.484758283195], "Mamba-2")
    expectPublished(
      Mamba2("m", sizes: Mamba2Sizes(D: 4, H: 2, N: 3, expand: 2, Q: 4), using: &random),
      [0.319415869422, 0.234127460180, 0.043746669253, -0.166270612237], "Mamba-2, twice as wide")
    expectPublished(
      Mamba2("m", sizes: Mamba2Sizes(D: 6, H: 6, N: 2, expand: 2, K: 3, Q: 4, G: 3), using: &random),
      [-0.515926580295, 0.676094765577, -0.186250101449, -0.482659636556, 0.687529447576, -0.231392846439],
      "Mamba-2, three groups")
    expectPublished(
      FixedDecay("m", sizes: FixedDecaySizes(D: 4, H: 2, N: 2, expand: 2, Q: 4), using: &random),
      [-0.365759075088, -0.213935669232, 0.033916664583, 0.266544884758], "retention")
    expectPublished(
      FixedDecay("m", sizes: FixedDecaySizes(D: 6, H: 3, N: 4, Q: 4), using: &random),
      [-0.327829844991, 0.340941796732, -0.006470965600, -0.334596874913, 0.334550443025, 0.006562924957], "retention"
    )
    expectPublished(
      CausalLowRank("m", sizes: CausalLowRankSizes(D: 4, H: 2, N: 3, Q: 4), using: &random),
      [0.338863965843, -0.490494492302, 0.585445771401, -0.612745677826], "linear attention")
  }

  // In Mamba's frame, and with decays that are open throughout, low rank is Discrete-Mamba-2 with the same numbers.
  @Test func theFrameOfMambaIsTheOneOfDiscreteMamba2() throws {
    var random = SeededGenerator(seed: 64)
    let (D, H, N) = (15, 3, 4)
    let mamba = DiscreteMamba2("m", sizes: DiscreteMamba2Sizes(D: D, H: H, N: N, Q: 4), using: &random)
    randomise(mamba.parameters, using: &random)
    let mixer = CausalLowRank("m", sizes: CausalLowRankSizes(D: D, H: H, N: N, Q: 4, frame: .mamba), using: &random)
    func rows(_ part: MambaPart) -> Tensor { mamba.inProjection.value.sliced(part.rows(mamba.sizes)) }
    let maps = mixer.maps
    maps.values.weight.value = rows(.x)
    try #require(maps.keys).weight.value = rows(.b)
    // 1 / √N is ½; the bias of C's convolution and its taps would have to be doubled too, so double only those.
    try #require(maps.queries).weight.value = rows(.c)
    let c = MambaPart.c.rows(mamba.sizes)
    let (weight, bias) = (try #require(maps.convolutionWeight), try #require(maps.convolutionBias))
    weight.value = mamba.convolutionWeight.value
    bias.value = mamba.convolutionBias.value
    weight.update { $0.assign(2 * $0.sliced(c), at: c.lowerBound) }
    bias.update { $0.assign(2 * $0.sliced(c), at: c.lowerBound) }
    let gate = try #require(maps.gate)
    gate.weight.value = rows(.z)
    try #require(gate.bias).value = mamba.zBias.value
    maps.output.weight.value = mamba.output.weight.value
    // One feature is 1 throughout and opens the decays; d is 0.
    mamba.inProjection.update {
      $0.assign(Naive.tabulate([H, D]) { $0[1] == 0 ? -800 : 0 }, at: MambaPart.a.rows(mamba.sizes).lowerBound)
    }
    mamba.skip.value = .zeros([H])
    var u = Tensor.normal([2, 9, D], using: &random)
    u.assign(.ones([2, 9, 1]), at: 0, along: 2)
    expectClose(mixer(u), mamba(u), within: Tolerance.layer, "output")
    expectClose(mixer.matrix(u), mamba.matrix(u), within: Tolerance.layer, "matrix")
    // New ones have the same convolution and the same gate.
    let (one, other) = (
      CausalLowRank("m", sizes: mixer.sizes, using: &random), DiscreteMamba2("m", sizes: mamba.sizes, using: &random)
    )
    #expect(one.maps.convolutionWeight?.value == other.convolutionWeight.value)
    #expect(one.maps.convolutionBias?.value == other.convolutionBias.value)
    #expect(one.maps.gate?.bias?.value == other.zBias.value && one.maps.gate?.weight.value == .zeros([D, D]))
  }

  // ## What an attention hands over

  // In a plain frame the mixer differs from an attention without biases in its matrix alone.
  @Test(arguments: [(6, 6), (6, 2), (4, 1)]) func withTheAttentionsMatrixTheOutputIsTheAttentions(
    heads: (H: Int, G: Int)
  ) {
    var random = SeededGenerator(seed: 65)
    let (H, D, N) = (heads.H, 5 * heads.H, 7)
    let attention = randomAttention(H: H, G: heads.G, P: 5, convention: .llama, using: &random)
    let u = Tensor.normal([2, 11, D], using: &random)
    func check(_ mixer: some MatrixMixer, _ maps: FramedMaps, _ name: String) {
      let before = mixer.matrix(u)
      #expect(mixer.begin(with: attention.projections!, taking: .valuesAndOutput), "\(name)")
      #expect(mixer.matrix(u) == before, "\(name): its matrix is its own")
      let x = naiveLinear(u, maps.values.weight.value).reshaped(to: [2, 11, H, 5])
      func output(_ matrix: Tensor) -> Tensor {
        naiveLinear(Naive.headMix(matrix, x).reshaped(to: [2, 11, D]), maps.output.weight.value)
      }
      expectClose(
        output(attention.matrix(u)), attention(u), within: Tolerance.layer, "\(name), the attention's matrix")
      expectClose(output(mixer.matrix(u)), mixer(u), within: Tolerance.layer, "\(name), its own matrix")
    }
    let toeplitz = CausalToeplitz("m", sizes: CausalToeplitzSizes(D: D, H: H, K: N), using: &random)
    let low = CausalLowRank("m", sizes: CausalLowRankSizes(D: D, H: H, N: N), using: &random)
    let fixed = FixedDecay("m", sizes: FixedDecaySizes(D: D, H: H, N: N, frame: .plain), using: &random)
    check(toeplitz, toeplitz.maps, "Toeplitz")
    check(low, low.maps, "low rank")
    check(fixed, fixed.maps, "fixed decay")
    // In Mamba's frame a new mixer's convolution and gate change nothing.
    let framed = CausalLowRank("m", sizes: CausalLowRankSizes(D: D, H: H, N: N, frame: .mamba), using: &random)
    check(framed, framed.maps, "low rank in Mamba's frame")
  }

  // Where N is at least the number of features of a head, C · B are the attention's scores, up to rotation.
  @Test func queriesAndKeysBecomeCAndB() {
    var random = SeededGenerator(seed: 66)
    let attention = randomAttention(H: 6, G: 2, P: 4, rotaryFraction: 1, convention: .llama, using: &random)
    let u = Tensor.normal([2, 7, 24], using: &random)
    func scores(turned: Bool) -> Tensor {
      func heads(_ x: Tensor) -> Tensor {
        let cut = x.reshaped(to: [2, 7, x.shape[2] / 4, 4])
        return turned ? Naive.rotary(cut, width: 4) : cut
      }
      let keys = heads(naiveLinear(u, attention.keys.weight.value))
      let each = Naive.tabulate([2, 7, 6, 4]) { keys[$0[0], $0[1], $0[2] / 3, $0[3]] }
      let product = Naive.headScores(heads(naiveLinear(u, attention.queries.weight.value)), each)
      return Naive.tabulate(product.shape) { $0[3] > $0[2] ? 0 : product[$0[0], $0[1], $0[2], $0[3]] / 2 }
    }
    for N in [4, 9] {
      let low = CausalLowRank("m", sizes: CausalLowRankSizes(D: 24, H: 6, N: N), using: &random)
      #expect(low.begin(with: attention.projections!))
      expectClose(low.matrix(u), scores(turned: false), within: 100 * Tolerance.layer, "low rank, N \(N)")
    }
    let fixed = FixedDecay("m", sizes: FixedDecaySizes(D: 24, H: 6, N: 4, frame: .plain), using: &random)
    #expect(fixed.begin(with: attention.projections!))
    let turned = scores(turned: true)
    let faded = Naive.tabulate(turned.shape) { i in
      turned[i[0], i[1], i[2], i[3]] * Scalar(pow(1 - 1 / Double(32 << i[1]), Double(i[2] - i[3])))
    }
    expectClose(fixed.matrix(u), faded, within: Tolerance.layer, "fixed decay")
  }

  // Mamba-2 takes values and output projection, and biases are not taken for something else.
  @Test func mamba2TakesValuesAndOutput() {
    var random = SeededGenerator(seed: 67)
    let attention = randomAttention(H: 6, G: 2, P: 5, using: &random)
    let mixer = Mamba2("m", sizes: Mamba2Sizes(D: 30, H: 6, N: 7), using: &random)
    let before = mixer.parameters.map(\.value)
    #expect(mixer.begin(with: attention.projections!, taking: .valuesAndOutput))
    let x = mixer.sizes.rows(of: .x)
    for head in 0..<6 {
      let (mine, group) = ((30 + head * 5)..<(35 + head * 5), (head / 3 * 5)..<(head / 3 * 5 + 5))
      expectIdentical(
        mixer.inProjection.value.sliced(mine), attention.values.weight.value.sliced(group), "x of head \(head)")
    }
    expectIdentical(mixer.output.weight.value, attention.output.weight.value, "W_o")
    for (index, parameter) in mixer.parameters.enumerated() where ![3, 7].contains(index) {
      expectIdentical(parameter.value, before[index], "\(parameter.name)")
    }
    for rows in [0..<x.lowerBound, x.upperBound..<mixer.sizes.projected] {
      expectIdentical(mixer.inProjection.value.sliced(rows), before[3].sliced(rows), "rows \(rows)")
    }
  }

  @Test func otherSizesTakeNothing() {
    var random = SeededGenerator(seed: 68)
    let attention = randomAttention(H: 6, G: 2, P: 5, using: &random)
    for sizes in [
      CausalToeplitzSizes(D: 30, H: 5, K: 7), CausalToeplitzSizes(D: 42, H: 6, K: 7),
      CausalLowRankSizes(D: 30, H: 5, N: 7), CausalLowRankSizes(D: 6, H: 6, N: 7),
      FixedDecaySizes(D: 30, H: 5, N: 6, frame: .plain), FixedDecaySizes(D: 30, H: 6, N: 5, expand: 2),
      Mamba2Sizes(D: 30, H: 5, N: 7), Mamba2Sizes(D: 30, H: 6, N: 7, expand: 2),
    ] as [any MixerSizes] {
      let mixer = sizes.make("m", using: &random)
      let before = mixer.parameters.map(\.value)
      for part in MixerProjections.Part.allCases {
        #expect(!mixer.begin(with: attention.projections!, taking: part), "\(sizes), \(part)")
      }
      #expect(mixer.parameters.map(\.value) == before, "\(sizes)")
    }
    // Queries and keys for which there is no place.
    for sizes in [FixedDecaySizes(D: 30, H: 6, N: 6), Mamba2Sizes(D: 30, H: 6, N: 5)] as [any MixerSizes] {
      let mixer = sizes.make("m", using: &random)
      let before = mixer.parameters.map(\.value)
      #expect(!mixer.begin(with: attention.projections!, taking: .all), "\(sizes)")
      #expect(mixer.parameters.map(\.value) == before, "\(sizes)")
    }
  }

  // ## In a config.json

  static let sizes: [any MixerSizes] = [
    CausalToeplitzSizes(D: 15, H: 3, K: 7), CausalToeplitzSizes(D: 15, H: 5, K: 23, Q: 3, frame: .mamba),
    CausalLowRankSizes(D: 15, H: 3, N: 7), CausalLowRankSizes(D: 15, H: 5, N: 2, Q: 3, frame: .mamba),
    FixedDecaySizes(D: 15, H: 3, N: 7),
    FixedDecaySizes(D: 15, H: 5, N: 2, expand: 2, Q: 3, rotaryBase: 500, frame: MixerFrame(K: 2, gate: .none)),
    Mamba2Sizes(D: 15, H: 3, N: 7), Mamba2Sizes(D: 15, H: 5, N: 2, expand: 2, K: 3, Q: 7, G: 5),
    GatedDeltaRuleSizes(D: 15, H: 3, N: 7), GatedDeltaRuleSizes(D: 15, H: 5, N: 2, K: 2, Q: 7),
    TrapezoidalMambaSizes(D: 15, H: 3, N: 7), TrapezoidalMambaSizes(D: 15, H: 5, N: 2, K: 2, Q: 7),
  ]

  @Test(arguments: sizes.indices) func sizesComeBackFromJSON(index: Int) throws {
    func check<S: MixerSizes>(_ sizes: S) throws {
      #expect(sizes.problem == nil)
      #expect(try read(S.self, try JSONEncoder().encode(sizes), D: 15) == sizes)
    }
    try check(Self.sizes[index])
  }

  // The words of `ssm_cfg` in a published config.json, and the published values of those that are missing.
  @Test func mamba2sWordsAreThePublishedOnes() throws {
    let usual = try read(Mamba2Sizes.self, Data(#"{"layer": "Mamba2"}"#.utf8), D: 768)
    #expect(usual == Mamba2Sizes(D: 768, H: 24, N: 128, expand: 2, K: 4, Q: 256, G: 1))
    let all = Data(
      #"""
      {"d_state": 64, "d_conv": 3, "expand": 1, "headdim": 32, "ngroups": 2, "chunk_size": 128, "bias": false,
       "conv_bias": true, "rmsnorm": true, "norm_before_gate": false, "D_has_hdim": false, "d_ssm": 768,
       "dt_limit": null}
      """#.utf8)
    #expect(try read(Mamba2Sizes.self, all, D: 768) == Mamba2Sizes(D: 768, H: 24, N: 64, K: 3, Q: 128, G: 2))
  }

  @Test(arguments: [
    (#"{"bias": true}"#, "bias"), (#"{"conv_bias": false}"#, "conv_bias"), (#"{"rmsnorm": false}"#, "rmsnorm"),
    (#"{"norm_before_gate": true}"#, "norm_before_gate"), (#"{"D_has_hdim": true}"#, "D_has_hdim"),
    (#"{"learnable_init_states": true}"#, "learnable_init_states"), (#"{"layer": "Mamba1"}"#, "layer"),
    (#"{"dt_limit": [0, 1]}"#, "dt_limit"), (#"{"d_ssm": 512}"#, "d_ssm"), (#"{"headdim": 7}"#, "headdim"),
    (#"{"headdim": 0}"#, "headdim"), (#"{"expand": 9223372036854775807}"#, "expand"),
    (#"{"d_state": 1.5}"#, "d_state"),
  ]) func whatMamba2DoesNotComputeIsRefused(json: String, word: String) throws {
    let error = try #require(throws: DecodingError.self) { try read(Mamba2Sizes.self, Data(json.utf8), D: 768) }
    guard case .dataCorrupted(let context) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(context.codingPath.last?.stringValue == word, "\(context)")
  }

  @Test func whatIsMissingOrUnknownIsNamed() throws {
    func fails<S: MixerSizes>(_ kind: S.Type, _ json: String, _ word: String) throws {
      let error = try #require(throws: DecodingError.self) { try read(kind, Data(json.utf8), D: 15) }
      #expect("\(error)".contains(word), "\(error)")
    }
    try fails(CausalToeplitzSizes.self, #"{"n_v_heads": 3}"#, "kernel_size")
    try fails(CausalToeplitzSizes.self, #"{"kernel_size": 3}"#, "n_v_heads")
    try fails(CausalLowRankSizes.self, #"{"n_v_heads": 3}"#, "d_state")
    try fails(FixedDecaySizes.self, #"{"n_v_heads": 3, "d_state": 4, "gate": "tanh"}"#, "tanh")
    try fails(FixedDecaySizes.self, #"{"n_v_heads": 3, "d_state": 4, "d_conv": 0.5}"#, "d_conv")
    let least = try read(FixedDecaySizes.self, Data(#"{"n_v_heads": 3, "d_state": 4}"#.utf8), D: 15)
    #expect(least == FixedDecaySizes(D: 15, H: 3, N: 4))
  }

  @Test(
    arguments: [
      (CausalToeplitzSizes(D: 15, H: 4, K: 7), "cut into 4 heads"),
      (CausalToeplitzSizes(D: 15, H: 3, K: 0), "kernel"),
      (CausalToeplitzSizes(D: 15, H: 3, K: 7, Q: 0), "chunk"),
      (CausalToeplitzSizes(D: 15, H: 3, K: 7, frame: MixerFrame(K: -1)), "taps"),
      (CausalLowRankSizes(D: 15, H: 3, N: 0), "state size"), (CausalLowRankSizes(D: 15, H: 3, N: .max), "at most"),
      (FixedDecaySizes(D: 15, H: 3, N: 4, expand: 0), "expansion"),
      (FixedDecaySizes(D: 15, H: 3, N: 4, rotaryBase: 0), "rotary"),
      (FixedDecaySizes(D: 15, H: 3, N: 4, rotaryBase: .nan), "rotary"),
      (Mamba2Sizes(D: 15, H: 3, N: 4, G: 2), "shared evenly"), (Mamba2Sizes(D: 15, H: 3, N: 4, K: 0), "taps"),
      (Mamba2Sizes(D: 15, H: 3, N: 4, expand: .max), "at most"),
      (GatedDeltaRuleSizes(D: 15, H: 4, N: 4), "cut into 4 heads"),
      (GatedDeltaRuleSizes(D: 15, H: 3, N: 0), "state size"),
      (TrapezoidalMambaSizes(D: 15, H: 3, N: 4, K: 0), "taps"),
      (TrapezoidalMambaSizes(D: 15, H: 3, N: .max), "at most"),
    ] as [(any MixerSizes, String)]) func impossibleSizesAreNamed(sizes: any MixerSizes, word: String)
  {
    #expect(sizes.problem?.contains(word) == true, "\(sizes.problem ?? "none")")
  }

  @Test func kindsHaveDifferentNames() {
    let kinds = Self.sizes.map { type(of: $0).kind } + [DiscreteMamba2Sizes.kind, CausalAttentionSizes.kind]
    #expect(Set(kinds).count == 8)
  }
}
