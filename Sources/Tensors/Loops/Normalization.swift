// # Layer normalisation
//
// Each row of D numbers is shifted to mean 0, scaled to variance 1, and given a learned scale and
// shift.
//
//     x̂  =  (x − mean) · r,   r = 1/√(variance + ε)            variance with 1/D
//     y  =  x̂ ⊙ weight + bias
//
//     ĝ  =  ȳ ⊙ weight
//     x̄  =  r · (ĝ − mean(ĝ) − x̂ · mean(ĝ ⊙ x̂))               mean over the row
//     weight‾ = Σ ȳ ⊙ x̂,   bias‾ = Σ ȳ                         sums over all rows
//
// x̂ and r are kept for the pullback.
//
// Read before: `Reductions.swift`. Slow twin: `Naive.layerNorm`. Source: Ba et al.,
// arXiv 1607.06450.

/// What layer normalisation gives, and what its pullback needs.
public struct LayerNormValue: Sendable {
  /// y, the shape of x
  public let output: Tensor
  /// x̂, the shape of x
  public let normalised: Tensor
  /// r, a number for each row
  public let inverseDeviation: Tensor
}

/// Layer normalisation over the innermost axis.
///
/// - Parameters:
///   - x: [..., D]
///   - weight: [D]
///   - bias: [D]
///   - epsilon: what is added to the variance
public func layerNorm(_ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Scalar) -> LayerNormValue {
  let D = x.shape[-1]
  weight.expecting(D, as: "the weight of a layer norm")
  bias.expecting(D, as: "the bias of a layer norm")
  let outer = x.shape.prefix(x.rank - 1)
  var (output, normalised) = (Tensor(uninitialised: x.shape), Tensor(uninitialised: x.shape))
  var inverse = Tensor(uninitialised: outer)
  let shares = Shares.runs(atLeast: Parallel.grain / (4 * max(1, D)))
  reading(x, weight, bias) { x, weight, bias in
    writing(&output, &normalised, &inverse, rows: outer.count, shares) { row, y, hat, r in
      let from = x.extracting(places(row, D))
      let mean = sum(from) / Scalar(D)
      fill(&hat, from, wide: { $0 - mean }, narrow: { $0 - mean })
      let variance = dot(hat.span, hat.span) / Scalar(D)
      r[0] = 1 / (variance + epsilon).squareRoot()
      scale(&hat, by: r[0])
      fill(&y, hat.span, weight, bias, wide: { $0 * $1 + $2 }, narrow: { $0 * $1 + $2 })
    }
  }
  return LayerNormValue(output: output, normalised: normalised, inverseDeviation: inverse)
}

/// The cotangents of x, weight and bias in `layerNorm`.
///
/// - Parameters:
///   - cotangent: [..., D]
///   - value: what `layerNorm` returned
/// - Returns: [..., D], [D], [D]
public func layerNormPullback(
  _ cotangent: Tensor, value: LayerNormValue, weight: Tensor
) -> (x: Tensor, weight: Tensor, bias: Tensor) {
  let D = cotangent.shape[-1]
  let shares = Shares.runs(atLeast: Parallel.grain / (4 * max(1, D)))
  let result = reading(cotangent, value.normalised, value.inverseDeviation, weight) { g, normalised, r, weight in
    Tensor(writing: cotangent.shape, rows: r.count, shares) { row, target in
      let hat = normalised.extracting(places(row, D))
      write(g.extracting(places(row, D)), times: weight, to: &target)
      let mean = sum(target.span) / Scalar(D)
      let slope = dot(target.span, hat) / Scalar(D)
      let scale = r[row]
      change(
        &target, with: hat, wide: { scale * ($0 - mean - $1 * slope) }, narrow: { scale * ($0 - mean - $1 * slope) })
    }
  }
  return (result, columnSums(cotangent, times: value.normalised, width: D), sumOfRows(cotangent))
}
