// # Blocks
//
// A block mixes tokens and works on each of them. Two functions say how its parts are wired, before
// and after the mixing:
//
//     u  =  mixerInput(x)                       what the mixer reads
//     y  =  output(x, u, mixed)                 what leaves the block, given what the mixer makes of u
//
// Everything that is done with a block is made of these two: a pass puts the mixer's output in the
// middle, writing puts there what the mixer computes with its memory, and a trace keeps what goes
// in and what comes out, and computes the latter only on demand. The formula is written once.
//
// A kind of block is one file, and one line in `../ModelParts.swift`.
//
// Read before: `Layers/Mixers/MatrixMixer.swift`. Read next: `ParallelBlock.swift`,
// `SequentialBlock.swift`.

import Gradients
import Layers
import Tensors

/// A mixer and what stands around it.
public protocol Block {
  /// The mixer, which can be asked for its matrix.
  var mixer: any MatrixMixer { get }

  /// What the mixer reads: x [B, T, D] → [B, T, D].
  func mixerInput<A: Activation>(_ x: A) -> A

  /// What leaves the block.
  ///
  /// - Parameters:
  ///   - x: what entered it, [B, T, D]
  ///   - u: what its mixer read, `mixerInput(x)`
  ///   - mixed: what the mixer gives, [B, T, D]; to be called once, and released once it has been added
  /// - Returns: [B, T, D]
  func output<A: Activation>(_ x: A, mixerInput u: A, mixed: () -> A) -> A

  /// All parts with parameters, in the order of the checkpoint.
  var parts: [BlockPart] { get }
}

/// A part of a block, by the role that it plays: what a transfer or a stage asks for.
public struct BlockPart {
  /// What a part does in its block.
  public enum Role: String, Sendable, CaseIterable { case mixer, feedForward, norm }

  /// What the part does in its block.
  public let role: Role
  /// Its parameters, in the order of the checkpoint.
  public let parameters: [Parameter]

  /// A part; two models whose blocks list the same roles in the same order can hand weights on.
  public init(_ role: Role, _ parameters: [Parameter]) { (self.role, self.parameters) = (role, parameters) }
}

extension Block {
  /// x [B, T, D] → [B, T, D]
  public func callAsFunction<A: Activation>(_ x: A) -> A { self(x) { mixer($0) } }

  /// The same with something else in the mixer's place: from what it reads to what it gives, [B, T, D] both.
  public func callAsFunction<A: Activation>(_ x: A, mixing: (A) -> A) -> A {
    let u = mixerInput(x)
    return output(x, mixerInput: u) { mixing(u) }
  }

  /// The parameters in the order of the checkpoint.
  public var parameters: [Parameter] { parts.flatMap(\.parameters) }

  /// The parameters of the parts with a role.
  public func parameters(of role: BlockPart.Role) -> [Parameter] {
    parts.filter { $0.role == role }.flatMap(\.parameters)
  }
}

// ## The sizes of a block

/// What one needs to know to make a block, besides its mixer and the width of the model.
public protocol BlockSizes: Hashable, Sendable {
  /// What a config.json calls the kind: "modules.phi_block". Two kinds have two names.
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

  /// A new norm of the kind that these blocks have: what the model's head reads through.
  func norm(_ name: String, D: Int) -> any Layer

  /// Why no block has these sizes, in a sentence that goes on "its …"; nil if one can.
  var problem: String? { get }
}

extension BlockSizes {
  /// A layer norm with scale 1 and shift 0.
  public func norm(_ name: String, D: Int) -> any Layer { LayerNorm(name, D: D) }
  /// nil: nothing beside the hidden width can be wrong.
  public var problem: String? { nil }
  /// Whether other sizes are of the same kind and equal to these.
  public func isEqual(to other: any BlockSizes) -> Bool { other as? Self == self }
}
