// # Rows: softmax, norms, positions, convolution, embedding, losses
//
// With masks, with fewer columns than rows, with fewer steps than taps, with tokens that repeat; and with
// rows of more than sixteen numbers, which kernels take eight or sixteen at a time.
//
// Read before: `OperationCase.swift`.

import Gradients
import Tensors
import TestSupport

extension Operation {
  private static let softmaxes = Operation(
    .softmax,
    ([[1], [7], [2, 3], [2, 1, 3, 5], [2, 19]] as [Shape]).flatMap { shape in
      [1, 0.25, -2].map { (scale: Scalar) in
        OperationCase("softmax, scale \(scale)", [argument(shape)], twin: { Naive.softmax($0[0], scale: scale) }) {
          softmax($0[0], scale: scale)
        }
      }
    }
      + ([[1, 1], [5, 5], [2, 3, 3], [1, 7], [3, 7], [2, 3, 2, 5], [5, 3], [7, 1], [2, 19]] as [Shape]).flatMap {
        shape in
        [1, 0.25].map { (scale: Scalar) in
          OperationCase(
            "causal softmax, scale \(scale)", [argument(shape)],
            twin: { Naive.softmax($0[0], scale: scale, causal: true) }
          ) { softmax($0[0], scale: scale, causal: true) }
        }
      } + [
        OperationCase(
          "softmax of ties", [.init(shape: [2, 5], make: { _ in Naive.tabulate([2, 5]) { $0[1] < 3 ? 2 : -1 } })],
          twin: { Naive.softmax($0[0]) }
        ) { softmax($0[0]) },
        OperationCase("saturated softmax", [argument([3, 5], .wide)], twin: { Naive.softmax($0[0], scale: 4) }) {
          softmax($0[0], scale: 4)
        },
      ])

  private static let layerNorms = Operation(
    .layerNorm,
    [
      ([7], 1e-5), ([5, 7], 1e-5), ([2, 3, 7], 1e-5), ([2, 3], 0.1), ([3, 2], 0.1), ([5, 1], 0.1),
      ([2, 1, 3, 5], 0.1), ([3, 19], 0.1),
    ]
    .map { (shape: Shape, epsilon: Scalar) in
      OperationCase(
        "layerNorm, ε \(epsilon)", [argument(shape), any(shape[-1]), any(shape[-1])],
        twin: { Naive.layerNorm($0[0], weight: $0[1], bias: $0[2], epsilon: epsilon) }
      ) { layerNorm($0[0], weight: $0[1], bias: $0[2], epsilon: epsilon) }
    })

  private static let rmsNorms = Operation(
    .rmsNorm,
    [
      ([7], 1e-5), ([5, 7], 1e-6), ([2, 3, 7], 1e-5), ([2, 3], 0.1), ([3, 2], 0.1), ([5, 1], 0.1),
      ([2, 1, 3, 5], 0.1), ([3, 19], 0.1),
    ]
    .map { (shape: Shape, epsilon: Scalar) in
      OperationCase(
        "rmsNorm, ε \(epsilon)", [argument(shape), any(shape[-1])],
        twin: { Naive.rmsNorm($0[0], weight: $0[1], epsilon: epsilon) }
      ) { rmsNorm($0[0], weight: $0[1], epsilon: epsilon) }
    })

  static let normalizing = [softmaxes, layerNorms, rmsNorms]

  private static let rotaries = Operation(
    .rotary,
    [
      ([2, 3, 5, 6], 6, 0), ([2, 3, 5, 7], 4, 0), ([1, 5, 2, 3], 0, 0), ([2, 5, 1, 3], 2, 11), ([1, 1, 1, 2], 2, 0),
      ([1, 2, 1, 19], 18, 3), ([1, 2, 1, 35], 34, 1),
    ].map {
      (shape: Shape, width: Int, offset: Int) in
      OperationCase(
        "rotary, width \(width), offset \(offset)", [argument(shape)],
        twin: { Naive.rotary($0[0], width: width, offset: offset) }
      ) { rotary($0[0], RotaryTable(T: shape[1], width: width, offset: offset)) }
    })

  private static let convolutions = Operation(
    .causalConvolution,
    [(2, 5, 3, 2), (5, 4, 3, 2), (2, 7, 3, 5), (2, 2, 3, 5), (3, 1, 2, 5), (2, 3, 5, 1), (1, 1, 1, 1)].map {
      (B, T, C, K) in
      OperationCase(
        "convolution", [any(B, T, C), any(C, 1, K), any(C)],
        twin: { Naive.causalConvolution($0[0], weight: $0[1], bias: $0[2]) }
      ) { causalConvolution($0[0], weight: $0[1], bias: $0[2]) }
    })

  private static let embeddings = Operation(
    .embedding,
    [(2, 3, 5, 7), (2, 7, 3, 5), (1, 1, 1, 1), (1, 5, 1, 3), (3, 1, 7, 2)].map { (B, T, V, D) in
      let tokens = randomTokens(B, T, below: V, for: "embedding \(B) \(T) \(V) \(D)")
      return OperationCase("embedding of \(B) × \(T)", [any(V, D)], twin: { Naive.gathered($0[0], tokens) }) {
        embedding(tokens, table: $0[0])
      }
    })

  static let positions = [rotaries, convolutions, embeddings]

  private static let tokenLosses = Operation(
    .crossEntropyTokens,
    [(2, 3, 5), (1, 1, 1), (1, 7, 2), (3, 1, 7)].flatMap { (B, T, V) in
      let targets = randomTokens(B, T, below: V, for: "targets \(B) \(T) \(V)")
      return [Domain.any, .wide].map { domain in
        OperationCase(
          "cross-entropy of tokens, \(domain)", [argument([B, T, V], domain)],
          twin: { Naive.crossEntropy($0[0], targets: targets) }
        ) { crossEntropy($0[0], targets: targets) }
      }
    })

  private static let distributionLosses = Operation(
    .crossEntropyDistributions,
    ([[1, 2, 5], [2, 3, 5], [1, 1, 1], [3, 1, 7]] as [Shape]).flatMap { shape in
      [Domain.any, .wide].map { domain in
        let p = Tensor.random(shape, .distribution, for: "distributions \(shape)")
        return OperationCase(
          "cross-entropy of distributions, \(domain)", [argument(shape, domain)],
          twin: { Naive.crossEntropy($0[0], distributions: p) }
        ) { crossEntropy($0[0], distributions: p) }
      }
    } + [
      OperationCase("cross-entropy of one row", [any(7)]) {
        crossEntropy($0[0], distributions: Tensor.random([7], .distribution, for: "one row"))
      }
    ])

  // The two lie on different sides of 0, since the distance has a kink where they meet.
  private static let distances = Operation(
    .distance,
    ([[7], [2, 3], [5, 1], [2, 3, 5], [2, 3, 1, 5]] as [Shape]).flatMap { shape in
      (0...min(2, shape.rank)).map { axes in
        OperationCase(
          "distance over \(axes)", [argument(shape, .positive), argument(shape, .logDecay)],
          twin: { Naive.distance($0[0], $0[1], over: axes) }
        ) { distance($0[0], $0[1], over: axes) }
      }
    })

  static let losses = [tokenLosses, distributionLosses, distances]
}
