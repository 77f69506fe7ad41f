// # What a teacher shows
//
// A pass through a model that keeps, for each block, what the first two stages compare: the state
// that enters, what the mixer reads, the matrix it mixes with and what it gives. All of it comes
// from the model run on its own states.
//
// The last state is u[L] BEFORE the final norm. Libraries often return it after the norm, and a
// stage 2 that takes it from there aligns its last block with the wrong thing.
//
// Read before: `LanguageModel.swift`. Read next: `Distillation/MatrixOrientation.swift`.

import Gradients
import Layers
import Tensors

/// What a block did with one batch.
///
/// Each part is computed when it is first asked for, and kept: nobody pays for the output of the last block who only
/// wants its matrix. The parameters are those of that moment.
public final class BlockTrace {
  /// u[l], the state that entered the block, [B, T, D].
  public let input: Variable
  /// LN u[l], what mixer and MLP read, [B, T, D].
  public let mixerInput: Variable
  private let block: Block
  private let keepsMatrix: Bool
  private var mixed: (output: Variable, matrix: Variable?)?
  private lazy var matrixAlone = block.mixer.matrix(mixerInput)

  fileprivate init(_ block: Block, _ x: Variable, keepingMatrix: Bool) {
    (self.block, input, mixerInput, keepsMatrix) = (block, x, block.inputNorm(x), keepingMatrix)
  }

  /// The matrix of each head, [B, H, T, T]; nil if it was not asked for.
  public var matrix: Variable? {
    if !keepsMatrix { return nil }
    return mixed?.matrix ?? matrixAlone
  }

  /// The mixer's output after its output projection, [B, T, D].
  public var mixerOutput: Variable {
    if let mixed { return mixed.output }
    let now = keepsMatrix ? block.mixer.outputAndMatrix(mixerInput) : (output: block.mixer(mixerInput), matrix: nil)
    mixed = now
    return now.output
  }

  /// u[l + 1], the state that left the block, before any final norm, [B, T, D].
  public private(set) lazy var output = input + mixerOutput + block.mlp(mixerInput)
}

extension Block {
  /// A pass that keeps what happens on the way.
  public func trace(_ x: Variable, keepingMatrix: Bool = true) -> BlockTrace {
    BlockTrace(self, x, keepingMatrix: keepingMatrix)
  }
}

extension LanguageModel {
  /// A pass through all blocks that keeps what happens in each: B rows of T tokens → a trace for each block.
  public func trace(_ tokens: Tokens, keepingMatrices: Bool = true) -> [BlockTrace] {
    blocks.reduce(into: []) { traces, block in
      let u = traces.last?.output ?? embedding(tokens)
      traces.append(block.trace(u, keepingMatrix: keepingMatrices))
    }
  }

  /// The logits from the state that left the last block: [B, T, D] → [B, T, V].
  public func logits(fromLastState u: Variable) -> Variable { head(finalNorm(u)) }
}
