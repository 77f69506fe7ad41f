// # The cases of the kit
//
// A kit that tells right from wrong needs models in which every mistake changes some number. So the sizes of a case
// are small, and those that meet in one tensor differ: an exchanged pair of axes is then an error of shape or of
// numbers, never an accident that fits. Weights are drawn and not those of a new model, so that a bias which is
// dropped or a convolution which is reversed shows. There are five cases:
//
//     phi       a Phi teacher: parallel blocks, biases, a part of each head rotated; three chunks of four tokens
//     llama     a Llama teacher: sequential blocks, keys and values shared by pairs of heads
//     shared    one layer, a student whose heads share B and C, and a prompt shorter than the convolution
//     hybrid    a head tied to the embedding, and a student that keeps the attention of layer 1
//     decays    no model: the matrix alone, with decays so strong that a careless formula overflows
//
// Read next: `KitCase+Weights.swift`, `PlainProgram.swift`. Chapter: 16-conformance.

import Layers
import Models
import Tensors

/// The sizes of a case, by the letters of NOTATION.md.
public struct KitSizes: Codable, Equatable, Sendable {
  /// Texts, tokens of a text, vocabulary.
  public var B, T, V: Int
  /// Width, heads, heads of keys and values, features of a head.
  public var D, H, G, P: Int
  /// Features of a head that are rotated, hidden width of the feed-forward, layers.
  public var R, F, L: Int
  /// State, width of the convolution, pairs of B and C.
  public var N, K, pairs: Int
  /// How many tokens are read before the next one is asked for.
  public var prefix: Int

  /// The channels of the convolution: x, B and C.
  var channels: Int { D + 2 * pairs * N }
}

/// A teacher, a student and a text; or, where `block` is nil, decays alone.
public struct KitCase: Sendable {
  /// The kind of block around each mixer.
  public enum Block: String, Codable, Sendable {
    /// y = x + mixer(LN x) + MLP(LN x)
    case phi
    /// h = x + mixer(RMS x), y = h + SwiGLU(RMS h)
    case llama
  }

  /// The name, with which the names of its tensors begin in an answer.
  public let name: String
  /// What it is, in a sentence.
  public let words: String
  /// The kind of block; nil for a case without a model.
  public let block: Block?
  /// The sizes of teacher and student.
  public let sizes: KitSizes
  /// Whether the head is the embedding.
  public let isTied: Bool
  /// The layers whose mixers are the student's own; all others keep their attention.
  public let replaced: [Int]

  /// A case from its parts.
  public init(name: String, words: String, block: Block?, sizes: KitSizes, isTied: Bool = false, replaced: [Int]) {
    (self.name, self.words, self.block, self.sizes) = (name, words, block, sizes)
    (self.isTied, self.replaced) = (isTied, replaced)
  }

  /// All cases, in the order of the kit.
  public static let all = [phi, llama, shared, hybrid, decays]

  /// The case of this name; nil if there is none.
  public static func named(_ name: String) -> KitCase? { all.first { $0.name == name } }

  /// A Phi teacher.
  public static let phi = KitCase(
    name: "phi", words: "A Phi teacher and a student with a pair of B and C for each head.", block: .phi,
    sizes: KitSizes(
      B: 3, T: 9, V: 11, D: 14, H: 2, G: 2, P: 7, R: 4, F: 5, L: 2, N: 5, K: 4, pairs: 2, prefix: 6),
    replaced: [0, 1])

  /// A Llama teacher.
  public static let llama = KitCase(
    name: "llama",
    words: "A Llama teacher of one layer with grouped heads, and a student with a pair of B and C for each head.",
    block: .llama,
    sizes: KitSizes(
      B: 3, T: 7, V: 9, D: 24, H: 4, G: 2, P: 6, R: 6, F: 5, L: 1, N: 2, K: 4, pairs: 4, prefix: 5),
    replaced: [0])

  /// Heads that share B and C.
  public static let shared = KitCase(
    name: "shared", words: "A Phi teacher of one layer, a student whose heads share B and C, and a short prompt.",
    block: .phi,
    sizes: KitSizes(
      B: 2, T: 7, V: 11, D: 12, H: 4, G: 4, P: 3, R: 2, F: 9, L: 1, N: 5, K: 4, pairs: 2, prefix: 2),
    replaced: [0])

  /// A student that keeps attention in a layer.
  public static let hybrid = KitCase(
    name: "hybrid",
    words: "A Llama teacher whose head is the embedding, and a student that keeps attention in layer 1.",
    block: .llama,
    sizes: KitSizes(
      B: 2, T: 9, V: 13, D: 12, H: 3, G: 1, P: 4, R: 4, F: 7, L: 2, N: 5, K: 4, pairs: 3, prefix: 5),
    isTied: true, replaced: [0])

  /// Decays alone.
  public static let decays = KitCase(
    name: "decays", words: "The matrix alone, with decays down to exp(−900).", block: nil,
    sizes: KitSizes(
      B: 2, T: 9, V: 0, D: 0, H: 3, G: 0, P: 0, R: 0, F: 0, L: 0, N: 4, K: 0, pairs: 0, prefix: 0),
    replaced: [])
}

// ## As models of this library
//
// The names of all weights come from the models that this library makes with the same sizes, and its tests load the
// weights of the kit into them.

extension KitCase {
  /// The teacher's configuration; stops the program in a case without a model.
  public var teacher: ModelConfiguration {
    guard let block else { preconditionFailure("the case \(name) has no model") }
    let s = sizes
    // A Phi model states the part of a head that is rotated, and rounds the features down to an even number.
    let part = block == .phi ? (Double(s.R) + 0.5) / Double(s.P) : nil
    let attention = CausalAttentionSizes(
      D: s.D, H: s.H, G: s.G, rotaryFraction: part, convention: block == .phi ? .phi : .llama)
    return ModelConfiguration(
      V: s.V, D: s.D, T: s.T,
      block: block == .phi ? ParallelBlockSizes(feedForward: s.F) : SequentialBlockSizes(feedForward: s.F),
      mixers: Array(repeating: attention, count: s.L), hasTiedHead: isTied, layout: block == .phi ? .phi : .llama)
  }

  /// The student's configuration.
  public var student: ModelConfiguration {
    let s = sizes
    return teacher.student(
      DiscreteMamba2Sizes(D: s.D, H: s.H, N: s.N, K: s.K, Q: 4, G: s.pairs),
      keeping: Set(0..<s.L).subtracting(replaced))
  }
}
