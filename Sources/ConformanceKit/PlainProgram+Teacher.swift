// # The teacher, plainly
//
//     u[0]     =  embedding(tokens)
//     u[l+1]   =  x + Attention(n) + MLP(n)   with n = LN x                            Phi
//              =  h + SwiGLU(norm h)          with h = x + Attention(n), n = norm x    Llama
//     logits   =  head( norm u[L] )
//
// Blocks serve teacher and student alike: they get their mixer as a function.
//
// Read before: `PlainProgram.swift`. Read next: `PlainProgram+Mixer.swift`. Source: arXiv 2408.10189; Phi and Llama
// in Hugging Face transformers.

import Foundation
import Gradients
import Tensors

extension PlainProgram {
  /// The names of the weights outside the mixers.
  struct Names {
    let model, embedding, finalNorm: String
    /// Names for a teacher or a student in the layouts that the library writes.
    init(_ kit: KitCase, isStudent: Bool) {
      model = isStudent ? "backbone" : "model"
      embedding = isStudent ? "embedding" : "embed_tokens"
      finalNorm = isStudent || kit.block == .phi ? "final_layernorm" : "norm"
    }
    func layer(_ l: Int) -> String { "\(model).layers.\(l)" }
  }

  /// u[0]: tokens → [B, T, D].
  func embedded(_ tokens: Tokens, _ w: Weights, _ names: Names) -> Variable {
    let x = embedding(tokens, table: w("\(names.model).\(names.embedding).weight"))
    if has(.batchRowsMixed) { return x.reshaped(to: [tokens.T, tokens.B, s.D]).permuted([1, 0, 2]) }
    return x
  }

  /// The state after a block, given what its mixer does: x [B, T, D] → [B, T, D].
  func block(
    _ x: Variable, _ w: Weights, _ layer: String, record: (String, Variable, String) -> Void = { _, _, _ in },
    mixing: (Variable) -> Variable
  ) -> Variable {
    let n = norm(x, w, "\(layer).input_layernorm")
    let read = has(.mixerReadsRawState) ? x : n
    record("mixer_input", read, "the state after the block's first norm, which the mixer reads")
    let mixed = mixing(read)
    let (y, forward): (Variable, Variable)
    if kit.block == .phi {
      forward = feedForward(has(.blockSequential) ? n + mixed : n, w, layer)
      y = x + mixed + forward
    } else {
      let h = x + mixed
      forward = feedForward(norm(has(.blockParallel) ? x : h, w, "\(layer).post_attention_layernorm"), w, layer)
      y = h + forward
    }
    record("feed_forward", forward, "the output of the feed-forward")
    return y
  }

  /// The state that the head reads, and the logits: u [B, T, D] → [B, T, D] and [B, T, V].
  func head(_ u: Variable, _ w: Weights, _ names: Names) -> (normed: Variable, logits: Variable) {
    let normed = norm(u, w, "\(names.model).\(names.finalNorm)")
    let isTied = kit.isTied != has(.headTiedWrongly)
    // A case with a tied head has no other matrix to take by mistake.
    let matrix = isTied || kit.isTied ? w("\(names.model).\(names.embedding).weight") : w("lm_head.weight")
    let bias = kit.block == .phi && !has(.headBiasDropped) ? w("lm_head.bias") : nil
    return (normed, linear(normed, matrix, bias))
  }
}

// ## Norms and feed-forwards

extension PlainProgram {
  /// Layer norm or root-mean-square norm over the features: [B, T, D] → [B, T, D].
  func norm(_ x: Variable, _ w: Weights, _ name: String) -> Variable {
    let D = x.shape[2]
    func mean(_ x: Variable, _ count: Int) -> Variable {
      (1 / Scalar(count)) * sum(x, along: 2).reshaped(to: [x.shape[0], x.shape[1], 1])
    }
    let isLayerNorm = kit.block == .phi
    let centred = isLayerNorm || has(.rmsNormCentred) ? x - mean(x, D) : x
    let variance = mean(centred * centred, isLayerNorm && has(.normVarianceUnbiased) ? D - 1 : D)
    let epsilon = constant(has(.normEpsilonSmaller) ? 1e-6 : 1e-5)
    let root = has(.normEpsilonOutside) ? sqrt(variance) + epsilon : sqrt(variance + epsilon)
    let scaled = centred / root * w("\(name).weight")
    return isLayerNorm ? scaled + w("\(name).bias") : scaled
  }

  /// MLP or SwiGLU: [B, T, D] → [B, T, D].
  func feedForward(_ x: Variable, _ w: Weights, _ layer: String) -> Variable {
    if kit.block == .phi {
      let hidden = linear(x, w("\(layer).mlp.fc1.weight"), w("\(layer).mlp.fc1.bias"))
      let active = has(.geluExact) ? exactGELU(hidden) : tanhGELU(hidden)
      return linear(active, w("\(layer).mlp.fc2.weight"), w("\(layer).mlp.fc2.bias"))
    }
    var (gate, up) = (w("\(layer).mlp.gate_proj.weight"), w("\(layer).mlp.up_proj.weight"))
    if has(.gateAndUpExchanged) { swap(&gate, &up) }
    return linear(silu(linear(x, gate)) * linear(x, up), w("\(layer).mlp.down_proj.weight"))
  }

  /// x/2 (1 + tanh( √(2/π) (x + 0.044715 x³) ))
  private func tanhGELU(_ x: Variable) -> Variable {
    let inner = Scalar((2 / Double.pi).squareRoot()) * (x + Scalar(0.044715) * (x * x * x))
    return Scalar(0.5) * (x * (constant(1) + tanh(inner)))
  }

  /// x Φ(x), with Φ the normal distribution.
  private func exactGELU(_ x: Variable) -> Variable {
    func map(_ f: (Double) -> Double) -> Tensor {
      Tensor(x.value.elements.map { Scalar(f(Double($0))) }, shape: x.shape)
    }
    func cumulative(_ x: Double) -> Double { 0.5 * (1 + erf(x / 2.0.squareRoot())) }
    let slope = map { cumulative($0) + $0 * exp(-$0 * $0 / 2) / (2 * Double.pi).squareRoot() }
    return Variable(custom: map { $0 * cumulative($0) }, from: (x, { $0 * slope }))
  }
}

// ## Attention

extension PlainProgram {
  /// What attention computes on its way.
  struct AttentionParts {
    var rotatedKeys, values, matrix, output: Variable
  }

  /// Causal attention: u [B, T, D] → the matrix [B, H, T, T] and the output [B, T, D].
  ///
  /// - Parameter name: the prefix of its weights
  func attention(
    _ u: Variable, _ w: Weights, _ name: String,
    record: (String, Variable, String, String) -> Void = { _, _, _, _ in }
  ) -> AttentionParts {
    let hasBias = kit.block == .phi
    func projected(_ part: String, heads: Int) -> Variable {
      let bias = hasBias && !has(.attentionBiasesDropped) ? w("\(name).\(part).bias") : nil
      return cut(linear(u, w("\(name).\(part).weight"), bias), heads)
    }
    let (q, k, v) = (
      projected("q_proj", heads: s.H), projected("k_proj", heads: s.G), projected("v_proj", heads: s.G)
    )
    record("queries", q, "B T H P", "queries before the rotation")
    record("keys", k, "B T G P", "keys before the rotation")
    record("values", v, "B T G P", "values")
    let (rotatedQ, rotatedK) = (rotated(q), rotated(k))
    record("rotated_queries", rotatedQ, "B T H P", "queries, their first R features turned by position")
    record("rotated_keys", rotatedK, "B T G P", "keys, their first R features turned by position")
    let tiled = has(.groupedHeadsTiled)
    let scale: Scalar =
      has(.scoresUnscaled) ? 1 : 1 / Scalar(has(.scoresScaledByWidth) ? s.D : s.P).squareRoot()
    let raw = scale * scores(rotatedQ, repeated(rotatedK, tiled: tiled))
    let T = u.shape[1]
    record(
      "scores", raw * constant(lowerTriangle(T)), "B H T T", "q · k / √P before the softmax, zero above the diagonal")
    let masked =
      has(.futureSeen) ? raw : raw + constant(futureMask(T, offset: has(.nextTokenSeen) ? 1 : 0))
    var matrix = softmax(masked)
    if has(.softmaxOverQueries) { matrix = softmax(masked.permuted([0, 1, 3, 2])).permuted([0, 1, 3, 2]) }
    if has(.attentionTransposed) { matrix = matrix.permuted([0, 1, 3, 2]) }
    record("matrix", matrix, "B H T T", "the attention matrix after the softmax")
    let y = mixed(matrix, repeated(v, tiled: tiled))
    record("mixed", y, "B T H P", "the matrix times the values")
    let last = hasBias ? "dense" : "o_proj"
    let bias = hasBias && !has(.outputBiasDropped) ? w("\(name).\(last).bias") : nil
    let output = linear(y.reshaped(to: [y.shape[0], T, s.D]), w("\(name).\(last).weight"), bias)
    return AttentionParts(rotatedKeys: rotatedK, values: v, matrix: matrix, output: output)
  }

  /// The first R features of each head turned by an angle for each position: [B, T, H, P] → [B, T, H, P].
  ///
  /// - Parameter first: the position of the first token
  func rotated(_ x: Variable, from first: Int = 0) -> Variable {
    let (T, P) = (x.shape[1], x.shape[3])
    let R = has(.rotaryWholeHead) ? P / 2 * 2 : s.R
    let half = R / 2
    let start = first + (has(.rotaryFromOne) ? 1 : 0)
    let base = has(.rotaryOtherBase) ? 500_000.0 : 10_000
    let divisor = Double(has(.rotaryExponentOverHead) ? P : R)
    func table(_ f: (Double) -> Double, _ narrow: (Float) -> Float) -> Variable {
      let numbers = (start..<(start + T)).flatMap { t in
        (0..<half).map { i -> Scalar in
          if has(.rotaryFloatAngles) { return Scalar(narrow(Float(t) * pow(10_000, -2 * Float(i) / Float(R)))) }
          return Scalar(f(Double(t) * pow(base, -2 * Double(i) / divisor)))
        }
      }
      return constant(Tensor(numbers, shape: [T, 1, half]))
    }
    let (cosines, sines) = (table({ cos($0) }, { cosf($0) }), table({ sin($0) }, { sinf($0) }))
    if has(.rotaryInterleaved) {
      let pairs = x.sliced(0..<R, along: 3).reshaped(to: [x.shape[0], T, x.shape[2], half, 2])
      func member(_ i: Int) -> Variable {
        pairs.sliced(i..<(i + 1), along: 4).reshaped(to: [x.shape[0], T, x.shape[2], half])
      }
      let turned = [member(0) * cosines - member(1) * sines, member(0) * sines + member(1) * cosines]
      let both = Variable.concatenated(turned.map { $0.reshaped(to: $0.shape.array + [1]) }, along: 4)
      return .concatenated(
        [both.reshaped(to: [x.shape[0], T, x.shape[2], R]), x.sliced(R..<P, along: 3)], along: 3)
    }
    let (a, b) = (x.sliced(0..<half, along: 3), x.sliced(half..<R, along: 3))
    return .concatenated([a * cosines - b * sines, a * sines + b * cosines, x.sliced(R..<P, along: 3)], along: 3)
  }
}
