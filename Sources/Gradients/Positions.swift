// # Positions, convolution, embedding
//
//     rotary        the pullback of a rotation is the rotation back
//     convolution   see `Tensors/Loops/Convolution.swift`
//     embedding     each row's cotangent is added where the row came from
//
// Kept: the table of angles; x and the taps; the token numbers.
//
// Read before: `Tensors/Attention/Rotary.swift`, `Tensors/Loops/Convolution.swift`.

import Tensors

extension Primitive {
  /// Rotation of pairs of features by an angle that depends on the position; keeps the table of angles.
  public static let rotary = Primitive("rotary")
  /// Causal depthwise convolution over time; keeps x and the taps.
  public static let causalConvolution = Primitive("causalConvolution")
  /// Rows of a table, chosen by token numbers; keeps the numbers.
  public static let embedding = Primitive("embedding")
}

/// The rotary embedding of each head: x [B, T, H, P] → [B, T, H, P].
public func rotary(_ x: Variable, _ table: RotaryTable) -> Variable {
  Variable(rotary(x.value, table), by: .rotary, from: (x, { rotary($0, table, backward: true) }))
}

/// The causal depthwise convolution over time: x [B, T, C], weight [C, 1, K], bias [C] → [B, T, C].
public func causalConvolution(_ x: Variable, weight: Variable, bias: Variable) -> Variable {
  let (input, w) = (x.value, weight.value)
  return Variable(
    causalConvolution(input, weight: w, bias: bias.value), by: .causalConvolution, from: [x, weight, bias],
    jointly: { cotangent in
      let all = causalConvolutionPullback(cotangent, x: input, weight: w)
      return [all.x, all.weight, all.bias]
    })
}

/// The rows of a table, one for each token: table [V, D] → [B, T, D].
public func embedding(_ tokens: Tokens, table: Variable) -> Variable {
  let V = table.shape[0]
  return Variable(
    gatherRows(table.value, tokens), by: .embedding, from: (table, { gatherRowsPullback($0, tokens, V: V) }))
}

// ## For tensors and variables alike

/// The rotary embedding of each head: x [B, T, H, P] → [B, T, H, P].
@inlinable public func rotary<A: Activation>(_ x: A, _ table: RotaryTable) -> A {
  .either({ rotary(x.tensor, table) }, { rotary(x.variable, table) })
}

/// The causal depthwise convolution over time: x [B, T, C], weight [C, 1, K], bias [C] → [B, T, C].
@inlinable public func causalConvolution<A: Activation>(_ x: A, weight: A, bias: A) -> A {
  .either(
    { causalConvolution(x.tensor, weight: weight.tensor, bias: bias.tensor) },
    { causalConvolution(x.variable, weight: weight.variable, bias: bias.variable) })
}

/// The rows of a table, one for each token: table [V, D] → [B, T, D].
@inlinable public func embedding<A: Activation>(_ tokens: Tokens, table: A) -> A {
  .either({ gatherRows(table.tensor, tokens) }, { embedding(tokens, table: table.variable) })
}
