// # Heads of two kinds: what they are
//
// At both ends the layer is one of the two mixers that it is made of, and in between each head is the head of one of
// them. Further: its parameters, the size of its memory, and what an attention hands over. What all mixers promise is
// tested in `MixerFormsTests.swift` and `MixerMemoryTests.swift`.
//
// Read before: `MixerCase.swift`, `Twins+HeadHybrid.swift`. Read next: `HeadHybridSizesTests.swift`.

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

/// All sets of heads among H.
private func subsets(of H: Int) -> [[Int]] { (0..<(1 << H)).map { set in (0..<H).filter { (set >> $0) & 1 == 1 } } }

@Suite("heads of two kinds", .tallied) struct HeadHybridTests {
  // ## The two ends

  /// The parameters of a mixer by the last part of their names.
  private func named(_ mixer: any MatrixMixer) -> [String: Parameter] {
    Dictionary(
      uniqueKeysWithValues: mixer.parameters.map { parameter in
        let name = parameter.name.replacing("m.", with: "", maxReplacements: 1)
        let isLast = name.hasPrefix("dense.") || name.hasPrefix("o_proj.")
        return (isLast ? "out_proj." + name.split(separator: ".").last! : name, parameter)
      })
  }

  /// Both mixers give the same, matrices to the last bit: all at once, and in pieces.
  private func expectSame(
    _ mine: HeadHybrid, _ other: some MatrixMixer, _ u: Tensor, plus bias: Tensor?, _ name: String
  ) {
    func shifted(_ x: Tensor) -> Tensor { bias.map { x + $0 } ?? x }
    let (both, theirs) = (mine.outputAndMatrix(u), other.outputAndMatrix(u))
    expectIdentical(both.matrix, theirs.matrix, "\(name), matrix")
    expectClose(both.output, shifted(theirs.output), within: Tolerance.layer, "\(name), output")
    var (memory, theirMemory, start) = (mine.emptyMemory(B: 2), other.emptyMemory(B: 2), 0)
    for T in [3, 1, 2, 1] {
      let piece = u.sliced(start..<(start + T), along: 1)
      expectClose(
        mine.advance(piece, &memory), shifted(other.advance(piece, &theirMemory)), within: Tolerance.layer,
        "\(name), \(T) tokens from \(start)")
      start += T
    }
    #expect(memory.tensors == theirMemory.tensors && memory.bytes == theirMemory.bytes, "\(name), memory")
  }

  @Test(arguments: [(3, 3), (6, 2), (4, 1)], CausalAttentionSizes.Convention.both)
  func withAllHeadsKeptItIsAttention(heads: (H: Int, G: Int), convention: CausalAttentionSizes.Convention) {
    let (H, D) = (heads.H, 4 * heads.H)
    // New ones from the same numbers, and ones with the same random parameters.
    var (random, other) = (SeededGenerator(seed: 70), SeededGenerator(seed: 70))
    let sizes = HeadHybridSizes(D: D, H: H, G: heads.G, N: 3, convention: convention, keeping: Array(0..<H))
    let (mine, attention) = (
      HeadHybrid("m", sizes: sizes, using: &random), CausalAttention("m", sizes: sizes.attention, using: &other)
    )
    let (own, theirs) = (named(mine), named(attention))
    #expect(own.mapValues(\.value) == theirs.mapValues(\.value))
    #expect(mine.parameters.map(\.value) == attention.parameters.map(\.value))
    #expect(mine.recurrent == nil && mine.matrixRows.map(\.count) == attention.matrixRows.map(\.count))
    randomise(mine.parameters, using: &random)
    for (name, parameter) in theirs { parameter.value = own[name]!.value }
    expectSame(mine, attention, .normal([2, 7, D], using: &random), plus: nil, "\(heads), \(convention)")
  }

  @Test(arguments: [1, 3, 4], CausalAttentionSizes.Convention.both)
  func withNoneItIsDiscreteMamba2(H: Int, convention: CausalAttentionSizes.Convention) {
    var (random, other) = (SeededGenerator(seed: 71), SeededGenerator(seed: 71))
    let sizes = HeadHybridSizes(D: 4 * H, H: H, N: 3, K: 3, Q: 2, convention: convention, keeping: [])
    let (mine, mamba) = (
      HeadHybrid("m", sizes: sizes, using: &random), DiscreteMamba2("m", sizes: sizes.recurrent, using: &other)
    )
    var own = named(mine)
    let theirs = named(mamba)
    // The only difference.
    let bias = own.removeValue(forKey: "out_proj.bias")
    #expect((bias != nil) == (convention == .phi) && bias?.value == (bias == nil ? nil : .zeros([4 * H])))
    #expect(own.mapValues(\.value) == theirs.mapValues(\.value))
    #expect(mine.kept == nil && mine.matrixRows.map(\.rows) == mamba.matrixRows.map(\.rows))
    randomise(mine.parameters, using: &random)
    for (name, parameter) in theirs { parameter.value = own[name]!.value }
    expectSame(mine, mamba, .normal([2, 7, 4 * H], using: &random), plus: bias?.value, "\(H) heads, \(convention)")
  }

  // ## Parameters

  @Test func whatHasNoNumbersDoesNotExist() {
    var random = SeededGenerator(seed: 72)
    func shapes(_ kept: [Int], _ convention: CausalAttentionSizes.Convention) -> [String] {
      let sizes = HeadHybridSizes(D: 24, H: 6, G: 3, N: 5, convention: convention, keeping: kept)
      return HeadHybrid("m", sizes: sizes, using: &random).parameters.map { "\($0.name) \($0.value.shape.array)" }
    }
    // Heads 1 and 4 read the groups 0 and 2; heads 4 and 5 read one group.
    #expect(
      shapes([4, 1], .phi) == [
        "m.q_proj.weight [8, 24]", "m.q_proj.bias [8]", "m.k_proj.weight [8, 24]", "m.k_proj.bias [8]",
        "m.v_proj.weight [8, 24]", "m.v_proj.bias [8]", "m.in_proj.weight [76, 24]", "m.z_bias [16]",
        "m.conv1d.weight [56, 1, 4]", "m.conv1d.bias [56]", "m.D [4]", "m.out_proj.weight [24, 24]",
        "m.out_proj.bias [24]",
      ])
    #expect(
      shapes([4, 5], .llama).prefix(4) == [
        "m.q_proj.weight [8, 24]", "m.k_proj.weight [4, 24]", "m.v_proj.weight [4, 24]", "m.in_proj.weight [76, 24]",
      ])
    #expect(
      shapes([], .llama) == [
        "m.in_proj.weight [114, 24]", "m.z_bias [24]", "m.conv1d.weight [84, 1, 4]", "m.conv1d.bias [84]", "m.D [6]",
        "m.out_proj.weight [24, 24]",
      ])
    #expect(
      shapes(Array(0..<6), .llama) == [
        "m.q_proj.weight [24, 24]", "m.k_proj.weight [12, 24]", "m.v_proj.weight [12, 24]",
        "m.out_proj.weight [24, 24]",
      ])
  }

  @Test func keptHeadsAreInOrderAndNamedOnce() {
    let sizes = HeadHybridSizes(D: 24, H: 6, G: 2, N: 5, keeping: [5, 0, 5, 1])
    #expect(sizes.kept == [0, 1, 5] && sizes.recurrentHeads == [2, 3, 4] && sizes.groups == [0, 1])
    #expect(sizes == HeadHybridSizes(D: 24, H: 6, G: 2, N: 5, keeping: [0, 1, 5]))
  }

  // ## What it remembers

  @Test func onlyTheGroupsOfKeptHeadsAreCached() {
    var random = SeededGenerator(seed: 73)
    let sizes = HeadHybridSizes(D: 24, H: 6, G: 3, N: 5, K: 3, keeping: [4, 1, 5])
    let mixer = HeadHybrid("m", sizes: sizes, using: &random)
    // Two groups, three recurrent heads of 4 features.
    #expect(
      mixer.memoryShapes(lengths: [3, 7]) == [
        "keys": [2, 2, 7, 4], "values": [2, 2, 7, 4], "past": [2, 2, 12 + 2 * 15], "state": [2, 3, 5, 4],
      ])
    var memory = mixer.emptyMemory(B: 1)
    let start = memory.bytes
    #expect(start == (2 * 42 + 60) * MemoryLayout<Scalar>.size)
    for T in 1...5 {
      _ = mixer.advance(.normal([1, 1, 24], using: &random), &memory)
      #expect(memory.bytes == start + T * 2 * 2 * 4 * MemoryLayout<Scalar>.size)
    }
    // Texts of different lengths take what each of them needs.
    let both = HeadHybrid.Memory.joined([memory, mixer.emptyMemory(B: 1)])
    #expect(both.bytes == memory.bytes + start)
    // Nothing of size 0: one tap has no past.
    func names(_ K: Int, _ kept: [Int]) -> [String] {
      let sizes = HeadHybridSizes(D: 24, H: 6, G: 3, N: 5, K: K, keeping: kept)
      let mixer = HeadHybrid("m", sizes: sizes, using: &random)
      var memory = mixer.emptyMemory(B: 1)
      _ = mixer.advance(.normal([1, 2, 24], using: &random), &memory)
      #expect(memory.tensors.values.allSatisfy { $0.count > 0 })
      return memory.tensors.keys.sorted()
    }
    #expect(names(1, [2]) == ["keys", "state", "values"] && names(1, []) == ["state"])
    #expect(names(2, []) == ["past", "state"] && names(2, Array(0..<6)) == ["keys", "values"])
  }

  // ## What an attention hands over

  @Test(arguments: subsets(of: 4), CausalAttentionSizes.Convention.both)
  func eachHeadIsTheTeachersOrDiscreteMamba2s(kept: [Int], convention: CausalAttentionSizes.Convention) {
    for part in MixerProjections.Part.allCases {
      var random = SeededGenerator(seed: 74)
      let attention = randomAttention(H: 4, G: 2, P: 5, convention: convention, using: &random)
      let sizes = HeadHybridSizes(D: 20, H: 4, G: 2, N: part == .rows ? 5 : 3, convention: convention, keeping: kept)
      let mixer = HeadHybrid("m", sizes: sizes, using: &random)
      let mamba = DiscreteMamba2("m", sizes: sizes.recurrent, using: &random)
      if let heads = mixer.recurrent { copy(mamba, sizes.recurrentHeads, to: heads) }
      let taught = attention.parameters.map(\.value)
      #expect(mixer.begin(with: attention.projections!, taking: part))
      #expect(mamba.begin(with: attention.projections!, taking: part))
      let name = "\(kept), \(convention), \(part)"
      // Kept heads have the teacher's numbers to the last bit.
      for (mine, theirs, heads) in [
        (mixer.kept?.queries, attention.queries, kept), (mixer.kept?.keys, attention.keys, sizes.groups),
        (mixer.kept?.values, attention.values, sizes.groups),
      ] {
        for (mine, theirs) in zip(mine?.parameters ?? [], theirs.parameters) {
          let rows = heads.flatMap { ($0 * 5)..<($0 * 5 + 5) }
          expectIdentical(mine.value, theirs.value.gathered(rows), "\(name), \(mine.name)")
        }
      }
      // Each head's matrix is the teacher's or the student's.
      let u = Tensor.normal([2, 11, 20], using: &random)
      let (mine, teachers, students) = (mixer.matrix(u), attention.matrix(u), mamba.matrix(u))
      let matrix = Naive.tabulate(mine.shape) { i in
        (kept.contains(i[1]) ? teachers : students)[i[0], i[1], i[2], i[3]]
      }
      expectClose(mine, matrix, within: Tolerance.layer, "\(name), matrix")
      if kept.count == 4 { expectIdentical(mine, teachers, "\(name), all kept") }
      // Their values are the teacher's, and so are the output projection and its bias.
      let all = naiveLinear(u, attention.values.weight.value, attention.values.bias?.value)
      let values = Naive.tabulate([2, 11, 4, 5]) { all[$0[0], $0[1], $0[2] / 2 * 5 + $0[3]] }
      let expected = naiveLinear(
        Naive.headMix(matrix, values).reshaped(to: [2, 11, 20]), attention.output.weight.value,
        attention.output.bias?.value)
      expectClose(mixer(u), expected, within: Tolerance.layer, "\(name), output")
      if kept.count == 4 { expectClose(mixer(u), attention(u), within: Tolerance.layer, "\(name), all kept") }
      #expect(attention.parameters.map(\.value) == taught)
    }
  }

  /// Gives recurrent heads the rows of x, B, C and a that these heads have in a Discrete-Mamba-2.
  private func copy(_ mamba: DiscreteMamba2, _ heads: [Int], to own: HeadHybrid.RecurrentHeads) {
    for part in [MambaPart.x, .b, .c, .a] {
      let (theirs, mine) = (part.rows(mamba.sizes), part.rows(own.sizes))
      let width = theirs.count / mamba.sizes.H
      for (index, head) in heads.enumerated() {
        let first = theirs.lowerBound + head * width
        own.inProjection.update {
          $0.assign(mamba.inProjection.value.sliced(first..<(first + width)), at: mine.lowerBound + index * width)
        }
      }
    }
  }

  @Test func otherWidthsHeadsAndConventionsTakeNothing() {
    var random = SeededGenerator(seed: 75)
    let attention = randomAttention(H: 6, G: 2, P: 5, using: &random)
    /// The parts that are taken.
    func taken(_ sizes: HeadHybridSizes) -> [MixerProjections.Part] {
      MixerProjections.Part.allCases.filter { part in
        let mixer = HeadHybrid("m", sizes: sizes, using: &random)
        let before = mixer.parameters.map(\.value)
        let isTaken = mixer.begin(with: attention.projections!, taking: part)
        #expect((mixer.parameters.map(\.value) != before) == isTaken, "\(sizes), \(part)")
        return isTaken
      }
    }
    #expect(taken(HeadHybridSizes(D: 30, H: 6, G: 2, N: 4, keeping: [1])) == [.valuesAndOutput, .all])
    // Rows as they are need as many places, where there are any.
    #expect(taken(HeadHybridSizes(D: 30, H: 6, G: 2, N: 5, keeping: [1])) == [.valuesAndOutput, .all, .rows])
    #expect(
      taken(HeadHybridSizes(D: 30, H: 6, G: 2, N: 4, keeping: Array(0..<6))) == [.valuesAndOutput, .all, .rows])
    for sizes in [
      HeadHybridSizes(D: 30, H: 5, N: 5, keeping: [1]), HeadHybridSizes(D: 42, H: 6, G: 2, N: 5, keeping: [1]),
      HeadHybridSizes(D: 30, H: 6, G: 3, N: 5, keeping: [1]), HeadHybridSizes(D: 30, H: 6, N: 5, keeping: [1]),
      HeadHybridSizes(D: 30, H: 6, G: 2, N: 5, convention: .llama, keeping: [1]),
      HeadHybridSizes(D: 30, H: 5, N: 5, keeping: []), HeadHybridSizes(D: 42, H: 6, N: 5, keeping: []),
    ] { #expect(taken(sizes) == [], "\(sizes)") }
    // Without kept heads, keys and values and the convention do not matter.
    #expect(
      taken(HeadHybridSizes(D: 30, H: 6, N: 5, convention: .llama, keeping: [])) == [.valuesAndOutput, .all, .rows])
    // A bias that the teacher does not have becomes 0.
    let plain = randomAttention(H: 6, G: 2, P: 5, convention: .llama, using: &random)
    let mixer = HeadHybrid("m", sizes: HeadHybridSizes(D: 30, H: 6, N: 4, keeping: []), using: &random)
    randomise(mixer.output.parameters, using: &random)
    #expect(mixer.begin(with: plain.projections!) && mixer.output.bias?.value == .zeros([30]))
    #expect(mixer.projections == nil)
  }
}
