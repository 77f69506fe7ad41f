// # Causal depthwise convolution
//
// Each channel is a weighted sum of its own last K values. The last tap looks at the present:
//
//     y[t, c]       =  bias[c] + Σₖ weight[c, k] · x[t − (K − 1) + k, c]         x before the beginning is 0
//     x̄[t, c]       =  Σₖ weight[c, k] · ȳ[t + (K − 1) − k, c]
//     weight‾[c, k] =  Σₜ ȳ[t, c] · x[t − (K − 1) + k, c]          ȳ after the end is 0
//     bias‾[c]      =  Σₜ ȳ[t, c]                                  both also summed over the batch
//
// The channels lie side by side in memory, so the loops run over them; the weights are transposed once for that.
//
// A text can come in pieces. From the earlier pieces, the next one needs only their last K − 1 values, the past,
// which takes the place of the zeros before the beginning.
//
// Slow twin: `Naive.causalConvolution`.

/// The causal depthwise convolution over time.
///
/// - Parameters:
///   - x: [B, T, C]
///   - weight: [C, 1, K], the last tap for the present, as PyTorch's conv1d stores it
///   - bias: [C]
///   - past: the K − 1 values before x, [B, K − 1, C]; nil for zeros
/// - Returns: [B, T, C]
public func causalConvolution(_ x: Tensor, weight: Tensor, bias: Tensor, past: Tensor? = nil) -> Tensor {
  let (B, T, C, K) = convolutionSizes(x, weight)
  bias.expecting(C, as: "the bias of a convolution")
  past?.expecting(B, K - 1, C, as: "the past of a convolution")
  let taps = weight.reshaped(to: [C, K]).transposed()
  let hasPast = past != nil
  return reading(x, taps, bias, past ?? x) { elements, taps, bias, earlier in
    Tensor(writing: x.shape, rows: B * T, .runs(atLeast: Parallel.grain / max(1, 2 * K * C))) { row, target in
      copy(bias, to: &target)
      let (b, t) = (row / T, row % T)
      let missing = max(0, K - 1 - t)
      // The first taps look at the past, if there is one; the others at x.
      for k in (hasPast ? 0 : missing)..<K {
        let seen =
          k < missing
          ? earlier.extracting(places(b * (K - 1) + t + k, C)) : elements.extracting(places(row - (K - 1) + k, C))
        add(taps.extracting(places(k, C)), times: seen, to: &target)
      }
    }
  }
}

/// The past for the next piece of a text: the last K − 1 values of `past` and `x` together.
///
/// - Parameters:
///   - past: [B, K − 1, C]
///   - x: the piece that came last, [B, T, C]
/// - Returns: [B, K − 1, C]
public func convolutionPast(_ past: Tensor, then x: Tensor) -> Tensor {
  let (kept, T) = (past.shape[1], x.shape[1])
  past.expecting(x.shape[0], nil, x.shape[2], as: "the past of a convolution")
  if T >= kept { return x.sliced((T - kept)..<T, along: 1) }
  return .concatenated([past.sliced(T..<kept, along: 1), x], along: 1)
}

/// The cotangents of x, weight and bias in `causalConvolution`.
///
/// - Parameters:
///   - cotangent: [B, T, C]
///   - x: [B, T, C]
///   - weight: [C, 1, K]
/// - Returns: [B, T, C], [C, 1, K], [C]
public func causalConvolutionPullback(
  _ cotangent: Tensor, x: Tensor, weight: Tensor
) -> (x: Tensor, weight: Tensor, bias: Tensor) {
  let (B, T, C, K) = convolutionSizes(x, weight)
  let taps = weight.reshaped(to: [C, K]).transposed()
  var result = Tensor(uninitialised: x.shape)
  // Each row of the batch sums its own cotangent of the taps; these are added afterwards, in order.
  var partial = Tensor.zeros([B, K * C])
  reading(cotangent, x, taps) { cotangent, x, taps in
    writing(&result, &partial, rows: B, .singly(work: 4 * T * C * K)) { b, target, sums in
      // Pointers, each into a row of the batch that is checked here once: there are two short loops for each tap and
      // token.
      let (flowing, source) = (
        address(cotangent.extracting(places(b, T * C))), address(x.extracting(places(b, T * C)))
      )
      let (w, to, tapSums) = (address(taps), address(&target), address(&sums))
      for t in 0..<T {
        let g = flowing + t * C
        for k in max(0, K - 1 - t)..<K {
          let place = (t - (K - 1) + k) * C
          // The last tap is the first to reach a place.
          if k == K - 1 {
            write(w + k * C, times: g, to: to + place, C)
          } else {
            add(w + k * C, times: g, to: to + place, C)
          }
          add(g, times: source + place, to: tapSums + k * C, C)
        }
      }
    }
  }
  let weightCotangent = sum(partial, along: 0).reshaped(to: [K, C]).transposed().reshaped(to: [C, 1, K])
  return (result, weightCotangent, sumOfRows(cotangent))
}

private func convolutionSizes(_ x: Tensor, _ weight: Tensor) -> (B: Int, T: Int, C: Int, K: Int) {
  precondition(x.rank == 3, "a convolution reads x of shape [B, T, C], not \(x.shape)")
  weight.expecting(x.shape[2], 1, nil, as: "the weight of a convolution")
  return (x.shape[0], x.shape[1], x.shape[2], weight.shape[2])
}
