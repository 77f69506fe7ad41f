// # Arithmetic
//
//     z = x + y       x̄ = z̄            ȳ = z̄
//     z = x − y       x̄ = z̄            ȳ = −z̄
//     z = x ⊙ y       x̄ = z̄ ⊙ y        ȳ = z̄ ⊙ x
//     z = x / y       x̄ = z̄ / y        ȳ = −z̄ ⊙ z / y
//
// Where an operand was stretched by broadcasting, it was used several times, and its cotangent is the sum over those
// uses: `sum(_:to:)`. Kept: both factors of a product; quotient and divisor of a quotient; for sums and differences
// only the shapes.
//
// Read before: `Variable.swift`. Read next: `Activations.swift`.

import Tensors

extension Primitive {
  /// z = x + y, with broadcasting; keeps the shapes.
  public static let add = Primitive("add")
  /// z = x − y, with broadcasting; keeps the shapes.
  public static let subtract = Primitive("subtract")
  /// z = x ⊙ y, with broadcasting; keeps both factors.
  public static let multiply = Primitive("multiply")
  /// z = x / y, with broadcasting; keeps the quotient and the divisor.
  public static let divide = Primitive("divide")
  /// y = −x; keeps nothing.
  public static let negate = Primitive("negate")
  /// y = a number times x; keeps the number.
  public static let scale = Primitive("scale")
}

extension Variable {
  /// The elementwise sum; axes of size 1 and missing outer axes are stretched (broadcasting).
  public static func + (a: Variable, b: Variable) -> Variable {
    let (shapeA, shapeB) = (a.shape, b.shape)
    return Variable(a.value + b.value, by: .add, from: (a, { sum($0, to: shapeA) }), (b, { sum($0, to: shapeB) }))
  }

  /// The elementwise difference, with broadcasting.
  public static func - (a: Variable, b: Variable) -> Variable {
    let (shapeA, shapeB) = (a.shape, b.shape)
    return Variable(
      a.value - b.value, by: .subtract, from: (a, { sum($0, to: shapeA) }), (b, { -sum($0, to: shapeB) }))
  }

  /// The elementwise (Hadamard) product.
  public static func * (a: Variable, b: Variable) -> Variable {
    let (x, y) = (a.value, b.value)
    return Variable(
      x * y, by: .multiply, from: (a, { sum($0 * y, to: x.shape) }), (b, { sum($0 * x, to: y.shape) }))
  }

  /// The elementwise quotient, with broadcasting.
  public static func / (a: Variable, b: Variable) -> Variable {
    let (y, quotient, shapeA) = (b.value, a.value / b.value, a.shape)
    return Variable(
      quotient, by: .divide,
      from: (a, { sum($0 / y, to: shapeA) }), (b, { -sum($0 * quotient / y, to: y.shape) }))
  }

  /// Every element with the other sign.
  public static prefix func - (a: Variable) -> Variable { Variable(-a.value, by: .negate, from: (a, { -$0 })) }

  /// A number times a variable.
  public static func * (number: Scalar, a: Variable) -> Variable {
    Variable(number * a.value, by: .scale, from: (a, { number * $0 }))
  }
}

// ## For tensors and variables alike

extension Activation {
  /// The elementwise sum; axes of size 1 and missing outer axes are stretched (broadcasting).
  @inlinable public static func + (a: Self, b: Self) -> Self {
    .either({ a.tensor + b.tensor }, { a.variable + b.variable })
  }

  /// The elementwise difference, with broadcasting.
  @inlinable public static func - (a: Self, b: Self) -> Self {
    .either({ a.tensor - b.tensor }, { a.variable - b.variable })
  }

  /// The elementwise (Hadamard) product.
  @inlinable public static func * (a: Self, b: Self) -> Self {
    .either({ a.tensor * b.tensor }, { a.variable * b.variable })
  }

  /// Every element with the other sign.
  @inlinable public static prefix func - (a: Self) -> Self { .either({ -a.tensor }, { -a.variable }) }

  /// A number times an activation.
  @inlinable public static func * (number: Scalar, a: Self) -> Self {
    .either({ number * a.tensor }, { number * a.variable })
  }
}
