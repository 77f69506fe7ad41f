// # Matrix mixers
//
// The method rests on one idea. A layer that mixes tokens computes, for each head, y = M x with a matrix M of T × T
// numbers. Attention makes M by a softmax, a state space model by a product of decays; what they do with it is the
// same. So a teacher and a student of different kinds can be compared in two ways: by their matrices (stage 1) and by
// their outputs (stage 2).
//
// Code that needs something from a mixer asks one of these questions, and never which kind of mixer it is:
//
//     question                                          asked by
//     what is your output, what your matrix             the passes, stages 1 and 2
//     which rows of your parameters make the matrix     stage 1, which trains these and no others
//     what do you remember of a text; read further      generation (`MixerMemory.swift`)
//     what are your sizes, and how is one made          models and their config.json (`MixerSizes.swift`)
//     can another mixer begin with your projections     weight transfer
//
// A new kind of mixer is one file with these answers, and one line in `Models/ModelParts.swift`, through which it is
// found from a config.json. `CONTRIBUTING.md` has the recipe.
//
// Here are attention, the method's own mixer, and other families of matrices to compare it with:
//
//     mixer               its matrix                                          what it remembers of a text
//     `CausalAttention`   softmax of q kᵀ                                     all keys and values
//     `DiscreteMamba2`    L ∘ (C Bᵀ) + d·I, decays from the text              N numbers for each feature
//     `Mamba2`            the same, with steps that scale B and the decays    N numbers for each feature
//     `FixedDecay`        L ∘ (C Bᵀ), a decay for each head                   N numbers for each feature
//     `CausalLowRank`     the mask ∘ (C Bᵀ)                                   N numbers for each feature
//     `CausalToeplitz`    one number for each distance                        the last K − 1 rows
//     `GatedDeltaRule`    S (I + E)⁻¹ + d·I, which takes back what is old     N numbers for each feature
//     `TrapezoidalMamba`  L ∘ (C Bᵀ), two weights for each token              N numbers for each feature, and a token
//     `HeadHybrid`        attention's for some heads, else Discrete-Mamba-2's  what each kind of head does
//
// Read before: `../Layer.swift`. Read next: `CausalAttention.swift`, `DiscreteMamba2.swift`, `MixerForms.swift`,
// `MixerFrame.swift`, `RecurrentFrame.swift`, `HeadHybrid.swift`.

import Gradients
import Tensors

/// A layer that mixes tokens by a causal matrix for each head.
public protocol MatrixMixer: Layer {
  /// The sizes of this kind, as a config.json holds them.
  associatedtype Sizes: MixerSizes
  /// What this kind remembers of the texts that it reads.
  associatedtype Memory: MixerMemory

  /// The sizes with which another mixer like this one can be made.
  var sizes: Sizes { get }

  /// The output of the layer: u [B, T, D] → [B, T, D].
  func callAsFunction<A: Activation>(_ u: A) -> A

  /// The matrix of each head: u [B, T, D] → [B, H, T, T], zero above the diagonal.
  func matrix<A: Activation>(_ u: A) -> A

  /// Output and matrix together, where computing both at once saves work.
  func outputAndMatrix<A: Activation>(_ u: A) -> (output: A, matrix: A)

  /// The parameters, or rows of them, that the matrix depends on: what stage 1 trains.
  var matrixRows: [ParameterRows] { get }

  /// What the mixer remembers of B texts before it has read anything.
  func emptyMemory(B: Int) -> Memory

  /// The shapes of the memory's tensors, by name, when texts of these lengths have been read: what a file must hold.
  func memoryShapes(lengths: [Int]) -> [String: Shape]

  /// Reads further tokens: u [B, T, D], T at least 1 → [B, T, D]; no tape. Advances the memory by T tokens.
  func advance(_ u: Tensor, _ memory: inout Memory) -> Tensor

  /// The linear maps around the matrix, if the mixer has queries, keys and values; nil if not.
  var projections: MixerProjections? { get }

  /// Begins with another mixer's projections, as far as this one has a place for them.
  ///
  /// - Parameter part: which of them
  /// - Returns: whether it took any; if not, nothing is changed
  func begin(with projections: MixerProjections, taking part: MixerProjections.Part) -> Bool
}

extension MatrixMixer {
  /// Output and matrix, each computed on its own.
  public func outputAndMatrix<A: Activation>(_ u: A) -> (output: A, matrix: A) { (self(u), matrix(u)) }
  /// None: this kind has no queries, keys and values.
  public var projections: MixerProjections? { nil }
  /// Takes nothing, and returns false.
  public func begin(with projections: MixerProjections, taking part: MixerProjections.Part) -> Bool { false }
  /// Begins with all of another mixer's projections for which this one has a place.
  public func begin(with projections: MixerProjections) -> Bool { begin(with: projections, taking: .all) }
}

/// The linear maps of a mixer with queries, keys and values, heads one after another in their rows.
public struct MixerProjections {
  /// Which of the projections another mixer takes over.
  public enum Part: String, Codable, Sendable, CaseIterable {
    /// What a token contributes, and what becomes of it: values and output projection.
    case valuesAndOutput
    /// Queries and keys as well, which decide which token attends to which: as nearly as the other mixer can hold
    /// them.
    case all
    /// The same, but queries and keys as they are, row by row, for which the other mixer must have as many places.
    case rows
  }

  /// From the mixer's input to queries, keys and values, and from the mixed heads to its output.
  public let queries, keys, values, output: Linear
  /// The number of heads of queries.
  public let H: Int
  /// The number of heads of keys and values, each of which serves H / G heads of queries.
  public let G: Int
}
