// # Rows: the gated delta rule
//
// The quotient of triangles, and the chunked algorithm with its pullback by hand: lengths and chunks in every
// relation, decays of every kind, β at 0 and 1. Keys are short, as the rule wants them: with long ones a state is
// stretched at each step, and its derivatives with it.
//
// Read before: `OperationCase.swift`, `Rows+StateSpace.swift`.

import Gradients
import Tensors
import TestSupport

extension Operation {
  /// Matrices whose products stay small.
  private static func triangle(_ sizes: Int...) -> OperationCase.Argument {
    let shape = Shape(sizes)
    return .init(shape: shape) { 0.4 * Tensor.normal(shape, using: &$0) }
  }

  /// The twin for each matrix of a stack.
  private static func quotients(_ s: Tensor, _ held: Tensor) -> Tensor {
    let T = s.shape[-1]
    let (left, right) = (s.reshaped(to: [-1, T, T]), held.reshaped(to: [-1, T, T]))
    let all = (0..<left.shape[0]).map { index in
      let own = index..<(index + 1)
      return Naive.unitLowerQuotient(
        left.sliced(own).reshaped(to: [T, T]), right.sliced(own).reshaped(to: [T, T])
      ).reshaped(to: [1, T, T])
    }
    return Tensor.concatenated(all).reshaped(to: s.shape)
  }

  private static let triangles = Operation(
    .unitLowerQuotient,
    [[1, 1], [2, 2], [5, 5], [2, 7, 7], [3, 1, 5, 5], [2, 3, 2, 2]].map { (sizes: [Int]) in
      let shape = Shape(sizes)
      let held = OperationCase.Argument(shape: shape) { 0.4 * Tensor.normal(shape, using: &$0) }
      return OperationCase("unitLowerQuotient", [argument(shape), held], twin: { quotients($0[0], $0[1]) }) {
        unitLowerQuotient($0[0], $0[1])
      }
    })

  /// How strongly the states fade, and how much of a difference is written.
  private enum Manner: String, CaseIterable {
    case ordinary, nothingFades, strong, sometimes, all, none

    func logDecay(_ shape: Shape) -> OperationCase.Argument {
      .init(shape: shape) { random in
        switch self {
        case .ordinary, .all, .none: .random(shape, .logDecay, using: &random)
        case .nothingFades: .zeros(shape)
        case .strong: .uniform(shape, in: -600..<0, using: &random)
        case .sometimes:
          // α = 0 at times 1, 3, 4, 7, …
          .random(shape, .logDecay, using: &random)
            + Naive.tabulate(shape) { [1, 0].contains($0[1] % 3) && $0[1] > 0 ? -.infinity : 0 }
        }
      }
    }

    func beta(_ shape: Shape) -> OperationCase.Argument {
      .init(shape: shape) { random in
        switch self {
        case .all: .ones(shape)
        case .none: .zeros(shape)
        default: .uniform(shape, in: 0..<1, using: &random)
        }
      }
    }
  }

  private static func sequence(
    _ B: Int, _ T: Int, _ H: Int, _ N: Int, _ P: Int, Q: Int, _ manner: Manner = .ordinary
  ) -> OperationCase {
    OperationCase(
      "deltaSequence, Q \(Q), \(manner)",
      [any(B, T, H, P), manner.logDecay([B, T, H]), triangle(B, T, H, N), any(B, T, H, N), manner.beta([B, T, H])],
      twin: { Naive.deltaSequence($0[0], logDecay: $0[1], b: $0[2], c: $0[3], beta: $0[4]).output }
    ) { deltaSequence($0[0], logDecay: $0[1], b: $0[2], c: $0[3], beta: $0[4], Q: Q) }
  }

  private static let sequences = Operation(
    .deltaSequence,
    [1, 2, 5, 7].flatMap { T in [1, 2, 3, 5, 9].map { sequence(1, T, 2, 3, 5, Q: $0) } }
      + [2, 5, 7].flatMap { T in
        Manner.allCases.dropFirst().flatMap { manner in
          [1, 2, 3, 9].map { sequence(1, T, 2, 3, 1, Q: $0, manner) }
        }
      } + [
        sequence(2, 5, 3, 7, 1, Q: 2), sequence(2, 5, 3, 1, 7, Q: 3), sequence(1, 1, 1, 1, 1, Q: 1),
        sequence(2, 7, 3, 5, 2, Q: 4), sequence(1, 11, 1, 2, 3, Q: 3),
      ])

  static let deltaRules = [triangles, sequences]
}
