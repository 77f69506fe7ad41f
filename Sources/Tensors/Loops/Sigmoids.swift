// # The sigmoid and its relatives
//
// The functions built on `exp`: sigmoid, softplus, SiLU, GELU and the slopes of the last two. Like `exp` they have no
// branch and no table, so loops over them become vector code too. Softplus is the exception, since it calls the C
// library's log1p.
//
// Each function states its largest error, as measured in both precisions by `ElementwiseErrorTests.swift`, in ulp,
// units in the last place. Where a formula cannot guarantee digits of the result, because it cancels or because the
// argument of an exponential is rounded, the error is stated in ulp of another number, which is named. Where exp
// overflows or falls below the normal numbers, results are exactly ±0, 1 or x.
//
// A slope is a sum, s + x·u′·s(1 − s) with s = sigmoid(u). Far to the right the factor 1 − s is the difference of two
// nearly equal numbers. Written with t = exp(−|u|) nothing cancels there:
//
//          d  =  1 / (1 + t)
//          s  =  d or t·d               for u ≥ 0 and for u < 0
//     s(1 − s)  =  t·d²
//      slope  =  d·(w + x·u′·t·d)       w = 1 or t
//
// Rejected: computing 1 − s directly. The slope of GELU is then off by 16 ulp of 1 in Float, at x = 5, and by 44 in
// Double, at x = 7; our way the error is 2 in both, for about the same time.
//
// Read before: `Exponential.swift`. Read next: `Elementwise.swift`.

import Foundation

/// 1 / (1 + exp(−x)), within 2.4 ulp; exactly 0 where exp(−x) overflows.
@inline(__always)
func logistic(_ x: Scalar) -> Scalar { 1 / (1 + exponential(-x)) }

/// log(1 + exp x), within 1.7 ulp, without overflow for large x and without cancellation for small ones.
///
/// Exactly 0 where exp x is below the normal numbers.
@inline(__always)
func softened(_ x: Scalar) -> Scalar { max(x, 0) + log1p(exponential(-abs(x))) }

// ## SiLU and GELU
//
// Both are x · sigmoid(u). Written as one quotient, x / (1 + exp(−u)), they need one rounding less than as a product,
// and no factor falls below the normal numbers before the result does. At x = −∞ the quotient would be −∞/∞; the
// lowest finite number in place of x gives the limit, which is 0.

/// x, but the lowest finite number for −∞; NaN stays NaN.
@inline(__always)
private func finiteBelow(_ x: Scalar) -> Scalar {
  x < -.greatestFiniteMagnitude ? -.greatestFiniteMagnitude : x
}

/// SiLU, x · sigmoid(x), within 2.4 ulp; exactly −0 where exp(−x) overflows.
@inline(__always)
func sigmoidWeighted(_ x: Scalar) -> Scalar { finiteBelow(x) / (1 + exponential(-x)) }

/// 2·√(2/π), the factor inside the tanh form of GELU after tanh u = 2·sigmoid(2u) − 1.
private let geluFactor: Scalar = 1.5957691216057308
private let geluCubic: Scalar = 0.044715

/// GELU in its tanh form, ½x(1 + tanh(√(2/π)(x + 0.044715x³))), written with a sigmoid: x · sigmoid(u) with
/// u = 2√(2/π)(x + 0.044715x³).
///
/// Within 2.5 ulp for x ≥ 0. Left of 0 within 2.8 · (1 + |u|) ulp, since exp makes a relative error of its argument
/// |u| times as large: up to 200 ulp in Float and 1530 in Double, where the result is about to vanish. Further left
/// it is exactly −0.
@inline(__always)
func gaussianError(_ x: Scalar) -> Scalar {
  finiteBelow(x) / (1 + exponential(x * (-geluFactor - geluFactor * geluCubic * (x * x))))
}

// ## Their slopes
//
// Far from 0 the sigmoid is exactly 0 or 1, and t is exactly 0. The factors beside it must then be finite, or their
// product is NaN: without a bound, x² in u′ overflows, and the slope of GELU is NaN from 1e19 on in Float and from
// 1e154 on in Double. Any bound will do, as long as t is 0 beyond it and its cube is finite.

/// x, but no further from 0 than 1024; NaN stays NaN.
@inline(__always)
private func bounded(_ x: Scalar) -> Scalar { x < -1024 ? -1024 : (x > 1024 ? 1024 : x) }

/// d·(w + x·u′·t·d), the derivative of x · sigmoid(u), where t = exp(−|u|), and u has the sign of x.
@inline(__always)
private func slope(_ x: Scalar, _ t: Scalar, _ derivative: Scalar) -> Scalar {
  let d = 1 / (1 + t)
  return d * ((x < 0 ? t : 1) + x * derivative * (t * d))
}

/// The derivative of `sigmoidWeighted`: s + x·s(1 − s), exactly 0 or 1 far out.
///
/// Within 2.2 ulp of max(1, |result|); where s itself is small, within 5 ulp of s + |x|·s(1 − s), since the result
/// has a zero at −1.28.
@inline(__always)
func sigmoidWeightedSlope(_ x: Scalar) -> Scalar {
  let x = bounded(x)
  return slope(x, exponential(-abs(x)), 1)
}

/// The derivative of `gaussianError`: s + x·u′·s(1 − s) with s = sigmoid(u), exactly 0 or 1 far out.
///
/// Within 2.3 ulp of max(1, |result|); where s itself is small, within 3 ulp of (s + |x|·u′·s(1 − s))(1 + |u|), since
/// the result has a zero at −0.75 and exp magnifies the rounding of u.
@inline(__always)
func gaussianErrorSlope(_ x: Scalar) -> Scalar {
  let x = bounded(x)
  let square = x * x
  let t = exponential(-abs(x * (geluFactor + geluFactor * geluCubic * square)))
  return slope(x, t, geluFactor + 3 * geluFactor * geluCubic * square)
}
