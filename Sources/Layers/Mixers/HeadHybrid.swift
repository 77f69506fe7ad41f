// # Heads of two kinds in one layer
//
// A hybrid usually keeps whole layers of attention. But what a state space model does badly, finding again what a text
// said far back, is the work of a few heads, spread over many layers: a student of 2026 keeps ten heads of a teacher
// of a billion parameters, 2 % of them, and over 95 % of what the teacher retrieves. So here some heads of a layer stay
// attention, and the others become recurrent ones of Discrete-Mamba-2. All heads read the same u and are mixed by one
// output projection, as before:
//
//     kept head        q, k, v   =  W u + b                               q and k rotated; k and v may be shared
//                      y         =  M v,  M = softmax( q kᵀ / √P )        over the past and the present
//     recurrent head   x, B, C   =  convolution( W_xBC u )
//                      z, a      =  W_z u,  W_a u                         α = sigmoid(−a)
//                      y         =  (M x) ⊙ silu(z + z_bias),  M = L ∘ (C Bᵀ) + d·I
//     output  =  W_o y + b_o                                              y of head 0, …, y of head H − 1 side by side
//
// Both kinds have P = D / H features in each head, so a head can be exchanged for one of the other kind without a
// change to anything around it. There is nothing shared between the kinds but u, W_o and its bias b_o, which only
// Phi's convention has. With all heads kept the layer is `CausalAttention`; with none it is `DiscreteMamba2`, with
// that bias.
//
// ## What it remembers
//
// Keys and values of the groups that a kept head reads, 2 P numbers for each such group and token; of the recurrent
// heads a state of N · P numbers for each, and the past of their convolution, however long the text is. With two of
// 32 heads kept, each with 64 features and keys and values of its own, a token takes 1 KiB in 32 bits, where the
// attention takes 16 KiB.
//
// ## Names
//
// q_proj, k_proj and v_proj, as in an attention, have the rows of the kept heads alone: those of a head that is not
// kept do not exist, and keys and values that several kept heads share exist once. in_proj, conv1d, z_bias and D, as
// in Discrete-Mamba-2, have those of the recurrent heads. out_proj is the one map of all. What would have no numbers
// is left out: where no head is kept there is no q_proj, where all are there is no in_proj.
//
// Read before: `CausalAttention.swift`, `DiscreteMamba2.swift`, `MixerForms.swift`. Read next:
// `HeadHybrid+Heads.swift`, `HeadHybrid+Sizes.swift`, `HeadHybrid+Memory.swift`, `HeadHybrid+Projections.swift`.
// Source: Bick et al., "Retrieval-Aware Distillation for Transformer-SSM Hybrids", arXiv 2602.11374, which keeps
// single heads; the convention of names is ours.

import Gradients
import Tensors

/// A mixer in which some heads are attention and the others recurrent.
public struct HeadHybrid: ThreeFormMixer {
  /// The sizes that it was made with.
  public let sizes: HeadHybridSizes
  /// The heads that are attention; nil if there are none.
  public let kept: KeptHeads?
  /// The other heads; nil if there are none.
  public let recurrent: RecurrentHeads?
  /// W_o, D → D, with a bias in Phi's convention.
  public let output: Linear

  private let runs: [HeadHybridSizes.Run]

  /// A mixer with random projections, whose recurrent heads are as the method starts them.
  ///
  /// - Parameter name: the prefix of its parameters' names
  public init(_ name: String, sizes: HeadHybridSizes, using random: inout some RandomNumberGenerator) {
    if let problem = sizes.problem { preconditionFailure("\(name): \(problem)") }
    (self.sizes, runs) = (sizes, sizes.runs)
    kept = sizes.kept.isEmpty ? nil : KeptHeads(name, sizes: sizes, using: &random)
    recurrent = sizes.kept.count == sizes.H ? nil : RecurrentHeads(name, sizes: sizes, using: &random)
    output = Linear(
      "\(name).out_proj", inputs: sizes.D, outputs: sizes.D, hasBias: sizes.attention.convention == .phi,
      using: &random)
  }

  /// u [B, T, D] → [B, T, D], the recurrent heads by the chunked algorithm.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ u: A) -> A { output(u, form: .chunked(Q: sizes.recurrent.Q)) }

  /// The matrix of each head: u [B, T, D] → [B, H, T, T]; that of a kept head is the softmax, that of a recurrent one
  /// has d on its diagonal.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func matrix<A: Activation>(_ u: A) -> A { inOrder(kept?.matrix(u), recurrent?.matrix(u), along: 1) }

  /// The output, with the recurrent heads in one of the three forms: u [B, T, D] → [B, T, D].
  public func output<A: Activation>(_ u: A, form: MambaForm) -> A { output(u, kept?.matrix(u), form) }

  /// Output and matrix, with one softmax for both: u [B, T, D] → [B, T, D] and [B, H, T, T].
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func outputAndMatrix<A: Activation>(_ u: A) -> (output: A, matrix: A) {
    let ofKept = kept?.matrix(u)
    return (
      output(u, ofKept, .chunked(Q: sizes.recurrent.Q)), inOrder(ofKept, recurrent?.matrix(u), along: 1)
    )
  }

  /// The output from the kept heads' matrix [B, kept, T, T].
  private func output<A: Activation>(_ u: A, _ matrix: A?, _ form: MambaForm) -> A {
    output(mixed: kept.flatMap { kept in matrix.map { kept.mixed(u, by: $0) } }, recurrent?.mixed(u, form: form))
  }

  /// W_o y + b_o from y of both kinds of heads, [B, T, heads of the kind, P] → [B, T, D].
  func output<A: Activation>(mixed ofKept: A?, _ ofRecurrent: A?) -> A {
    let y = inOrder(ofKept, ofRecurrent, along: 2)
    return output(y.reshaped(to: [y.shape[0], y.shape[1], sizes.D]))
  }

  /// What belongs to the heads of each kind, along an axis of heads, in the order of all heads.
  private func inOrder<A: Activation>(_ ofKept: A?, _ ofRecurrent: A?, along axis: Int) -> A {
    guard let ofKept, let ofRecurrent else { return (ofKept ?? ofRecurrent)! }
    return .concatenated(
      runs.map { ($0.isKept ? ofKept : ofRecurrent).sliced($0.places, along: axis) }, along: axis)
  }

  /// Those of the kept heads, of the recurrent heads, and the output projection's.
  public var parameters: [Parameter] { (kept?.all ?? []) + (recurrent?.all ?? []) + output.parameters }

  /// Queries and keys of the kept heads; of the others the rows of B, C and a, the convolution of B and C, and d.
  public var matrixRows: [ParameterRows] { (kept?.matrixRows ?? []) + (recurrent?.matrixRows ?? []) }
}
