// # Two more mixers, slowly
//
// The gated delta rule and the trapezoidal recurrence from their formulas and from `Naive` alone, with the layout of
// the in-projection written out by hand.
//
// Read before: `Twins.swift`.

import Foundation
import Layers
import Tensors

/// The parts of a recurrent mixer for one input, before they are put together; rows in the order x, B, C, z, a and
/// one more number for each head.
private struct FrameTwin {
  let x, b, c, logDecay, second, gate: Tensor
  private let frame: RecurrentFrame

  init(_ frame: RecurrentFrame, _ u: Tensor, N: Int) {
    let (D, H, weight) = (u.shape[2], frame.skip.value.count, frame.inProjection.value)
    let state = H * N
    func rows(_ first: Int, _ count: Int) -> Tensor { naiveLinear(u, weight.sliced(first..<(first + count))) }
    func heads(_ first: Int, _ width: Int) -> Tensor {
      let channels = first..<(first + H * width)
      let convolved = Naive.causalConvolution(
        rows(first, H * width), weight: frame.convolutionWeight.value.sliced(channels),
        bias: frame.convolutionBias.value.sliced(channels))
      return convolved.reshaped(to: [u.shape[0], u.shape[1], H, width])
    }
    (x, b, c) = (heads(0, D / H), heads(D, N), heads(D + state, N))
    let z = Naive.elementwise(rows(D + 2 * state, D), frame.zBias.value) { $0 + $1 }
    gate = naiveMap(z) { $0 / (1 + Foundation.exp(-$0)) }
    logDecay = naiveMap(rows(2 * D + 2 * state, H)) { -Foundation.log(1 + Foundation.exp($0)) }
    second = naiveMap(rows(2 * D + 2 * state + H, H)) { 1 / (1 + Foundation.exp(-$0)) }
    self.frame = frame
  }

  /// W_o (y ⊙ gate), with y [B, T, H, P].
  func output(_ y: Tensor) -> Tensor {
    naiveLinear(Naive.elementwise(y.reshaped(to: gate.shape), gate) { $0 * $1 }, frame.output.weight.value)
  }
}

/// What a gated delta rule gives, one step after another.
func naiveDeltaRule(_ mixer: GatedDeltaRule, _ u: Tensor) -> Mixed {
  let (twin, N, skip) = (FrameTwin(mixer.frame, u, N: mixer.sizes.N), mixer.sizes.N, mixer.frame.skip.value)
  let keys = Naive.tabulate(twin.b.shape) { i in
    let squares = (0..<N).reduce(0) { $0 + twin.b[i[0], i[1], i[2], $1] * twin.b[i[0], i[1], i[2], $1] }
    return twin.b[i[0], i[1], i[2], i[3]] / (squares + 1e-6).squareRoot()
  }
  let mixed = Naive.deltaSequence(twin.x, logDecay: twin.logDecay, b: keys, c: twin.c, beta: twin.second).output
  let y = Naive.tabulate(mixed.shape) { i in
    mixed[i[0], i[1], i[2], i[3]] + skip[i[2]] * twin.x[i[0], i[1], i[2], i[3]]
  }
  let matrix = Naive.deltaMatrix(logDecay: twin.logDecay, b: keys, c: twin.c, beta: twin.second)
  let withSkip = Naive.tabulate(matrix.shape) { i in
    matrix[i[0], i[1], i[2], i[3]] + (i[2] == i[3] ? skip[i[1]] : 0)
  }
  return Mixed(output: twin.output(y), matrix: withSkip)
}

/// What a trapezoidal mixer gives, one step after another.
func naiveTrapezoid(_ mixer: TrapezoidalMamba, _ u: Tensor) -> Mixed {
  let (twin, skip) = (FrameTwin(mixer.frame, u, N: mixer.sizes.N), mixer.frame.skip.value)
  let y = Naive.trapezoidalSequence(
    twin.x, logDecay: twin.logDecay, lambda: twin.second, b: twin.b, c: twin.c, d: skip)
  let matrix = Naive.trapezoidalMatrix(
    logDecay: twin.logDecay, lambda: twin.second, b: twin.b, c: twin.c, d: skip)
  return Mixed(output: twin.output(y), matrix: matrix)
}
