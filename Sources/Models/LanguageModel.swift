// # The language model
//
// Tokens in, logits out:
//
//     u[0]    =  embedding(tokens)
//     u[l+1]  =  block[l](u[l])
//     logits  =  head( norm u[L] )              the head has a matrix of its own, or is the embedding
//
// One struct for teacher, student and hybrid; the names of its parameters are those of its layout.
//
// In training a model computes variables. A teacher, or a student that is measured, is taken as a
// `FrozenModel`, which computes tensors.
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
  /// What the head reads through; the last state u[L] is the one before it.
  public let finalNorm: any Layer
  /// From the normed state to logits, D → V; with a tied head it shares the embedding's weight.
  public let head: Linear

  /// A model with random weights; stops the program if its sizes have a `problem`.
  ///
  /// Each part draws from a generator of its own, so that the weights of an MLP do not depend on what mixer stands beside it.
  public init(_ configuration: ModelConfiguration, using random: inout some RandomNumberGenerator) {
    self.init(configuration, drawing: { _ in true }, using: &random)
  }

  /// A part of a model that draws its weights from a generator of its own.
  enum Part { case embedding, head, mixer, block }

  /// A model of which only some parts get random weights; those of the others are yet to be set.
  init(
    _ configuration: ModelConfiguration, drawing isDrawn: (Part) -> Bool,
    using random: inout some RandomNumberGenerator
  ) {
    if let problem = configuration.problem { preconditionFailure("no model can be made: \(problem)") }
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

  /// A model of these parts.
  init(
    configuration: ModelConfiguration, embedding: Embedding, blocks: [any Block], finalNorm: any Layer, head: Linear
  ) {
    (self.configuration, self.embedding, self.blocks) = (configuration, embedding, blocks)
    (self.finalNorm, self.head) = (finalNorm, head)
  }

  /// The logits of the next token at each position: B rows of T tokens → [B, T, V].
  public func callAsFunction(_ tokens: Tokens) -> Variable { logits(tokens) }

  /// The same as tensor or variable, whichever is asked for.
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

  /// How many numbers all parameters have together.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }
}

// ## Models whose weights come from elsewhere

extension LanguageModel {
  /// A model whose weights are yet to be set, all of them: for reading one from a file.
  init(unset configuration: ModelConfiguration) {
    var random = SeededGenerator.idle
    self.init(configuration, drawing: { _ in false }, using: &random)
  }

  /// A model with random weights in its mixers alone; all others are yet to be set.
  ///
  /// The mixers draw what they draw in a model that is random throughout. For students: what a teacher hands on need
  /// not be drawn first.
  public init(mixersOf configuration: ModelConfiguration, using random: inout some RandomNumberGenerator) {
    self.init(configuration, drawing: { $0 == .mixer }, using: &random)
  }
}
