// # The delta rule in chunks
//
// Of the two lines of the recurrence,
//
//     x̃[t]  =  x[t] − α[t] h[t − 1]ᵀ b[t]
//     h[t]  =  α[t] h[t − 1] + β[t] b[t] x̃[t]ᵀ
//
// the second is an SSD, with x̃ for x and b′ = β b for b. So the delta rule is an SSD on what is new, and what is
// left is to find x̃. Since h[t − 1] is the sum of what was written, faded, the first line is a system of equations
// with a triangle, in which a step depends on the earlier ones through the products of their keys. For one head and
// one chunk, with rows X, B, C and B′ = diag(β) B, the state h [N, P] that enters, and L and e as in
// `SSDSequence.swift`:
//
//     E        =  L ∘ (B B′ᵀ)                     strictly below the diagonal
//     (I + E) X̃  =  X − diag(e) B h               what the chunk's own steps hold, and what the entering state holds
//     W        =  L ∘ (C B′ᵀ)
//     Y        =  W X̃ + diag(e) C h
//     h′       =  e[last] h + (diag(l) B′)ᵀ X̃      l = L[last, ·]
//
// B asks the state as C does, one step earlier: E is to B what W is to C. The published algorithm solves twice, for
// (I + E)⁻¹ X and (I + E)⁻¹ diag(e) B (the WY representation), which all chunks can do at the same time, and then
// goes from chunk to chunk. Here heads and rows of the batch are shared among the cores and a head's chunks come in
// turn, so h is known when it is needed and one system is enough: Q² P / 2 more multiplications than an SSD, and a
// second Q² N for E.
//
// ## Backward
//
// Chunks in reverse, with h̄′ the cotangent of the state that leaves. From X̃ on it is the backward pass of an SSD;
// R̄ is the cotangent of the right side of the system, and −R̄ plays for B the part that Ȳ plays for C:
//
//     R̄        =  (I + E)⁻ᵀ (Wᵀ Ȳ + diag(l) B′ h̄′)                of X̃, carried through the system
//     X̄        =  R̄
//     Ḡ        =  (Ȳ X̃ᵀ) ∘ L                                      of C B′ᵀ, lower triangle
//     J̄        =  −(R̄ X̃ᵀ) ∘ L                                     of B B′ᵀ, strictly below the diagonal
//     C̄        =  Ḡ B′ + diag(e) Ȳ hᵀ
//     B̄′       =  Ḡᵀ C + J̄ᵀ B + diag(l) X̃ h̄′ᵀ
//     B̄        =  J̄ B′ − diag(e) R̄ hᵀ + diag(β) B̄′
//     β̄[j]     =  B[j] · B̄′[j]
//     h̄        =  e[last] h̄′ + (diag(e) C)ᵀ Ȳ − (diag(e) B)ᵀ R̄
//
// log α enters through the four terms that it has in an SSD, each with a second part for B:
//
//     L[i, j]    through S̄ = (Ȳ X̃ᵀ) ∘ W − (R̄ X̃ᵀ) ∘ E                          for times j < k ≤ i
//     l[j]       through B′[j] · (the term with h̄′ of B̄′)[j]: added to the last row of S̄
//     e[i]       through C[i] · (diag(e) Ȳ hᵀ)[i] − B[i] · (diag(e) R̄ hᵀ)[i]      for times k ≤ i
//     e[last]    through e[last] · ⟨h, h̄′⟩                                       for all times of the chunk
//
// Read before: `SSDSequence.swift`, `DeltaRecurrence.swift`, `DeltaChunks.swift`. Slow twin: `Naive.deltaSequence`.
// Source: arXiv 2412.06464, section 3.3; the pullback is derived here.

/// The output of the gated delta rule, by the chunked algorithm.
///
/// - Parameters:
///   - x: [B, T, H, P]
///   - logDecay: log α, [B, T, H]
///   - b: [B, T, H, N], of length 1 at most
///   - c: [B, T, H, N]
///   - beta: β, how much of a difference is written, [B, T, H]
///   - Q: the length of a chunk, at least 1; it changes the cost, not the result
///   - initialState: [B, H, N, P], or nil for zeros
public func deltaSequence(
  _ x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, beta: Tensor, Q: Int, initialState: Tensor? = nil
) -> SSDSequenceValue {
  let layout = SSDChunks(x: x, logDecay: logDecay, b: b, c: c, beta: beta, Q: Q)
  let (B, T, H, N, P) = (layout.B, layout.T, layout.H, layout.N, layout.P)
  initialState?.expecting(B, H, N, P, as: "the initial state of a delta rule")
  let output = Tensor(uninitialised: x.shape)
  let y = output.uninitialisedNumbers  // Heads lie side by side in each row.
  var entering = Tensor(uninitialised: [B, H, layout.chunks, N, P])
  var final = initialState ?? .zeros([B, H, N, P])

  reading(x, b, c) { x, b, c in
    reading(logDecay, beta) { logDecay, beta in
      let shares = Shares.singly(work: T * (N + P) * (layout.Q + N) / 8)
      writing(&entering, &final, rows: B * H, shares) { index, states, h in
        let state = MatrixTarget(&h, rows: N, columns: P)
        DeltaScratch.with(layout) { delta in
          for chunk in 0..<layout.chunks {
            let (part, scratch) = (layout.part(chunk, of: index), delta.ssd)
            let (x, b, c) = (part.rows(of: x, P), part.rows(of: b, N), part.rows(of: c, N))
            let (beta, y) = (part.rows(of: beta, 1), part.rows(of: y, P))
            // The state that enters, kept for the pullback.
            copy(h.span, to: &states, at: chunk * N * P)
            let (e, l) = scratch.fillDecays(part.rows(of: logDecay, 1))
            let (written, fresh, _) = delta.fill(x: x, b: b, beta: beta, h: state.operand, e: e)
            // W = L ∘ (C B′ᵀ); Y = W X̃
            let w = scratch.faded(c, written, in: scratch.w)
            gemmInPiece(w.operand, fresh, into: y)
            // Y += diag(e) C h
            gemmInPiece(scratch.scaled(c, by: e), state.operand, into: y, keep: 1)
            // h = e[last] h + (diag(l) B′)ᵀ X̃
            gemmInPiece(scratch.scaled(written, by: l).transposed, fresh, into: state, keep: e[part.count - 1])
          }
        }
      }
    }
  }
  return SSDSequenceValue(output: output, enteringStates: entering, finalState: final)
}

/// The cotangents of all arguments of `deltaSequence` but the initial state, for a cotangent of the output.
///
/// - Parameter cotangent: [B, T, H, P]
/// - Returns: [B, T, H, P], [B, T, H], [B, T, H, N], [B, T, H, N], [B, T, H]
public func deltaSequencePullback(
  _ cotangent: Tensor, value: SSDSequenceValue, _ x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, beta: Tensor,
  Q: Int
) -> (x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, beta: Tensor) {
  let layout = SSDChunks(x: x, logDecay: logDecay, b: b, c: c, beta: beta, Q: Q)
  let (B, T, H, N, P) = (layout.B, layout.T, layout.H, layout.N, layout.P)
  cotangent.expecting(B, T, H, P, as: "the cotangent of a delta rule")
  let (toX, toB, toC) = (
    Tensor(uninitialised: x.shape), Tensor(uninitialised: b.shape), Tensor(uninitialised: c.shape)
  )
  let (toLog, toBeta) = (Tensor(uninitialised: logDecay.shape), Tensor(uninitialised: beta.shape))
  // Heads lie side by side in each row.
  let (allX, allB, allC) = (toX.uninitialisedNumbers, toB.uninitialisedNumbers, toC.uninitialisedNumbers)
  let (allLog, allBeta) = (toLog.uninitialisedNumbers, toBeta.uninitialisedNumbers)

  reading(x, b, c, cotangent) { x, b, c, cotangent in
    reading(logDecay, beta, value.enteringStates) { logDecay, beta, states in
      Parallel.each(B * H, workPerItem: T * (N + P) * (layout.Q + N) / 4) { index in
        DeltaScratch.with(layout) { delta in
          let scratch = delta.ssd
          scratch.states.update(repeating: 0)
          for chunk in (0..<layout.chunks).reversed() {
            let part = layout.part(chunk, of: index)
            let q = part.count
            let (x, b, c) = (part.rows(of: x, P), part.rows(of: b, N), part.rows(of: c, N))
            let (beta, yBar) = (part.rows(of: beta, 1), part.rows(of: cotangent, P))
            let (xBar, bBar, cBar) = (part.rows(of: allX, P), part.rows(of: allB, N), part.rows(of: allC, N))
            let (logBar, betaBar) = (part.rows(of: allLog, 1), part.rows(of: allBeta, 1))
            let h = MatrixOperand(states, at: (index * layout.chunks + chunk) * N * P, rows: N, columns: P)
            let hBar = MatrixTarget(scratch.states, rows: N, columns: P)
            let (e, l) = scratch.fillDecays(part.rows(of: logDecay, 1))
            let sums = scratch.sums

            // B′, X̃, E and W, as forward
            let (written, fresh, held) = delta.fill(x: x, b: b, beta: beta, h: h, e: e)
            let w = scratch.faded(c, written, in: scratch.w)
            // R̄ = X̄ = (I + E)⁻ᵀ (Wᵀ Ȳ + diag(l) B′ h̄′)
            gemmInPiece(w.operand.transposed, yBar, into: xBar)
            gemmInPiece(scratch.scaled(written, by: l), hBar.operand, into: xBar, keep: 1)
            xBar.divideBackwards(byUnitLower: held)
            let rBar = xBar.operand
            // Ḡ = (Ȳ X̃ᵀ) ∘ L, J̄ = −(R̄ X̃ᵀ) ∘ L; S̄, in the place of W, before they are multiplied by L
            let g = MatrixTarget(scratch.scores, rows: q, columns: q)
            let j = MatrixTarget(delta.other, rows: q, columns: q)
            gemmInPiece(yBar, fresh.transposed, into: g)
            gemmInPiece(rBar, fresh.transposed, into: j, factor: -1)
            for i in 0..<q {
              let (s, held, g, j) = (w.row(i), held.row(i), g.row(i), j.row(i))
              let decay = scratch.decay.extracting(places(i, q))
              for place in 0..<q {
                s[place] = s[place] * g[place] + held[place] * j[place]
                g[place] *= decay[place]
                j[place] *= decay[place]
              }
              j[i] = 0
            }
            // C̄ = diag(e) Ȳ hᵀ + Ḡ B′; the term with e gives the cotangent of log e.
            gemmInPiece(yBar, h.transposed, into: cBar)
            cBar.scaleRows(by: e)
            for i in 0..<q { sums[i] = dot(c.row(i), cBar.row(i), N) }
            gemmInPiece(g.operand, written, into: cBar, keep: 1)
            // B̄ = −diag(e) R̄ hᵀ + J̄ B′, so far
            gemmInPiece(rBar, h.transposed, into: bBar, factor: -1)
            bBar.scaleRows(by: e)
            for i in 0..<q { sums[i] += dot(b.row(i), bBar.row(i), N) }
            gemmInPiece(j.operand, written, into: bBar, keep: 1)
            // B̄′ = diag(l) X̃ h̄′ᵀ + Ḡᵀ C + J̄ᵀ B; the term with h̄′ gives the cotangent of log l, the last row of
            // log L.
            let writtenBar = MatrixTarget(delta.scaledBar, rows: q, columns: N)
            gemmInPiece(fresh, hBar.operand.transposed, into: writtenBar)
            writtenBar.scaleRows(by: l)
            for i in 0..<q { w.row(q - 1)[i] += dot(written.row(i), writtenBar.row(i), N) }
            gemmInPiece(g.operand.transposed, c, into: writtenBar, keep: 1)
            gemmInPiece(j.operand.transposed, b, into: writtenBar, keep: 1)
            // B̄ += diag(β) B̄′, β̄ = B · B̄′
            for i in 0..<q {
              betaBar.row(i)[0] = dot(b.row(i), writtenBar.row(i), N)
              add(beta.row(i)[0], times: writtenBar.row(i), to: bBar.row(i), N)
            }
            scratch.writeLogCotangent(w, chunk: e[q - 1] * dot(h.start, hBar.start, N * P), into: logBar)
            // h̄ = e[last] h̄′ + (diag(e) C)ᵀ Ȳ − (diag(e) B)ᵀ R̄
            gemmInPiece(scratch.scaled(c, by: e).transposed, yBar, into: hBar, keep: e[q - 1])
            gemmInPiece(scratch.scaled(b, by: e).transposed, rBar, into: hBar, factor: -1, keep: 1)
          }
        }
      }
    }
  }
  return (toX, toLog, toB, toC, toBeta)
}
