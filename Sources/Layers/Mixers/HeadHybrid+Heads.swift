// # The heads of each kind
//
// Attention and Discrete-Mamba-2 once more, for a part of the heads: they read all D features of u and give those of
// their own heads, without an output projection. The formulas are those of `CausalAttention` and `DiscreteMamba2`;
// what is new is which rows there are.
//
// Kept heads may share keys and values unevenly. With six heads over two groups and heads 0, 1 and 4 kept, group 0
// serves two of them and group 1 serves one. So each kept head looks up the place of its group among those that are
// there.
//
// Read before: `HeadHybrid.swift`.

import Gradients
import Tensors

extension HeadHybrid {
  /// The heads that are attention.
  public struct KeptHeads {
    /// W_q, D → kept heads · P.
    public let queries: Linear
    /// W_k, D → groups that a kept head reads · P.
    public let keys: Linear
    /// W_v, as many rows as W_k.
    public let values: Linear

    let sizes: HeadHybridSizes
    /// For each kept head, the place of its group in `keys` and `values`.
    let groupPlaces: [Int]

    init(_ name: String, sizes: HeadHybridSizes, using random: inout some RandomNumberGenerator) {
      let (D, P, hasBias) = (sizes.D, sizes.P, sizes.attention.convention == .phi)
      let shared = sizes.groups.count * P
      self.sizes = sizes
      groupPlaces = sizes.kept.map { sizes.groups.firstIndex(of: sizes.group(of: $0))! }
      queries = Linear(
        "\(name).q_proj", inputs: D, outputs: sizes.kept.count * P, hasBias: hasBias, using: &random)
      keys = Linear("\(name).k_proj", inputs: D, outputs: shared, hasBias: hasBias, using: &random)
      values = Linear("\(name).v_proj", inputs: D, outputs: shared, hasBias: hasBias, using: &random)
    }

    /// Queries, keys, values: for each the weight, then the bias if there is one.
    public var all: [Parameter] { queries.parameters + keys.parameters + values.parameters }

    /// Queries and keys: what the matrices depend on.
    var matrixRows: [ParameterRows] { (queries.parameters + keys.parameters).map { ParameterRows($0) } }

    /// The matrices after the softmax: u [B, T, D] → [B, kept, T, T].
    func matrix<A: Activation>(_ u: A) -> A {
      let table = RotaryTable.forText(
        T: u.shape[1], width: sizes.attention.rotaryWidth, base: sizes.attention.rotaryBase)
      return attentionMatrix(
        rotary(heads(queries(u)), table), rotary(heads(keys(u)), table).picking(groupPlaces, along: 2),
        scale: scoreFactor)
    }

    /// What the heads mix by their matrices: u [B, T, D] and [B, kept, T, T] → [B, T, kept, P].
    func mixed<A: Activation>(_ u: A, by matrix: A) -> A {
      causalMix(matrix, heads(values(u)).picking(groupPlaces, along: 2))
    }

    /// 1 / √P, what scores are multiplied by.
    var scoreFactor: Scalar { 1 / Scalar(sizes.P).squareRoot() }

    /// [B, T, heads · P] → [B, T, heads, P]
    func heads<A: Activation>(_ x: A) -> A {
      x.reshaped(to: [x.shape[0], x.shape[1], x.shape[2] / sizes.P, sizes.P])
    }
  }

  /// The heads of Discrete-Mamba-2.
  public struct RecurrentHeads {
    /// The sizes of a Discrete-Mamba-2 with these heads alone: its D is their features, side by side. Parts of the
    /// in-projection lie as in that mixer; only its columns are those of u.
    public let sizes: DiscreteMamba2Sizes
    /// [2 heads · P + 2 heads · N + heads, D], rows in the order x, B, C, z, a
    public let inProjection: Parameter
    /// [heads · P]
    public let zBias: Parameter
    /// [heads · P + 2 heads · N, 1, K]
    public let convolutionWeight: Parameter
    /// [heads · P + 2 heads · N]
    public let convolutionBias: Parameter
    /// [heads]
    public let skip: Parameter

    init(_ name: String, sizes all: HeadHybridSizes, using random: inout some RandomNumberGenerator) {
      sizes = all.recurrentPart
      let projection = Linear(
        "\(name).in_proj", inputs: all.D, outputs: sizes.projected, hasBias: false, using: &random)
      inProjection = projection.weight
      let z = MambaPart.z.rows(sizes)
      inProjection.update { $0.assign(.zeros([z.count, all.D]), at: z.lowerBound) }
      zBias = Parameter("\(name).z_bias", Tensor(repeating: DiscreteMamba2.openGate, shape: [z.count]))
      convolutionWeight = Parameter("\(name).conv1d.weight", .identityTaps(channels: sizes.channels, K: sizes.K))
      convolutionBias = Parameter("\(name).conv1d.bias", .zeros([sizes.channels]))
      skip = Parameter("\(name).D", .ones([sizes.H]))
    }

    /// In-projection, gate bias, convolution, skip weights: the order of Discrete-Mamba-2.
    public var all: [Parameter] { [inProjection, zBias, convolutionWeight, convolutionBias, skip] }

    /// The rows of B, C and a, the convolution of B and C, and d: what the matrices depend on.
    var matrixRows: [ParameterRows] {
      let both = MambaPart.b.rows(sizes).lowerBound..<MambaPart.c.rows(sizes).upperBound
      return [
        ParameterRows(inProjection, rows: [both, MambaPart.a.rows(sizes)]),
        ParameterRows(convolutionWeight, rows: [both]), ParameterRows(convolutionBias, rows: [both]),
        ParameterRows(skip),
      ]
    }

    /// The matrices, with d on their diagonals: u [B, T, D] → [B, heads, T, T].
    func matrix<A: Activation>(_ u: A) -> A {
      ssdMatrix(logDecay: logDecay(u), b: convolved(.b, u), c: convolved(.c, u), d: A(skip))
    }

    /// What the heads mix, gated, in one of the three forms: u [B, T, D] → [B, T, heads, P].
    func mixed<A: Activation>(_ u: A, form: MambaForm) -> A {
      let y = form.stateSpace(
        convolved(.x, u), logDecay: logDecay(u), b: convolved(.b, u), c: convolved(.c, u), d: A(skip))
      return y * heads(silu(projected(.z, u) + A(zBias)))
    }

    /// log α = −softplus(a): u [B, T, D] → [B, T, heads].
    private func logDecay<A: Activation>(_ u: A) -> A { -softplus(projected(.a, u)) }

    /// A part of the in-projection: u [B, T, D] → [B, T, rows].
    private func projected<A: Activation>(_ part: MambaPart, _ u: A) -> A {
      linear(u, weight: A(inProjection).sliced(part.rows(sizes)))
    }

    /// x, B or C after the convolution: u [B, T, D] → [B, T, heads, P or N].
    private func convolved<A: Activation>(_ part: MambaPart, _ u: A) -> A {
      let channels = part.rows(sizes)
      return heads(
        causalConvolution(
          projected(part, u), weight: A(convolutionWeight).sliced(channels),
          bias: A(convolutionBias).sliced(channels)))
    }

    /// [B, T, heads · width] → [B, T, heads, width]
    func heads<A: Activation>(_ x: A) -> A {
      x.reshaped(to: [x.shape[0], x.shape[1], sizes.H, x.shape[2] / sizes.H])
    }
  }
}

extension Activation {
  /// Entries of an axis in the order of `places`, in which an entry may come several times or not at all.
  func picking(_ places: [Int], along axis: Int) -> Self {
    if places.elementsEqual(0..<shape[axis]) { return self }
    return .concatenated(places.map { sliced($0..<($0 + 1), along: axis) }, along: axis)
  }
}
