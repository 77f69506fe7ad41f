// # Rows: state space models
//
// The two pullbacks that were derived by hand for this library and are in no other: lengths and chunks in every
// relation, a last chunk of one step, chunks longer than the sequence; decays of 1, of 0, and so strong that their
// products underflow. A nudge moves no log α of −∞, and its derivative is 0.
//
// Read before: `OperationCase.swift`.

import Gradients
import Tensors
import TestSupport

extension Operation {
  /// How strongly the states fade.
  private enum Fading: String, CaseIterable {
    case ordinary, nothing, strong, sometimes

    func argument(_ B: Int, _ T: Int, _ H: Int) -> OperationCase.Argument {
      let shape: Shape = [B, T, H]
      return .init(shape: shape) { random in
        switch self {
        case .ordinary: .random(shape, .logDecay, using: &random)
        case .nothing: .zeros(shape)
        case .strong: .uniform(shape, in: -600..<0, using: &random)
        case .sometimes:
          // α = 0 at times 1, 3, 4, 7, …
          .random(shape, .logDecay, using: &random)
            + Naive.tabulate(shape) { [1, 0].contains($0[1] % 3) && $0[1] > 0 ? -.infinity : 0 }
        }
      }
    }
  }

  private static let matrices = Operation(
    .ssdMatrix,
    [1, 2, 5, 7].flatMap { T in
      Fading.allCases.map { fading in
        OperationCase(
          "ssdMatrix, \(fading)", [fading.argument(2, T, 3), any(2, T, 3, 5), any(2, T, 3, 5), any(3)],
          twin: { Naive.ssdMatrix(logDecay: $0[0], b: $0[1], c: $0[2], d: $0[3]) }
        ) { ssdMatrix(logDecay: $0[0], b: $0[1], c: $0[2], d: $0[3]) }
      }
    }
      + [(1, 5, 1, 1), (1, 1, 1, 1), (3, 2, 1, 7), (2, 0, 3, 5)].map { (B, T, H, N) in
        OperationCase(
          "ssdMatrix", [Fading.ordinary.argument(B, T, H), any(B, T, H, N), any(B, T, H, N), any(H)],
          twin: { Naive.ssdMatrix(logDecay: $0[0], b: $0[1], c: $0[2], d: $0[3]) }
        ) { ssdMatrix(logDecay: $0[0], b: $0[1], c: $0[2], d: $0[3]) }
      })

  private static func sequence(
    _ B: Int, _ T: Int, _ H: Int, _ N: Int, _ P: Int, Q: Int, _ fading: Fading = .ordinary
  ) -> OperationCase {
    let (x, row) = (any(B, T, H, P), any(B, T, H, N))
    return OperationCase(
      "ssdSequence, Q \(Q), \(fading)", [x, fading.argument(B, T, H), row, row, any(H)],
      twin: { Naive.ssdSequence($0[0], logDecay: $0[1], b: $0[2], c: $0[3], d: $0[4]).output }
    ) { ssdSequence($0[0], logDecay: $0[1], b: $0[2], c: $0[3], d: $0[4], Q: Q) }
  }

  private static let sequences = Operation(
    .ssdSequence,
    [1, 2, 5, 7].flatMap { T in [1, 2, 3, 5, 9].map { sequence(1, T, 2, 3, 5, Q: $0) } }
      + [2, 5, 7].flatMap { T in
        [Fading.nothing, .strong, .sometimes].flatMap { fading in
          [1, 2, 3, 9].map { sequence(1, T, 2, 3, 1, Q: $0, fading) }
        }
      } + [
        sequence(2, 5, 3, 7, 1, Q: 2), sequence(2, 5, 3, 1, 7, Q: 3), sequence(1, 1, 1, 1, 1, Q: 1),
        sequence(2, 7, 3, 5, 2, Q: 4), sequence(1, 11, 1, 2, 3, Q: 3),
      ])

  static let stateSpaces = [matrices, sequences]
}
