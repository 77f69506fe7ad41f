// # The elementwise functions by name
//
// Arithmetic with broadcasting, the functions of one variable, and their pullbacks, which read the cotangent and what
// else the formula needs in one pass. The formulas are in `Gradients/Activations.swift`.
//
// Errors are stated in ulp, units in the last place of the true result. They are the largest that
// `ElementwiseErrorTests.swift` found in both precisions over all exponents, rounded up. They hold
// for results that are normal numbers; smaller ones are 0 (`../Cores/Parallel.swift`).
//
// Read before: `Elementwise.swift`. Read next: `Reductions.swift`.

import Foundation

// ## Arithmetic
//
// Sizes of 1 stretch, as in NumPy. A number beside a tensor acts on each element.

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
  /// The elementwise sum; stops the program if the shapes do not broadcast, as all four operators do.
  public static func + (a: Tensor, b: Tensor) -> Tensor { combine(a, b, Sum()) }
  /// The elementwise difference.
  public static func - (a: Tensor, b: Tensor) -> Tensor { combine(a, b, Difference()) }
  /// The elementwise (Hadamard) product.
  public static func * (a: Tensor, b: Tensor) -> Tensor { combine(a, b, Product()) }
  /// The elementwise quotient; ±∞ or NaN where b is 0.
  public static func / (a: Tensor, b: Tensor) -> Tensor { combine(a, b, Quotient()) }
  /// Every element negated.
  public static prefix func - (a: Tensor) -> Tensor { map(a, Multiple(factor: -1)) }
  /// Every element times a number.
  public static func * (number: Scalar, a: Tensor) -> Tensor { map(a, Multiple(factor: number)) }

  /// Adds another tensor of the same shape in place; stops the program if the shapes differ: nothing stretches.
  public static func += (a: inout Tensor, b: Tensor) {
    precondition(a.shape == b.shape, "a tensor of shape \(b.shape) cannot be added in place to one of \(a.shape)")
    guard a.isUnique else {
      a = a + b
      return
    }
    reading(b) { addends in
      changing(&a, 0..<a.count, grain: Parallel.grain) { places, target in
        let b = addends.extracting(places)
        for i in 0..<target.count { target[i] += b[i] }
      }
    }
  }

  /// This tensor repeated along the axes where `shape` is larger; stops the program if it cannot be stretched to
  /// that.
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
private struct SiLU: Unary { func callAsFunction(_ x: Scalar) -> Scalar { sigmoidWeighted(x) } }
private struct GELU: Unary { func callAsFunction(_ x: Scalar) -> Scalar { gaussianError(x) } }

/// exp x, elementwise, within 1.05 ulp; exactly 0 where the result would be below the normal numbers.
public func exp(_ x: Tensor) -> Tensor { map(x, cost: 8, Exp()) }

/// The natural logarithm, elementwise: the C library's, within 0.82 ulp here.
public func log(_ x: Tensor) -> Tensor { map(x, cost: 16, Log()) }

/// The hyperbolic tangent, elementwise: the C library's, within 2.3 ulp here, near 0 as well.
public func tanh(_ x: Tensor) -> Tensor { map(x, cost: 16, Tanh()) }

/// The square root, elementwise, correctly rounded.
public func sqrt(_ x: Tensor) -> Tensor { map(x, cost: 2, Root()) }

/// 1 / (1 + exp(−x)), elementwise, within 2.4 ulp; exactly 0 where exp(−x) overflows.
public func sigmoid(_ x: Tensor) -> Tensor { map(x, cost: 8, Sigmoid()) }

/// log(1 + exp x), elementwise, within 1.7 ulp, without overflow; exactly 0 where exp x is below the normal numbers.
public func softplus(_ x: Tensor) -> Tensor { map(x, cost: 24, Softplus()) }

/// x · sigmoid(x), elementwise (Elfwing et al., arXiv 1702.03118), within 2.4 ulp; −0 where exp(−x) overflows.
public func silu(_ x: Tensor) -> Tensor { map(x, cost: 8, SiLU()) }

/// The Gaussian error linear unit in its tanh form, elementwise (Hendrycks and Gimpel, arXiv 1606.08415).
///
/// Within 2.5 ulp for x ≥ 0, and within 2.8 · (1 + |u|) ulp left of 0, u = 2√(2/π)(x + 0.044715x³).
public func gelu(_ x: Tensor) -> Tensor { map(x, cost: 10, GELU()) }

// ## Their pullbacks
//
// The bounds are for the slopes, that is for a cotangent of 1; the product with another cotangent rounds once more.
// Where the slope is computed from the value of the function, the bound covers this computation alone: the error of
// the value comes on top, and a value that was rounded to 1 has the slope 0.

private struct SigmoidPullback: Binary {
  func callAsFunction(_ g: Scalar, _ y: Scalar) -> Scalar { g * y * (1 - y) }
}
private struct TanhPullback: Binary {
  func callAsFunction(_ g: Scalar, _ y: Scalar) -> Scalar { g * ((1 - y) * (1 + y)) }
}
private struct SoftplusPullback: Binary {
  func callAsFunction(_ g: Scalar, _ x: Scalar) -> Scalar { g * logistic(x) }
}
private struct SiLUPullback: Binary {
  func callAsFunction(_ g: Scalar, _ x: Scalar) -> Scalar {
    g * sigmoidWeightedSlope(x)
  }
}
private struct GELUPullback: Binary {
  func callAsFunction(_ g: Scalar, _ x: Scalar) -> Scalar { g * gaussianErrorSlope(x) }
}

/// cotangent ⊙ σ(1 − σ), where σ is the value that `sigmoid` returned; within 1.5 ulp.
public func sigmoidPullback(_ cotangent: Tensor, value: Tensor) -> Tensor { zip(cotangent, value, SigmoidPullback()) }

/// cotangent ⊙ (1 − t²), where t is the value that `tanh` returned; within 1.6 ulp.
///
/// Computed as (1 − t)(1 + t): where |t| is near 1, the rounding of t² can cost 1 − t² all its digits.
public func tanhPullback(_ cotangent: Tensor, value: Tensor) -> Tensor { zip(cotangent, value, TanhPullback()) }

/// cotangent ⊙ sigmoid(x), within 2.4 ulp.
public func softplusPullback(_ cotangent: Tensor, at x: Tensor) -> Tensor {
  zip(cotangent, x, cost: 8, SoftplusPullback())
}

/// cotangent ⊙ σ(1 + x(1 − σ)) with σ = sigmoid(x), within 2.2 ulp of max(1, |slope|).
public func siluPullback(_ cotangent: Tensor, at x: Tensor) -> Tensor { zip(cotangent, x, cost: 8, SiLUPullback()) }

/// cotangent ⊙ GELU′(x), within 2.3 ulp of max(1, |slope|), at every x.
public func geluPullback(_ cotangent: Tensor, at x: Tensor) -> Tensor { zip(cotangent, x, cost: 10, GELUPullback()) }
