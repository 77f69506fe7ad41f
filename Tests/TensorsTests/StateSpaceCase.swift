// # State space models for the tests
//
// Random arguments of one shape, and decays of every kind: ordinary, 1 (nothing fades), 0
// (everything is forgotten), and so strong that products over a few steps underflow.
//
// Used by: `StateSpaceMatrixTests.swift`, `StateSpaceSequenceTests.swift`,
// `StateSpaceRecurrenceTests.swift`.

import Tensors
import TestSupport

/// How strongly the states fade.
enum Fading: String, CaseIterable, Sendable {
  /// log α between −2 and −0.1
  case ordinary
  /// α = 1 throughout
  case nothing
  /// α = 0 throughout
  case everything
  /// α = 0 at every third step, at the first one too
  case sometimes
  /// log α between −400 and 0: two or three steps underflow
  case strong
  /// α within 1e−6 of 1
  case hardly

  func logDecay(_ shape: Shape, using random: inout SeededGenerator) -> Tensor {
    switch self {
    case .ordinary: return .random(shape, .logDecay, using: &random)
    case .nothing: return .zeros(shape)
    case .everything: return Tensor(repeating: -.infinity, shape: shape)
    case .strong: return .uniform(shape, in: -400..<0, using: &random)
    case .hardly: return .uniform(shape, in: -1e-6..<0, using: &random)
    case .sometimes:
      var x = Tensor.random(shape, .logDecay, using: &random)
      for t in stride(from: 0, to: shape[1], by: 3) {
        x.assign(Tensor(repeating: -.infinity, shape: [shape[0], 1, shape[2]]), at: t, along: 1)
      }
      return x
    }
  }
}

/// The arguments of a state space model.
struct StateSpaceArguments {
  let x, logDecay, b, c, d, initialState: Tensor
  let name: String

  init(B: Int = 2, T: Int, H: Int = 3, N: Int = 5, P: Int = 7, _ fading: Fading = .ordinary) {
    name = "B \(B), T \(T), H \(H), N \(N), P \(P), \(fading)"
    var random = SeededGenerator(for: name)
    x = .random([B, T, H, P], using: &random)
    logDecay = fading.logDecay([B, T, H], using: &random)
    b = .random([B, T, H, N], using: &random)
    c = .random([B, T, H, N], using: &random)
    d = .random([H], using: &random)
    initialState = .random([B, H, N, P], using: &random)
  }

  /// The output by the chunked algorithm, for some of the steps.
  func sequence(
    Q: Int, from initialState: Tensor? = nil, times: Range<Int>? = nil, keepsStates: Bool = true
  ) -> SSDSequenceValue {
    let times = times ?? 0..<x.shape[1]
    return ssdSequence(
      x.sliced(times, along: 1), logDecay: logDecay.sliced(times, along: 1), b: b.sliced(times, along: 1),
      c: c.sliced(times, along: 1), d: d, Q: Q, initialState: initialState, keepsStates: keepsStates)
  }

  /// The output and the last state, step by step.
  func stepByStep(from initialState: Tensor? = nil) -> (output: Tensor, finalState: Tensor) {
    Naive.ssdSequence(x, logDecay: logDecay, b: b, c: c, d: d, initialState: initialState)
  }

  /// The output and the last state, by the kernel that goes step by step.
  func recurrence(from initialState: Tensor? = nil, times: Range<Int>? = nil) -> (output: Tensor, finalState: Tensor)
  {
    let times = times ?? 0..<x.shape[1]
    return ssdRecurrence(
      x.sliced(times, along: 1), logDecay: logDecay.sliced(times, along: 1), b: b.sliced(times, along: 1),
      c: c.sliced(times, along: 1), d: d, initialState: initialState)
  }

  var matrix: Tensor { ssdMatrix(logDecay: logDecay, b: b, c: c, d: d) }
}
