// # Every layer keeps every promise
//
// The derivative of every layer by every number of its inputs and of its parameters, the biases too; the list of
// parameters; what freezing does. The primitives are tested one by one elsewhere; here we test their composition: a
// part of the in-projection could be read twice, a bias forgotten, heads cut at the wrong place.
//
// The mutants below are layers with such mistakes. Each breaks the promises that it names, and no others.
//
// Read before: `LayerTable.swift`.

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

@Suite("the table of layers", .talliedByGroup) struct LayerTableTests {
  @Test(arguments: LayerCase.all, LayerPromise.allCases)
  func everyRowKeepsEveryPromise(row: LayerCase, promise: LayerPromise) throws { try row.expect(promise) }

  /// The public types of the module that are no layers.
  static let others: [Any.Type] = [
    CausalAttentionSizes.self, CausalAttentionSizes.Convention.self, DiscreteMamba2Sizes.self, MambaPart.self,
    DiscreteMamba2.Memory.self, GatedDeltaRuleSizes.self, TrapezoidalMambaSizes.self, RecurrentFrame.self,
    RecurrentFrame.Part.self, MixerFrame.self, MixerFrame.Gate.self, FramedMaps.self, FramedMemory.self,
    CausalToeplitzSizes.self, CausalLowRankSizes.self, FixedDecaySizes.self, Mamba2Sizes.self,
    HeadHybridSizes.self, HeadHybrid.KeptHeads.self, HeadHybrid.RecurrentHeads.self, HeadHybrid.Memory.self,
    MixerProjections.self, MixerProjections.Part.self, MambaForm.self,
  ]

  @Test func everyLayerHasARow() throws {
    let found = try gaps(in: LayerCase.all, ofModule: "Layers", except: LayerTableTests.others)
    #expect(found.isEmpty)
  }

  // The test above can fail.
  @Test func aLayerWithoutARowIsSeen() throws {
    let others = LayerTableTests.others
    let withoutNorms = LayerCase.all.filter { $0.type != "LayerNorm" }
    let count = Set(LayerCase.all.map(\.type)).count
    let lists = "\(count) types have a var parameters: [Parameter], \(count - 1) have rows"
    func found(_ rows: [LayerCase], _ others: [Any.Type]) throws -> [String] {
      try gaps(in: rows, ofModule: "Layers", except: others)
    }
    #expect(try found(withoutNorms, others) == ["LayerNorm has no row", lists])
    // Nor can it pass for a type that is no layer.
    #expect(try found(withoutNorms, others + [LayerNorm.self]) == [lists])
    #expect(try found(LayerCase.all, others + [LayerNorm.self]) == ["LayerNorm has a row and is no layer"])
    #expect(try found(LayerCase.all, others + [Tokens.self]) == ["Layers declares no Tokens"])
    #expect(try found(LayerCase.all, others.dropLast()) == ["MambaForm has no row"])
  }
}

// ## Mistakes

extension LayerMutant {
  static let layers = [
    LayerMutant(
      LayerCase(Linear.self, "a bias that gets no gradient") { random in
        let layer = Linear("l", inputs: 3, outputs: 7, using: &random)
        return Subject(layer.parameters, at: [.normal([2, 5, 3], using: &random)]) {
          linear($0[0], weight: layer.weight.variable, bias: layer.bias!.variable.detached)
        }
      }, caughtBy: [.derivatives, .leaves]),
    LayerMutant(
      LayerCase(Linear.self, "a bias that is not listed") { random in
        let layer = Linear("l", inputs: 3, outputs: 7, using: &random)
        return Subject([layer.weight], at: [.normal([2, 5, 3], using: &random)]) { layer($0[0]) }
      }, caughtBy: [.leaves, .freezing]),
    LayerMutant(
      LayerCase(Linear.self, "a bias of the name of the weight") { random in
        let (weight, bias) = (Parameter("l", .random([7, 3], for: "w")), Parameter("l", .random([7], for: "b")))
        return Subject([weight, bias], at: [.normal([2, 5, 3], using: &random)]) {
          linear($0[0], weight: weight.variable, bias: bias.variable)
        }
      }, caughtBy: [.leaves]),
    // The leaf as it was before it was frozen.
    LayerMutant(
      LayerCase(LayerNorm.self, "a frozen scale that is moved") { random in
        let layer = LayerNorm("n", D: 7)
        let early = layer.weight.variable
        return Subject(layer.parameters, at: [.random([2, 5, 7], .wide, using: &random)]) {
          layerNorm(
            $0[0], weight: layer.weight.isFrozen ? early : layer.weight.variable, bias: layer.bias.variable,
            epsilon: LayerNorm.epsilon)
        }
      }, caughtBy: [.freezing]),
    LayerMutant(
      LayerCase(MLP.self, "a product that takes one branch for a constant") { random in
        let layer = MLP("m", D: 3, hidden: 7, using: &random)
        randomise(layer.parameters, using: &random)
        return Subject(layer.parameters, at: [.normal([2, 5, 3], using: &random)]) {
          mutated(layer($0[0]), pulledBackAs: layer.fc2(gelu(layer.fc1($0[0].detached))) + 0 * $0[0])
        }
      }, caughtBy: [.derivatives]),
    mamba("C read a row too early") { part, rows in
      part == .c ? (rows.lowerBound - 1)..<(rows.upperBound - 1) : rows
    },
    mamba("a read a row too early") { part, rows in
      part == .a ? (rows.lowerBound - 1)..<(rows.upperBound - 1) : rows
    },
  ]

  /// A mixer whose gradient reads a part of the in-projection at another place than its value.
  private static func mamba(
    _ mistake: String, _ place: @escaping @Sendable (MambaPart, Range<Int>) -> Range<Int>
  ) -> LayerMutant {
    LayerMutant(
      LayerCase(DiscreteMamba2.self, mistake) { random in
        let layer = randomMamba(H: 3, P: 2, N: 5, using: &random)
        return Subject(layer.parameters, at: [.normal([2, 7, 6], using: &random)]) {
          mutated(layer($0[0]), pulledBackAs: composed(layer, $0[0], place))
        }
      }, caughtBy: [.derivatives])
  }

  /// The mixer from its primitives, each part of the in-projection from the rows that `place` names.
  static func composed(
    _ layer: DiscreteMamba2, _ u: Variable, _ place: (MambaPart, Range<Int>) -> Range<Int>
  ) -> Variable {
    let sizes = layer.sizes
    func projected(_ part: MambaPart) -> Variable {
      linear(u, weight: layer.inProjection.variable.sliced(place(part, part.rows(sizes))))
    }
    func heads(_ part: MambaPart) -> Variable {
      let (channels, projected) = (part.rows(sizes), projected(part))
      let convolved = causalConvolution(
        projected, weight: layer.convolutionWeight.variable.sliced(channels),
        bias: layer.convolutionBias.variable.sliced(channels))
      return convolved.reshaped(to: [u.shape[0], u.shape[1], sizes.H, channels.count / sizes.H])
    }
    let y = ssdSequence(
      heads(.x), logDecay: -softplus(projected(.a)), b: heads(.b), c: heads(.c), d: layer.skip.variable, Q: sizes.Q)
    return layer.output(y.reshaped(to: u.shape.array) * silu(projected(.z) + layer.zBias.variable))
  }
}

@Suite("wrong layers") struct LayerMutantTests {
  @Test(arguments: LayerMutant.layers + LayerMutant.recurrentLayers) func justThePromisesThatItBreaksSeeIt(
    mutant: LayerMutant
  ) throws {
    try mutant.expectCaught()
  }

  // Without a mistake, the composed mixer of the mutants is the mixer itself.
  @Test func theComposedMixerIsTheMixer() {
    var random = SeededGenerator(seed: 40)
    let layer = randomMamba(H: 3, P: 2, N: 5, using: &random)
    let u = Variable(constant: .normal([2, 7, 6], using: &random))
    expectIdentical(LayerMutant.composed(layer, u) { $1 }.value, layer(u).value, "composed")
    let delta = GatedDeltaRule("m", sizes: GatedDeltaRuleSizes(D: 6, H: 3, N: 5, Q: 4), using: &random)
    let trapezoid = TrapezoidalMamba("m", sizes: TrapezoidalMambaSizes(D: 6, H: 3, N: 5, Q: 4), using: &random)
    randomise(delta.parameters + trapezoid.parameters, using: &random)
    expectIdentical(LayerMutant.composed(delta, u) { $1 }.value, delta(u).value, "composed delta rule")
    expectClose(
      LayerMutant.composed(trapezoid, u) { $1 }.value, trapezoid(u).value, within: Tolerance.forms,
      "composed trapezoid")
  }
}
