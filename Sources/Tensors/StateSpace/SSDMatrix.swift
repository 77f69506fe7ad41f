// # The matrix of a state space model
//
// Unrolled, the recurrence h[t] = α[t] h[t − 1] + b[t] x[t]ᵀ, y[t] = c[t]ᵀ h[t] + d x[t] is a
// product with a lower-triangular matrix:
//
//     M[t, s]  =  (c[t] · b[s]) · α[s + 1] ⋯ α[t]      s < t
//     M[t, t]  =   c[t] · b[t] + d
//     M        =  L ∘ (C Bᵀ) + d·I,   L = exp(segment sums of log α)
//
// This is the matrix that stage 1 turns toward the teacher's attention matrix: d belongs to it.
//
//     Ḡ       =  M̄ ∘ L                                 cotangent of G = C Bᵀ
//     C̄       =  Ḡ B,   B̄ = Ḡᵀ C
//     d̄       =  trace M̄
//     S̄       =  M̄ ∘ L ∘ G  =  Ḡ ∘ G                   of the segment sums, strictly below the diagonal
//
// M is kept for nobody: the pullback makes L and G again, which is cheaper than to hold two more
// matrices for each head.
//
// Read before: `Scans.swift`. Slow twin: `Naive.ssdMatrix`. Source: arXiv 2405.21060, section 3.
// Read next: `SSDSequence.swift`.

/// The sizes that an SSD kernel finds in its arguments, checked against one another.
struct SSDSizes {
  let B, T, H, N: Int

  /// Stops the program, naming the argument, if the shapes do not agree.
  init(logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor) {
    let sizes = b.sizesOfHeads
    (B, T, H, N) = (sizes.B, sizes.T, sizes.H, sizes.P)
    logDecay.expecting(B, T, H, as: "log α of an SSD")
    c.expecting(B, T, H, N, as: "c of an SSD")
    d.expecting(H, as: "d of an SSD")
  }
}

/// The matrix of each head of a state space model with scalar decay.
///
/// - Parameters:
///   - logDecay: log α, [B, T, H], at most 0 for a decay
///   - b: [B, T, H, N]
///   - c: [B, T, H, N]
///   - d: [H]
/// - Returns: [B, H, T, T], lower triangular
public func ssdMatrix(logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor {
  let sizes = SSDSizes(logDecay: logDecay, b: b, c: c, d: d)
  let (T, H, N) = (sizes.T, sizes.H, sizes.N)
  let result = headScores(c, b)
  let (log, skip, target) = (logDecay.base, d.base, result.fresh)
  Parallel.each(sizes.B * H, workPerItem: T * T * (4 + N / 16)) { index in
    let (batch, h) = (index / H, index % H)
    let matrix = target + index * T * T
    let scratch = Storage(count: 2 * T + T * T)
    defer { withExtendedLifetime(scratch) {} }
    let (x, running, decay) = (scratch.pointer, scratch.pointer + T, scratch.pointer + 2 * T)
    for t in 0..<T { x[t] = log[(batch * T + t) * H + h] }
    exponentialOfSegmentSums(x, T, into: decay, running: running)
    for place in 0..<(T * T) { matrix[place] *= decay[place] }
    for t in 0..<T { matrix[t * T + t] += skip[h] }
  }
  withExtendedLifetime((logDecay, d)) {}
  return result
}

/// The cotangents of all arguments of `ssdMatrix`.
///
/// - Parameter cotangent: [B, H, T, T]; what stands above the diagonal is not read
/// - Returns: [B, T, H], [B, T, H, N], [B, T, H, N], [H]
public func ssdMatrixPullback(
  _ cotangent: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor
) -> (logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor) {
  let sizes = SSDSizes(logDecay: logDecay, b: b, c: c, d: d)
  let (B, T, H) = (sizes.B, sizes.T, sizes.H)
  cotangent.expecting(B, H, T, T, as: "the cotangent of an SSD matrix")
  let scores = headScores(c, b)
  let inner = Tensor(uninitialised: cotangent.shape)  // Ḡ
  let logCotangent = Tensor(uninitialised: logDecay.shape)
  let traces = Tensor(uninitialised: [B, H])
  let (log, flowing, g) = (logDecay.base, cotangent.base, scores.fresh)
  let (toInner, toLog, toTrace) = (inner.fresh, logCotangent.fresh, traces.fresh)
  Parallel.each(B * H, workPerItem: T * T * 8) { index in
    let (batch, h) = (index / H, index % H)
    let (from, to, matrix) = (flowing + index * T * T, toInner + index * T * T, g + index * T * T)
    let scratch = Storage(count: 3 * T)
    defer { withExtendedLifetime(scratch) {} }
    let (x, running, sums) = (scratch.pointer, scratch.pointer + T, scratch.pointer + 2 * T)
    for t in 0..<T { x[t] = log[(batch * T + t) * H + h] }
    exponentialOfSegmentSums(x, T, into: to, running: running)
    var trace: Scalar = 0
    for t in 0..<T {
      trace += from[t * T + t]
      for place in (t * T)..<(t * T + t + 1) {
        to[place] *= from[place]
        matrix[place] *= to[place]
      }
    }
    toTrace[index] = trace
    sums.update(repeating: 0, count: T)
    addSegmentSumPullback(matrix, T, into: sums, running: running)
    for t in 0..<T { toLog[(batch * T + t) * H + h] = sums[t] }
  }
  withExtendedLifetime((logDecay, cotangent, scores)) {}
  return (logCotangent, headMix(inner, c, transposing: true), headMix(inner, b), sum(traces, along: 0))
}
