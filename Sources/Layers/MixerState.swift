// # What a mixer remembers
//
// A mixer that reads a text in pieces, or writes one token by token, must know of what came before
// all that the next token may ask for. Attention keeps every key and every value. A state space
// mixer keeps the last K − 1 inputs of its convolution and one matrix of N × P numbers for each
// head, however long the text is.
//
// `advance` reads T further tokens of B texts and moves the state on. Training has the same numbers
// by another way, a whole text at once and with a tape; the tests hold them together for every
// length and every split.
//
// Read before: `MatrixMixer.swift`, `Tensors/Attention/KeyValueCache.swift`. Read next:
// `Models/DecodingState.swift`.

import Gradients
import Tensors

/// What a mixer remembers of B texts.
public enum MixerState: Sendable {
  case attention(KeyValueCache)
  case mamba(MambaState)

  /// The bytes that are kept.
  public var bytes: Int {
    switch self {
    case .attention(let cache): cache.bytes
    case .mamba(let state): (state.past.count + state.state.count) * MemoryLayout<Scalar>.size
    }
  }

  /// The states of several groups of texts as one.
  public static func joined(_ states: [MixerState]) -> MixerState {
    switch states[0] {
    case .attention: .attention(.joined(states.map { $0.cache }))
    case .mamba:
      .mamba(
        MambaState(
          past: .concatenated(states.map { $0.recurrent.past }),
          state: .concatenated(states.map { $0.recurrent.state })))
    }
  }

  /// The state of some of the texts.
  public func keeping(_ rows: [Int]) -> MixerState {
    switch self {
    case .attention(let cache): .attention(cache.keeping(rows))
    case .mamba(let state): .mamba(MambaState(past: state.past.gathered(rows), state: state.state.gathered(rows)))
    }
  }
}

/// What a state space mixer remembers of B texts.
public struct MambaState: Sendable {
  /// The last inputs of the convolution, [B, K − 1, D + 2 G N].
  public var past: Tensor
  /// The states of the heads, [B, H, N, P].
  public var state: Tensor

  public init(past: Tensor, state: Tensor) { (self.past, self.state) = (past, state) }
}

// ## Changing a state in place
//
// A payload that is taken out of an enum has two owners, the enum and whoever took it, and the first
// change would copy it: the whole cache, at each token. So the enum gives its payload away first.

extension MixerState {
  private static let vacant = MixerState.mamba(MambaState(past: .zeros([0]), state: .zeros([0])))

  /// The cache of an attention; setting it gives the old one up first.
  fileprivate(set) var cache: KeyValueCache {
    get {
      guard case .attention(let cache) = self else { preconditionFailure("an attention was given a mamba's state") }
      return cache
    }
    _modify {
      guard case .attention(var cache) = self else { preconditionFailure("an attention was given a mamba's state") }
      self = MixerState.vacant
      yield &cache
      self = .attention(cache)
    }
  }

  fileprivate(set) var recurrent: MambaState {
    get {
      guard case .mamba(let state) = self else { preconditionFailure("a mamba was given an attention's state") }
      return state
    }
    _modify {
      guard case .mamba(var state) = self else { preconditionFailure("a mamba was given an attention's state") }
      self = MixerState.vacant
      yield &state
      self = .mamba(state)
    }
  }
}

// ## Attention

extension CausalAttention {
  public func emptyState(B: Int) -> MixerState {
    let D = queries.weight.value.shape[0]
    return .attention(KeyValueCache(B: B, H: H, P: D / H))
  }

  public func advance(_ u: Tensor, _ state: inout MixerState) -> Tensor {
    let (B, T, D) = (u.shape[0], u.shape[1], u.shape[2])
    let positions = state.cache.counts.flatMap { $0..<($0 + T) }
    let table = RotaryTable(positions: positions, width: rotaryWidth, base: rotaryBase)
    func heads(_ layer: Linear) -> Tensor { layer(u).reshaped(to: [B, T, H, D / H]) }
    // Texts may stand at different positions: the table has a row for each token of each text.
    func turned(_ x: Tensor) -> Tensor {
      rotary(x.reshaped(to: [1, B * T, H, D / H]), table).reshaped(to: [B, T, H, D / H])
    }
    let mixed = state.cache.attend(
      turned(heads(queries)), turned(heads(keys)), heads(values), scale: 1 / Scalar(D / H).squareRoot())
    return output(mixed.reshaped(to: [B, T, D]))
  }
}

// ## State space
//
// A single token takes a step of the recurrence, a piece goes through the chunked algorithm from the
// state that the pieces before it have left.

extension DiscreteMamba2 {
  public func emptyState(B: Int) -> MixerState {
    .mamba(
      MambaState(past: .zeros([B, sizes.K - 1, sizes.channels]), state: .zeros([B, sizes.H, sizes.N, sizes.P])))
  }

  public func advance(_ u: Tensor, _ state: inout MixerState) -> Tensor {
    let (B, T, H, G) = (u.shape[0], u.shape[1], sizes.H, sizes.G)
    let projected = linear(u, weight: inProjection.value, bias: nil)
    let read = projected.sliced(0..<sizes.channels, along: 2)
    let convolved = causalConvolution(
      read, weight: convolutionWeight.value, bias: convolutionBias.value, past: state.recurrent.past)
    state.recurrent.past = convolutionPast(state.recurrent.past, then: read)

    func part(_ part: MambaPart) -> Tensor { convolved.sliced(part.rows(sizes), along: 2) }
    func shared(_ x: Tensor) -> Tensor {
      if G == H { return x.reshaped(to: [B, T, H, sizes.N]) }
      return x.reshaped(to: [B, T, G, 1, sizes.N]).broadcast(to: [B, T, G, H / G, sizes.N])
        .reshaped(to: [B, T, H, sizes.N])
    }
    let (x, b, c) = (part(.x).reshaped(to: [B, T, H, sizes.P]), shared(part(.b)), shared(part(.c)))
    let logDecay = -1 * softplus(projected.sliced(MambaPart.a.rows(sizes), along: 2))
    let y: Tensor
    if T == 1 {
      y = ssdRecurrence(x, logDecay: logDecay, b: b, c: c, d: skip.value, state: &state.recurrent.state)
    } else {
      let value = ssdSequence(
        x, logDecay: logDecay, b: b, c: c, d: skip.value, Q: sizes.Q, initialState: state.recurrent.state)
      y = value.output
      state.recurrent.state = value.finalState
    }
    let gate = silu(projected.sliced(MambaPart.z.rows(sizes), along: 2) + zBias.value)
    return output(y.reshaped(to: [B, T, sizes.D]) * gate)
  }
}
