// # The student's mixer, plainly
//
//     x, B, C, z, a  =  rows of W_in, times u
//     x, B, C        =  convolution over time, causal, with bias and without activation
//     S[t, s]        =  Σ log α[r] over r = s + 1 … t,  log α = −softplus(a)
//     M[t, s]        =  (C[t] · B[s]) exp S[t, s] for s ≤ t, and d more where s = t
//     output         =  W_o ( M x ⊙ silu(z + z_bias) )
//
// Read before: `PlainProgram+Teacher.swift`. Read next: `PlainProgram+Losses.swift`. Source: arXiv 2408.10189 and
// 2405.21060.

import Gradients
import Tensors

extension PlainProgram {
  /// What the mixer computes on its way, by the letters of the paper.
  struct MixerParts {
    /// x [B, T, H, P]; b and c [B, T, H, N]; the gate [B, T, D]; log α [B, T, H].
    var x, b, c, gate, logDecay: Variable
    /// What D multiplies, which is x.
    var skipped: Variable
    /// softplus(a) [B, T, H], which only mistakes multiply by.
    var step: Variable
    /// x, B and C before the convolution, [B, T, channels].
    var read: Variable
  }

  /// From the mixer's input to x, B, C, gate and decay: u [B, T, D].
  ///
  /// - Parameters:
  ///   - past: inputs of the convolution before the first, [B, K − 1, channels]; nil for zeros
  ///   - padding: steps of zeros after the text, as code for chunks adds them
  func parts(
    _ u: Variable, _ w: Weights, _ name: String, past: Variable? = nil, padding: Int = 0,
    record: (String, Variable, String, String) -> Void = { _, _, _, _ in }
  ) -> MixerParts {
    let (D, state) = (s.D, s.pairs * s.N)
    var projected = linear(u, w("\(name).in_proj.weight"))
    if padding > 0 {
      let zeros = Tensor.zeros([u.shape[0], padding, projected.shape[2]])
      projected = .concatenated([projected, constant(zeros)], along: 1)
    }
    // The rows of each part, in the order in which the mistakes read them.
    var order = ["x", "b", "c", "z", "a"]
    if has(.projectionInStockOrder) { order = ["z", "x", "b", "c", "a"] }
    if has(.xAfterBAndC) { order = ["b", "c", "x", "z", "a"] }
    if has(.bAndCExchanged) { order = ["x", "c", "b", "z", "a"] }
    let widths = ["x": D, "b": state, "c": state, "z": D, "a": s.H]
    func rows(_ part: String, in order: [String]) -> Range<Int> {
      let start = order.prefix { $0 != part }.reduce(0) { $0 + widths[$1]! }
      return start..<(start + widths[part]!)
    }
    func part(_ part: String) -> Variable { projected.sliced(rows(part, in: order), along: 2) }
    for (letter, axes) in [
      ("x", "B T D"), ("b", "B T pairs·N"), ("c", "B T pairs·N"), ("z", "B T D"), ("a", "B T H"),
    ] {
      record("projected_\(letter)", part(letter), axes, "the rows of in_proj for \(letter), times the mixer's input")
    }

    // What the convolution reads is one piece, which is cut only after it.
    let mixing = order.filter { $0 != "z" && $0 != "a" }
    let first = rows(mixing[0], in: order).lowerBound
    let read = projected.sliced(first..<(first + s.channels), along: 2)
    let convolved = convolution(read, w("\(name).conv1d.weight"), w("\(name).conv1d.bias"), past: past)
    func channels(_ part: String) -> Variable { convolved.sliced(rows(part, in: mixing), along: 2) }
    let tiled = has(.sharedHeadsTiled)
    let skipped = cut(channels("x"), s.H)
    var x = skipped
    let c = repeated(cut(channels("c"), s.pairs), tiled: tiled)
    var b = repeated(cut(channels("b"), s.pairs), tiled: tiled)
    let a = part("a")
    var logDecay = Scalar(-1) * softplus(has(.decaySignTurned) ? Scalar(-1) * a : a)
    if has(.decayDetached) { logDecay = logDecay.detached }
    let step = softplus(a)
    if has(.bScaledByStep) { b = b * step.reshaped(to: a.shape.array + [1]) }
    if has(.xScaledByStep) { x = x * step.reshaped(to: a.shape.array + [1]) }
    record("x", x, "B T H P", "x after the convolution, cut into heads")
    record("b", b, "B T H N", "B after the convolution, a shared one repeated for its heads")
    record("c", c, "B T H N", "C after the convolution, a shared one repeated for its heads")
    record("log_decay", logDecay, "B T H", "log α = −softplus(a)")

    var z = part("z")
    if has(.gateConvolved) {
      // The mistake takes the taps of x, the only ones of the same number.
      let taps = rows("x", in: mixing)
      z = convolution(
        z, w("\(name).conv1d.weight").sliced(taps), w("\(name).conv1d.bias").sliced(taps), past: nil)
    }
    let bias = w("\(name).z_bias")
    if !has(.gateBiasDropped) && !has(.gateBiasOutside) { z = z + bias }
    var gate = has(.gateIsSigmoid) ? sigmoid(z) : silu(z)
    if has(.gateBiasOutside) { gate = gate + bias }
    return MixerParts(x: x, b: b, c: c, gate: gate, logDecay: logDecay, skipped: skipped, step: step, read: read)
  }

  /// A causal depthwise convolution: [B, T, channels], taps [channels, 1, K], the last for the present.
  func convolution(_ x: Variable, _ taps: Variable, _ bias: Variable, past: Variable?) -> Variable {
    let (B, T, C, K) = (x.shape[0], x.shape[1], x.shape[2], taps.shape[2])
    func zeros(_ steps: Int) -> Variable { constant(.zeros([B, steps, C])) }
    let before =
      has(.convolutionEndTaken) ? zeros(0) : has(.convolutionCentred) ? zeros((K - 1) / 2) : past ?? zeros(K - 1)
    let after = K - 1 - before.shape[1]
    let padded = Variable.concatenated(after > 0 ? [before, x, zeros(after)] : [before, x], along: 1)
    var y = has(.convolutionBiasDropped) ? zeros(T) : bias + zeros(T)
    for k in 0..<K {
      let tap = has(.convolutionReversed) ? K - 1 - k : k
      y = y + padded.sliced(k..<(k + T), along: 1) * taps.sliced(tap..<(tap + 1), along: 2).reshaped(to: [C])
    }
    return has(.convolutionActivated) ? silu(y) : y
  }
}

// ## The matrix

extension PlainProgram {
  /// exp S: log α [B, T, H] → [B, H, T, T], zero above the diagonal.
  func decayMatrix(
    _ logDecay: Variable, record: (String, Variable, String, String) -> Void = { _, _, _, _ in }
  ) -> Variable {
    let T = logDecay.shape[1]
    let shape = [logDecay.shape[0], logDecay.shape[2]]
    let sums = runningSum(logDecay)
    // The sums up to the step before, of which the first is empty.
    let before = Variable.concatenated(
      [constant(.zeros([shape[0], shape[1], 1])), sums.sliced(0..<(T - 1), along: 2)], along: 2)
    let upTo = has(.decayEarly) ? before : sums
    let from = has(.decayEarly) || has(.decayOwnStep) ? before : sums
    let segments = upTo.reshaped(to: shape + [T, 1]) - from.reshaped(to: shape + [1, T])
    let past = constant(lowerTriangle(T))
    record("segment_sums", segments * past, "B H T T", "Σ log α over s + 1 … t, zero above the diagonal")
    let matrix: Variable
    if has(.decaysDivided) {
      matrix = exp(upTo).reshaped(to: shape + [T, 1]) / exp(from).reshaped(to: shape + [1, T]) * past
    } else if has(.maskedAfterExponential) {
      matrix = exp(segments) * past
    } else {
      matrix = exp(segments + constant(futureMask(T)))
    }
    record("decay_matrix", matrix, "B H T T", "exp of the segment sums, zero above the diagonal")
    return matrix
  }

  /// The matrix of each head with d on its diagonal: [B, H, T, T].
  func matrix(
    logDecay: Variable, b: Variable, c: Variable, d: Variable, step: Variable? = nil,
    record: (String, Variable, String, String) -> Void = { _, _, _, _ in }
  ) -> Variable {
    let T = b.shape[1]
    var bare = scores(c, b) * decayMatrix(logDecay, record: record)
    if has(.matrixScaledByRootN) { bare = (1 / Scalar(b.shape[3]).squareRoot()) * bare }
    if let step, has(.matrixScaledByStep) {
      bare = bare * step.permuted([0, 2, 1]).reshaped(to: [step.shape[0], s.H, 1, T])
    }
    if has(.matrixTransposed) { bare = bare.permuted([0, 1, 3, 2]) }
    record("matrix_without_skip", bare, "B H T T", "(C[t] · B[s]) α[s + 1] … α[t], zero above the diagonal")
    let times: Scalar = has(.skipMissing) ? 0 : has(.skipTwice) ? 2 : 1
    let diagonal = d.reshaped(to: [1, s.H, 1, 1]) * constant(.identity(T))
    let matrix = bare + times * diagonal
    record("matrix", matrix, "B H T T", "the same with D added on the diagonal: what stage 1 compares")
    return matrix
  }

  /// The mixer: u [B, T, D] → the matrix [B, H, T, T], the gated values [B, T, D] and the output [B, T, D].
  func mixer(
    _ u: Variable, _ w: Weights, _ name: String,
    record: (String, Variable, String, String) -> Void = { _, _, _, _ in }
  ) -> (matrix: Variable, gated: Variable, output: Variable) {
    let p = parts(u, w, name, record: record)
    let d = w("\(name).D")
    let matrix = matrix(logDecay: p.logDecay, b: p.b, c: p.c, d: d, step: p.step, record: record)
    let flat = [u.shape[0], u.shape[1], s.D]
    var y = mixed(matrix, p.x)
    // Stock Mamba-2 adds D times the x that was not scaled.
    if has(.xScaledByStep) { y = y + d.reshaped(to: [s.H, 1]) * (p.skipped - p.x) }
    record("y", y, "B T H P", "the matrix times x")
    record("gate", p.gate, "B T D", "silu(z + z_bias)")
    let skipped = d.reshaped(to: [s.H, 1]) * p.skipped
    if has(.skipAfterGate) { y = y - skipped }
    var gated = y.reshaped(to: flat) * p.gate
    if has(.skipAfterGate) { gated = gated + skipped.reshaped(to: flat) }
    if has(.normBeforeOutput) {
      let square = (1 / Scalar(s.D)) * sum(gated * gated, along: 2).reshaped(to: [flat[0], flat[1], 1])
      gated = gated / sqrt(square + constant(1e-5))
    }
    record("gated", gated, "B T D", "y, heads side by side, times the gate")
    let output = linear(gated, w("\(name).out_proj.weight"))
    record("mixer_output", output, "B T D", "the output of the mixer, after out_proj")
    return (matrix, gated, output)
  }

  /// A block of the student: x [B, T, D] → [B, T, D].
  ///
  /// - Parameter seeing: called with the input of the mixer
  func studentBlock(
    _ l: Int, _ x: Variable, _ w: Weights, seeing: (Variable) -> Void = { _ in }
  ) -> Variable {
    let layer = Names(kit, isStudent: true).layer(l)
    return block(x, w, layer) { u in
      seeing(u)
      if kit.replaced.contains(l) { return mixer(u, w, "\(layer).mixer").output }
      return attention(u, w, "\(layer).mixer.self_attn").output
    }
  }
}
