// # Functions of one variable
//
//     y = exp x           x̄ = ȳ ⊙ y
//     y = log x           x̄ = ȳ / x
//     y = tanh x          x̄ = ȳ ⊙ (1 − y)(1 + y)
//     y = √x              x̄ = ȳ / 2y
//     y = sigmoid x       x̄ = ȳ ⊙ y(1 − y)
//     y = softplus x      x̄ = ȳ ⊙ sigmoid x
//     y = silu x          x̄ = ȳ ⊙ s(1 + x(1 − s))        s = sigmoid x
//     y = gelu x          x̄ = ȳ ⊙ gelu′ x                in the tanh form
//
// Kept: the value where the slope is a function of it, else x. The pullbacks of softplus, silu and gelu recompute
// their exponential rather than keep it: a pass over memory costs more than the polynomial.
//
// Read before: `Tensors/Loops/Sigmoids.swift`, which has the formulas and their errors.

import Tensors

extension Primitive {
  /// y = exp x; keeps y.
  public static let exp = Primitive("exp")
  /// y = log x, the natural logarithm; keeps x.
  public static let log = Primitive("log")
  /// y = tanh x; keeps y.
  public static let tanh = Primitive("tanh")
  /// y = √x; keeps y.
  public static let sqrt = Primitive("sqrt")
  /// y = 1 / (1 + exp(−x)); keeps y.
  public static let sigmoid = Primitive("sigmoid")
  /// y = log(1 + exp x); keeps x.
  public static let softplus = Primitive("softplus")
  /// y = x · sigmoid x; keeps x.
  public static let silu = Primitive("silu")
  /// GELU in its tanh form; keeps x.
  public static let gelu = Primitive("gelu")
}

/// exp x, elementwise.
public func exp(_ x: Variable) -> Variable {
  let y = exp(x.value)
  return Variable(y, by: .exp, from: (x, { $0 * y }))
}

/// The natural logarithm, elementwise.
public func log(_ x: Variable) -> Variable {
  let input = x.value
  return Variable(log(input), by: .log, from: (x, { $0 / input }))
}

/// The hyperbolic tangent, elementwise.
public func tanh(_ x: Variable) -> Variable {
  let y = tanh(x.value)
  return Variable(y, by: .tanh, from: (x, { tanhPullback($0, value: y) }))
}

/// The square root, elementwise; no gradient exists at 0.
public func sqrt(_ x: Variable) -> Variable {
  let y = sqrt(x.value)
  return Variable(y, by: .sqrt, from: (x, { 0.5 * ($0 / y) }))
}

/// 1 / (1 + exp(−x)), elementwise.
public func sigmoid(_ x: Variable) -> Variable {
  let y = sigmoid(x.value)
  return Variable(y, by: .sigmoid, from: (x, { sigmoidPullback($0, value: y) }))
}

/// log(1 + exp x), elementwise.
public func softplus(_ x: Variable) -> Variable {
  let input = x.value
  return Variable(softplus(input), by: .softplus, from: (x, { softplusPullback($0, at: input) }))
}

/// x · sigmoid(x), elementwise.
public func silu(_ x: Variable) -> Variable {
  let input = x.value
  return Variable(silu(input), by: .silu, from: (x, { siluPullback($0, at: input) }))
}

/// GELU in its tanh form, elementwise.
public func gelu(_ x: Variable) -> Variable {
  let input = x.value
  return Variable(gelu(input), by: .gelu, from: (x, { geluPullback($0, at: input) }))
}

// ## For tensors and variables alike

/// exp x, elementwise.
@inlinable public func exp<A: Activation>(_ x: A) -> A { .either({ exp(x.tensor) }, { exp(x.variable) }) }

/// 1 / (1 + exp(−x)), elementwise.
@inlinable public func sigmoid<A: Activation>(_ x: A) -> A { .either({ sigmoid(x.tensor) }, { sigmoid(x.variable) }) }

/// log(1 + exp x), elementwise.
@inlinable public func softplus<A: Activation>(_ x: A) -> A {
  .either({ softplus(x.tensor) }, { softplus(x.variable) })
}

/// x · sigmoid(x), elementwise.
@inlinable public func silu<A: Activation>(_ x: A) -> A { .either({ silu(x.tensor) }, { silu(x.variable) }) }

/// GELU in its tanh form, elementwise.
@inlinable public func gelu<A: Activation>(_ x: A) -> A { .either({ gelu(x.tensor) }, { gelu(x.variable) }) }
