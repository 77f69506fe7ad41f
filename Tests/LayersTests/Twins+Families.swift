// # Four more mixers, slowly
//
// The Toeplitz, low rank and fixed decay mixers with their frames, and Mamba-2, from their formulas and from `Naive`
// alone. Layouts are written out by hand.
//
// Read before: `Twins.swift`.

import Foundation
import Gradients
import Layers
import Tensors

/// [B, T, C] → [B, T, H, C / H]
private func heads(_ x: Tensor, _ H: Int) -> Tensor { x.reshaped(to: [x.shape[0], x.shape[1], H, x.shape[2] / H]) }

private func silu(_ x: Tensor) -> Tensor { naiveMap(x) { $0 / (1 + Foundation.exp(-$0)) } }

private func product(_ x: Tensor, _ y: Tensor) -> Tensor { Naive.elementwise(x, y) { $0 * $1 } }

/// What a frame makes of u, and of y.
private struct FrameTwin {
  let x: Tensor
  /// Empty if there are no keys and queries.
  let b, c: Tensor
  private let maps: FramedMaps
  private let u: Tensor

  init(_ maps: FramedMaps, _ u: Tensor, H: Int) {
    (self.maps, self.u) = (maps, u)
    // All channels side by side, in the order x, B, C.
    let linears = [maps.values, maps.keys, maps.queries].compactMap { $0 }
    var all = Tensor.concatenated(linears.map { naiveLinear(u, $0.weight.value) }, along: 2)
    if let weight = maps.convolutionWeight?.value, let bias = maps.convolutionBias?.value {
      all = Naive.causalConvolution(all, weight: weight, bias: bias)
    }
    let width = maps.values.weight.value.shape[0]
    let state = maps.keys?.weight.value.shape[0] ?? 0
    x = heads(all.sliced(0..<width, along: 2), H)
    b = heads(all.sliced(width..<(width + state), along: 2), H)
    c = heads(all.sliced((width + state)..<(width + 2 * state), along: 2), H)
  }

  func output(_ y: Tensor) -> Tensor {
    var mixed = y
    if let weight = maps.normWeight?.value { mixed = Naive.rmsNorm(y, weight: weight, epsilon: 1e-6) }
    mixed = mixed.reshaped(to: [y.shape[0], y.shape[1], y.shape[2] * y.shape[3]])
    if let gate = maps.gate { mixed = product(mixed, silu(naiveLinear(u, gate.weight.value, gate.bias?.value))) }
    return naiveLinear(mixed, maps.output.weight.value)
  }
}

/// M[t, s] = k[t − s] up to the end of the kernel, whose last number is k[0].
func naiveToeplitz(_ mixer: CausalToeplitz, _ u: Tensor) -> Mixed {
  let (B, T, H, K) = (u.shape[0], u.shape[1], mixer.sizes.H, mixer.sizes.K)
  let kernel = mixer.kernel.value
  let matrix = Naive.tabulate([B, H, T, T]) { i in
    let back = i[2] - i[3]
    return back >= 0 && back < K ? kernel[i[1], 0, 0, K - 1 - back] : 0
  }
  let twin = FrameTwin(mixer.maps, u, H: H)
  return Mixed(output: twin.output(Naive.headMix(matrix, twin.x)), matrix: matrix)
}

/// M[t, s] = C[t] · B[s] / √N under the mask.
func naiveLowRank(_ mixer: CausalLowRank, _ u: Tensor) -> Mixed {
  let (H, N) = (mixer.sizes.H, mixer.sizes.N)
  let twin = FrameTwin(mixer.maps, u, H: H)
  let c = naiveMap(twin.c) { $0 / Scalar(N).squareRoot() }
  let scores = Naive.headScores(c, twin.b)
  let matrix = Naive.tabulate(scores.shape) { $0[3] > $0[2] ? 0 : scores[$0[0], $0[1], $0[2], $0[3]] }
  let log = Tensor.zeros([u.shape[0], u.shape[1], H])
  let y = Naive.ssdSequence(twin.x, logDecay: log, b: twin.b, c: c, d: .zeros([H])).output
  return Mixed(output: twin.output(y), matrix: matrix)
}

/// M[t, s] = C[t] · B[s] γ^(t − s) / √N under the mask, with γ = 1 − 2^(−5 − h) and B and C turned.
func naiveFixedDecay(_ mixer: FixedDecay, _ u: Tensor) -> Mixed {
  let (H, N) = (mixer.sizes.H, mixer.sizes.N)
  let twin = FrameTwin(mixer.maps, u, H: H)
  func turned(_ x: Tensor) -> Tensor { Naive.rotary(x, width: N - N % 2, base: mixer.sizes.rotaryBase) }
  let (b, c) = (turned(twin.b), naiveMap(turned(twin.c)) { $0 / Scalar(N).squareRoot() })
  let scores = Naive.headScores(c, b)
  func decay(_ head: Int) -> Double { 1 - 1 / Double(32 << head) }
  let matrix = Naive.tabulate(scores.shape) { i in
    i[3] > i[2] ? 0 : scores[i[0], i[1], i[2], i[3]] * Scalar(Foundation.pow(decay(i[1]), Double(i[2] - i[3])))
  }
  let log = Naive.tabulate([u.shape[0], u.shape[1], H]) { Scalar(Foundation.log(decay($0[2]))) }
  let y = Naive.ssdSequence(twin.x, logDecay: log, b: b, c: c, d: .zeros([H])).output
  return Mixed(output: twin.output(y), matrix: matrix)
}

/// Mamba-2, with the layout of the in-projection written out: z, x, B, C, dt.
func naiveMamba2(_ mixer: Mamba2, _ u: Tensor) -> Mixed {
  let (H, G, N) = (mixer.sizes.H, mixer.sizes.G, mixer.sizes.N)
  let (inner, state) = (mixer.sizes.D * mixer.sizes.expand, G * N)
  func rows(_ first: Int, _ count: Int) -> Tensor {
    naiveLinear(u, mixer.inProjection.value.sliced(first..<(first + count)))
  }
  let z = rows(0, inner)
  let dt = rows(2 * inner + 2 * state, H)
  let read = silu(
    Naive.causalConvolution(
      rows(inner, inner + 2 * state), weight: mixer.convolutionWeight.value, bias: mixer.convolutionBias.value))
  let x = heads(read.sliced(0..<inner, along: 2), H)
  let step = naiveMap(Naive.elementwise(dt, mixer.stepBias.value) { $0 + $1 }) {
    Foundation.log(1 + Foundation.exp($0))
  }
  let rates = mixer.logRate.value
  let log = Naive.tabulate(step.shape) { -Foundation.exp(rates[$0[2]]) * step[$0[0], $0[1], $0[2]] }
  /// The group's B or C of each head, with the factor for a token and head.
  func shared(_ first: Int, _ factor: ([Int]) -> Scalar) -> Tensor {
    Naive.tabulate([u.shape[0], u.shape[1], H, N]) { i in
      factor(i) * read[i[0], i[1], first + i[2] / (H / G) * N + i[3]]
    }
  }
  let b = shared(inner) { step[$0[0], $0[1], $0[2]] }
  let c = shared(inner + state) { _ in 1 }
  let y = Naive.ssdSequence(x, logDecay: log, b: b, c: c, d: mixer.skip.value).output
  let gated = product(y.reshaped(to: z.shape), silu(z))
  let normed = Naive.rmsNorm(
    gated.reshaped(to: [u.shape[0], u.shape[1], G, inner / G]), weight: .ones([inner / G]), epsilon: 1e-5)
  return Mixed(
    output: naiveLinear(product(normed.reshaped(to: z.shape), mixer.normWeight.value), mixer.output.weight.value),
    matrix: Naive.ssdMatrix(logDecay: log, b: b, c: c, d: mixer.skip.value))
}
