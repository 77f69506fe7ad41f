// # The matrix of a state space model
//
// Unrolled, the recurrence h[t] = α[t] h[t − 1] + b[t] x[t]ᵀ, y[t] = c[t]ᵀ h[t] + d x[t] is a
// product with a lower-triangular matrix:
//
//     M[t, s]  =  (c[t] · b[s]) · α[s + 1] ⋯ α[t]      s < t
//     M[t, t]  =   c[t] · b[t] + d
//     M        =  L ∘ (C Bᵀ) + d·I,   L = exp(segment sums of log α)
//
// This is the matrix that stage 1 turns toward the teacher's attention matrix, with d as a part of it.
//
//     Ḡ       =  M̄ ∘ L                                 cotangent of G = C Bᵀ
//     C̄       =  Ḡ B,   B̄ = Ḡᵀ C
//     d̄       =  trace M̄
//     S̄       =  M̄ ∘ L ∘ G  =  Ḡ ∘ G                   of the segment sums, strictly below the diagonal
//
// The pullback recomputes L and G, which is cheaper than keeping two more matrices for each head.
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
  var result = headScores(c, b)
  reading(logDecay, d) { logDecay, d in
    writing(&result, rows: sizes.B * H, .singly(work: T * T * (4 + N / 16))) { index, matrix in
      withScratch(T * T) { scratch in
        writeDecays(headRows(of: logDecay, index, T, H, 1), into: MatrixTarget(scratch, rows: T, columns: T))
        let decay = scratch.span
        for t in 0..<T {
          let (start, diagonal) = (t * T, t * T + t)
          for place in start...diagonal { matrix[place] *= decay[place] }
          for place in (diagonal + 1)..<(start + T) { matrix[place] = 0 }
          matrix[diagonal] += d[index % H]
        }
      }
    }
  }
  return result
}

/// The cotangents of all arguments of `ssdMatrix`.
///
/// - Parameter cotangent: [B, H, T, T]; entries above the diagonal are not read
/// - Returns: [B, T, H], [B, T, H, N], [B, T, H, N], [H]
public func ssdMatrixPullback(
  _ cotangent: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor
) -> (logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor) {
  let sizes = SSDSizes(logDecay: logDecay, b: b, c: c, d: d)
  let (B, T, H) = (sizes.B, sizes.T, sizes.H)
  cotangent.expecting(B, H, T, T, as: "the cotangent of an SSD matrix")
  var scores = headScores(c, b)
  var inner = Tensor(uninitialised: cotangent.shape)  // Ḡ
  var traces = Tensor(uninitialised: [B, H])
  let logCotangent = Tensor(uninitialised: logDecay.shape)
  let toLog = logCotangent.uninitialisedNumbers  // Heads lie side by side.
  reading(logDecay, cotangent) { logDecay, cotangent in
    writing(&scores, &inner, &traces, rows: B * H, .singly(work: T * T * 8)) { index, matrix, inner, trace in
      let from = cotangent.extracting(places(index, T * T))
      let log = headRows(of: toLog, index, T, H, 1)
      writeDecays(headRows(of: logDecay, index, T, H, 1), into: MatrixTarget(&inner, rows: T, columns: T))
      withScratch(2 * T) { scratch in
        let (sums, running) = (scratch.extracting(0..<T), scratch.extracting(T..<(2 * T)))
        trace[0] = 0
        for t in 0..<T {
          trace[0] += from[t * T + t]
          for place in (t * T)..<(t * T + t + 1) {
            inner[place] *= from[place]
            matrix[place] *= inner[place]
          }
        }
        sums.update(repeating: 0)
        addSegmentSumPullback(MatrixTarget(&matrix, rows: T, columns: T), into: sums, running: running)
        for t in 0..<T { log.row(t)[0] = sums[t] }
      }
    }
  }
  return (logCotangent, headMix(inner, c, transposing: true), headMix(inner, b), sum(traces, along: 0))
}

/// L of a head, exp of the segment sums of its log α [T, 1]; above the diagonal 0.
private func writeDecays(_ log: MatrixOperand, into target: MatrixTarget) {
  let T = log.rows
  withScratch(2 * T) { scratch in
    let (x, running) = (scratch.extracting(0..<T), scratch.extracting(T..<(2 * T)))
    for t in 0..<T { x[t] = log.row(t)[0] }
    exponentialOfSegmentSums(x, into: target, running: running)
  }
}
