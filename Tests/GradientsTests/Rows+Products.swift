// # Rows: products
//
// One matrix, batches, a factor that all of a batch share, vectors and single numbers; heads side
// by side.
//
// Read before: `OperationCase.swift`.

import Gradients
import Tensors
import TestSupport

extension Operation {
  /// The product of each pair of matrices by three loops.
  private static func naive(_ a: Tensor, _ b: Tensor) -> Tensor {
    Naive.tabulate(a.shape.prefix(a.rank - 1).appending(b.shape[-1])) { position in
      let (outer, row, column) = (Array(position.dropLast(2)), position[a.rank - 2], position[a.rank - 1])
      return (0..<a.shape[-1]).reduce(0) {
        $0 + a.at(outer + [row, $1]) * b.at((b.rank == 2 ? [] : outer) + [$1, column])
      }
    }
  }

  private static let matrices = Operation(
    .matmul,
    [
      ([2, 3], [3, 5]), ([1, 3], [3, 1]), ([2, 1], [1, 5]), ([1, 1], [1, 1]), ([7, 2, 3], [7, 3, 5]),
      ([7, 2, 3], [3, 5]), ([1, 2, 3], [3, 5]), ([1, 2, 3], [1, 3, 5]), ([2, 3, 1, 5], [2, 3, 5, 7]),
      ([2, 3, 1, 5], [5, 7]), ([2, 3, 5, 1], [1, 1]), ([2, 0], [0, 3]),
    ].map { (a: Shape, b: Shape) in
      OperationCase("matmul", [argument(a), argument(b)], twin: { naive($0[0], $0[1]) }) { matmul($0[0], $0[1]) }
    })

  private static let linears = Operation(
    .linear,
    ([[3], [1, 3], [2, 3], [7, 2, 3], [2, 1, 7, 3], [0, 3]] as [Shape]).flatMap { x in
      [1, 5].flatMap { outputs in
        let weight = any(outputs, 3)
        let twin = { @Sendable (x: [Tensor]) in
          let product = naive(x[0].asRows, x[1].transposed())
          let result = x[0].shape.prefix(x[0].rank - 1).appending(outputs)
          return (x.count == 3 ? product + x[2] : product).reshaped(to: result)
        }
        return [
          OperationCase("linear", [argument(x), weight, any(outputs)], twin: twin) {
            linear($0[0], weight: $0[1], bias: $0[2])
          },
          OperationCase("linear without bias", [argument(x), weight], twin: twin) { linear($0[0], weight: $0[1]) },
        ]
      }
    })

  private static let heads: [(B: Int, T: Int, S: Int, H: Int, P: Int)] = [
    (2, 3, 5, 7, 2), (1, 1, 1, 1, 1), (2, 1, 5, 3, 2), (1, 5, 1, 2, 3), (3, 2, 5, 1, 7),
  ]

  private static let scores = Operation(
    .headScores,
    heads.map { (B, T, S, H, P) in
      OperationCase("headScores", [any(B, T, H, P), any(B, S, H, P)], twin: { Naive.headScores($0[0], $0[1]) }) {
        headScores($0[0], $0[1])
      }
    })

  private static let mixes = Operation(
    .headMix,
    heads.map { (B, T, S, H, P) in
      OperationCase("headMix", [any(B, H, T, S), any(B, S, H, P)], twin: { Naive.headMix($0[0], $0[1]) }) {
        headMix($0[0], $0[1])
      }
    })

  /// Lengths with one block of rows, with a block that is not whole, and with several.
  private static let causal: [(B: Int, T: Int, H: Int, P: Int)] = [
    (2, 3, 2, 5), (1, 1, 1, 1), (1, 66, 1, 2), (2, 5, 3, 1),
  ]

  private static let attentionMatrices = Operation(
    .attentionMatrix,
    causal.flatMap { (B, T, H, P) in
      ([1, -0.7] as [Scalar]).map { scale in
        OperationCase(
          "attentionMatrix, scale \(scale)", [any(B, T, H, P), any(B, T, H, P)],
          twin: { Naive.softmax(Naive.headScores($0[0], $0[1]), scale: scale, causal: true) }
        ) { attentionMatrix($0[0], $0[1], scale: scale) }
      }
    })

  private static let causalMixes = Operation(
    .causalMix,
    causal.map { (B, T, H, P) in
      // A matrix that is zero above its diagonal, whatever the argument holds.
      OperationCase(
        "causalMix", [any(B, H, T, T), any(B, T, H, P)],
        twin: { Naive.headMix(Naive.softmax($0[0], causal: true), $0[1]) }
      ) { causalMix(softmax($0[0], causal: true), $0[1]) }
    })

  private static let causalAttentions = Operation(
    .causalAttention,
    causal.flatMap { (B, T, H, P) in
      ([1, -0.7] as [Scalar]).map { scale in
        OperationCase(
          "causalAttention, scale \(scale)", [any(B, T, H, P), any(B, T, H, P), any(B, T, H, P)],
          twin: { Naive.attention($0[0], $0[1], $0[2], scale: scale) }
        ) { causalAttention($0[0], $0[1], $0[2], scale: scale) }
      }
    })

  static let products = [matrices, linears, scores, mixes, attentionMatrices, causalMixes, causalAttentions]
}
