// # The language model
//
// Tokens in, logits out:
//
//     u[0]    =  embedding(tokens)
//     u[l+1]  =  block[l](u[l])
//     logits  =  head( norm u[L] )              the head has a matrix of its own, or the embedding's
//
// One struct serves as teacher, student and hybrid; its layout gives the parameters their names.
//
// In training a model computes variables. A teacher, or a student under evaluation, is used as a `FrozenModel`, which
// computes tensors.
//
// Read before: `Blocks/Block.swift`, `ModelConfiguration.swift`. Read next: `FrozenModel.swift`,
// `Trace.swift`, `Files/LanguageModel+Files.swift`.

import Gradients
import Layers
import Tensors

/// A language model: embedding, blocks, norm, head.
public struct LanguageModel {
  /// The sizes it was made with.
  public let configuration: ModelConfiguration
  /// From tokens to u[0].
  public let embedding: Embedding
  /// From u[l] to u[l + 1], the first block first.
  public let blocks: [any Block]
  /// The norm before the head; its input is the last state, u[L].
  public let finalNorm: any Layer
  /// From the normalised state to logits, D → V; a tied head shares the embedding's weight.
  public let head: Linear

  /// A model with random weights; stops the program if the configuration has a `problem`.
  ///
  /// Each part draws from a generator of its own, so that the weights of an MLP do not depend on the mixer beside it.
  public init(_ configuration: ModelConfiguration, using random: inout some RandomNumberGenerator) {
    self.init(configuration, drawing: { _ in true }, using: &random)
  }

  /// A part of a model that draws its weights from a generator of its own.
  enum Part { case embedding, head, mixer, block }

  /// A model in which only some parts get random weights; those of the others are still to be set.
  init(
    _ configuration: ModelConfiguration, drawing isDrawn: (Part) -> Bool,
    using random: inout some RandomNumberGenerator
  ) {
    if let problem = configuration.problem { preconditionFailure("the model cannot be made: \(problem)") }
    let (c, names) = (configuration, configuration.layout.names)
    self.configuration = c
    func generator(_ part: Part) -> SeededGenerator {
      let seed = random.next()
      return isDrawn(part) ? SeededGenerator(seed: seed) : .idle
    }
    var (ofEmbedding, ofHead) = (generator(.embedding), generator(.head))
    embedding = Embedding("\(names.model).\(names.embedding)", V: c.V, D: c.D, using: &ofEmbedding)
    blocks = c.mixers.enumerated().map { layer, sizes in
      var (ofMixer, ofBlock) = (generator(.mixer), generator(.block))
      let name = "\(names.model).layers.\(layer)"
      let mixer = sizes.make(names.mixer(sizes, in: name), using: &ofMixer)
      return c.block.make(name, D: c.D, mixer: mixer, using: &ofBlock)
    }
    finalNorm = c.block.norm("\(names.model).\(names.finalNorm)", D: c.D)
    head =
      c.hasTiedHead
      ? Linear("lm_head", sharing: embedding.weight, hasBias: c.hasHeadBias)
      : Linear("lm_head", inputs: c.D, outputs: c.V, hasBias: c.hasHeadBias, using: &ofHead)
  }

  /// A model made of these parts.
  init(
    configuration: ModelConfiguration, embedding: Embedding, blocks: [any Block], finalNorm: any Layer, head: Linear
  ) {
    (self.configuration, self.embedding, self.blocks) = (configuration, embedding, blocks)
    (self.finalNorm, self.head) = (finalNorm, head)
  }

  /// The logits of the next token at each position: B rows of T tokens → [B, T, V].
  public func callAsFunction(_ tokens: Tokens) -> Variable { logits(tokens) }

  /// The same as a tensor or a variable, whichever is asked for.
  func logits<A: Activation>(_ tokens: Tokens) -> A {
    logits(fromLastState: lastState(tokens))
  }

  /// The logits from the state that left the last block: [B, T, D] → [B, T, V].
  public func logits<A: Activation>(fromLastState u: A) -> A { head(finalNorm(u)) }

  /// The state that leaves the last block, before the norm of the head: B rows of T tokens → [B, T, D].
  public func lastState<A: Activation>(_ tokens: Tokens) -> A {
    blocks.reduce(embedding(tokens)) { u, block in block(u) }
  }

  /// The parameters in the order of the checkpoint, each once.
  public var parameters: [Parameter] {
    embedding.parameters + blocks.flatMap(\.parameters) + finalNorm.parameters
      + (configuration.hasTiedHead ? Array(head.parameters.dropFirst()) : head.parameters)
  }

  /// The number of scalars in all parameters together.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }
}

// ## Models whose weights come from elsewhere

extension LanguageModel {
  /// A model whose weights are all still to be set, for reading one from a file.
  init(unset configuration: ModelConfiguration) {
    var random = SeededGenerator.idle
    self.init(configuration, drawing: { _ in false }, using: &random)
  }

  /// A model with random weights in its mixers only; all others are still to be set.
  ///
  /// The mixers get the weights that they would get in a model with random weights throughout. For students: weights
  /// that the teacher will replace need not be drawn first.
  public init(mixersOf configuration: ModelConfiguration, using random: inout some RandomNumberGenerator) {
    self.init(configuration, drawing: { $0 == .mixer }, using: &random)
  }
}
