// # Rows: sums and rearrangements
//
// Linear maps, every axis from both ends, parts of size 0 and 1.
//
// Read before: `OperationCase.swift`.

import Gradients
import Tensors
import TestSupport

extension Operation {
  private static let shapes: [Shape] = [[7], [2, 3], [2, 1], [2, 3, 5], [2, 1, 3, 5], [3, 0, 2]]

  private static let sums = Operation(
    .sum,
    (shapes + [[], [1, 1]]).flatMap { shape in
      [
        OperationCase("sum", [argument(shape)], twin: { Tensor($0[0].elements.reduce(0, +)) }) { sum($0[0]) },
        OperationCase("a sum in a product", [argument(shape), any(3)]) { sum($0[0]) * $0[1] },
      ]
    })

  private static let sumsAlong = Operation(
    .sumAlong,
    shapes.flatMap { shape in
      (-shape.rank..<shape.rank).map { axis in
        let own = shape.resolved(axis)
        let twin = { @Sendable (x: [Tensor]) in
          Naive.tabulate(shape.removing(axis)) { position in
            (0..<shape[own]).reduce(0) { $0 + x[0].at(Array(position[..<own]) + [$1] + position[own...]) }
          }
        }
        return OperationCase("sum along \(axis)", [argument(shape)], twin: twin) { sum($0[0], along: axis) }
      }
    })

  private static let broadcasts = Operation(
    .broadcast,
    [
      ([], [7]), ([1], [7]), ([3], [2, 3]), ([1, 3], [2, 3]), ([2, 1], [2, 3]), ([2, 3], [5, 2, 3]),
      ([1, 2, 1], [5, 2, 3]), ([2, 1, 3, 1], [2, 7, 3, 5]), ([2, 3], [2, 3]), ([], []), ([1, 1], [1]), ([1], [0]),
      ([1, 3], [0, 3]),
    ].compactMap { (from: Shape, to: Shape) in
      guard from.broadcast(with: to) == to else { return nil }
      return OperationCase(
        "broadcast to \(to)", [argument(from)], twin: { Naive.elementwise($0[0], Tensor.zeros(to)) { x, _ in x } }
      ) { $0[0].broadcast(to: to) }
    })

  private static let reshapes = Operation(
    .reshape,
    [([7], [7, 1]), ([2, 3], [6]), ([2, 3, 5], [3, -1]), ([], [1, 1]), ([2, 3], [3, 2]), ([0, 3], [5, 0])].map {
      (from: Shape, to: [Int]) in
      OperationCase("reshape to \(to)", [argument(from)], twin: { $0[0].reshaped(to: to) }) { $0[0].reshaped(to: to) }
    })

  private static let permutations = Operation(
    .permute,
    [
      ([2, 3], [1, 0]), ([2, 3, 5], [2, 0, 1]), ([2, 3, 5], [1, 2, 0]), ([2, 3, 5, 7], [3, 1, 0, 2]), ([7], [0]),
      ([2, 1, 3], [1, 2, 0]), ([2, 3, 5], [0, 1, 2]),
    ].map {
      (shape: Shape, order: [Int]) in
      let twin = { @Sendable (x: [Tensor]) in
        Naive.tabulate(Shape(order.map { shape[$0] })) { position in
          x[0].at(order.indices.map { position[order.firstIndex(of: $0)!] })
        }
      }
      return OperationCase("permute \(order)", [argument(shape)], twin: twin) { $0[0].permuted(order) }
    }
      + [(-2, -1), (0, 2), (1, -3), (1, 1)].map { first, second in
        OperationCase("transpose \(first) \(second)", [any(2, 3, 5)], twin: { $0[0].transposed(first, second) }) {
          $0[0].transposed(first, second)
        }
      })

  private static let slices = Operation(
    .slice,
    ([[7], [5, 3], [2, 5, 3], [2, 3, 1, 5]] as [Shape]).flatMap { shape in
      (-shape.rank..<shape.rank).flatMap { axis in
        let size = shape[axis]
        return Set([0..<size, 0..<1, (size - 1)..<size, (size / 2)..<(size / 2), (size / 3)..<(size / 3 * 2 + 1)]).map
        {
          range in
          let own = shape.resolved(axis)
          let twin = { @Sendable (x: [Tensor]) in
            var cut = shape
            cut[axis] = range.count
            return Naive.tabulate(cut) { position in
              var place = position
              place[own] += range.lowerBound
              return x[0].at(place)
            }
          }
          return OperationCase("slice \(range) along \(axis)", [argument(shape)], twin: twin) {
            $0[0].sliced(range, along: axis)
          }
        }
      }
    })

  private static let concatenations = Operation(
    .concatenate,
    [
      ([[7]], 0), ([[2], [5], [3]], 0), ([[2, 3], [5, 3]], 0), ([[2, 3], [2, 5]], 1), ([[2, 3], [2, 5]], -1),
      ([[2, 1, 3], [2, 5, 3], [2, 0, 3], [2, 1, 3]], 1), ([[1], [1]], 0), ([[0], [3]], 0),
    ].map { (shapes: [Shape], axis: Int) in
      OperationCase(
        "concatenate along \(axis)", shapes.map { argument($0) }, twin: { Tensor.concatenated($0, along: axis) }
      ) { Variable.concatenated($0, along: axis) }
    })

  static let rearranging = [sums, sumsAlong, broadcasts, reshapes, permutations, slices, concatenations]
}
