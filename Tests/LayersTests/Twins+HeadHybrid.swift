// # Heads of two kinds, slowly
//
// Head by head, from the formulas and from `Naive` alone, with the rows of each head counted by hand: which of the
// kept heads it is, and which of the groups that any kept head reads is its own; or which of the others it is.
//
// Read before: `Twins.swift`.

import Foundation
import Layers
import Tensors

extension HeadHybridSizes {
  /// The sizes from one list of letters.
  init(
    D: Int, H: Int, G: Int? = nil, N: Int, K: Int = 4, Q: Int = 64,
    convention: CausalAttentionSizes.Convention = .phi, keeping kept: [Int]
  ) {
    self.init(
      attention: CausalAttentionSizes(D: D, H: H, G: G, convention: convention),
      recurrent: DiscreteMamba2Sizes(D: D, H: H, N: N, K: K, Q: Q), keeping: kept)
  }
}

/// What a mixer with heads of two kinds gives.
func naiveHeadHybrid(_ mixer: HeadHybrid, _ u: Tensor) -> Mixed {
  let (sizes, H, P) = (mixer.sizes, mixer.sizes.H, mixer.sizes.D / mixer.sizes.H)
  var (ofHeads, matrices): ([Tensor], [Tensor]) = ([], [])
  for head in 0..<H {
    let keptBefore = sizes.kept.count { $0 < head }
    let own =
      sizes.kept.contains(head)
      ? naiveKeptHead(mixer, head, place: keptBefore, u) : naiveRecurrentHead(mixer, place: head - keptBefore, P, u)
    ofHeads.append(own.output)
    matrices.append(own.matrix)
  }
  let y = Naive.tabulate(u.shape) { ofHeads[$0[2] / P][$0[0], $0[1], 0, $0[2] % P] }
  return Mixed(
    output: naiveLinear(y, mixer.output.weight.value, mixer.output.bias?.value),
    matrix: Naive.tabulate([u.shape[0], H, u.shape[1], u.shape[1]]) { matrices[$0[1]][$0[0], 0, $0[2], $0[3]] })
}

/// y [B, T, 1, P] and M [B, 1, T, T] of a head of queries, the `place`-th that is kept.
private func naiveKeptHead(_ mixer: HeadHybrid, _ head: Int, place: Int, _ u: Tensor) -> Mixed {
  let (heads, sizes) = (mixer.kept!, mixer.sizes.attention)
  let (P, served) = (sizes.D / sizes.H, sizes.H / sizes.G)
  let groupPlace = Set(mixer.sizes.kept.map { $0 / served }).count { $0 < head / served }
  func projected(_ layer: Linear, _ place: Int) -> Tensor {
    let rows = (place * P)..<(place * P + P)
    return naiveLinear(u, layer.weight.value.sliced(rows), layer.bias?.value.sliced(rows))
      .reshaped(to: [u.shape[0], u.shape[1], 1, P])
  }
  func turned(_ x: Tensor) -> Tensor {
    // Half of a head in Phi's convention, all of it in Llama's, in pairs.
    let width = sizes.convention == .phi ? P / 4 * 2 : P / 2 * 2
    return Naive.rotary(x, width: width, base: sizes.rotaryBase)
  }
  let scores = Naive.headScores(turned(projected(heads.queries, place)), turned(projected(heads.keys, groupPlace)))
  let matrix = Naive.softmax(scores, scale: 1 / Scalar(P).squareRoot(), causal: true)
  return Mixed(output: Naive.headMix(matrix, projected(heads.values, groupPlace)), matrix: matrix)
}

/// The same of the `place`-th recurrent head, y with its gate; rows in the order x, B, C, z, a.
private func naiveRecurrentHead(_ mixer: HeadHybrid, place: Int, _ P: Int, _ u: Tensor) -> Mixed {
  let (heads, N, B, T) = (mixer.recurrent!, mixer.sizes.recurrent.N, u.shape[0], u.shape[1])
  let (count, weight) = (mixer.sizes.H - mixer.sizes.kept.count, heads.inProjection.value)
  let (x, state) = (count * P, count * N)
  func rows(_ first: Int, _ width: Int) -> Tensor {
    naiveLinear(u, weight.sliced((first + place * width)..<(first + place * width + width)))
  }
  func convolved(_ first: Int, _ width: Int) -> Tensor {
    let channels = (first + place * width)..<(first + place * width + width)
    return Naive.causalConvolution(
      rows(first, width), weight: heads.convolutionWeight.value.sliced(channels),
      bias: heads.convolutionBias.value.sliced(channels)
    ).reshaped(to: [B, T, 1, width])
  }
  let (b, c) = (convolved(x, N), convolved(x + state, N))
  let skip = heads.skip.value.sliced(place..<(place + 1))
  // α = sigmoid(−a) = 1 / (1 + exp a)
  let log = naiveMap(rows(2 * x + 2 * state, 1)) { -Foundation.log(1 + Foundation.exp($0)) }
  let zBias = heads.zBias.value.sliced((place * P)..<(place * P + P))
  let z = Naive.elementwise(rows(x + 2 * state, P), zBias) { $0 + $1 }
  let gate = naiveMap(z) { $0 / (1 + Foundation.exp(-$0)) }.reshaped(to: [B, T, 1, P])
  let y = Naive.ssdSequence(convolved(0, P), logDecay: log, b: b, c: c, d: skip).output
  return Mixed(
    output: Naive.elementwise(y, gate) { $0 * $1 }, matrix: Naive.ssdMatrix(logDecay: log, b: b, c: c, d: skip))
}
