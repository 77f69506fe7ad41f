// # Losses
//
// The three losses that the method needs. Each gives a number per token, per row or per matrix; `mean` reduces these
// to one number.
//
//     crossEntropy against tokens            ℓ = log Σ exp(z) − z[target]         z̄ = ℓ̄ · (q − onehot)
//     crossEntropy against distributions     ℓ = log Σ exp(z) − p · z             z̄ = ℓ̄ · (q − p)
//     distance                               d = √Σ(x − y)²                       x̄ = d̄ · (x − y)/d = −ȳ
//
// The target distribution p is a tensor, not a variable: it is the teacher's, and no gradient flows
// into it.
//
// Kept: q = softmax(z); both points of the distance.
//
// Read before: `Tensors/Loops/CrossEntropy.swift`, `Tensors/Loops/Distances.swift`.

import Tensors

extension Primitive {
  /// Cross-entropy of logits against token numbers; keeps the softmax.
  public static let crossEntropyTokens = Primitive("crossEntropyTokens")
  /// Cross-entropy of logits against distributions, which get no gradient; keeps the softmax.
  public static let crossEntropyDistributions = Primitive("crossEntropyDistributions")
  /// Euclidean distance over the innermost 1 or 2 axes; keeps both points.
  public static let distance = Primitive("distance")
}

/// The cross-entropy of each token in nats: logits [B, T, V] → [B, T].
public func crossEntropy(_ logits: Variable, targets: Tokens) -> Variable {
  let value = crossEntropy(logits.value, targets: targets)
  return Variable(
    value.losses, by: .crossEntropyTokens,
    from: (logits, { crossEntropyPullback($0, value: value, targets: targets) }))
}

/// The cross-entropy of each row against a distribution in nats: logits [..., V], distributions [..., V] → [...].
public func crossEntropy(_ logits: Variable, distributions: Tensor) -> Variable {
  let value = crossEntropy(logits.value, distributions: distributions)
  return Variable(
    value.losses, by: .crossEntropyDistributions,
    from: (logits, { crossEntropyPullback($0, value: value, distributions: distributions) }))
}

/// The Euclidean distance over the innermost 1 (L2) or 2 (Frobenius) axes; where x = y its gradient is 0.
public func distance(_ x: Variable, _ y: Variable, over axes: Int) -> Variable {
  let (left, right) = (x.value, y.value)
  let value = distance(left, right, over: axes)
  return Variable(
    value, by: .distance,
    from: (x, { distancePullback($0, value: value, left, right) }),
    (y, { distancePullback($0, value: value, right, left) }))
}
