// # Root-mean-square normalisation
//
// Layer normalisation without the mean: each row of D numbers is divided by its root mean square, then given a
// learned scale.
//
//     x̂  =  x · r,   r = 1/√(mean(x²) + ε)                      mean over the row
//     y  =  x̂ ⊙ weight
//
//     ĝ  =  ȳ ⊙ weight
//     x̄  =  r · (ĝ − x̂ · mean(ĝ ⊙ x̂))
//     weight‾ = Σ ȳ ⊙ x̂                                         sum over all rows
//
// The norm discards the scale of a row but not its mean: a shifted row gives a different result, whereas layer
// normalisation would give the same. Llama uses this norm.
//
// x̂ and r are kept for the pullback.
//
// Read before: `Normalization.swift`. Slow twin: `Naive.rmsNorm`. Source: Zhang and Sennrich,
// arXiv 1910.07467.

/// The result of root-mean-square normalisation, and what its pullback needs.
public struct RMSNormValue: Sendable {
  /// y, the shape of x
  public let output: Tensor
  /// x̂, the shape of x
  public let normalised: Tensor
  /// r, a number for each row
  public let inverseScale: Tensor
}

/// Root-mean-square normalisation over the innermost axis.
///
/// - Parameters:
///   - x: [..., D]
///   - weight: [D]
///   - epsilon: what is added to the mean square
public func rmsNorm(_ x: Tensor, weight: Tensor, epsilon: Scalar) -> RMSNormValue {
  let D = x.shape[-1]
  weight.expecting(D, as: "the weight of an RMS norm")
  let outer = x.shape.prefix(x.rank - 1)
  let (output, normalised) = (Tensor(uninitialised: x.shape), Tensor(uninitialised: x.shape))
  let inverse = Tensor(uninitialised: outer)
  reading(x, weight) { x, weight in
    // Pointers, for the reason given in `layerNorm`. All three results have outer.count rows.
    let (source, w) = (address(x), address(weight))
    let (y, hat, r) = (address(ofResult: output), address(ofResult: normalised), address(ofResult: inverse))
    Parallel.ranges(outer.count, grain: max(1, Parallel.grain / (4 * max(1, D)))) { rows in
      for row in rows {
        let (from, toHat, toY) = (source + row * D, hat + row * D, y + row * D)
        let scale = inverseRoot(dot(from, from, D) / Scalar(D) + epsilon)
        r[row] = scale
        write(scale, times: from, to: toHat, D)
        inLanes(D, wide: { store(lanes(toHat, $0) * lanes(w, $0), toY, $0) }, narrow: { toY[$0] = toHat[$0] * w[$0] })
      }
    }
  }
  return RMSNormValue(output: output, normalised: normalised, inverseScale: inverse)
}

/// The cotangents of x and weight in `rmsNorm`.
///
/// - Parameters:
///   - cotangent: [..., D]
///   - value: what `rmsNorm` returned
/// - Returns: [..., D] and [D]
public func rmsNormPullback(
  _ cotangent: Tensor, value: RMSNormValue, weight: Tensor
) -> (x: Tensor, weight: Tensor) {
  let D = cotangent.shape[-1]
  let shares = Shares.runs(atLeast: Parallel.grain / (4 * max(1, D)))
  let result = reading(cotangent, value.normalised, value.inverseScale, weight) { g, normalised, r, weight in
    Tensor(writing: cotangent.shape, rows: r.count, shares) { row, target in
      let hat = normalised.extracting(places(row, D))
      write(g.extracting(places(row, D)), times: weight, to: &target)
      let slope = dot(target.span, hat) / Scalar(D)
      let scale = r[row]
      let (to, fromHat) = (address(&target), address(hat))
      inLanes(
        D, wide: { store(scale * (lanes(to, $0) - lanes(fromHat, $0) * slope), to, $0) },
        narrow: { to[$0] = scale * (to[$0] - fromHat[$0] * slope) })
    }
  }
  return (result, columnSums(cotangent, times: value.normalised, width: D))
}
