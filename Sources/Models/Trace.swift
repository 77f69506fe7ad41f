// # What a teacher shows
//
// A pass through a model that keeps, for each block, what the first two stages compare: the state
// that enters, what the mixer reads, the matrix it mixes with and what it gives. All of it comes
// from the model run on its own states.
//
// The last state is u[L] BEFORE the final norm. Libraries often return it after the norm, and a
// stage 2 that takes it from there aligns its last block with the wrong thing.
//
// Read before: `FrozenModel.swift`. Read next: `Distillation/MatrixOrientation.swift`.

import Gradients
import Layers
import Tensors

/// What a block did with one batch: of a frozen model tensors, of another variables.
///
/// Each part is computed when it is first asked for, and kept: a caller who wants only
/// the last block's matrix does not pay for its output. The parameters are those of that moment.
public final class BlockTrace<A: Activation> {
  /// u[l], the state that entered the block, [B, T, D].
  public let input: A
  /// What the mixer reads, LN u[l] in a block that begins with a norm, [B, T, D].
  public let mixerInput: A
  private let block: any Block
  private let keepsMatrix: Bool
  private var mixed: (output: A, matrix: A?)?
  private lazy var matrixAlone = block.mixer.matrix(mixerInput)

  fileprivate init(_ block: any Block, _ x: A, keepingMatrix: Bool) {
    (self.block, input, mixerInput, keepsMatrix) = (block, x, block.mixerInput(x), keepingMatrix)
  }

  /// The matrix of each head, [B, H, T, T]; nil if it was not asked for.
  public var matrix: A? {
    if !keepsMatrix { return nil }
    return mixed?.matrix ?? matrixAlone
  }

  /// The mixer's output after its output projection, [B, T, D].
  public var mixerOutput: A {
    if let mixed { return mixed.output }
    let now: (output: A, matrix: A?) =
      keepsMatrix ? block.mixer.outputAndMatrix(mixerInput) : (block.mixer(mixerInput), nil)
    mixed = now
    return now.output
  }

  /// u[l + 1], the state that left the block, before any final norm, [B, T, D].
  public private(set) lazy var output = block.output(input, mixerInput: mixerInput) { mixerOutput }
}

extension Block {
  /// A pass that keeps what happens on the way.
  public func trace<A: Activation>(_ x: A, keepingMatrix: Bool = true) -> BlockTrace<A> {
    BlockTrace(self, x, keepingMatrix: keepingMatrix)
  }
}

extension LanguageModel {
  /// A pass through all blocks that keeps what happens in each: B rows of T tokens → a trace for each block.
  public func trace(_ tokens: Tokens, keepingMatrices: Bool = true) -> [BlockTrace<Variable>] {
    Array(BlockTraces(of: self, tokens, keepingMatrices: keepingMatrices))
  }
}

extension FrozenModel {
  /// A pass through all blocks that keeps what happens in each: B rows of T tokens → a trace for each block.
  public func trace(_ tokens: Tokens, keepingMatrices: Bool = true) -> [BlockTrace<Tensor>] {
    Array(traces(tokens, keepingMatrices: keepingMatrices))
  }

  /// The same block by block, each when it is asked for: who does not keep a trace has one of them in memory at a time.
  public func traces(_ tokens: Tokens, keepingMatrices: Bool = true) -> BlockTraces<Tensor> {
    BlockTraces(of: model, tokens, keepingMatrices: keepingMatrices)
  }
}

/// The traces of a model's blocks, from the first to the last; a block is run when the one after it is asked for.
public struct BlockTraces<A: Activation>: Sequence, IteratorProtocol {
  private let model: LanguageModel
  private let tokens: Tokens
  private let keepsMatrices: Bool
  private var index = 0
  private var last: BlockTrace<A>?

  fileprivate init(of model: LanguageModel, _ tokens: Tokens, keepingMatrices: Bool) {
    (self.model, self.tokens, keepsMatrices) = (model, tokens, keepingMatrices)
  }

  /// The trace of the next block; nil after the last.
  public mutating func next() -> BlockTrace<A>? {
    guard index < model.blocks.count else { return nil }
    let u = last?.output ?? model.embedding(tokens)
    let trace = model.blocks[index].trace(u, keepingMatrix: keepsMatrices)
    (index, last) = (index + 1, trace)
    return trace
  }
}
