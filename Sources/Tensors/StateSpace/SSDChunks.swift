// # Where a chunk lies
//
// The chunked algorithm works on one head and one chunk at a time. In tensors [B, T, H, ·] the rows of one head have
// the rows of the other heads between them. This file has the arithmetic that finds them, and the scratch memory for
// the work on one head.
//
// Heads are independent, so a core could take them one after the other. In a long text it would then pass through the
// whole memory once for each head, and read a few hundred bytes here and there. So a core takes a few heads together,
// chunk by chunk: what it reads lies side by side.
//
// Read before: `Matrices.swift`. Used by: `SSDSequence.swift`, `SSDRecurrence.swift`.

/// The sizes of a chunked computation.
struct SSDChunks {
  let B, T, H, N, P, Q, chunks: Int
  /// How many neighbouring heads are taken together; it divides H.
  let together: Int
  /// The number of such groups of heads in all texts.
  var groups: Int { B * H / together }

  /// Stops the program, naming the argument, if the shapes do not agree.
  init(x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor, Q: Int) {
    let sizes = SSDSizes(logDecay: logDecay, b: b, c: c, d: d)
    (B, T, H, N) = (sizes.B, sizes.T, sizes.H, sizes.N)
    precondition(Q >= 1, "a chunk has at least one step, not \(Q)")
    x.expecting(B, T, H, nil, as: "x of an SSD")
    P = x.shape[3]
    self.Q = min(Q, max(T, 1))
    chunks = (T + self.Q - 1) / self.Q
    together = Parallel.together(H, of: B)
  }

  /// One chunk of one head; `index` counts the heads of the first row of the batch, then of the next.
  func part(_ chunk: Int, of index: Int) -> Part {
    let first = index / H * T + chunk * Q
    return Part(start: first * H + index % H, H: H, count: min(Q, T - chunk * Q))
  }

  /// One chunk of one head.
  struct Part {
    /// The number of head rows before its first.
    fileprivate let start: Int
    fileprivate let H: Int
    /// The number of its steps.
    let count: Int

    /// Its rows in a tensor [B, T, H, width], as a matrix [count, width].
    @inline(__always)
    func rows(of x: Span<Scalar>, _ width: Int) -> MatrixOperand {
      MatrixOperand(x, at: start * width, rows: count, columns: width, stride: H * width)
    }

    /// The same, to be written.
    @inline(__always)
    func rows(of x: UnsafeMutableBufferPointer<Scalar>, _ width: Int) -> MatrixTarget {
      MatrixTarget(x, at: start * width, rows: count, columns: width, stride: H * width)
    }
  }
}

/// Scratch memory for the heads of a group, one after the other, for chunks of at most Q steps.
///
/// Raw pointers into one block: what one line writes, the next reads, in our loops and in BLAS, under other names and
/// shapes. A chunk of q steps uses the first q · q or q · N numbers of a part; `MatrixTarget` checks that they are
/// there.
struct SSDScratch {
  /// L, [q, q]
  let decay: UnsafeMutableBufferPointer<Scalar>
  /// W or Ḡ, [q, q]
  let w: UnsafeMutableBufferPointer<Scalar>
  /// C Bᵀ or S̄, [q, q]
  let scores: UnsafeMutableBufferPointer<Scalar>
  /// Scaled rows of B or C, [q, N]
  let rows: UnsafeMutableBufferPointer<Scalar>
  /// The states of a group of heads, or their cotangents, [heads, N, P]
  let states: UnsafeMutableBufferPointer<Scalar>
  /// e, [q]
  let entry: UnsafeMutableBufferPointer<Scalar>
  /// The cotangent of log α, [q]
  let sums: UnsafeMutableBufferPointer<Scalar>
  /// Running sums, [q]
  let running: UnsafeMutableBufferPointer<Scalar>
  /// log α, [q]
  private let log: UnsafeMutableBufferPointer<Scalar>

  /// Calls `body` with scratch memory, which is released when it returns.
  @inline(__always)
  static func with(_ layout: SSDChunks, _ body: (SSDScratch) -> Void) {
    let (Q, N) = (layout.Q, layout.N)
    withScratch(3 * Q * Q + Q * N + layout.together * N * layout.P + 4 * Q) { body(SSDScratch($0, layout)) }
  }

  private init(_ all: UnsafeMutableBufferPointer<Scalar>, _ layout: SSDChunks) {
    let (Q, N) = (layout.Q, layout.N)
    var parts = ScratchParts(all)
    (decay, w, scores) = (parts.take(Q * Q), parts.take(Q * Q), parts.take(Q * Q))
    (rows, states) = (parts.take(Q * N), parts.take(layout.together * N * layout.P))
    (entry, sums, running, log) = (parts.take(Q), parts.take(Q), parts.take(Q), parts.take(Q))
  }

  /// Fills L and e for a chunk with log α [q, 1]; returns e, and l, the last row of L.
  @inline(__always)
  func fillDecays(_ logDecay: MatrixOperand) -> (
    e: UnsafeMutableBufferPointer<Scalar>, l: UnsafeMutableBufferPointer<Scalar>
  ) {
    let q = logDecay.rows
    var total: Scalar = 0
    for i in 0..<q {
      log[i] = logDecay.row(i)[0]
      total += log[i]
      entry[i] = total
    }
    if let entry = entry.baseAddress { replace(entry, q) { exponential($0) } }
    exponentialOfSegmentSums(log, into: MatrixTarget(decay, rows: q, columns: q), running: running)
    return (entry.extracting(0..<q), decay.extracting(((q - 1) * q)..<(q * q)))
  }

  /// L ∘ (left · rightᵀ), [q, q], in the memory that is given, for a chunk whose decays are filled.
  @inline(__always)
  func faded(
    _ left: MatrixOperand, _ right: MatrixOperand, in memory: UnsafeMutableBufferPointer<Scalar>
  ) -> MatrixTarget {
    let q = left.rows
    let result = MatrixTarget(memory, rows: q, columns: q)
    gemmInPiece(left, right.transposed, into: result)
    for place in 0..<(q * q) { memory[place] *= decay[place] }
    return result
  }

  /// Writes the cotangent of log α, [q, 1]: that of log e in `sums`, of the segment sums in `s`, and of the decay of the
  /// whole chunk, on which the leaving state depends.
  @inline(__always)
  func writeLogCotangent(_ s: MatrixTarget, chunk: Scalar, into target: MatrixTarget) {
    let q = target.rows
    // e[i] depends on all times up to i, e[last] on all of the chunk.
    sums[q - 1] += chunk
    for i in stride(from: q - 1, to: 0, by: -1) { sums[i - 1] += sums[i] }
    addSegmentSumPullback(s, into: sums, running: running)
    for i in 0..<q { target.row(i)[0] = sums[i] }
  }

  /// diag(factors) times a matrix, in `rows`.
  @inline(__always)
  func scaled(_ matrix: MatrixOperand, by factors: UnsafeMutableBufferPointer<Scalar>) -> MatrixOperand {
    let target = MatrixTarget(rows, rows: matrix.rows, columns: matrix.columns)
    precondition(factors.count == matrix.rows)
    for i in 0..<matrix.rows { write(factors[i], times: matrix.row(i), to: target.row(i), matrix.columns) }
    return target.operand
  }
}

extension MatrixTarget {
  /// Multiplies each row by its factor.
  @inline(__always)
  func scaleRows(by factors: UnsafeMutableBufferPointer<Scalar>) {
    precondition(factors.count == rows)
    for i in 0..<rows { write(factors[i], times: row(i), to: row(i), columns) }
  }
}
