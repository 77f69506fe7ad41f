// # Attention and Discrete-Mamba-2, slowly
//
// Attention and the Discrete-Mamba-2 mixer once more, from the formulas of the paper and from `Naive` alone: three
// loops for each product, one step after another, no Variable. What the layers compute is measured against these.

import Foundation
import Layers
import Tensors

/// What a mixer gives: its output [B, T, D], and the matrix of each head [B, H, T, T].
struct Mixed {
  let output, matrix: Tensor
}

/// x Wᵀ + b over the innermost axis.
func naiveLinear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
  let product = Naive.matmul(x.asRows, weight.transposed())
    .reshaped(to: x.shape.prefix(x.rank - 1).array + [weight.shape[0]])
  return bias.map { Naive.elementwise(product, $0) { $0 + $1 } } ?? product
}

/// f of every element.
func naiveMap(_ x: Tensor, _ f: (Scalar) -> Scalar) -> Tensor { Tensor(x.elements.map(f), shape: x.shape) }

/// [B, T, C] → [B, T, H, C / H]
private func heads(_ x: Tensor, _ H: Int) -> Tensor { x.reshaped(to: [x.shape[0], x.shape[1], H, x.shape[2] / H]) }

/// The same for keys or values of G heads, each written out for the H / G heads of queries that read it.
private func sharedHeads(_ x: Tensor, _ G: Int, for H: Int) -> Tensor {
  let few = heads(x, G)
  return Naive.tabulate([x.shape[0], x.shape[1], H, few.shape[3]]) { few[$0[0], $0[1], $0[2] * G / H, $0[3]] }
}

/// M = softmax(q kᵀ / √P) over the past, output = W_o (M v) + b_o.
func naiveAttention(_ mixer: CausalAttention, _ u: Tensor) -> Mixed {
  func projected(_ layer: Linear) -> Tensor { naiveLinear(u, layer.weight.value, layer.bias?.value) }
  func turned(_ x: Tensor) -> Tensor {
    Naive.rotary(x, width: mixer.rotaryWidth, base: mixer.sizes.rotaryBase)
  }
  let (P, H, G) = (Scalar(u.shape[2] / mixer.H), mixer.H, mixer.sizes.G)
  let scores = Naive.headScores(
    turned(heads(projected(mixer.queries), H)), turned(sharedHeads(projected(mixer.keys), G, for: H)))
  let matrix = Naive.softmax(scores, scale: 1 / P.squareRoot(), causal: true)
  let mixed = Naive.headMix(matrix, sharedHeads(projected(mixer.values), G, for: H)).reshaped(to: u.shape)
  return Mixed(
    output: naiveLinear(mixed, mixer.output.weight.value, mixer.output.bias?.value), matrix: matrix)
}

/// The parts of a Discrete-Mamba-2 mixer for one input, before they are put together.
struct MambaTwin {
  let x, b, c, logDecay, gate: Tensor
  private let mixer: DiscreteMamba2

  init(_ mixer: DiscreteMamba2, _ u: Tensor) {
    let (sizes, weight) = (mixer.sizes, mixer.inProjection.value)
    // The layout written out by hand: x, B, C, z, a.
    let (D, state) = (sizes.D, sizes.H * sizes.N)
    func rows(_ first: Int, _ count: Int) -> Tensor { naiveLinear(u, weight.sliced(first..<(first + count))) }
    let convolved = Naive.causalConvolution(
      rows(0, D + 2 * state), weight: mixer.convolutionWeight.value, bias: mixer.convolutionBias.value)
    x = heads(convolved.sliced(0..<D, along: 2), sizes.H)
    b = heads(convolved.sliced(D..<(D + state), along: 2), sizes.H)
    c = heads(convolved.sliced((D + state)..<(D + 2 * state), along: 2), sizes.H)
    let z = Naive.elementwise(rows(D + 2 * state, D), mixer.zBias.value) { $0 + $1 }
    gate = naiveMap(z) { $0 / (1 + Foundation.exp(-$0)) }
    // α = sigmoid(−a) = 1 / (1 + exp a)
    logDecay = naiveMap(rows(2 * D + 2 * state, sizes.H)) { -Foundation.log(1 + Foundation.exp($0)) }
    self.mixer = mixer
  }

  var matrix: Tensor { Naive.ssdMatrix(logDecay: logDecay, b: b, c: c, d: mixer.skip.value) }

  /// W_o (y ⊙ gate), with y [B, T, H, P].
  func output(_ y: Tensor) -> Tensor {
    naiveLinear(Naive.elementwise(y.reshaped(to: gate.shape), gate) { $0 * $1 }, mixer.output.weight.value)
  }

  /// By the recurrence, one step after another.
  var mixed: Mixed {
    Mixed(
      output: output(Naive.ssdSequence(x, logDecay: logDecay, b: b, c: c, d: mixer.skip.value).output),
      matrix: matrix)
  }
}
