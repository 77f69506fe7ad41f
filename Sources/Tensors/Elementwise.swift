// # Elementwise functions
//
// One number in, one number out, at every place. The loops are written once, in `map` and `combine`; the function is a closure that is
// inlined into them, so that each public function below compiles to a vector loop of its own.
//
// Read before: `Exponential.swift`, `Parallel.swift`. Read next: `Reductions.swift`.

import Foundation

/// The tensor of f(x) for each element; `cost` is what f costs in additions.
@inline(__always)
func map(_ x: Tensor, cost: Int = 1, _ f: (Scalar) -> Scalar) -> Tensor {
  let result = Tensor(uninitialised: x.shape)
  let (source, target) = (x.base, result.fresh)
  Parallel.ranges(x.count, grain: Parallel.grain / cost) { range in
    for index in range { target[index] = f(source[index]) }
  }
  withExtendedLifetime(x) {}
  return result
}

/// The tensor of f(x, y) for each pair of elements of two tensors of one shape.
@inline(__always)
func zip(_ x: Tensor, _ y: Tensor, cost: Int = 1, _ f: (Scalar, Scalar) -> Scalar) -> Tensor {
  precondition(x.shape == y.shape, "the shapes \(x.shape) and \(y.shape) differ")
  let result = Tensor(uninitialised: x.shape)
  let (left, right, target) = (x.base, y.base, result.fresh)
  Parallel.ranges(x.count, grain: Parallel.grain / cost) { range in
    for index in range { target[index] = f(left[index], right[index]) }
  }
  withExtendedLifetime((x, y)) {}
  return result
}

/// The tensor of f(x, y) under broadcasting.
///
/// Stops the program if the shapes do not go together, naming both.
@inline(__always)
func combine(_ x: Tensor, _ y: Tensor, _ f: (Scalar, Scalar) -> Scalar) -> Tensor {
  if x.shape == y.shape { return zip(x, y, f) }
  guard let shape = x.shape.broadcast(with: y.shape) else {
    preconditionFailure("the shapes \(x.shape) and \(y.shape) cannot be broadcast to one another")
  }
  let result = Tensor(uninitialised: shape)
  if result.count == 0 { return result }
  let (left, right, target) = (x.base, y.base, result.fresh)
  let (strideX, strideY) = (broadcastStrides(of: x.shape, in: shape), broadcastStrides(of: y.shape, in: shape))
  // The innermost axis in a loop of its own, the others as the digits of a counter.
  let width = shape.rank == 0 ? 1 : shape[-1]
  let (stepX, stepY) = (strideX.last ?? 0, strideY.last ?? 0)
  Parallel.ranges(result.count / width, grain: max(1, Parallel.grain / width)) { rows in
    for row in rows {
      var (rest, offsetX, offsetY) = (row, 0, 0)
      var axis = shape.rank - 2
      while axis >= 0 {
        let digit = rest % shape[axis]
        rest /= shape[axis]
        offsetX += digit * strideX[axis]
        offsetY += digit * strideY[axis]
        axis -= 1
      }
      let (rowX, rowY, rowTarget) = (left + offsetX, right + offsetY, target + row * width)
      switch (stepX, stepY) {
      case (1, 1): for i in 0..<width { rowTarget[i] = f(rowX[i], rowY[i]) }
      case (1, 0): for i in 0..<width { rowTarget[i] = f(rowX[i], rowY[0]) }
      case (0, 1): for i in 0..<width { rowTarget[i] = f(rowX[0], rowY[i]) }
      default: for i in 0..<width { rowTarget[i] = f(rowX[0], rowY[0]) }
      }
    }
  }
  withExtendedLifetime((x, y)) {}
  return result
}

/// For each axis of `shape`, how far a step along it moves in a tensor of shape `inner`: 0 where `inner` stretches.
func broadcastStrides(of inner: Shape, in shape: Shape) -> [Int] {
  (0..<shape.rank).map { axis in
    let own = axis - (shape.rank - inner.rank)
    return own < 0 || inner[own] == 1 ? 0 : inner.stride(of: own)
  }
}

// ## Arithmetic
//
// Sizes of 1 stretch, as everywhere in the field. A number beside a tensor acts on each element.

extension Tensor {
  public static func + (a: Tensor, b: Tensor) -> Tensor { combine(a, b) { $0 + $1 } }
  public static func - (a: Tensor, b: Tensor) -> Tensor { combine(a, b) { $0 - $1 } }
  /// The elementwise (Hadamard) product.
  public static func * (a: Tensor, b: Tensor) -> Tensor { combine(a, b) { $0 * $1 } }
  public static func / (a: Tensor, b: Tensor) -> Tensor { combine(a, b) { $0 / $1 } }
  public static prefix func - (a: Tensor) -> Tensor { map(a) { -$0 } }
  public static func * (number: Scalar, a: Tensor) -> Tensor { map(a) { number * $0 } }
  public static func + (a: Tensor, number: Scalar) -> Tensor { map(a) { $0 + number } }

  /// Adds another tensor of the same shape in place.
  public static func += (a: inout Tensor, b: Tensor) {
    precondition(a.shape == b.shape, "a tensor of shape \(b.shape) cannot be added in place to one of \(a.shape)")
    let count = a.count
    let addend = b.base
    a.withMutableElements { target in
      nonisolated(unsafe) let target = target
      Parallel.ranges(count) { range in for index in range { target[index] += addend[index] } }
    }
    withExtendedLifetime(b) {}
  }
}

// ## Functions of one variable

/// exp x, elementwise; exactly 0 at −∞.
public func exp(_ x: Tensor) -> Tensor { map(x, cost: 8) { exponential($0) } }

/// The natural logarithm, elementwise.
public func log(_ x: Tensor) -> Tensor { map(x, cost: 16) { Foundation.log($0) } }

/// The hyperbolic tangent, elementwise.
public func tanh(_ x: Tensor) -> Tensor { map(x, cost: 16) { Foundation.tanh($0) } }

/// The square root, elementwise.
public func sqrt(_ x: Tensor) -> Tensor { map(x, cost: 2) { $0.squareRoot() } }

/// 1 / (1 + exp(−x)), elementwise.
public func sigmoid(_ x: Tensor) -> Tensor { map(x, cost: 8) { logistic($0) } }

/// log(1 + exp x), elementwise, without overflow.
public func softplus(_ x: Tensor) -> Tensor { map(x, cost: 24) { softened($0) } }

/// x · sigmoid(x), elementwise (Elfwing et al., arXiv 1702.03118).
public func silu(_ x: Tensor) -> Tensor { map(x, cost: 8) { $0 * logistic($0) } }

/// The Gaussian error linear unit in its tanh form, elementwise (Hendrycks and Gimpel, arXiv 1606.08415).
public func gelu(_ x: Tensor) -> Tensor { map(x, cost: 10) { gaussianError($0) } }

// ## Their pullbacks
//
// Each takes the cotangent and what the formula needs, in one pass.

/// cotangent ⊙ σ(1 − σ), where σ is the value that `sigmoid` gave.
public func sigmoidPullback(_ cotangent: Tensor, value: Tensor) -> Tensor {
  zip(cotangent, value) { $0 * $1 * (1 - $1) }
}

/// cotangent ⊙ sigmoid(x)
public func softplusPullback(_ cotangent: Tensor, at x: Tensor) -> Tensor {
  zip(cotangent, x, cost: 8) { $0 * logistic($1) }
}

/// cotangent ⊙ σ(1 + x(1 − σ)) with σ = sigmoid(x)
public func siluPullback(_ cotangent: Tensor, at x: Tensor) -> Tensor {
  zip(cotangent, x, cost: 8) { g, x in
    let s = logistic(x)
    return g * s * (1 + x * (1 - s))
  }
}

/// cotangent ⊙ GELU′(x)
public func geluPullback(_ cotangent: Tensor, at x: Tensor) -> Tensor {
  zip(cotangent, x, cost: 10) { $0 * gaussianErrorSlope($1) }
}

/// cotangent ⊙ (1 − t²), where t is the value that `tanh` gave.
public func tanhPullback(_ cotangent: Tensor, value: Tensor) -> Tensor {
  zip(cotangent, value) { $0 * (1 - $1 * $1) }
}
