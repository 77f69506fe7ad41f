// # The trace of a pass
//
// A trace is a forward pass that keeps, for each block, what the first two stages compare: the state that enters the
// block, the input of its mixer, the mixer's matrix and the mixer's output. Each block reads the state that left the
// block before it.
//
// The last state is u[L] before the final norm. Libraries often return the state after that norm. A stage 2 that used
// it would align the last block with the wrong target.
//
// Read before: `FrozenModel.swift`. Read next: `Distillation/MatrixOrientation.swift`.

import Gradients
import Layers
import Tensors

/// What a block computed for one batch: tensors in a frozen model, variables otherwise.
///
/// The matrix and the outputs are computed, with the weights of that moment, when they are first asked for, and kept:
/// a caller who wants only the last block's matrix does not pay for its output.
public final class BlockTrace<A: Activation> {
  /// u[l], the state that entered the block, [B, T, D].
  public let input: A
  /// The input of the mixer, LN u[l] in a block that begins with a norm, [B, T, D].
  public let mixerInput: A
  private let block: any Block
  private let keepsMatrix: Bool
  private var mixed: (output: A, matrix: A?)?
  private lazy var matrixAlone = block.mixer.matrix(mixerInput)

  fileprivate init(_ block: any Block, _ x: A, keepingMatrix: Bool) {
    (self.block, input, mixerInput, keepsMatrix) = (block, x, block.mixerInput(x), keepingMatrix)
  }

  /// The matrix of each head, [B, H, T, T]; nil if the trace does not keep it.
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
  /// A forward pass that keeps its intermediate results.
  public func trace<A: Activation>(_ x: A, keepingMatrix: Bool = true) -> BlockTrace<A> {
    BlockTrace(self, x, keepingMatrix: keepingMatrix)
  }
}

extension LanguageModel {
  /// A forward pass that keeps a trace of each block: B rows of T tokens → a trace for each block.
  public func trace(_ tokens: Tokens, keepingMatrices: Bool = true) -> [BlockTrace<Variable>] {
    Array(BlockTraces(of: self, tokens, keepingMatrices: keepingMatrices))
  }
}

extension FrozenModel {
  /// A forward pass that keeps a trace of each block: B rows of T tokens → a trace for each block.
  public func trace(_ tokens: Tokens, keepingMatrices: Bool = true) -> [BlockTrace<Tensor>] {
    Array(traces(tokens, keepingMatrices: keepingMatrices))
  }

  /// The same, one block at a time, as the caller asks for it: a caller who keeps no trace has only one in memory at
  /// a time.
  public func traces(_ tokens: Tokens, keepingMatrices: Bool = true) -> BlockTraces<Tensor> {
    BlockTraces(of: self, tokens, keepingMatrices: keepingMatrices)
  }

  /// The same from the middle: the traces of the blocks from `index` on, which the state `u` [B, T, D] enters.
  public func traces(from u: Tensor, enteringBlock index: Int, keepingMatrices: Bool = true) -> BlockTraces<Tensor> {
    BlockTraces(of: model, from: u, enteringBlock: index, keepingMatrices: keepingMatrices)
  }
}

/// The traces of a model's blocks, from the first to the last; a block computes its output when the next trace is
/// asked for, unless the state that enters the next block is known.
public struct BlockTraces<A: Activation>: Sequence, IteratorProtocol {
  private let model: LanguageModel
  private let entering: () -> A
  private let keepsMatrices: Bool
  private var index: Int
  private var last: BlockTrace<A>?
  /// The states that enter all blocks, if an earlier pass has left them.
  private var known: [A]?
  /// Takes these states after the last block's has been asked for, if they are to be left for later passes.
  private var leave: (([A]) -> Void)?
  private var entered: [A] = []

  fileprivate init(of model: LanguageModel, _ tokens: Tokens, keepingMatrices: Bool) {
    self.init(of: model, from: model.embedding(tokens), enteringBlock: 0, keepingMatrices: keepingMatrices)
  }

  fileprivate init(
    of model: LanguageModel, from u: @autoclosure @escaping () -> A, enteringBlock index: Int, keepingMatrices: Bool
  ) {
    (self.model, entering, self.index, keepsMatrices) = (model, u, index, keepingMatrices)
  }

  /// The trace of the next block; nil after the last.
  public mutating func next() -> BlockTrace<A>? {
    guard index < model.blocks.count else { return nil }
    let u = known?[index] ?? last?.output ?? entering()
    let trace = model.blocks[index].trace(u, keepingMatrix: keepsMatrices)
    (index, last) = (index + 1, trace)
    if let leave {
      entered.append(u)
      if index == model.blocks.count { leave(entered) }
    }
    return trace
  }
}

extension BlockTraces<Tensor> {
  /// The traces of a model that may remember its passes.
  fileprivate init(of model: FrozenModel, _ tokens: Tokens, keepingMatrices: Bool) {
    self.init(of: model.model, tokens, keepingMatrices: keepingMatrices)
    guard let passes = model.passes else { return }
    known = passes.states(.entering, of: tokens)
    if known == nil { leave = { passes.keep($0, .entering, of: tokens) } }
  }
}
