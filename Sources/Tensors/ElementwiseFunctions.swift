// # The elementwise functions by name
//
// Arithmetic with broadcasting, the functions of one variable, and their pullbacks, which take the
// cotangent and what the formula needs in one pass. The formulas stand in
// `Gradients/Activations.swift`.
//
// Read before: `Elementwise.swift`. Read next: `Reductions.swift`.

import Foundation

// ## Arithmetic
//
// Sizes of 1 stretch, as everywhere in the field. A number beside a tensor acts on each element.

private struct Sum: Binary { func callAsFunction(_ x: Scalar, _ y: Scalar) -> Scalar { x + y } }
private struct Difference: Binary { func callAsFunction(_ x: Scalar, _ y: Scalar) -> Scalar { x - y } }
private struct Product: Binary { func callAsFunction(_ x: Scalar, _ y: Scalar) -> Scalar { x * y } }
private struct Quotient: Binary { func callAsFunction(_ x: Scalar, _ y: Scalar) -> Scalar { x / y } }
private struct First: Binary { func callAsFunction(_ x: Scalar, _ y: Scalar) -> Scalar { x } }
private struct Multiple: Unary {
  let factor: Scalar
  func callAsFunction(_ x: Scalar) -> Scalar { factor * x }
}

extension Tensor {
  public static func + (a: Tensor, b: Tensor) -> Tensor { combine(a, b, Sum()) }
  public static func - (a: Tensor, b: Tensor) -> Tensor { combine(a, b, Difference()) }
  /// The elementwise (Hadamard) product.
  public static func * (a: Tensor, b: Tensor) -> Tensor { combine(a, b, Product()) }
  public static func / (a: Tensor, b: Tensor) -> Tensor { combine(a, b, Quotient()) }
  public static prefix func - (a: Tensor) -> Tensor { map(a, Multiple(factor: -1)) }
  public static func * (number: Scalar, a: Tensor) -> Tensor { map(a, Multiple(factor: number)) }

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

  /// This tensor repeated along the axes where `shape` is larger.
  public func broadcast(to shape: Shape) -> Tensor {
    if self.shape == shape { return self }
    precondition(
      self.shape.broadcast(with: shape) == shape, "a tensor of shape \(self.shape) does not stretch to \(shape)")
    return combine(self, Tensor(uninitialised: shape), First())
  }
}

// ## Functions of one variable

private struct Exp: Unary { func callAsFunction(_ x: Scalar) -> Scalar { exponential(x) } }
private struct Log: Unary { func callAsFunction(_ x: Scalar) -> Scalar { Foundation.log(x) } }
private struct Tanh: Unary { func callAsFunction(_ x: Scalar) -> Scalar { Foundation.tanh(x) } }
private struct Root: Unary { func callAsFunction(_ x: Scalar) -> Scalar { x.squareRoot() } }
private struct Sigmoid: Unary { func callAsFunction(_ x: Scalar) -> Scalar { logistic(x) } }
private struct Softplus: Unary { func callAsFunction(_ x: Scalar) -> Scalar { softened(x) } }
private struct SiLU: Unary { func callAsFunction(_ x: Scalar) -> Scalar { x * logistic(x) } }
private struct GELU: Unary { func callAsFunction(_ x: Scalar) -> Scalar { gaussianError(x) } }

/// exp x, elementwise; exactly 0 at −∞.
public func exp(_ x: Tensor) -> Tensor { map(x, cost: 8, Exp()) }

/// The natural logarithm, elementwise.
public func log(_ x: Tensor) -> Tensor { map(x, cost: 16, Log()) }

/// The hyperbolic tangent, elementwise.
public func tanh(_ x: Tensor) -> Tensor { map(x, cost: 16, Tanh()) }

/// The square root, elementwise.
public func sqrt(_ x: Tensor) -> Tensor { map(x, cost: 2, Root()) }

/// 1 / (1 + exp(−x)), elementwise.
public func sigmoid(_ x: Tensor) -> Tensor { map(x, cost: 8, Sigmoid()) }

/// log(1 + exp x), elementwise, without overflow.
public func softplus(_ x: Tensor) -> Tensor { map(x, cost: 24, Softplus()) }

/// x · sigmoid(x), elementwise (Elfwing et al., arXiv 1702.03118).
public func silu(_ x: Tensor) -> Tensor { map(x, cost: 8, SiLU()) }

/// The Gaussian error linear unit in its tanh form, elementwise (Hendrycks and Gimpel, arXiv 1606.08415).
public func gelu(_ x: Tensor) -> Tensor { map(x, cost: 10, GELU()) }

// ## Their pullbacks

private struct SigmoidPullback: Binary {
  func callAsFunction(_ g: Scalar, _ y: Scalar) -> Scalar { g * y * (1 - y) }
}
private struct TanhPullback: Binary {
  func callAsFunction(_ g: Scalar, _ y: Scalar) -> Scalar { g * (1 - y * y) }
}
private struct SoftplusPullback: Binary {
  func callAsFunction(_ g: Scalar, _ x: Scalar) -> Scalar { g * logistic(x) }
}
private struct SiLUPullback: Binary {
  func callAsFunction(_ g: Scalar, _ x: Scalar) -> Scalar {
    let s = logistic(x)
    return g * s * (1 + x * (1 - s))
  }
}
private struct GELUPullback: Binary {
  func callAsFunction(_ g: Scalar, _ x: Scalar) -> Scalar { g * gaussianErrorSlope(x) }
}

/// cotangent ⊙ σ(1 − σ), where σ is the value that `sigmoid` gave.
public func sigmoidPullback(_ cotangent: Tensor, value: Tensor) -> Tensor { zip(cotangent, value, SigmoidPullback()) }

/// cotangent ⊙ (1 − t²), where t is the value that `tanh` gave.
public func tanhPullback(_ cotangent: Tensor, value: Tensor) -> Tensor { zip(cotangent, value, TanhPullback()) }

/// cotangent ⊙ sigmoid(x)
public func softplusPullback(_ cotangent: Tensor, at x: Tensor) -> Tensor {
  zip(cotangent, x, cost: 8, SoftplusPullback())
}

/// cotangent ⊙ σ(1 + x(1 − σ)) with σ = sigmoid(x)
public func siluPullback(_ cotangent: Tensor, at x: Tensor) -> Tensor { zip(cotangent, x, cost: 8, SiLUPullback()) }

/// cotangent ⊙ GELU′(x)
public func geluPullback(_ cotangent: Tensor, at x: Tensor) -> Tensor { zip(cotangent, x, cost: 10, GELUPullback()) }
