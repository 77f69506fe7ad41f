// # Every block and every model keeps every promise
//
// The derivative by every number of every parameter and of a block's input; the list of parameters; what freezing
// does. And models with mistakes, which break the promises that they name and no others.
//
// Read before: `ModelTable.swift`.

import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite("the table of models", .talliedByGroup) struct ModelTableTests {
  @Test(arguments: LayerCase.all, LayerPromise.allCases)
  func everyRowKeepsEveryPromise(row: LayerCase, promise: LayerPromise) throws { try row.expect(promise) }

  @Test func blocksAndModelsHaveRows() throws {
    // A model lists its parameters, a block its parts.
    let blocks = LayerCase.all.filter { $0.type != "LanguageModel" }
    #expect(blocks.count < LayerCase.all.count)
    let found = try gaps(
      in: blocks, ofModule: "Models",
      except: [
        LanguageModel.self,
        ParallelBlockSizes.self, SequentialBlockSizes.self, TokenSubset.self, BlockPart.self, BlockPart.Role.self,
        ModelParts.self, ModelLayout.self,
        ModelConfiguration.self, FrozenModel.self, RememberedPasses.self, BlockTrace<Tensor>.self,
        BlockTraces<Tensor>.self,
        DecodingState.self, Generation.self, Sampler.self,
        SamplingError.self,
      ],
      list: "var parts: [BlockPart]")
    #expect(found.isEmpty)
  }
}

// ## Mistakes

extension LayerMutant {
  static let models = [
    block("a branch that is detached") { $0 + $1.mixer($1.norm($0)) + $1.feedForward($1.norm($0)).detached },
    block("a norm that one branch takes for a constant", caughtBy: [.derivatives]) { x, block in
      let u = block.norm(x)
      return x + block.mixer(u) + block.feedForward(u.detached)
    },
    block("the way past the branches forgotten", caughtBy: [.derivatives]) { x, block in
      mutated(block(x), pulledBackAs: block(x) - x)
    },
    sequential("a second norm that is taken for a constant") { x, block in
      let h = x + block.mixer(block.norm(x))
      return h + block.feedForward(block.secondNorm(h).detached)
    },
    sequential("a feed-forward that reads what came in", caughtBy: [.derivatives]) { x, block in
      let h = x + block.mixer(block.norm(x))
      return mutated(block(x), pulledBackAs: h + block.feedForward(block.secondNorm(x)))
    },
    LayerMutant(
      LayerCase(LanguageModel.self, "a block that is not listed") { random in
        let model = LayerCase.tiny(.hybrid, using: &random)
        let (tokens, targets) = (LayerCase.tokens(using: &random), LayerCase.tokens(using: &random))
        let all = model.embedding.parameters + model.blocks[0].parameters + model.finalNorm.parameters
        return Subject(all + model.head.parameters) { _ in crossEntropy(model(tokens), targets: targets) }
      }, caughtBy: [.leaves, .freezing]),
    LayerMutant(
      LayerCase(LanguageModel.self, "an embedding that is detached") { random in
        let model = LayerCase.tiny(.student, using: &random)
        let (tokens, targets) = (LayerCase.tokens(using: &random), LayerCase.tokens(using: &random))
        return Subject(model.parameters) { _ in
          let first: Variable = model.embedding(tokens)
          let last = model.blocks.reduce(first.detached) { u, block in block(u) }
          return crossEntropy(model.logits(fromLastState: last), targets: targets)
        }
      }, caughtBy: [.derivatives, .leaves]),
    LayerMutant(
      LayerCase(LanguageModel.self, "targets that are a place too early") { random in
        let model = LayerCase.tiny(.teacher, using: &random)
        let (tokens, targets) = (LayerCase.tokens(using: &random), LayerCase.tokens(using: &random))
        return Subject(model.parameters) { _ in
          let logits = model(tokens)
          return mutated(
            crossEntropy(logits, targets: targets), pulledBackAs: crossEntropy(logits, targets: tokens))
        }
      }, caughtBy: [.derivatives]),
  ]

  /// A sequential block with attention, computed with a mistake.
  private static func sequential(
    _ mistake: String, caughtBy broken: Set<LayerPromise> = [.derivatives, .leaves],
    _ wrong: @escaping @Sendable (Variable, SequentialBlock) -> Variable
  ) -> LayerMutant {
    LayerMutant(
      LayerCase(SequentialBlock.self, mistake) { random in
        let block = try #require(LayerCase.tiny(.llamaHybrid, using: &random).blocks[1] as? SequentialBlock)
        return Subject(block.parameters, at: [LayerCase.state(using: &random)]) { wrong($0[0], block) }
      }, caughtBy: broken)
  }

  /// The block with the state space mixer, computed with a mistake.
  private static func block(
    _ mistake: String, caughtBy broken: Set<LayerPromise> = [.derivatives, .leaves],
    _ wrong: @escaping @Sendable (Variable, ParallelBlock) -> Variable
  ) -> LayerMutant {
    LayerMutant(
      LayerCase(ParallelBlock.self, mistake) { random in
        let block = try #require(LayerCase.tiny(.hybrid, using: &random).blocks[0] as? ParallelBlock)
        return Subject(block.parameters, at: [LayerCase.state(using: &random)]) { wrong($0[0], block) }
      }, caughtBy: broken)
  }
}

@Suite("wrong models") struct ModelMutantTests {
  @Test(arguments: LayerMutant.models) func justThePromisesThatItBreaksSeeIt(mutant: LayerMutant) throws {
    try mutant.expectCaught()
  }
}
