// # What stands around a matrix
//
// A mixer is more than its matrix: it makes x from u before it mixes, and an output from y after it. Where matrices
// of several kinds are compared, all the rest should be the same. So the mixers that differ in their matrix alone
// share a frame:
//
//     x, B, C  =  W_v u, W_k u, W_q u                cut into heads; a Toeplitz matrix needs x alone
//     x, B, C  =  convolution of each                if K > 0: causal, depthwise, with bias, no activation after it
//     y        =  M x                                the mixer's own part
//     output   =  W_o y                              gate `none`
//                 W_o (y ⊙ silu(g))                  gate `silu`,       g = W_g u + bias
//                 W_o (w ⊙ norm(y) ⊙ silu(g))        gate `retention`,  g = W_g u
//
// The norm of the last line divides each head's P numbers by their root mean square. Three frames have names:
//
//     plain        no convolution, no gate             attention without biases and with another matrix: it can begin
//                                                      with values and output projection of an attention, and then
//                                                      differs from it in the matrix alone
//     mamba        K = 4, silu                         what Discrete-Mamba-2 has around its recurrence, with the same
//                                                      first values: identity convolution, open gate
//     retention    no convolution, norm and gate       RetNet's
//
// The names of the parameters are those of fla-org/flash-linear-attention: q_proj, k_proj, v_proj, g_proj,
// g_norm_swish_gate, o_proj. The convolution is one for x, B and C, conv1d, as in Mamba-2.
//
// Read before: `DiscreteMamba2.swift`. Read next: `MixerFrame+Memory.swift`, `CausalToeplitz.swift`,
// `CausalLowRank.swift`, `FixedDecay.swift`.

import Gradients
import Tensors

/// The choices around the matrix of a mixer: the short convolution before it, and the gate after it.
public struct MixerFrame: Hashable, Sendable {
  /// What the heads' outputs pass through before the output projection.
  public enum Gate: String, CaseIterable, Sendable {
    /// Nothing.
    case none
    /// silu of a projection with a bias; open in a new mixer.
    case silu
    /// The norm of each head, and silu of a projection without a bias.
    case retention
  }

  /// The width of the short convolution; 0 for none.
  public var K: Int
  /// What stands before the output projection.
  public var gate: Gate

  /// A frame; K is not checked.
  public init(K: Int = 0, gate: Gate = .none) { (self.K, self.gate) = (K, gate) }

  /// Neither convolution nor gate.
  public static let plain = MixerFrame()
  /// What stands around the recurrence of Discrete-Mamba-2.
  public static let mamba = MixerFrame(K: 4, gate: .silu)
  /// RetNet's norm of each head and gate.
  public static let retention = MixerFrame(gate: .retention)

  /// What is checked with the sizes of a mixer.
  var sizes: [(name: String, value: Int)] { K == 0 ? [] : [("taps", K)] }

  private enum Word: String, CodingKey { case d_conv, gate }

  /// Writes width of the convolution and kind of gate among a mixer's words.
  func encode(to encoder: any Encoder) throws {
    var words = encoder.container(keyedBy: Word.self)
    try words.encode(K, forKey: .d_conv)
    try words.encode(gate.rawValue, forKey: .gate)
  }

  /// Reads what `encode(to:)` writes; missing words have the values of `usual`.
  init(from decoder: any Decoder, usual: MixerFrame) throws {
    let words = try decoder.container(keyedBy: Word.self)
    K = try words.wholeIfPresent(.d_conv) ?? usual.K
    let name = try words.decodeIfPresent(String.self, forKey: .gate) ?? usual.gate.rawValue
    guard let gate = Gate(rawValue: name) else {
      let known = Gate.allCases.map(\.rawValue).joined(separator: ", ")
      throw DecodingError.dataCorruptedError(
        forKey: .gate, in: words, debugDescription: "it is \(name), which is not supported here, only \(known)")
    }
    self.gate = gate
  }
}

/// The maps around the matrix of a mixer.
public struct FramedMaps {
  /// What the norm of the heads adds to the mean square; RetNet's.
  public static let epsilon: Scalar = 1e-6

  /// The choices that it was made with.
  public let frame: MixerFrame
  /// W_v, D → H P, heads one after another in the output.
  public let values: Linear
  /// W_k and W_q, D → H N; nil if the matrix depends on no token.
  public let keys, queries: Linear?
  /// The taps of the short convolution over x, B and C, [H P + 2 H N, 1, K], and their biases [H P + 2 H N].
  public let convolutionWeight, convolutionBias: Parameter?
  /// W_g, D → H P.
  public let gate: Linear?
  /// The scale of a head after its norm, [P], the same for all heads.
  public let normWeight: Parameter?
  /// W_o, H P → D.
  public let output: Linear
  let H, P, N: Int

  /// Maps with random weights; the convolution is the identity, a gate of the kind `silu` is open.
  ///
  /// - Parameters:
  ///   - name: the prefix of the parameters' names
  ///   - N: the state size of a head; 0 if there are no keys and queries
  init(
    _ name: String, _ frame: MixerFrame, D: Int, H: Int, P: Int, N: Int,
    using random: inout some RandomNumberGenerator
  ) {
    (self.frame, self.H, self.P, self.N) = (frame, H, P, N)
    func map(_ end: String, _ inputs: Int, _ outputs: Int, hasBias: Bool = false) -> Linear {
      Linear("\(name).\(end)", inputs: inputs, outputs: outputs, hasBias: hasBias, using: &random)
    }
    queries = N > 0 ? map("q_proj", D, H * N) : nil
    keys = N > 0 ? map("k_proj", D, H * N) : nil
    values = map("v_proj", D, H * P)
    gate = frame.gate == .none ? nil : map("g_proj", D, H * P, hasBias: frame.gate == .silu)
    output = map("o_proj", H * P, D)
    normWeight = frame.gate == .retention ? Parameter("\(name).g_norm_swish_gate.weight", .ones([P])) : nil
    if frame.gate == .silu, let gate, let bias = gate.bias {
      gate.weight.value = .zeros([H * P, D])
      bias.value = Tensor(repeating: DiscreteMamba2.openGate, shape: [H * P])
    }
    let channels = H * (P + 2 * N)
    guard frame.K > 0 else {
      (convolutionWeight, convolutionBias) = (nil, nil)
      return
    }
    convolutionWeight = Parameter("\(name).conv1d.weight", .identityTaps(channels: channels, K: frame.K))
    convolutionBias = Parameter("\(name).conv1d.bias", .zeros([channels]))
  }

  /// Queries, keys, values, convolution, gate, norm and output projection, as far as there are any.
  var all: [Parameter] {
    let before = [queries, keys, values].compactMap { $0 }.flatMap(\.parameters)
    let after = (gate?.parameters ?? []) + [normWeight].compactMap { $0 } + output.parameters
    return before + [convolutionWeight, convolutionBias].compactMap { $0 } + after
  }

  /// What B and C depend on: keys, queries, and their convolution.
  var matrixRows: [ParameterRows] {
    let channels = (H * P)..<(H * (P + 2 * N))
    return [queries, keys].compactMap { $0 }.map { ParameterRows($0.weight) }
      + (N > 0 ? [convolutionWeight, convolutionBias].compactMap { $0 } : []).map {
        ParameterRows($0, rows: [channels])
      }
  }
}

// ## From u to x, B and C, and from y to the output

extension FramedMaps {
  /// What the matrix mixes, and what it is made of; also the parts of the convolution, in its order.
  enum Part: CaseIterable { case x, b, c }

  /// The linear map of a part, and its channels of the convolution.
  func map(_ part: Part) -> (map: Linear?, channels: Range<Int>) {
    let (x, state) = (H * P, H * N)
    return switch part {
    case .x: (values, 0..<x)
    case .b: (keys, x..<(x + state))
    case .c: (queries, (x + state)..<(x + 2 * state))
    }
  }

  /// x, B or C: u [B, T, D] → [B, T, H, P or N].
  func heads<A: Activation>(_ part: Part, _ u: A) -> A {
    let (map, channels) = map(part)
    guard let map else { preconditionFailure("a mixer whose matrix depends on no token has no B and C") }
    var projected = map(u)
    if let convolutionWeight, let convolutionBias {
      projected = causalConvolution(
        projected, weight: A(convolutionWeight).sliced(channels), bias: A(convolutionBias).sliced(channels))
    }
    return projected.reshaped(to: [u.shape[0], u.shape[1], H, channels.count / H])
  }

  /// Gate and output projection: y [B, T, H, P], u [B, T, D] → [B, T, D].
  func output<A: Activation>(_ y: A, gatedBy u: A) -> A {
    let side = [u.shape[0], u.shape[1], H * P]
    guard let gate else { return output(y.reshaped(to: side)) }
    let normed = normWeight.map { rmsNorm(y, weight: A($0), epsilon: FramedMaps.epsilon) } ?? y
    return output(normed.reshaped(to: side) * silu(gate(u)))
  }
}

// ## Beginning with an attention

extension FramedMaps {
  /// Takes over values and output projection of an attention layer; takes nothing if widths or heads differ.
  ///
  /// The bias of the values becomes that of the convolution, if there is one; otherwise it is lost, as is the bias of
  /// the output projection. Expects the convolution to be the identity.
  func takeValuesAndOutput(of attention: MixerProjections) -> Bool {
    let D = H * P
    guard attention.H == H, attention.queries.weight.value.shape == [D, D], output.weight.value.shape == [D, D] else {
      return false
    }
    for head in 0..<H {
      let own = attention.values(of: head)
      values.weight.update { $0.assign(own.weight, at: head * P) }
      if let bias = own.bias { convolutionBias?.update { $0.assign(bias, at: head * P) } }
    }
    output.weight.value = attention.output.weight.value
    return true
  }
}
