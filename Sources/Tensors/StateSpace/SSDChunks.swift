// # Where a chunk lies
//
// The chunked algorithm works on one head and one chunk at a time. In tensors [B, T, H, ·] the rows
// of a head are H·P numbers apart; here is the arithmetic that finds them, and the scratch memory
// that a head's worker needs.
//
// Used by: `SSDSequence.swift`.

/// The sizes of a chunked computation.
struct SSDChunks {
  let B, T, H, N, P, Q, chunks: Int

  /// Stops the program, naming the argument, if the shapes do not agree.
  init(x: Tensor, logDecay: Tensor, b: Tensor, c: Tensor, d: Tensor, Q: Int) {
    let sizes = SSDSizes(logDecay: logDecay, b: b, c: c, d: d)
    (B, T, H, N) = (sizes.B, sizes.T, sizes.H, sizes.N)
    precondition(Q >= 1, "a chunk has at least one step, not \(Q)")
    x.expecting(B, T, H, nil, as: "x of an SSD")
    P = x.shape[3]
    self.Q = min(Q, max(T, 1))
    chunks = (T + self.Q - 1) / self.Q
  }

  /// The rows of one head, `index` counting heads within rows of the batch.
  func head(_ index: Int, _ x: Tensor, _ logDecay: Tensor, _ b: Tensor, _ c: Tensor) -> Head {
    Head(
      batch: index / H, h: index % H, x: x.base + index % H * P, log: logDecay.base + index % H,
      b: b.base + index % H * N, c: c.base + index % H * N)
  }

  /// One head of one row of the batch.
  struct Head {
    let batch, h: Int
    let x, log, b, c: UnsafePointer<Scalar>

    /// One chunk of this head; `target` is the beginning of a tensor [B, T, H, P].
    func part(_ chunk: Int, of layout: SSDChunks, _ target: UnsafeMutablePointer<Scalar>) -> Part {
      let first = batch * layout.T + chunk * layout.Q
      let (rowP, rowN) = (layout.H * layout.P, layout.H * layout.N)
      return Part(
        first: first, count: min(layout.Q, layout.T - chunk * layout.Q),
        x: MatrixOperand(start: x + first * rowP, stride: rowP), log: log + first * layout.H,
        b: MatrixOperand(start: b + first * rowN, stride: rowN),
        c: MatrixOperand(start: c + first * rowN, stride: rowN),
        target: target + first * rowP + h * layout.P)
    }
  }

  /// One chunk of one head: matrices of `count` rows.
  struct Part {
    /// The number of the first row, counted over the batch.
    let first: Int
    let count: Int
    let x: MatrixOperand
    let log: UnsafePointer<Scalar>
    let b, c: MatrixOperand
    let target: UnsafeMutablePointer<Scalar>
  }
}

/// Scratch memory for one head, for chunks of at most Q steps.
struct SSDScratch {
  private let storage: Storage
  /// L, [q, q]
  let decay: UnsafeMutablePointer<Scalar>
  /// W or Ḡ, [q, q]
  let w: UnsafeMutablePointer<Scalar>
  /// C Bᵀ or S̄, [q, q]
  let scores: UnsafeMutablePointer<Scalar>
  /// Scaled rows of B or C, [q, N]
  let rows: UnsafeMutablePointer<Scalar>
  /// A state or its cotangent, [N, P]
  let state: UnsafeMutablePointer<Scalar>
  /// e, [q]
  let entry: UnsafeMutablePointer<Scalar>
  /// The cotangent of log α, [q]
  let sums: UnsafeMutablePointer<Scalar>
  /// Running sums, [q]
  let running: UnsafeMutablePointer<Scalar>
  /// log α, [q]
  private let log: UnsafeMutablePointer<Scalar>

  init(_ layout: SSDChunks) {
    let (Q, N, P) = (layout.Q, layout.N, layout.P)
    storage = Storage(count: 3 * Q * Q + Q * N + N * P + 4 * Q)
    decay = storage.pointer
    w = decay + Q * Q
    scores = w + Q * Q
    rows = scores + Q * Q
    state = rows + Q * N
    entry = state + N * P
    sums = entry + Q
    running = sums + Q
    log = running + Q
  }

  /// L and e of a chunk.
  @inline(__always)
  func fillDecays(_ part: SSDChunks.Part, stride: Int) {
    var total: Scalar = 0
    for i in 0..<part.count {
      log[i] = part.log[i * stride]
      total += log[i]
      entry[i] = exponential(total)
    }
    exponentialOfSegmentSums(log, part.count, into: decay, running: running)
  }
}

extension MatrixOperand {
  /// The same matrix, read transposed.
  var transposed: MatrixOperand {
    MatrixOperand(start: start, stride: stride, isTransposed: !isTransposed)
  }

  /// Writes diag(factors) times this matrix, row after row.
  @inline(__always)
  func scaled(
    rows: Int, _ width: Int, by factors: UnsafePointer<Scalar>, into target: UnsafeMutablePointer<Scalar>
  ) {
    for i in 0..<rows {
      write(factors[i], times: start + i * stride, to: target + i * width, width)
    }
  }
}

/// Multiplies each row of a matrix in memory by its factor.
@inline(__always)
func scaleRows(
  _ target: UnsafeMutablePointer<Scalar>, _ rows: Int, _ width: Int, stride: Int, by factors: UnsafePointer<Scalar>
) {
  for i in 0..<rows { write(factors[i], times: target + i * stride, to: target + i * stride, width) }
}
