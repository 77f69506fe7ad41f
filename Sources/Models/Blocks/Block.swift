// # Blocks
//
// A block mixes information between tokens and transforms each token by itself. Two functions say how its parts are
// wired, one before the mixing and one after it:
//
//     u  =  mixerInput(x)                       the input of the mixer
//     y  =  output(x, u, mixed)                 the output of the block, given the mixer's output for u
//
// Everything done with a block is built from these two. A forward pass runs the mixer between them, and decoding runs
// it with its memory. A trace keeps input and output, and computes the output only on demand. The formula of the
// block is written once.
//
// Each kind of block is one file, and one line in `../ModelParts.swift`.
//
// Read before: `Layers/Mixers/MatrixMixer.swift`. Read next: `ParallelBlock.swift`,
// `SequentialBlock.swift`.

import Gradients
import Layers
import Tensors

/// A mixer and the layers around it.
public protocol Block {
  /// The mixer, which can be asked for its matrix.
  var mixer: any MatrixMixer { get }

  /// The input of the mixer: x [B, T, D] → [B, T, D].
  func mixerInput<A: Activation>(_ x: A) -> A

  /// The output of the block.
  ///
  /// - Parameters:
  ///   - x: the block's input, [B, T, D]
  ///   - u: the mixer's input, `mixerInput(x)`
  ///   - mixed: computes the mixer's output, [B, T, D]; call it once, and let its result go once it has been added
  /// - Returns: [B, T, D]
  func output<A: Activation>(_ x: A, mixerInput u: A, mixed: () -> A) -> A

  /// All parts with parameters, in the order of the checkpoint.
  var parts: [BlockPart] { get }
}

/// A part of a block and its role, by which weight transfer and the stages select it.
public struct BlockPart {
  /// What a part does in its block.
  public enum Role: String, Sendable, CaseIterable { case mixer, feedForward, norm }

  /// What the part does in its block.
  public let role: Role
  /// Its parameters, in the order of the checkpoint.
  public let parameters: [Parameter]

  /// A part. Weights can be transferred between two models whose blocks list the same roles in the same order.
  public init(_ role: Role, _ parameters: [Parameter]) { (self.role, self.parameters) = (role, parameters) }
}

extension Block {
  /// x [B, T, D] → [B, T, D]
  public func callAsFunction<A: Activation>(_ x: A) -> A { self(x) { mixer($0) } }

  /// The same with another function in place of the mixer: from the mixer's input to its output, both [B, T, D].
  public func callAsFunction<A: Activation>(_ x: A, mixing: (A) -> A) -> A {
    let u = mixerInput(x)
    return output(x, mixerInput: u) { mixing(u) }
  }

  /// The parameters in the order of the checkpoint.
  public var parameters: [Parameter] { parts.flatMap(\.parameters) }

  /// The parameters of all parts with this role.
  public func parameters(of role: BlockPart.Role) -> [Parameter] {
    parts.filter { $0.role == role }.flatMap(\.parameters)
  }
}

// ## The sizes of a block

/// What is needed to make a block, besides its mixer and the width of the model.
public protocol BlockSizes: Hashable, Sendable {
  /// The name of the kind in a config.json, such as "modules.phi_block"; different kinds have different names.
  static var kind: String { get }

  /// The hidden width of the feed-forward part.
  var feedForward: Int { get }
  /// Sizes with a feed-forward part of this hidden width.
  init(feedForward: Int)

  /// A new block with random weights.
  ///
  /// - Parameters:
  ///   - name: the prefix of its parameters' names
  ///   - D: the width of the model
  ///   - mixer: the mixer, which has its weights
  func make(_ name: String, D: Int, mixer: any MatrixMixer, using random: inout some RandomNumberGenerator)
    -> any Block

  /// A new norm of the kind that these blocks have, for use before the model's head.
  func norm(_ name: String, D: Int) -> any Layer

  /// Why no block can have these sizes, in a sentence that begins with "its …"; nil if one can.
  var problem: String? { get }
}

extension BlockSizes {
  /// A layer norm with scale 1 and shift 0.
  public func norm(_ name: String, D: Int) -> any Layer { LayerNorm(name, D: D) }
  /// nil: nothing besides the hidden width can be wrong.
  public var problem: String? { nil }
  /// Whether other sizes are of the same kind and equal to these.
  public func isEqual(to other: any BlockSizes) -> Bool { other as? Self == self }
}
