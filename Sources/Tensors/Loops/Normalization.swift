// # Layer normalisation
//
// Each row of D numbers is shifted to mean 0, scaled to variance 1, and then given a learned scale and shift.
//
//     x̂  =  (x − mean) · r,   r = 1/√(variance + ε)            the variance divides by D
//     y  =  x̂ ⊙ weight + bias
//
//     ĝ  =  ȳ ⊙ weight
//     x̄  =  r · (ĝ − mean(ĝ) − x̂ · mean(ĝ ⊙ x̂))               mean over the row
//     weight‾ = Σ ȳ ⊙ x̂,   bias‾ = Σ ȳ                         sums over all rows
//
// x̂ and r are kept for the pullback.
//
// Read before: `RowSums.swift`. Slow twin: `Naive.layerNorm`. Source: Ba et al.,
// arXiv 1607.06450.

/// The result of layer normalisation, and what its pullback needs.
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
  reading(x, weight, bias) { x, weight, bias in
    // Pointers: with three results per row, Swift would call a closure with three spans for each row instead of
    // inlining it, and the norm would take 1.4 times as long. All three have outer.count rows.
    let (source, w, b) = (address(x), address(weight), address(bias))
    let (y, hat, r) = (address(ofResult: output), address(ofResult: normalised), address(ofResult: inverse))
    Parallel.ranges(outer.count, grain: max(1, Parallel.grain / (4 * max(1, D)))) { rows in
      for row in rows {
        let (from, toHat, toY) = (source + row * D, hat + row * D, y + row * D)
        let mean = sum(from, D) / Scalar(D)
        inLanes(D, wide: { store(lanes(from, $0) - mean, toHat, $0) }, narrow: { toHat[$0] = from[$0] - mean })
        let variance = dot(toHat, toHat, D) / Scalar(D)
        let scale = inverseRoot(variance + epsilon)
        r[row] = scale
        write(scale, times: toHat, to: toHat, D)
        inLanes(
          D, wide: { store(lanes(toHat, $0) * lanes(w, $0) + lanes(b, $0), toY, $0) },
          narrow: { toY[$0] = toHat[$0] * w[$0] + b[$0] })
      }
    }
  }
  return LayerNormValue(output: output, normalised: normalised, inverseDeviation: inverse)
}

/// 1/√x, and NaN where x is infinite: squares that overflow would otherwise make a row of zeros, and nobody would
/// notice.
@inline(__always)
func inverseRoot(_ x: Scalar) -> Scalar { x < .infinity ? 1 / x.squareRoot() : .nan }

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
      let (to, fromHat) = (address(&target), address(hat))
      inLanes(
        D, wide: { store(scale * (lanes(to, $0) - mean - lanes(fromHat, $0) * slope), to, $0) },
        narrow: { to[$0] = scale * (to[$0] - mean - fromHat[$0] * slope) })
    }
  }
  return (result, columnSums(cotangent, times: value.normalised, width: D), sumOfRows(cotangent))
}
