// # The chunked algorithm
//
// The recurrence takes T steps one after another; the matrix costs T² numbers. In between: cut time
// into chunks of Q steps, use the matrix inside a chunk and the recurrence from chunk to chunk. The
// cost grows with T·Q, and nearly all of it is matrix products.
//
// For one head and one chunk, with rows X, B, C, the state h [N, P] that enters, local times i, j
// from 0:
//
//     e[i]     =  α[0] ⋯ α[i]                     how the entering state fades until i
//     L[i, j]  =  α[j + 1] ⋯ α[i]                 inside the chunk, exp of the segment sums
//     W        =  L ∘ (C Bᵀ)
//     Y        =  W X + diag(e) C h + d X
//     h′       =  e[last] h + (diag(L[last, ·]) B)ᵀ X
//
// The last chunk is shorter where Q does not divide T, so that nothing is padded and nothing has to
// be cut off.
//
// ## Backward
//
// Chunks in reverse, with h̄′ the cotangent of the state that leaves:
//
//     X̄        =  Wᵀ Ȳ + d Ȳ + diag(l) B h̄′                       l = L[last, ·]
//     Ḡ        =  (Ȳ Xᵀ) ∘ L                                       of C Bᵀ, lower triangle
//     C̄        =  Ḡ B + diag(e) Ȳ hᵀ
//     B̄        =  Ḡᵀ C + diag(l) X h̄′ᵀ
//     h̄        =  e[last] h̄′ + (diag(e) C)ᵀ Ȳ
//     d̄        =  Σ Ȳ ⊙ X
//
// log α enters through four terms, each over a range of times:
//
//     L[i, j]    through S̄[i, j] = Ḡ[i, j] · (C Bᵀ)[i, j]          for times j < k ≤ i
//     l[j]       through B[j] · (the term with h̄′ of B̄)[j]              for times j < k ≤ last: one more term in the last row of S̄
//     e[i]       through C[i] · (the term with e of C̄)[i]              for times k ≤ i
//     e[last]    through e[last] · ⟨h, h̄′⟩                         for all times of the chunk
//
// Read before: `SSDMatrix.swift`. Slow twin: `Naive.ssdSequence`. Source: arXiv 2405.21060, section
// 6; the pullback is derived here.

/// What the chunked algorithm gives, and what its pullback needs.
public struct SSDSequenceValue: Sendable {
  /// y, [B, T, H, P]
  public let output: Tensor
  /// The state that enters each chunk, [B, H, chunks, N, P].
  public let enteringStates: Tensor
  /// The state after the last step, [B, H, N, P].
  public let finalState: Tensor
}

/// The output of a state space model with scalar decay, by the chunked algorithm.
///
/// - Parameters:
///   - x: [B, T, H, P]
///   - logDecay: log α, [B, T, H]
///   - b: [B, T, H, N]
///   - c: [B, T, H, N]
///   - d: [H]
///   - Q: the length of a chunk, at least 1; it changes the cost, not the result
///   - initialState: [B, H, N, P], or nil for zeros
public func ssdSequence(
  _ x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor, Q: Int, initialState: Tensor? = nil
) -> SSDSequenceValue {
  let layout = SSDChunks(x: x, logDecay: logDecay, b: b, c: c, d: d, Q: Q)
  let (B, T, H, N, P) = (layout.B, layout.T, layout.H, layout.N, layout.P)
  initialState?.expecting(B, H, N, P, as: "the initial state of an SSD")
  let output = Tensor(uninitialised: x.shape)
  let entering = Tensor(uninitialised: [B, H, layout.chunks, N, P])
  let final = Tensor(uninitialised: [B, H, N, P])
  let (y, states, last) = (output.fresh, entering.fresh, final.fresh)
  let state = N * P

  Parallel.each(B * H, workPerItem: T * (N + P) * (layout.Q + N) / 16) { index in
    let head = layout.head(index, x, logDecay, b, c)
    let scratch = SSDScratch(layout)
    defer { withExtendedLifetime(scratch) {} }
    let h = last + index * state
    if let initialState {
      h.update(from: initialState.base + index * state, count: state)
    } else {
      h.update(repeating: 0, count: state)
    }
    for chunk in 0..<layout.chunks {
      let part = head.part(chunk, of: layout, y)
      let q = part.count
      // The state that enters, kept for the pullback.
      (states + (index * layout.chunks + chunk) * state).update(from: h, count: state)
      scratch.fillDecays(part, stride: H)
      // W = L ∘ (C Bᵀ); Y = W X
      gemmInPiece(q, q, N, part.c, part.b.transposed, into: scratch.w, stride: q)
      for place in 0..<(q * q) { scratch.w[place] *= scratch.decay[place] }
      gemmInPiece(
        q, P, q, MatrixOperand(start: scratch.w, stride: q), part.x, into: part.target, stride: H * P)
      // Y += diag(e) C h + d X
      part.c.scaled(rows: q, N, by: scratch.entry, into: scratch.rows)
      gemmInPiece(
        q, P, N, MatrixOperand(start: scratch.rows, stride: N), MatrixOperand(start: h, stride: P),
        into: part.target, stride: H * P, keep: 1)
      let skip = d.base[index % H]
      for i in 0..<q { add(skip, times: part.x.start + i * H * P, to: part.target + i * H * P, P) }
      // h = e[last] h + (diag(l) B)ᵀ X
      part.b.scaled(rows: q, N, by: scratch.decay + (q - 1) * q, into: scratch.rows)
      gemmInPiece(
        N, P, q, MatrixOperand(start: scratch.rows, stride: N, isTransposed: true), part.x,
        into: h, stride: P, keep: scratch.entry[q - 1])
    }
  }
  withExtendedLifetime((x, logDecay, b, c, d, initialState)) {}
  return SSDSequenceValue(output: output, enteringStates: entering, finalState: final)
}

/// The cotangents of all arguments of `ssdSequence` but the initial state, for a cotangent of the output.
///
/// - Parameter cotangent: [B, T, H, P]
/// - Returns: [B, T, H, P], [B, T, H], [B, T, H, N], [B, T, H, N], [H]
public func ssdSequencePullback(
  _ cotangent: Tensor, value: SSDSequenceValue, _ x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor,
  Q: Int
) -> (x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor) {
  let layout = SSDChunks(x: x, logDecay: logDecay, b: b, c: c, d: d, Q: Q)
  let (B, T, H, N, P) = (layout.B, layout.T, layout.H, layout.N, layout.P)
  cotangent.expecting(B, T, H, P, as: "the cotangent of an SSD")
  let (toX, toB, toC) = (
    Tensor(uninitialised: x.shape), Tensor(uninitialised: b.shape), Tensor(uninitialised: c.shape)
  )
  let (toLog, skips) = (Tensor(uninitialised: logDecay.shape), Tensor(uninitialised: [B, H]))
  let (xBar, bBar, cBar, logBar) = (toX.fresh, toB.fresh, toC.fresh, toLog.fresh)
  let (flowing, states, skipBar) = (cotangent.base, value.enteringStates.base, skips.fresh)

  Parallel.each(B * H, workPerItem: T * (N + P) * (layout.Q + N) / 8) { index in
    let head = layout.head(index, x, logDecay, b, c)
    let scratch = SSDScratch(layout)
    defer { withExtendedLifetime(scratch) {} }
    let hBar = scratch.state
    hBar.update(repeating: 0, count: N * P)
    var skipSum: Scalar = 0
    for chunk in (0..<layout.chunks).reversed() {
      let part = head.part(chunk, of: layout, xBar)
      let q = part.count
      let (first, rowP, rowN) = (part.first, H * P, H * N)
      let yBar = MatrixOperand(start: flowing + first * rowP + head.h * P, stride: rowP)
      let h = MatrixOperand(start: states + (index * layout.chunks + chunk) * N * P, stride: P)
      let leaving = MatrixOperand(start: hBar, stride: P)
      let (toPartX, toPartB, toPartC) = (
        part.target, bBar + first * rowN + head.h * N, cBar + first * rowN + head.h * N
      )
      scratch.fillDecays(part, stride: H)
      let l = scratch.decay + (q - 1) * q
      let fade = scratch.entry[q - 1]

      // C Bᵀ and W = L ∘ (C Bᵀ); X̄ = Wᵀ Ȳ
      gemmInPiece(q, q, N, part.c, part.b.transposed, into: scratch.scores, stride: q)
      for place in 0..<(q * q) { scratch.w[place] = scratch.scores[place] * scratch.decay[place] }
      gemmInPiece(
        q, P, q, MatrixOperand(start: scratch.w, stride: q, isTransposed: true), yBar, into: toPartX, stride: rowP)
      // X̄ += diag(l) B h̄′ + d Ȳ;  d̄ += Σ Ȳ ⊙ X
      part.b.scaled(rows: q, N, by: l, into: scratch.rows)
      gemmInPiece(
        q, P, N, MatrixOperand(start: scratch.rows, stride: N), leaving, into: toPartX, stride: rowP, keep: 1)
      let skip = d.base[head.h]
      for i in 0..<q {
        let (gRow, xRow) = (yBar.start + i * rowP, part.x.start + i * rowP)
        add(skip, times: gRow, to: toPartX + i * rowP, P)
        skipSum += dot(gRow, xRow, P)
      }
      // Ḡ = (Ȳ Xᵀ) ∘ L;  S̄ = Ḡ ∘ (C Bᵀ)
      gemmInPiece(q, q, P, yBar, part.x.transposed, into: scratch.w, stride: q)
      for place in 0..<(q * q) {
        scratch.w[place] *= scratch.decay[place]
        scratch.scores[place] *= scratch.w[place]
      }
      let inner = MatrixOperand(start: scratch.w, stride: q)
      // C̄ = diag(e) Ȳ hᵀ + Ḡ B; the term with e tells how e is moved.
      gemmInPiece(q, N, P, yBar, h.transposed, into: toPartC, stride: rowN)
      scaleRows(toPartC, q, N, stride: rowN, by: scratch.entry)
      for i in 0..<q { scratch.sums[i] = dot(part.c.start + i * rowN, toPartC + i * rowN, N) }
      gemmInPiece(q, N, q, inner, part.b, into: toPartC, stride: rowN, keep: 1)
      // B̄ = diag(l) X h̄′ᵀ + Ḡᵀ C; the term with h̄′ tells how l is moved, the last row of L.
      gemmInPiece(q, N, P, part.x, leaving.transposed, into: toPartB, stride: rowN)
      scaleRows(toPartB, q, N, stride: rowN, by: l)
      for j in 0..<q {
        scratch.scores[(q - 1) * q + j] += dot(part.b.start + j * rowN, toPartB + j * rowN, N)
      }
      gemmInPiece(q, N, q, inner.transposed, part.c, into: toPartB, stride: rowN, keep: 1)
      // log α: e[i] fades with all times until i, e[last] with all of the chunk.
      scratch.sums[q - 1] += fade * dot(h.start, hBar, N * P)
      for i in stride(from: q - 1, to: 0, by: -1) { scratch.sums[i - 1] += scratch.sums[i] }
      addSegmentSumPullback(scratch.scores, q, into: scratch.sums, running: scratch.running)
      for i in 0..<q { logBar[(first + i) * H + head.h] = scratch.sums[i] }
      // h̄ = e[last] h̄′ + (diag(e) C)ᵀ Ȳ
      part.c.scaled(rows: q, N, by: scratch.entry, into: scratch.rows)
      gemmInPiece(
        N, P, q, MatrixOperand(start: scratch.rows, stride: N, isTransposed: true), yBar, into: hBar, stride: P,
        keep: fade)
    }
    skipBar[index] = skipSum
  }
  withExtendedLifetime((x, logDecay, b, c, d, cotangent, value)) {}
  return (toX, toLog, toB, toC, sum(skips, along: 0))
}
