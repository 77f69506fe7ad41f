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
  let (output, normalised) = (Tensor(uninitialised: x.shape), Tensor(uninitialised: x.shape))
  let inverse = Tensor(uninitialised: outer)
  let (source, w, b) = (x.base, weight.base, bias.base)
  let (y, hat, r) = (output.fresh, normalised.fresh, inverse.fresh)
  Parallel.ranges(outer.count, grain: max(1, Parallel.grain / (4 * max(1, D)))) { rows in
    for row in rows {
      let (from, toHat, toY) = (source + row * D, hat + row * D, y + row * D)
      let mean = sum(from, D) / Scalar(D)
      inLanes(D, wide: { store(lanes(from, $0) - mean, toHat, $0) }, narrow: { toHat[$0] = from[$0] - mean })
      let variance = dot(toHat, toHat, D) / Scalar(D)
      let scale = 1 / (variance + epsilon).squareRoot()
      r[row] = scale
      write(scale, times: toHat, to: toHat, D)
      inLanes(
        D, wide: { store(lanes(toHat, $0) * lanes(w, $0) + lanes(b, $0), toY, $0) },
        narrow: { toY[$0] = toHat[$0] * w[$0] + b[$0] })
    }
  }
  withExtendedLifetime((x, weight, bias)) {}
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
  let result = Tensor(uninitialised: cotangent.shape)
  let (g, hat, r) = (cotangent.base, value.normalised.base, value.inverseDeviation.base)
  let (w, target) = (weight.base, result.fresh)
  Parallel.ranges(value.inverseDeviation.count, grain: max(1, Parallel.grain / (4 * max(1, D)))) { rows in
    for row in rows {
      let (from, fromHat, to) = (g + row * D, hat + row * D, target + row * D)
      write(from, times: w, to: to, D)
      let mean = sum(UnsafePointer(to), D) / Scalar(D)
      let slope = dot(UnsafePointer(to), fromHat, D) / Scalar(D)
      let scale = r[row]
      inLanes(
        D, wide: { store(scale * (lanes(to, $0) - mean - lanes(fromHat, $0) * slope), to, $0) },
        narrow: { to[$0] = scale * (to[$0] - mean - fromHat[$0] * slope) })
    }
  }
  withExtendedLifetime((cotangent, value, weight)) {}
  return (result, columnSums(cotangent, times: value.normalised, width: D), sumOfRows(cotangent))
}
