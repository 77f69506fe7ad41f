// # The parallel block
//
// One layer norm feeds both branches, and both are added to what came in:
//
//     y  =  x + mixer(LN x) + MLP(LN x)
//
// It is Phi's block. The branches do not see each other, so that a mixer can be taken out and
// another put in its place without anything else being touched: what the method does.
//
// Read before: `Layers/MatrixMixer.swift`. Read next: `LanguageModel.swift`.

import Gradients
import Layers
import Tensors

/// Which mixer a block has.
public enum MixerKind: String, Codable, Sendable {
  case attention, mamba
}

/// A parallel block with either mixer.
public struct Block {
  public let inputNorm: LayerNorm
  public let mixer: any MatrixMixer
  public let mlp: MLP

  /// x [B, T, D] → [B, T, D]
  public func callAsFunction(_ x: Variable) -> Variable {
    let u = inputNorm(x)
    return x + mixer(u) + mlp(u)
  }

  /// The parameters in the order of the checkpoint.
  public var parameters: [Parameter] { mixer.parameters + mlp.parameters + inputNorm.parameters }
}
