// # Cross-entropy
//
// How many nats the model's distribution q = softmax(logits) spends on the target: the token that really came next,
// or a teacher's whole distribution p.
//
//     hard   ℓ  =  log Σ exp(logits) − logits[target]          logits‾  =  ℓ̄ · (q − onehot)
//     soft   ℓ  =  log Σ exp(logits) − Σᵥ p[v] logits[v]       logits‾  =  ℓ̄ · (q − p)
//
// for each token, with a distribution p that sums to 1. q is kept for the pullback.
//
// Read before: `Softmax.swift`. Slow twins: `Naive.crossEntropy`.

import Foundation

/// The result of a cross-entropy, and what its pullback needs.
public struct CrossEntropyValue: Sendable {
  /// The loss of each token, in nats; the shape of the logits without their innermost axis.
  public let losses: Tensor
  /// The model's distributions, the shape of the logits.
  public let probabilities: Tensor
}

/// The cross-entropy of each token against the token that really came.
///
/// - Parameters:
///   - logits: [B, T, V]
///   - targets: B rows of T token numbers below V
/// - Returns: losses [B, T] in nats, probabilities [B, T, V]
public func crossEntropy(_ logits: Tensor, targets: Tokens) -> CrossEntropyValue {
  let V = logits.shape[-1]
  logits.expecting(targets.B, targets.T, V, as: "the logits")
  for id in targets.ids { precondition(id >= 0 && id < V, "the token \(id) is not below the vocabulary's size \(V)") }
  return crossEntropyRows(logits) { logits, row in logits[targets.ids[row]] }
}

/// The cross-entropy of each token against a distribution over all tokens, the teacher's.
///
/// - Parameters:
///   - logits: [..., V]
///   - distributions: the shape of the logits; each row sums to 1
/// - Returns: losses [...] in nats, probabilities [..., V]
public func crossEntropy(_ logits: Tensor, distributions: Tensor) -> CrossEntropyValue {
  precondition(
    logits.shape == distributions.shape,
    "the logits have the shape \(logits.shape), but the distributions \(distributions.shape)")
  return reading(distributions) { distributions in
    crossEntropyRows(logits) { logits, row in dot(logits, distributions.extracting(places(row, logits.count))) }
  }
}

/// The common part: log Σ exp(logits) minus the `score` of the row.
@inline(__always)
private func crossEntropyRows(
  _ logits: Tensor, score: (_ logits: Span<Scalar>, _ row: Int) -> Scalar
) -> CrossEntropyValue {
  let V = logits.shape[-1]
  let outer = logits.shape.prefix(logits.rank - 1)
  var (losses, probabilities) = (Tensor(uninitialised: outer), Tensor(uninitialised: logits.shape))
  reading(logits) { logits in
    let shares = Shares.runs(atLeast: Parallel.grain / (8 * max(1, V)))
    writing(&losses, &probabilities, rows: outer.count, shares) { row, loss, q in
      let from = logits.extracting(places(row, V))
      let largest = maximum(from)
      for i in 0..<V { q[i] = exponential(from[i] - largest) }
      let total = sum(q.span)
      for i in 0..<V { q[i] /= total }
      loss[0] = largest + Foundation.log(total) - score(from, row)
    }
  }
  return CrossEntropyValue(losses: losses, probabilities: probabilities)
}

/// The cotangent of the logits, from one number per token: cotangent · (q − onehot).
///
/// - Parameters:
///   - cotangent: [B, T]
/// - Returns: [B, T, V]
public func crossEntropyPullback(_ cotangent: Tensor, value: CrossEntropyValue, targets: Tokens) -> Tensor {
  let V = value.probabilities.shape[-1]
  var result = cotangent.reshaped(to: cotangent.shape.appending(1)) * value.probabilities
  reading(cotangent) { g in
    result.withMutableElements { for (row, id) in targets.ids.enumerated() { $0[row * V + id] -= g[row] } }
  }
  return result
}

/// The cotangent of the logits, from one number per token: cotangent · (q − p).
///
/// - Parameters:
///   - cotangent: [...]
/// - Returns: [..., V]
public func crossEntropyPullback(
  _ cotangent: Tensor, value: CrossEntropyValue, distributions: Tensor
) -> Tensor {
  cotangent.reshaped(to: cotangent.shape.appending(1)) * (value.probabilities - distributions)
}
