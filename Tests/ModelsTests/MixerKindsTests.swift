// # Every kind of mixer in a model
//
// A hybrid of each kind is written to a folder in both layouts of students and read back, a text is read in pieces of
// every length, and a text that is being written is put aside in a file and taken up again.
//
// Read before: `Support.swift`, `Sources/Models/ModelParts.swift`.

import Checkpoints
import Foundation
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite("every kind of mixer in a model", .tallied) struct MixerKindsTests {
  /// Mixers of width 10 with two heads, at least one of each kind that a file can name.
  static let mixers: [any MixerSizes] = [
    Kind.mamba, CausalAttentionSizes(D: 10, H: 2, rotaryBase: 500),
    CausalToeplitzSizes(D: 10, H: 2, K: 4), CausalToeplitzSizes(D: 10, H: 2, K: 30, Q: 5, frame: .mamba),
    CausalLowRankSizes(D: 10, H: 2, N: 3, Q: 5), CausalLowRankSizes(D: 10, H: 2, N: 3, Q: 5, frame: .mamba),
    FixedDecaySizes(D: 10, H: 2, N: 4, expand: 2, Q: 5), FixedDecaySizes(D: 10, H: 2, N: 3, Q: 5, frame: .mamba),
    GatedDeltaRuleSizes(D: 10, H: 2, N: 3, Q: 5), TrapezoidalMambaSizes(D: 10, H: 2, N: 3, Q: 5),
    Mamba2Sizes(D: 10, H: 2, N: 3, Q: 5), Mamba2Sizes(D: 10, H: 2, N: 3, expand: 2, Q: 5, G: 2),
    HeadHybridSizes(attention: CausalAttentionSizes(D: 10, H: 2), recurrent: Kind.mamba, keeping: [1]),
    HeadHybridSizes(
      attention: CausalAttentionSizes(D: 10, H: 5, G: 1, rotaryBase: 500, convention: .llama),
      recurrent: DiscreteMamba2Sizes(D: 10, H: 5, N: 3, K: 1, Q: 5), keeping: [0, 3]),
  ]

  @Test func thereIsOneOfEachKind() {
    #expect(Set(Self.mixers.map { type(of: $0).kind }) == Set(ModelParts.standard.mixers.map { $0.kind }))
  }

  /// A model with the mixer in its blocks 0 and 2, and the teacher's attention in block 1.
  private func hybrid(_ index: Int, of teacher: Kind) -> LanguageModel {
    var random = SeededGenerator(seed: UInt64(70 + index))
    let configuration = teacher.configuration.student(Self.mixers[index], keeping: [1])
    let model = LanguageModel(configuration, using: &random)
    randomise(model.parameters, deviation: 0.3, using: &random)
    return model
  }

  private static let text = [3, 1, 4, 1, 5, 9, 2, 6, 10, 0, 8, 7, 7]

  @Test(arguments: mixers.indices, [Kind.teacher, .llama]) func itComesBackFromAFolder(index: Int, teacher: Kind)
    throws
  {
    // Llama's attention and Phi's are written as different mixers.
    if teacher == .llama, Self.mixers[index] is CausalAttentionSizes { return }
    try withTemporaryFolder { folder in
      let model = hybrid(index, of: teacher)
      try model.write(to: folder)
      let read = try LanguageModel(contentsOf: folder)
      #expect(read.configuration == model.configuration)
      expectIdentical(read.frozen(Tokens(Self.text)), model.frozen(Tokens(Self.text)), "\(Self.mixers[index])")
    }
  }

  @Test(arguments: mixers.indices) func aTextIsReadInPiecesOfEveryLength(index: Int) {
    let (model, count) = (hybrid(index, of: .teacher).frozen, Self.text.count)
    let whole = model(Tokens(Self.text)).sliced((count - 1)..<count, along: 1).reshaped(to: [1, 11])
    for length in 1...count {
      var state = model.emptyState()
      model.read(Tokens(Self.text), &state, inPiecesOf: length)
      expectClose(state.logits!, whole, within: Tolerance.decoding, "\(Self.mixers[index]), pieces of \(length)")
    }
  }

  @Test(arguments: mixers.indices) func writingGoesOnFromAFile(index: Int) throws {
    let model = hybrid(index, of: .teacher).frozen
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "text.safetensors")
      var generation = Generation(model, prompts: [[1, 2, 3], [4]], seed: 7)
      for _ in 0..<3 { _ = try generation.next() }
      try generation.write(to: file)
      var other = try Generation(contentsOf: file, of: model)
      for _ in 0..<5 { #expect(try other.next() == generation.next(), "\(Self.mixers[index])") }
    }
  }
}
