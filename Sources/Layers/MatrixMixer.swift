// # Matrix mixers
//
// The idea that the method rests on. A layer that mixes tokens computes, for each head, y = M x
// with a matrix M of T × T numbers. Attention makes M by a softmax, a state space model by a
// product of decays; what they do with it is the same. So a teacher and a student of different
// kinds can be compared in two ways: by their matrices (stage 1) and by their outputs (stage 2).
//
// When a text is written there is a third question: what is the output for the next token, given
// what you remember of those before. `MixerState.swift` has the answers.
//
// Read next: `CausalAttention.swift`, `DiscreteMamba2.swift`, `MixerState.swift`.

import Gradients
import Tensors

/// A layer that mixes tokens by a causal matrix for each head.
public protocol MatrixMixer {
  /// The output of the layer: u [B, T, D] → [B, T, D].
  func callAsFunction(_ u: Variable) -> Variable

  /// The matrix of each head: u [B, T, D] → [B, H, T, T], zero above the diagonal.
  func matrix(_ u: Variable) -> Variable

  /// Output and matrix together, where computing both at once saves work.
  func outputAndMatrix(_ u: Variable) -> (output: Variable, matrix: Variable)

  /// What the mixer remembers of B texts before it has read anything.
  func emptyState(B: Int) -> MixerState

  /// Reads further tokens: u [B, T, D], T at least 1 → [B, T, D]; no tape. Moves the state on by T tokens.
  func advance(_ u: Tensor, _ state: inout MixerState) -> Tensor

  /// The parameters in the order of the checkpoint.
  var parameters: [Parameter] { get }
}

extension MatrixMixer {
  public func outputAndMatrix(_ u: Variable) -> (output: Variable, matrix: Variable) { (self(u), matrix(u)) }
}
