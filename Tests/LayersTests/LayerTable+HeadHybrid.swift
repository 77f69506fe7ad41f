// # Rows: heads of two kinds
//
// The forms, the matrix, heads that share keys and values unevenly, one head of each kind, and a new mixer.
//
// Read before: `LayerTable.swift`.

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

extension LayerCase {
  static let hybridRows = [
    hybrid("called") { $0($1) },
    hybrid("recurrent") { $0.output($1, form: .recurrent) },
    hybrid("materialised") { $0.output($1, form: .materialised) },
    hybrid("one chunk") { $0.output($1, form: .chunked(Q: 64)) },
    hybrid("matrix", of: { $0.matrixRows.map(\.parameter) }) { $0.matrix($1) },
    hybrid("output and matrix") { both($0, $1) },
    hybrid("keys and values shared unevenly", uneven) { $0($1) },
    hybrid("keys shared unevenly, matrix", uneven, of: { $0.matrixRows.map(\.parameter) }) { $0.matrix($1) },
    hybrid("one head, kept", HeadHybridSizes(D: 5, H: 1, N: 3, keeping: [0])) { $0($1) },
    hybrid("one head, recurrent, one tap", HeadHybridSizes(D: 5, H: 1, N: 1, K: 1, Q: 2, keeping: [])) { $0($1) },
    hybrid("new", isNew: true) { $0($1) },
  ]

  private static let uneven = HeadHybridSizes(D: 8, H: 4, G: 2, N: 3, Q: 4, convention: .llama, keeping: [0, 1, 3])

  private static func hybrid(
    _ option: String, _ sizes: HeadHybridSizes = HeadHybridSizes(D: 12, H: 3, N: 5, Q: 4, keeping: [1]),
    isNew: Bool = false, of parameters: @escaping @Sendable (HeadHybrid) -> [Parameter] = { $0.parameters },
    _ answer: @escaping @Sendable (HeadHybrid, Variable) -> Variable
  ) -> LayerCase {
    LayerCase(HeadHybrid.self, option) { random in
      let layer = HeadHybrid("m", sizes: sizes, using: &random)
      if !isNew { randomise(layer.parameters, using: &random) }
      // Small, so that no softmax curves sharply.
      let u = Tensor.normal([2, 7, sizes.D], deviation: 0.6, using: &random)
      return Subject(parameters(layer), at: [u]) { answer(layer, $0[0]) }
    }
  }
}

// ## Mistakes
//
// A mixer of four heads over two groups, of which 0, 1 and 3 are kept, and whose gradient is that of another formula.

extension LayerMutant {
  /// What is done wrong; nothing at first.
  struct HybridMistake {
    /// Which head's output is at the place of each head.
    var heads = [0, 1, 2, 3]
    /// Whether the gate of the recurrent head is that of the kept ones too.
    var gatesKept = false
    /// How many rows too early the keys of the second group are read.
    var early = 0
    /// The group that each kept head reads.
    var groups = [0, 0, 1]
    /// Which row of W_o gives each feature.
    var outputs = Array(0..<8)
    /// What the gate passes back.
    var gating: (Variable) -> Variable = { $0 }
    /// How many rows too early C is read.
    var earlyC = 0
  }

  static let hybridLayers = [
    hybrid("kept heads before the others", HybridMistake(heads: [0, 1, 3, 2])),
    hybrid("a gate on kept heads", HybridMistake(gatesKept: true)),
    hybrid("a kept head's keys read a row too early", HybridMistake(early: 1)),
    hybrid("a kept head that reads another group", HybridMistake(groups: [0, 1, 1])),
    hybrid("rows of the output projection exchanged", HybridMistake(outputs: [1, 0, 2, 3, 4, 5, 6, 7])),
    hybrid("a gate that counts as a constant", HybridMistake(gating: { $0.detached + 0 * $0 })),
    hybrid("C read a row too early", HybridMistake(earlyC: 1)),
  ]

  fileprivate static func hybridLayer(using random: inout SeededGenerator) -> HeadHybrid {
    let sizes = HeadHybridSizes(D: 8, H: 4, G: 2, N: 3, Q: 4, convention: .llama, keeping: [0, 1, 3])
    let layer = HeadHybrid("m", sizes: sizes, using: &random)
    randomise(layer.parameters, using: &random)
    return layer
  }

  private static func hybrid(_ name: String, _ mistake: @autoclosure @escaping @Sendable () -> HybridMistake)
    -> LayerMutant
  {
    LayerMutant(
      LayerCase(HeadHybrid.self, name) { random in
        let layer = hybridLayer(using: &random)
        let u = Tensor.normal([2, 7, 8], deviation: 0.6, using: &random)
        return Subject(layer.parameters, at: [u]) {
          mutated(layer($0[0]), pulledBackAs: composed(layer, $0[0], mistake()))
        }
      }, caughtBy: [.derivatives])
  }

  /// The mixer head by head, with a mistake.
  fileprivate static func composed(_ layer: HeadHybrid, _ u: Variable, _ mistake: HybridMistake) -> Variable {
    let (kept, recurrent, sizes) = (layer.kept!, layer.recurrent!, layer.recurrent!.sizes)
    let table = RotaryTable(T: 7, width: 2)
    func rows(_ weight: Parameter, _ rows: Range<Int>) -> Variable { linear(u, weight: weight.variable.sliced(rows)) }
    func ofHead(_ x: Variable) -> Variable { x.reshaped(to: [2, 7, 1, x.shape[2]]) }
    // The recurrent head.
    func part(_ part: MambaPart, early: Int = 0) -> Variable {
      let own = part.rows(sizes)
      return rows(recurrent.inProjection, (own.lowerBound - early)..<(own.upperBound - early))
    }
    func convolved(_ name: MambaPart, early: Int = 0) -> Variable {
      let channels = name.rows(sizes)
      return ofHead(
        causalConvolution(
          part(name, early: early), weight: recurrent.convolutionWeight.variable.sliced(channels),
          bias: recurrent.convolutionBias.variable.sliced(channels)))
    }
    let y = ssdSequence(
      convolved(.x), logDecay: -softplus(part(.a)), b: convolved(.b), c: convolved(.c, early: mistake.earlyC),
      d: recurrent.skip.variable, Q: 4)
    let gate = mistake.gating(ofHead(silu(part(.z) + recurrent.zBias.variable)))
    // The kept heads.
    let heads = (0..<3).map { place in
      let group = mistake.groups[place]
      let first = 2 * group - (group > 0 ? mistake.early : 0)
      let scores = headScores(
        rotary(ofHead(rows(kept.queries.weight, (2 * place)..<(2 * place + 2))), table),
        rotary(ofHead(rows(kept.keys.weight, first..<(first + 2))), table))
      let mixed = headMix(
        softmax(scores, scale: 1 / Scalar(2).squareRoot(), causal: true),
        ofHead(rows(kept.values.weight, (2 * group)..<(2 * group + 2))))
      return mistake.gatesKept ? mixed * gate : mixed
    }
    let all = [heads[0], heads[1], y * gate, heads[2]]
    let together = Variable.concatenated(mistake.heads.map { all[$0] }, along: 2).reshaped(to: [2, 7, 8])
    let weight = layer.output.weight.variable
    return linear(
      together, weight: .concatenated(mistake.outputs.map { weight.sliced($0..<($0 + 1)) }))
  }
}

@Suite("wrong heads of two kinds") struct HybridMutantTests {
  @Test(arguments: LayerMutant.hybridLayers) func justThePromisesThatItBreaksSeeIt(mutant: LayerMutant) throws {
    try mutant.expectCaught()
  }

  // Without a mistake, the composed mixer is the mixer itself.
  @Test func theComposedMixerIsTheMixer() {
    var random = SeededGenerator(seed: 45)
    let layer = LayerMutant.hybridLayer(using: &random)
    let u = Variable(constant: .normal([2, 7, 8], using: &random))
    expectClose(
      LayerMutant.composed(layer, u, LayerMutant.HybridMistake()).value, layer(u).value, within: Tolerance.layer,
      "composed")
  }
}
