// # Sums and rearrangements
//
//     y = Σ x                         x̄ = ȳ everywhere
//     y = Σ x along an axis           x̄ = ȳ, repeated along the axis
//     y = x repeated                  x̄ = Σ ȳ over the repetitions
//     y = x in another shape          x̄ = ȳ in the old shape
//     y = x with its axes permuted    x̄ = ȳ with them permuted back
//     y = a part of x                 x̄ = zeros with ȳ in the part's place
//     y = parts one after another     each part's cotangent is its part of ȳ
//
// All of them are linear maps, so the pullback is the transpose, and only a shape is kept.
//
// Read before: `Arithmetic.swift`.

import Tensors

extension Primitive {
  /// The sum of all elements.
  public static let sum = Primitive("sum")
  /// The sum along an axis, which is removed.
  public static let sumAlong = Primitive("sumAlong")
  /// Repetition along the axes where the new shape is larger.
  public static let broadcast = Primitive("broadcast")
  /// The same numbers under another shape.
  public static let reshape = Primitive("reshape")
  /// The axes in another order.
  public static let permute = Primitive("permute")
  /// A range of an axis.
  public static let slice = Primitive("slice")
  /// Parts one after another along an axis.
  public static let concatenate = Primitive("concatenate")
}

/// The sum of all elements.
/// - Returns: a variable without axes
public func sum(_ x: Variable) -> Variable {
  let shape = x.shape
  return Variable(sum(x.value), by: .sum, from: (x, { Tensor(repeating: $0.scalar, shape: shape) }))
}

/// The mean of all elements; stops the program if there are none.
/// - Returns: a variable without axes
public func mean(_ x: Variable) -> Variable {
  precondition(x.value.count > 0, "a variable of shape \(x.shape) has no mean")
  return (1 / Scalar(x.value.count)) * sum(x)
}

/// The sum along an axis, which is removed.
public func sum(_ x: Variable, along axis: Int) -> Variable {
  let shape = x.shape
  var kept = shape
  kept[axis] = 1
  return Variable(
    sum(x.value, along: axis), by: .sumAlong, from: (x, { $0.reshaped(to: kept).broadcast(to: shape) }))
}

extension Variable {
  /// This variable repeated along the axes where `shape` is larger.
  public func broadcast(to shape: Shape) -> Variable {
    let own = self.shape
    return Variable(value.broadcast(to: shape), by: .broadcast, from: (self, { sum($0, to: own) }))
  }

  /// The same numbers under another shape; one size may be −1, to be computed.
  public func reshaped(to shape: [Int]) -> Variable {
    let own = self.shape
    return Variable(value.reshaped(to: shape), by: .reshape, from: (self, { $0.reshaped(to: own) }))
  }

  /// Two axes exchanged.
  public func transposed(_ first: Int = -2, _ second: Int = -1) -> Variable {
    var order = Array(0..<shape.rank)
    order.swapAt(shape.resolved(first), shape.resolved(second))
    return permuted(order)
  }

  /// The axes in another order: axis i of the result is axis `order[i]` of this variable.
  public func permuted(_ order: [Int]) -> Variable {
    let inverse = order.indices.map { axis in order.firstIndex(of: axis)! }
    return Variable(value.permuted(order), by: .permute, from: (self, { $0.permuted(inverse) }))
  }

  /// The part of an axis that lies in a range.
  public func sliced(_ range: Range<Int>, along axis: Int = 0) -> Variable {
    let shape = self.shape
    return Variable(
      value.sliced(range, along: axis), by: .slice,
      adding: [(self, { .part($0, start: range.lowerBound, axis: axis, shape: shape) })])
  }

  /// Variables one after another along an axis; their other sizes must agree.
  public static func concatenated(_ parts: [Variable], along axis: Int = 0) -> Variable {
    let sizes = parts.map { $0.shape[axis] }
    return Variable(
      Tensor.concatenated(parts.map(\.value), along: axis), by: .concatenate, from: parts,
      jointly: { cotangent in
        var start = 0
        return sizes.map { size in
          defer { start += size }
          return cotangent.sliced(start..<(start + size), along: axis)
        }
      })
  }
}

// ## For tensors and variables alike

extension Activation {
  /// This activation repeated along the axes where `shape` is larger.
  @inlinable public func broadcast(to shape: Shape) -> Self {
    .either({ tensor.broadcast(to: shape) }, { variable.broadcast(to: shape) })
  }

  /// The same numbers under another shape; one size may be −1, to be computed.
  @inlinable public func reshaped(to shape: [Int]) -> Self {
    .either({ tensor.reshaped(to: shape) }, { variable.reshaped(to: shape) })
  }

  /// The part of an axis that lies in a range.
  @inlinable public func sliced(_ range: Range<Int>, along axis: Int = 0) -> Self {
    .either({ tensor.sliced(range, along: axis) }, { variable.sliced(range, along: axis) })
  }

  /// Activations one after another along an axis; their other sizes must agree.
  @inlinable public static func concatenated(_ parts: [Self], along axis: Int = 0) -> Self {
    .either(
      { Tensor.concatenated(parts.map(\.tensor), along: axis) },
      { Variable.concatenated(parts.map(\.variable), along: axis) })
  }
}

/// The sum along an axis, which is removed.
@inlinable public func sum<A: Activation>(_ x: A, along axis: Int) -> A {
  .either({ sum(x.tensor, along: axis) }, { sum(x.variable, along: axis) })
}
