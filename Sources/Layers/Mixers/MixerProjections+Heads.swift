// # An attention's projections, head by head
//
// A mixer takes over an attention layer head by head: the values of a head, which others may share, and rows for B
// and C whose product comes nearest to the head's scores. `DiscreteMamba2+Projections.swift` derives the latter.
//
// Read before: `DiscreteMamba2+Projections.swift`, `Tensors/Products/SingularValues.swift`.

import Gradients
import Tensors

extension MixerProjections {
  /// The features of a head.
  private var P: Int { queries.weight.value.shape[0] / H }

  /// The rows of a head's own values, or of those it shares: [P, D], and their bias [P] if there is one.
  func values(of head: Int) -> (weight: Tensor, bias: Tensor?) {
    let rows = group(of: head)
    return (values.weight.value.sliced(rows), values.bias?.value.sliced(rows))
  }

  /// Whether a head with a state of N numbers has a place for a part.
  func fits(_ part: Part, N: Int) -> Bool { part != .rows || N == P }

  /// Rows of B and C for a head with a state of N numbers, at most [N, D] each; nil if they are not asked for.
  ///
  /// With `rows`, B and C share the factor 1 / √P of the scores between them.
  func placesAndQuestions(of head: Int, N: Int, taking part: Part) -> (b: Tensor, c: Tensor)? {
    switch part {
    case .valuesAndOutput: return nil
    case .all: return scoreFactors(of: head, N: N)
    case .rows:
      let root = Tensor(1 / Scalar(P).squareRoot().squareRoot())
      return (root * keyRows(of: head), root * queryRows(of: head))
    }
  }

  /// Rows of B and C, at most [N, D] each, for which C[t] · B[s] is nearest to the head's scores before rotation and
  /// biases.
  func scoreFactors(of head: Int, N: Int) -> (b: Tensor, c: Tensor) {
    let (q, k) = (queryRows(of: head), keyRows(of: head))
    let parts = singularValueDecomposition(matmul(q, k, transposingA: true) * Tensor(1 / Scalar(P).squareRoot()))
    let kept = min(N, queries.weight.value.shape[1])
    let roots = sqrt(parts.values.sliced(0..<kept)).reshaped(to: [kept, 1])
    return (parts.vTransposed.sliced(0..<kept) * roots, parts.u.transposed().sliced(0..<kept) * roots)
  }

  /// The rows of a head's queries, [P, D].
  func queryRows(of head: Int) -> Tensor { queries.weight.value.sliced((head * P)..<((head + 1) * P)) }

  /// The rows of a head's own keys, or of those it shares, [P, D].
  func keyRows(of head: Int) -> Tensor { keys.weight.value.sliced(group(of: head)) }

  /// The rows of a head's keys and values, which it may share with others.
  private func group(of head: Int) -> Range<Int> {
    let group = head / (H / G)
    return (group * P)..<((group + 1) * P)
  }
}
