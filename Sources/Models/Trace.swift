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
public struct BlockTrace {
  /// u[l], the state that entered the block, [B, T, D].
  public let input: Variable
  /// LN u[l], what mixer and MLP read, [B, T, D].
  public let mixerInput: Variable
  /// The matrix of each head, [B, H, T, T]; nil if it was not asked for.
  public let matrix: Variable?
  /// The mixer's output after its output projection, [B, T, D].
  public let mixerOutput: Variable
  /// u[l + 1], the state that left the block, before any final norm, [B, T, D].
  public let output: Variable
}

extension Block {
  /// A pass that keeps what happens on the way.
  public func trace(_ x: Variable, keepingMatrix: Bool = true) -> BlockTrace {
    let u = inputNorm(x)
    let mixed = keepingMatrix ? mixer.outputAndMatrix(u) : (output: mixer(u), matrix: nil)
    return BlockTrace(
      input: x, mixerInput: u, matrix: mixed.matrix, mixerOutput: mixed.output, output: x + mixed.output + mlp(u))
  }
}

extension LanguageModel {
  /// A pass through all blocks that keeps what happens in each: B rows of T tokens → a trace for each block.
  public func trace(_ tokens: Tokens, keepingMatrices: Bool = true) -> [BlockTrace] {
    var u = embedding(tokens)
    return blocks.map { block in
      let trace = block.trace(u, keepingMatrix: keepingMatrices)
      u = trace.output
      return trace
    }
  }

  /// The logits from the state that left the last block: [B, T, D] → [B, T, V].
  public func logits(fromLastState u: Variable) -> Variable { head(finalNorm(u)) }
}
