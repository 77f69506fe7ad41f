// # What a chunk of the delta rule needs
//
// The sizes and the scratch memory of an SSD (`SSDChunks.swift`), and beside them the rows that are written, the
// system of equations of the chunk, and its solution: what is new in x.
//
// Read before: `SSDChunks.swift`, `UnitTriangles.swift`. Used by: `DeltaRecurrence.swift`, `DeltaSequence.swift`,
// where the formulas are explained.

extension SSDChunks {
  /// The sizes of a delta rule, which has β and no d; stops the program, naming the argument, if the shapes do not
  /// agree.
  init(x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, beta: Tensor, Q: Int) {
    let sizes = b.sizesOfHeads
    beta.expecting(sizes.B, sizes.T, sizes.H, as: "β of a delta rule")
    self.init(x: x, logDecay: logDecay, b: b, c: c, d: .zeros([sizes.H]), Q: Q)
  }
}

/// Scratch memory for one head, for chunks of at most Q steps.
struct DeltaScratch {
  /// L, W, the state and the sums, as for an SSD.
  let ssd: SSDScratch
  /// J̄, [q, q]
  let other: UnsafeMutableBufferPointer<Scalar>
  /// The cotangent of B′, [q, N]
  let scaledBar: UnsafeMutableBufferPointer<Scalar>
  /// E, [q, q]
  private let own: UnsafeMutableBufferPointer<Scalar>
  /// B′, [q, N]
  private let scaled: UnsafeMutableBufferPointer<Scalar>
  /// X̃, [q, P]
  private let new: UnsafeMutableBufferPointer<Scalar>

  /// Calls `body` with scratch memory, which is released when it returns.
  @inline(__always)
  static func with(_ layout: SSDChunks, _ body: (DeltaScratch) -> Void) {
    let (Q, N, P) = (layout.Q, layout.N, layout.P)
    SSDScratch.with(layout) { ssd in
      withScratch(2 * Q * Q + 2 * Q * N + Q * P) { body(DeltaScratch($0, ssd, layout)) }
    }
  }

  private init(_ all: UnsafeMutableBufferPointer<Scalar>, _ ssd: SSDScratch, _ layout: SSDChunks) {
    let (Q, N, P) = (layout.Q, layout.N, layout.P)
    var parts = ScratchParts(all)
    self.ssd = ssd
    (own, other) = (parts.take(Q * Q), parts.take(Q * Q))
    (scaled, scaledBar, new) = (parts.take(Q * N), parts.take(Q * N), parts.take(Q * P))
  }

  /// B′, X̃ and E of a chunk whose decays are filled; E also has numbers on its diagonal, which do not belong to it.
  @inline(__always)
  func fill(
    x: MatrixOperand, b: MatrixOperand, beta: MatrixOperand, h: MatrixOperand, e: UnsafeMutableBufferPointer<Scalar>
  ) -> (written: MatrixOperand, fresh: MatrixOperand, held: MatrixOperand) {
    let q = b.rows
    let written = MatrixTarget(scaled, rows: q, columns: b.columns)
    let fresh = MatrixTarget(new, rows: q, columns: x.columns)
    // B′ = diag(β) B; E = L ∘ (B B′ᵀ)
    for i in 0..<q { write(beta.row(i)[0], times: b.row(i), to: written.row(i), b.columns) }
    let held = ssd.faded(b, written.operand, in: own).operand
    // (I + E) X̃ = X − diag(e) B h
    for i in 0..<q { write(1, times: x.row(i), to: fresh.row(i), x.columns) }
    gemmInPiece(ssd.scaled(b, by: e), h, into: fresh, factor: -1, keep: 1)
    fresh.divide(byUnitLower: held)
    return (written.operand, fresh.operand, held)
  }
}
