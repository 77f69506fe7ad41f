// # A causal Toeplitz matrix
//
// One number for each distance: what a token takes from the one j places back does not depend on either of them, nor
// on the text. A head has a kernel of K such numbers, which are learned:
//
//     M[t, s]  =  k[t − s]          0 ≤ t − s < K, else 0
//     y[t]     =  k[0] x[t] + k[1] x[t − 1] + … + k[K − 1] x[t − K + 1]
//
// It is a convolution whose kernel may be as long as the text. Beyond that length a text may go on: a token sees the
// last K tokens, itself included, and nothing before them. Of a kernel that is longer than the text only the first T
// numbers matter.
//
// ## Its class and its bound
//
// Toeplitz matrices are a linear family, so the nearest one is known (chapter 06): on each diagonal the mean of the
// target's diagonal, `toeplitzProjection`. No member of the family, and so no kernel, comes nearer. A layer does
// worse, because it has one kernel for all texts, and the projection has one for each. At a given length, stage 1
// looks for the kernel that is best for many texts, and its loss is convex in the kernel.
//
// It is also a recurrence, whose state is the last K − 1 rows of x: every block below the diagonal has a rank of K −
// 1 at most, and the bound for semiseparable matrices of order K − 1 holds as well.
//
// That state has (K − 1) · D numbers; a state space model with N numbers for each feature has N · D. So K = N + 1 is
// the kernel that remembers as much.
//
// ## Three forms
//
//     recurrent       the last K rows of x, moved on by one with each token                 T·K·D
//     materialised    the matrix [T, T], then M x                                           T²·D
//     chunked         Q rows of the matrix at a time, K + Q − 1 columns wide                T·(K + Q)·D
//
// A matrix with equal numbers on its diagonals is a row that is repeated and read with another row length: with L − 1
// numbers in a row, row i begins i places earlier in a sequence of period L. So no matrix has to be filled number by
// number, and no new primitive is needed:
//
//     period  = (w[0] … w[K − 1] 0 … 0)      L = K + Q numbers, Q of them 0;  w[m] = k[K − 1 − m]
//     row i   =  0 … 0 w[0] … w[K − 1] 0 … 0                                  i zeros in front
//
// ## Names
//
// The authors' framework has such a mixer, with a kernel of 2048 numbers for each head, stored as here under the name
// toeplitz_matrix. But its frame always has a convolution, and calls the maps x_proj, z_proj and out_proj. Here they
// have the names of the other framed mixers, so its checkpoints do not fit.
//
// Read before: `MixerFrame.swift`, `Tensors/StateSpace/Toeplitz.swift`. Source: components/cores/Toeplitz.py in
// goombalab/mohawk.

import Gradients
import Tensors

/// The sizes of a Toeplitz mixer.
public struct CausalToeplitzSizes: MixerSizes {
  /// The name of the kind in a config.json; not a published one.
  public static let kind = "causal_toeplitz"
  /// Model width, a multiple of H.
  public var D: Int
  /// Heads.
  public var H: Int
  /// Numbers of a kernel: how far a token looks back, itself included.
  public var K: Int
  /// Length of a chunk; it changes the cost, not the result.
  public var Q: Int
  /// What stands around the matrix.
  public var frame: MixerFrame

  /// Sizes that are not yet checked.
  public init(D: Int, H: Int, K: Int, Q: Int = 32, frame: MixerFrame = .plain) {
    (self.D, self.H, self.K, self.Q, self.frame) = (D, H, K, Q, frame)
  }

  /// The features of a head.
  public var P: Int { D / H }

  /// A mixer whose matrices are the identity.
  public func make(_ name: String, using random: inout some RandomNumberGenerator) -> any MatrixMixer {
    CausalToeplitz(name, sizes: self, using: &random)
  }

  private enum Word: String, CodingKey { case n_v_heads, kernel_size, chunk_size }

  /// Writes all sizes but D.
  public func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    try words.encode(H, forKey: .n_v_heads)
    try words.encode(K, forKey: .kernel_size)
    try words.encode(Q, forKey: .chunk_size)
    try frame.encode(to: encoder)
  }

  /// Reads what `encode(to:)` writes; throws `DecodingError` if heads or kernel are missing.
  public init(from decoder: any Decoder, D: Int) throws {
    let words = try decoder.container(keyedBy: Word.self)
    self.init(
      D: D, H: try words.whole(.n_v_heads), K: try words.whole(.kernel_size),
      Q: try words.wholeIfPresent(.chunk_size) ?? 32, frame: try MixerFrame(from: decoder, usual: .plain))
  }

  /// Why no mixer can have these sizes, in a sentence that begins with "its …"; nil if one can.
  public var problem: String? { problem(among: [("kernel", K), ("chunk", Q)] + frame.sizes) }
}

/// A convolution with a learned kernel for each head, as long as the text if wanted.
public struct CausalToeplitz: ThreeFormMixer {
  /// The last K − 1 rows of x as `state` [B, K − 1, D], and the past of a short convolution.
  public typealias Memory = FramedMemory

  /// The sizes that it was made with.
  public let sizes: CausalToeplitzSizes
  /// The maps around the matrix; there are no keys and queries.
  public let maps: FramedMaps
  /// The kernels, [H, 1, 1, K]: the last number for the token itself, as PyTorch's Conv2d would store them.
  public let kernel: Parameter

  /// A mixer whose matrices are the identity; all else is random, or as the frame begins.
  ///
  /// - Parameter name: the prefix of its parameters' names
  public init(_ name: String, sizes: CausalToeplitzSizes, using random: inout some RandomNumberGenerator) {
    if let problem = sizes.problem { preconditionFailure("\(name): \(problem)") }
    self.sizes = sizes
    maps = FramedMaps(name, sizes.frame, D: sizes.D, H: sizes.H, P: sizes.P, N: 0, using: &random)
    var numbers = Tensor.zeros([sizes.H, 1, 1, sizes.K])
    numbers.assign(.ones([sizes.H, 1, 1, 1]), at: sizes.K - 1, along: 3)
    kernel = Parameter("\(name).toeplitz_matrix.weight", numbers)
  }

  /// u [B, T, D] → [B, T, D], by chunks.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ u: A) -> A { output(u, form: .chunked(Q: sizes.Q)) }

  /// The matrix of each head, the same for all texts: u [B, T, D] → [B, H, T, T].
  ///
  /// Depends on the kernel and on nothing else.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func matrix<A: Activation>(_ u: A) -> A {
    let (B, T, H) = (u.shape[0], u.shape[1], sizes.H)
    let seen = min(sizes.K, T)
    let rows = band(A(kernel), of: seen, rows: T).sliced((seen - 1)..<(seen - 1 + T), along: 2)
    return rows.reshaped(to: [1, H, T, T]).broadcast(to: [B, H, T, T])
  }

  /// The output in one of the three forms: u [B, T, D] → [B, T, D].
  public func output<A: Activation>(_ u: A, form: MambaForm) -> A {
    let x = maps.heads(.x, u)
    let y =
      switch form {
      case .recurrent: steps(x)
      case .materialised: headMix(matrix(u), x)
      case .chunked(let Q): chunks(x, Q: Q)
      }
    return maps.output(y, gatedBy: u)
  }

  /// Values, convolution, kernel, gate and output projection, as far as there are any.
  public var parameters: [Parameter] { [kernel] + maps.all }

  /// The kernel.
  public var matrixRows: [ParameterRows] { [ParameterRows(kernel)] }
}

// ## The forms

extension CausalToeplitz {
  /// q rows of the matrices with the last K′ numbers of each kernel: [H, q, K′ + q − 1], the first K′ − 1 columns for
  /// what comes before the q tokens.
  func band<A: Activation>(_ kernel: A, of seen: Int, rows q: Int) -> A {
    let (H, K, period) = (sizes.H, sizes.K, seen + q)
    let numbers = kernel.reshaped(to: [H, K]).sliced((K - seen)..<K, along: 1)
    let row = A.concatenated([numbers, A(constant: .zeros([H, q]))], along: 1)
    return row.reshaped(to: [H, 1, period]).broadcast(to: [H, q, period]).reshaped(to: [H, q * period])
      .sliced(0..<(q * (period - 1)), along: 1).reshaped(to: [H, q, period - 1])
  }

  /// y in chunks of Q tokens, each mixed from itself and the K − 1 tokens before it: x [B, T, H, P] → [B, T, H, P].
  func chunks<A: Activation>(_ x: A, Q: Int) -> A {
    precondition(Q >= 1, "a chunk has at least one step, not \(Q)")
    let (B, T, H, P) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let back = min(sizes.K, T) - 1
    let kernel = A(kernel)
    let all = back == 0 ? x : A.concatenated([A(constant: .zeros([B, back, H, P])), x], along: 1)
    func chunk(_ start: Int, _ q: Int, _ rows: A) -> A {
      headMix(rows, all.sliced(start..<(start + back + q), along: 1))
    }
    func rows(_ q: Int) -> A {
      band(kernel, of: back + 1, rows: q).reshaped(to: [1, H, q, back + q]).broadcast(to: [B, H, q, back + q])
    }
    let (Q, whole) = (min(Q, T), T / min(Q, T))
    let shared = rows(Q)
    var parts = (0..<whole).map { chunk($0 * Q, Q, shared) }
    if whole * Q < T { parts.append(chunk(whole * Q, T - whole * Q, rows(T - whole * Q))) }
    return A.concatenated(parts, along: 1)
  }

  /// y step after step: x [B, T, H, P] → [B, T, H, P].
  func steps<A: Activation>(_ x: A) -> A {
    let (B, T, H, P, K) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3], sizes.K)
    let numbers = A(kernel).reshaped(to: [H, K, 1])
    var seen = A(constant: .zeros([B, H, K, P]))
    var outputs: [A] = []
    for t in 0..<T {
      let now = x.sliced(t..<(t + 1), along: 1).reshaped(to: [B, H, 1, P])
      seen = A.concatenated([seen.sliced(1..<K, along: 2), now], along: 2)
      outputs.append(sum(numbers * seen, along: 2).reshaped(to: [B, 1, H, P]))
    }
    return A.concatenated(outputs, along: 1)
  }
}

// ## Reading on

extension CausalToeplitz {
  /// `state` [B, K − 1, D], and `past` if there is a short convolution, whatever the lengths.
  public func memoryShapes(lengths: [Int]) -> [String: Shape] {
    var shapes = maps.pastShape(B: lengths.count)
    shapes["state"] = [lengths.count, sizes.K - 1, sizes.D]
    return shapes
  }

  /// Reads T further tokens, u [B, T, D] → [B, T, D]: a depthwise convolution, with the same taps for all features of
  /// a head.
  public func advance(_ u: Tensor, _ memory: inout FramedMemory) -> Tensor {
    let (H, P, K, D) = (sizes.H, sizes.P, sizes.K, sizes.D)
    let heads = maps.read(u, &memory)[.x]!
    let x = heads.reshaped(to: u.shape)
    let taps = kernel.value.reshaped(to: [H, 1, K]).broadcast(to: [H, P, K]).reshaped(to: [D, 1, K])
    let y = causalConvolution(x, weight: taps, bias: .zeros([D]), past: memory.state)
    memory.state = convolutionPast(memory.state, then: x)
    return maps.output(y.reshaped(to: heads.shape), gatedBy: u)
  }

  /// Takes over values and output projection of an attention layer; queries and keys have no place here.
  ///
  /// Takes nothing if widths or heads differ.
  public func begin(with attention: MixerProjections, taking part: MixerProjections.Part) -> Bool {
    maps.takeValuesAndOutput(of: attention)
  }
}
