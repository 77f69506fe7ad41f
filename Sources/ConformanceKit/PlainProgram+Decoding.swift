// # Reading on, plainly
//
// After a prefix a mixer remembers the last K − 1 inputs of its convolution and, for each head, the state
//
//     h[t]   =  Σ over s ≤ t of  α[s + 1] … α[t]  B[s] x[s]ᵀ            [N, P]
//
// which is the last row of the decay matrix times what each token stored. The next token goes through one step of the
// recurrence. A layer that kept its attention remembers keys, already turned by position, and values.
//
// Read before: `PlainProgram+Mixer.swift`.

import Gradients
import Tensors

extension PlainProgram {
  /// What a student remembers of a prefix, by name, and the logits of the token after it.
  ///
  /// - Parameter memory: gets the tensors `l.past` and `l.state`, or `l.keys` and `l.values`, of each layer
  func decode(
    _ tokens: Tokens, _ w: Weights, memory: (String, Variable, String, String) -> Void
  ) -> Variable {
    let (B, n, names) = (tokens.B, s.prefix, Names(kit, isStudent: true))
    func columns(_ range: Range<Int>) -> Tokens {
      Tokens((0..<B).flatMap { Array(tokens.row($0))[range] }, B: B, T: range.count)
    }
    var (before, now) = (embedded(columns(0..<n), w, names), embedded(columns(n..<(n + 1)), w, names))
    for l in 0..<s.L {
      let layer = names.layer(l)
      if kit.replaced.contains(l) {
        let name = "\(layer).mixer"
        var carried: (past: Variable, state: Variable)?
        before = block(before, w, layer) { u in
          carried = remembered(of: u, w, name)
          return mixer(u, w, name).output
        }
        memory(
          "\(l).past", carried!.past, "B K−1 D+2·pairs·N", "the last K − 1 inputs of the convolution, oldest first")
        memory("\(l).state", carried!.state, "B H N P", "the state of each head after the prefix")
        now = block(now, w, layer) {
          let mixed = step($0, w, name, past: rows(carried!.past), state: rows(carried!.state))
          if !has(.stepBroadcast) { return mixed }
          // Of the [B, B, D] that the sum gives, the last of the second axis is read on.
          return mixed.sliced((B - 1)..<B).broadcast(to: mixed.shape)
        }
      } else {
        let name = "\(layer).mixer.self_attn"
        var kept: AttentionParts?
        before = block(before, w, layer) { u in
          kept = attention(u, w, name)
          return kept!.output
        }
        memory("\(l).keys", kept!.rotatedKeys, "B prefix G P", "the keys of the prefix, turned by position")
        memory("\(l).values", kept!.values, "B prefix G P", "the values of the prefix")
        now = block(now, w, layer) {
          step($0, w, name, keys: rows(kept!.rotatedKeys), values: rows(kept!.values))
        }
      }
    }
    return head(now, w, names).logits.reshaped(to: [B, s.V])
  }

  /// The rows of a memory, one for each text; a mistake returns them in another order.
  private func rows(_ x: Variable) -> Variable {
    if !has(.cacheRowsMixed) { return x }
    return .concatenated((0..<x.shape[0]).reversed().map { x.sliced($0..<($0 + 1)) })
  }

  /// The convolution's last inputs and the state after a prefix: u [B, n, D].
  private func remembered(of u: Variable, _ w: Weights, _ name: String) -> (past: Variable, state: Variable) {
    let (B, n, K) = (u.shape[0], u.shape[1], s.K)
    // Code for chunks fills up the last chunk, here to a multiple of four steps, and has to cut that off again.
    let padding = has(.paddingKept) ? (4 - n % 4) % 4 : 0
    let p = parts(u, w, name, padding: padding)
    let last = n + padding
    let zeros = constant(.zeros([B, max(0, K - 1 - last), s.channels]))
    let inputs = p.read.sliced(max(0, last - (K - 1))..<last, along: 1)
    let past = Variable.concatenated(has(.shortPromptShifted) ? [inputs, zeros] : [zeros, inputs], along: 1)

    let decays = decayMatrix(p.logDecay).sliced((last - 1)..<last, along: 2)  // [B, H, 1, steps]
    let stored = decays.permuted([0, 3, 1, 2]) * stored(p)  // [B, steps, H, N]
    let shape = stored.shape
    let outer =
      stored.reshaped(to: shape.array + [1]) * p.x.reshaped(to: [shape[0], shape[1], shape[2], 1, s.P])
    return (past, sum(outer, along: 1))
  }

  /// B as the state takes it up, [B, T, H, N].
  private func stored(_ p: MixerParts) -> Variable {
    has(.matrixScaledByStep) ? p.b * p.step.reshaped(to: p.step.shape.array + [1]) : p.b
  }

  /// One step of the recurrence: u [B, 1, D] → [B, 1, D].
  private func step(_ u: Variable, _ w: Weights, _ name: String, past: Variable, state: Variable) -> Variable {
    let B = u.shape[0]
    let p = parts(u, w, name, past: has(.convolutionPastForgotten) ? constant(.zeros(past.shape)) : past)
    let decay = exp(p.logDecay).reshaped(to: [B, s.H, 1, 1])
    let new =
      decay * state + stored(p).reshaped(to: [B, s.H, s.N, 1]) * p.x.reshaped(to: [B, s.H, 1, s.P])
    let scale = has(.matrixScaledByRootN) ? 1 / Scalar(s.N).squareRoot() : 1
    let read = scale * sum(p.c.reshaped(to: [B, s.H, s.N, 1]) * new, along: 2)
    let y = read + w("\(name).D").reshaped(to: [s.H, 1]) * p.skipped.reshaped(to: [B, s.H, s.P])
    return linear(y.reshaped(to: [B, 1, s.D]) * p.gate, w("\(name).out_proj.weight"))
  }

  /// Attention of one token to a prefix and to itself: u [B, 1, D] → [B, 1, D].
  private func step(_ u: Variable, _ w: Weights, _ name: String, keys: Variable, values: Variable) -> Variable {
    let (B, n) = (u.shape[0], keys.shape[1])
    func projected(_ part: String, heads: Int) -> Variable { cut(linear(u, w("\(name).\(part).weight")), heads) }
    let position = has(.positionsRestart) ? 0 : n
    let q = rotated(projected("q_proj", heads: s.H), from: position)
    let k = Variable.concatenated([keys, rotated(projected("k_proj", heads: s.G), from: position)], along: 1)
    let v = Variable.concatenated([values, projected("v_proj", heads: s.G)], along: 1)
    let all = q.reshaped(to: [B, 1, s.H, s.P]) * repeated(k, tiled: has(.groupedHeadsTiled))
    let scores = (1 / Scalar(s.P).squareRoot()) * sum(all, along: 3).permuted([0, 2, 1])  // [B, H, n + 1]
    let weights = softmax(scores).permuted([0, 2, 1]).reshaped(to: [B, n + 1, s.H, 1])
    let mixed = sum(weights * repeated(v, tiled: has(.groupedHeadsTiled)), along: 1)
    return linear(mixed.reshaped(to: [B, 1, s.D]), w("\(name).o_proj.weight"))
  }
}
