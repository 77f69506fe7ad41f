// # The chunked algorithm
//
// The recurrence takes T steps one after another; the matrix costs T² numbers. The chunked algorithm lies in between:
// cut time into chunks of Q steps, use the matrix inside a chunk and the recurrence from chunk to chunk. The cost
// grows with T·Q, and nearly all of it is matrix products.
//
// For one head and one chunk, with rows X, B, C, the state h [N, P] that enters, local times i, j
// from 0:
//
//     e[i]     =  α[0] ⋯ α[i]                     the decay of the entering state up to i
//     L[i, j]  =  α[j + 1] ⋯ α[i]                 inside the chunk, exp of the segment sums
//     W        =  L ∘ (C Bᵀ)
//     Y        =  W X + diag(e) C h + d X
//     h′       =  e[last] h + (diag(L[last, ·]) B)ᵀ X
//
// Where Q does not divide T the last chunk is shorter, so nothing has to be padded or cut off.
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
//     L[i, j]    through S̄[i, j] = Ḡ[i, j] · (C Bᵀ)[i, j]     for times j < k ≤ i
//     l[j]       through B[j] · (the term with h̄′ of B̄)[j]    for times j < k ≤ last: added to the last row of S̄
//     e[i]       through C[i] · (the term with e of C̄)[i]     for times k ≤ i
//     e[last]    through e[last] · ⟨h, h̄′⟩                    for all times of the chunk
//
// Read before: `SSDMatrix.swift`. Slow twin: `Naive.ssdSequence`. Source: arXiv 2405.21060, section
// 6; the pullback is derived here.

/// The result of the chunked algorithm, and what its pullback needs.
public struct SSDSequenceValue: Sendable {
  /// y, [B, T, H, P]
  public let output: Tensor
  /// The state that enters each chunk, [B, H, chunks, N, P], or [B, H, 0, N, P] if they were not kept.
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
///   - Q: the length of a chunk, at least 1; it changes the cost, and the result only by rounding, as long as all numbers
///     are finite: inside a chunk what lies ahead is multiplied by 0, and 0 times infinity is NaN
///   - initialState: [B, H, N, P], or nil for zeros
///   - keepsStates: whether the result has what its pullback needs; without, a long text takes an eighth less time
public func ssdSequence(
  _ x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor, Q: Int, initialState: Tensor? = nil,
  keepsStates: Bool = true
) -> SSDSequenceValue {
  let layout = SSDChunks(x: x, logDecay: logDecay, b: b, c: c, d: d, Q: Q)
  let (B, T, H, N, P) = (layout.B, layout.T, layout.H, layout.N, layout.P)
  initialState?.expecting(B, H, N, P, as: "the initial state of an SSD")
  let output = Tensor(uninitialised: x.shape)
  let y = output.uninitialisedNumbers  // Heads lie side by side in each row.
  var entering = Tensor(uninitialised: [B, H, keepsStates ? layout.chunks : 0, N, P])
  var final = initialState ?? .zeros([B, H, N, P])

  reading(x, b, c) { x, b, c in
    reading(logDecay, d) { logDecay, d in
      let shares = Shares.singly(work: layout.together * T * (N + P) * (layout.Q + N) / 16)
      writing(&entering, &final, rows: layout.groups, shares) { group, states, final in
        SSDScratch.with(layout) { scratch in
          for chunk in 0..<layout.chunks {
            for head in 0..<layout.together {
              let index = group * layout.together + head
              let (skip, state) = (d[index % H], MatrixTarget(&final, at: head * N * P, rows: N, columns: P))
              let part = layout.part(chunk, of: index)
              let (x, b, c) = (part.rows(of: x, P), part.rows(of: b, N), part.rows(of: c, N))
              let y = part.rows(of: y, P)
              if keepsStates {
                let kept = (head * layout.chunks + chunk) * N * P
                copy(final.span.extracting((head * N * P)..<((head + 1) * N * P)), to: &states, at: kept)
              }
              let (e, l) = scratch.fillDecays(part.rows(of: logDecay, 1))
              // W = L ∘ (C Bᵀ); Y = W X
              gemmInPiece(scratch.faded(c, b, in: scratch.w).operand, x, into: y)
              // Y += diag(e) C h + d X
              gemmInPiece(scratch.scaled(c, by: e), state.operand, into: y, keep: 1)
              for i in 0..<part.count { add(skip, times: x.row(i), to: y.row(i), P) }
              // h = e[last] h + (diag(l) B)ᵀ X
              gemmInPiece(scratch.scaled(b, by: l).transposed, x, into: state, keep: e[part.count - 1])
            }
          }
        }
      }
    }
  }
  return SSDSequenceValue(output: output, enteringStates: entering, finalState: final)
}

/// The cotangents of all arguments of `ssdSequence` but the initial state, for a cotangent of the output.
///
/// Stops the program if the value has not kept its states.
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
  value.enteringStates.expecting(B, H, layout.chunks, N, P, as: "the states that entered the chunks of an SSD")
  let (toX, toB, toC) = (
    Tensor(uninitialised: x.shape), Tensor(uninitialised: b.shape), Tensor(uninitialised: c.shape)
  )
  let toLog = Tensor(uninitialised: logDecay.shape)
  var skips = Tensor(uninitialised: [B, H])
  // Heads lie side by side in each row.
  let (allX, allB, allC) = (toX.uninitialisedNumbers, toB.uninitialisedNumbers, toC.uninitialisedNumbers)
  let allLog = toLog.uninitialisedNumbers

  reading(x, b, c, cotangent) { x, b, c, cotangent in
    reading(logDecay, d, value.enteringStates) { logDecay, d, states in
      let shares = Shares.singly(work: layout.together * T * (N + P) * (layout.Q + N) / 8)
      writing(&skips, rows: layout.groups, shares) { group, skipBars in
        for head in 0..<layout.together { skipBars[head] = 0 }
        SSDScratch.with(layout) { scratch in
          scratch.states.update(repeating: 0)
          for chunk in (0..<layout.chunks).reversed() {
            for head in 0..<layout.together {
              let index = group * layout.together + head
              let skip = d[index % H]
              let part = layout.part(chunk, of: index)
              let q = part.count
              let (x, b, c) = (part.rows(of: x, P), part.rows(of: b, N), part.rows(of: c, N))
              let yBar = part.rows(of: cotangent, P)
              let (xBar, bBar, cBar) = (part.rows(of: allX, P), part.rows(of: allB, N), part.rows(of: allC, N))
              let logBar = part.rows(of: allLog, 1)
              let h = MatrixOperand(states, at: (index * layout.chunks + chunk) * N * P, rows: N, columns: P)
              let hBar = MatrixTarget(scratch.states, at: head * N * P, rows: N, columns: P)
              let (e, l) = scratch.fillDecays(part.rows(of: logDecay, 1))
              let sums = scratch.sums
              let scores = MatrixTarget(scratch.scores, rows: q, columns: q)
              let w = MatrixTarget(scratch.w, rows: q, columns: q)

              // C Bᵀ and W = L ∘ (C Bᵀ); X̄ = Wᵀ Ȳ
              gemmInPiece(c, b.transposed, into: scores)
              for place in 0..<(q * q) { scratch.w[place] = scratch.scores[place] * scratch.decay[place] }
              gemmInPiece(w.operand.transposed, yBar, into: xBar)
              // X̄ += diag(l) B h̄′ + d Ȳ;  d̄ += Σ Ȳ ⊙ X
              gemmInPiece(scratch.scaled(b, by: l), hBar.operand, into: xBar, keep: 1)
              for i in 0..<q {
                add(skip, times: yBar.row(i), to: xBar.row(i), P)
                skipBars[head] += dot(yBar.row(i), x.row(i), P)
              }
              // Ḡ = (Ȳ Xᵀ) ∘ L;  S̄ = Ḡ ∘ (C Bᵀ)
              gemmInPiece(yBar, x.transposed, into: w)
              for place in 0..<(q * q) {
                scratch.w[place] *= scratch.decay[place]
                scratch.scores[place] *= scratch.w[place]
              }
              // C̄ = diag(e) Ȳ hᵀ + Ḡ B; the term with e gives the cotangent of log e.
              gemmInPiece(yBar, h.transposed, into: cBar)
              cBar.scaleRows(by: e)
              for i in 0..<q { sums[i] = dot(c.row(i), cBar.row(i), N) }
              gemmInPiece(w.operand, b, into: cBar, keep: 1)
              // B̄ = diag(l) X h̄′ᵀ + Ḡᵀ C; the term with h̄′ gives the cotangent of log l, the last row of log L.
              gemmInPiece(x, hBar.operand.transposed, into: bBar)
              bBar.scaleRows(by: l)
              for j in 0..<q { scores.row(q - 1)[j] += dot(b.row(j), bBar.row(j), N) }
              gemmInPiece(w.operand.transposed, c, into: bBar, keep: 1)
              scratch.writeLogCotangent(
                scores, chunk: e[q - 1] * dot(h.start, hBar.start, N * P), into: logBar)
              // h̄ = e[last] h̄′ + (diag(e) C)ᵀ Ȳ
              gemmInPiece(scratch.scaled(c, by: e).transposed, yBar, into: hBar, keep: e[q - 1])
            }
          }
        }
      }
    }
  }
  return (toX, toLog, toB, toC, sum(skips, along: 0))
}
