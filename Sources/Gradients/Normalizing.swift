// # Softmax and layer normalisation
//
//     m = softmax(f·x)     x̄ = f · m ⊙ (m̄ − Σ m̄ ⊙ m)            sums along the row
//     y = layerNorm(x)     see `Tensors/Loops/Normalization.swift`
//
// Both discard something: softmax the common level of a row, layer norm its level and scale. What
// is discarded gets no gradient, which is why the plain sum of the outputs is a bad test of either:
// it measures just that.
//
// Kept: the value of the softmax; x̂ and 1/deviation of the norm. Masked positions are exactly 0 in
// value and gradient.
//
// Read before: `Tensors/Loops/Softmax.swift`, `Tensors/Loops/Normalization.swift`.

import Tensors

extension Primitive {
  /// Softmax along the innermost axis, scaled and optionally causal; keeps its value.
  public static let softmax = Primitive("softmax")
  /// Layer normalisation over the innermost axis; keeps x̂ and 1/deviation.
  public static let layerNorm = Primitive("layerNorm")
}

/// The softmax of `scale` · x along the innermost axis; with `causal`, row t of [..., T, S] sees its first S − T + t + 1 places.
public func softmax(_ x: Variable, scale: Scalar = 1, causal: Bool = false) -> Variable {
  let value = softmax(x.value, scale: scale, causal: causal)
  return Variable(
    value, by: .softmax, from: (x, { softmaxPullback($0, value: value, scale: scale, causal: causal) }))
}

/// Layer normalisation over the innermost axis: x [..., D], weight [D], bias [D] → [..., D].
public func layerNorm(_ x: Variable, weight: Variable, bias: Variable, epsilon: Scalar) -> Variable {
  let w = weight.value
  let value = layerNorm(x.value, weight: w, bias: bias.value, epsilon: epsilon)
  return Variable(
    value.output, by: .layerNorm, from: [x, weight, bias],
    jointly: { cotangent in
      let all = layerNormPullback(cotangent, value: value, weight: w)
      return [all.x, all.weight, all.bias]
    })
}

// ## For tensors and variables alike

/// The softmax of `scale` · x along the innermost axis; with `causal` as above.
@inlinable public func softmax<A: Activation>(_ x: A, scale: Scalar = 1, causal: Bool = false) -> A {
  .either(
    { softmax(x.tensor, scale: scale, causal: causal) }, { softmax(x.variable, scale: scale, causal: causal) })
}

/// Layer normalisation over the innermost axis: x [..., D], weight [D], bias [D] → [..., D].
@inlinable public func layerNorm<A: Activation>(_ x: A, weight: A, bias: A, epsilon: Scalar) -> A {
  .either(
    { layerNorm(x.tensor, weight: weight.tensor, bias: bias.tensor, epsilon: epsilon).output },
    { layerNorm(x.variable, weight: weight.variable, bias: bias.variable, epsilon: epsilon) })
}
